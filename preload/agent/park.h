/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that wait for a socket which takes them: their peer's session was
 * with one that the program connected to another peer, and a server of this
 * kind binds the next one at once.
 */
#ifndef PARK_H
#define PARK_H

#include "inner.h"
#include "port.h"

/*
 * A socket that takes strangers gets what one peer sent, and then nothing for so
 * long: it may be about to be connected to that peer, and would be readable for
 * what it cannot have.
 */
enum { PARK_PAUSE_US = 10000 };

/* Keeps one, or gives it to the socket that takes strangers now. */
void park_put(struct port *, const struct inner *, const void *payload,
    size_t len);
/* There may be a socket now that takes them. */
void park_give(struct port *);
void park_free(struct port *);

#endif
