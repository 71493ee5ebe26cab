/* SPDX-License-Identifier: ISC */
/* Lists of all there is, as it was when asked: what mpctl shows, and what events
 * are told by. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct ipc_row;
struct port;
struct status;

/* Takes the list down; NULL: no memory. */
struct status *status_new(struct agent *);
/* The same of one port; NULL: its lock is not to be had, or no memory. */
struct status *status_of_port(struct port *);
/* The host's links and addresses; NULL: no memory. */
struct status *status_of_net(struct agent *);
/* An empty list, and one row more for it: false, no memory. */
struct status *status_empty(void);
bool status_add(struct status *, const struct ipc_row *);
/* Its rows, in the order of status_diff.h, and how many; of NULL: none. */
struct ipc_row *status_rows(struct status *, size_t *n);
/* Sends as much of it as the socket takes: true, that was the last, or nobody
 * is there. */
bool status_send(struct status *, int fd);
void status_free(struct status *);

#endif
