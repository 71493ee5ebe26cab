/* SPDX-License-Identifier: ISC */
/*
 * Where the calls are made: this host and the peer's, joined by two links.  The
 * addresses are the same in every run, in hosts of its own.
 *
 *	client ---- a: 10.4.0.0/24, fd04::/64, 4 ms ----- server
 *	       ---- b: 10.5.0.0/24, fd05::/64, 30 ms ----
 */
#ifndef WORLD_H
#define WORLD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "trace.h"

enum {
	PORT_PEER4 = 7000, /* of the peer's program */
	PORT_PEER6 = 7006,
	PORT_NOBODY = 7999,
	PEER_ROOM = 65536,
};

/* In which family a topic's calls are made. */
struct kind {
	const char *name;
	int family;
	bool mapped;	 /* IPv4 on an IPv6 socket */
	struct name peer, ours, any, loop, alien;
	int level;	 /* of its options */
	unsigned port;	 /* and above: what topics bind, some hundred */
};
const struct kind *kind_find(const char *name);

/* The name with another port. */
struct name name_port(const struct name *, unsigned port);
void name_set(struct name *, int family, const char *ip, unsigned port);

/* A socket of the kind; one that is connected to the peer; one that is bound to
 * a port.  Whatever fails ends the program. */
int sock_of(const struct kind *);
int sock_connected(const struct kind *);
int sock_bound(const struct kind *, unsigned port);

/* Asks the peer for something, by peer.c's commands; printf(3). */
__attribute__((format(printf, 3, 4))) void ask(int fd, const struct kind *,
    const char *, ...);
/* Waits for something to read; says so if nothing comes. */
bool comes(int fd);
/* When it returns, all has come that the peer was asked for before. */
void settle(const struct kind *);
/* Takes a report of the peer and says it, if the last call sent something. */
void say_report(int fd);
/* Takes away what is there, and says what that was. */
void say_rest(int fd);
/* Nothing may be there any more. */
void drain(int fd);

/* A pattern to send, of any size. */
const char *pattern(void);
/* Memory that cannot be read or written. */
void *nowhere(void);

#endif
