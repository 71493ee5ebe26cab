/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that wait for a socket which takes them: their peer's session was
 * with one that the program connected to another peer, and a server of this
 * kind binds the next one at once.
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include "shared/internal.h"
#include "port.h"

/*
 * A socket that takes strangers gets what one peer sent, and then nothing for so
 * long: it may be about to be connected to that peer, and would be readable for
 * what it cannot have.
 */
enum { BACKLOG_PAUSE_US = 10000 };

/* Keeps one, or gives it to the socket that takes strangers now. */
void backlog_put(struct port *, const struct internal *, const void *payload,
    size_t len);
/* There may be a socket now that takes them. */
void backlog_give(struct port *);
void backlog_free(struct port *);

#endif
