/* SPDX-License-Identifier: ISC */
/*
 * The world of the calls: this host and the peer's, joined by two links.  Each
 * run has hosts of its own with the same addresses.
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
	PORT_PEER4 = 7000,  /* where peer.c answers */
	PORT_PEER6 = 7006,
	PORT_NOBODY = 7999, /* no socket has it */
	PEER_ROOM = 65536,  /* of a datagram, bytes */
};

/*
 * The kind of socket that a topic uses, and addresses for it: the peer's with
 * port, this host's, the wildcard, loopback, and one of no host.
 */
struct kind {
	const char *name;
	int family;
	bool mapped;	 /* IPv4 on an IPv6 socket */
	struct name peer, ours, any, loop, alien;
	int level;	 /* IPPROTO_IP or IPPROTO_IPV6 */
	unsigned port;	 /* topics bind ports from here on, at most 200 */
};
const struct kind *kind_find(const char *name);

/* The name with another port. */
struct name name_port(const struct name *, unsigned port);
void name_set(struct name *, int family, const char *ip, unsigned port);

/* A socket of the kind: fresh, connected to the peer, or bound to a port at the
 * wildcard.  A failure ends the program. */
int sock_of(const struct kind *);
int sock_connected(const struct kind *);
int sock_bound(const struct kind *, unsigned port);

/* Sends the peer one of peer.c's commands; formats as printf(3). */
__attribute__((format(printf, 3, 4))) void ask(int fd, const struct kind *,
    const char *, ...);
/* Waits until the socket is readable, 5 s at most; else says so, false. */
bool comes(int fd);
/* Waits until the answers to earlier commands have arrived, as far as one socket
 * can tell of others.  On a busy host what a session begins with may be later,
 * as it goes by the agents. */
void settle(const struct kind *);
/* Waits until all answers to this socket's earlier commands have arrived, by one
 * more, whose answer goes to another socket; it may have a filter, but must not
 * be corked, wait for errors or stamps, or be shut down. */
void settle_of(const struct kind *, int fd);
/* If the last call succeeded, receives the peer's report and says it. */
void say_report(int fd);
/* Receives and says all datagrams in the queue. */
void say_rest(int fd);
/* Receives all datagrams in the queue without a word. */
void drain(int fd);

/* 128 KiB of ABC... to send. */
const char *pattern(void);
/* 128 KiB of memory that cannot be read or written. */
void *nowhere(void);

#endif
