/* SPDX-License-Identifier: ISC */
/* The state of ports or of the host at one moment, as rows (ipc.h): for mpctl
 * status, and for events.c to compare. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct ipc_view;
struct ipc_row;
struct port;
struct status;

/* Of all ports, of each the sessions that the view asks for; NULL: no
 * memory. */
struct status *status_new(struct agent *, const struct ipc_view *);
/* Of one port; NULL: its lock is not available, or no memory. */
struct status *status_of_port(struct port *);
/* Of the host's links and addresses; NULL: no memory. */
struct status *status_of_net(struct agent *);
/* An empty list (NULL: no memory), and one more row for it (false: no
 * memory). */
struct status *status_empty(void);
bool status_add(struct status *, const struct ipc_row *);
/* Its rows, in the order of status_diff.h, and how many; of NULL: none. */
struct ipc_row *status_rows(struct status *, size_t *n);
/* Sends as much of it as the socket takes; true: all is sent, or the socket is
 * closed. */
bool status_send(struct status *, int fd);
void status_free(struct status *);

#endif
