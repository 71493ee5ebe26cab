/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that wait for the socket that is to have them.  Their peer's
 * session was with a socket that its program has connected to another peer
 * meanwhile; a server of that kind binds its next socket at once, and that one
 * gets them.
 * Or one came to another socket than it was for, as that was closed just now: it
 * waits until the agent has seen that, and another socket has the session.
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include <stddef.h>

struct internal;
struct port;

/*
 * us in which a socket that takes strangers gets the datagrams of one peer
 * only.  Its program may be about to connect it to that peer, and datagrams of
 * another would make it readable with nothing to read.
 */
enum { BACKLOG_PAUSE_US = 10000 };

/* Keeps a copy of a datagram, of which `from' counts; the oldest go where there
 * are too many.  Gives it on at once if a socket can have it. */
void backlog_put(struct port *, const struct internal *, const void *payload,
    size_t len);
/* Gives on what sockets can have now, and drops what is too old. */
void backlog_give(struct port *);
void backlog_free(struct port *);

#endif
