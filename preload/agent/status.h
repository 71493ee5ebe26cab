/* SPDX-License-Identifier: ISC */
/* What mpctl shows: a list of all there is, as it was when asked. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>

struct agent;
struct status;

/* Takes the list down; NULL: no memory. */
struct status *status_new(struct agent *);
/* Sends as much of it as the socket takes: true, that was the last, or nobody
 * is there. */
bool status_send(struct status *, int fd);
void status_free(struct status *);

#endif
