/* SPDX-License-Identifier: ISC */
/* Which sockets of a port still exist, and when to look for that again. */
#ifndef SOCKET_SCAN_H
#define SOCKET_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "loop.h"
#include "socket_diag.h"

struct agent;
struct port;

enum socket_scan_bound {
	SOCKET_SCAN_AGAIN = 3, /* scans after the announcement of a close */
};

struct socket_scan {
	struct agent *agent;
	struct socket_diag diag;
	int list[2]; /* /proc/self/net/udp, udp6; -1: there is none */
	struct alarm again; /* of socket_gc.c: rings at the first of `due' */
	uint64_t due[SOCKET_SCAN_AGAIN];
	bool heard; /* the kernel tells of closed sockets: socket_end.c */
	uint64_t last, cost; /* end and duration of the last scan, us */
	uint64_t began; /* of what is known of all ports */
};

/* What one scan found of a port. */
struct socket_scan_port {
	struct port *port;
	uint32_t found; /* slots whose sockets exist */
	uint64_t drops[MP_SLOTS_MAX]; /* of those, as the kernel counts them */
};

/* Opens the lists: 0, or a negative errno. */
int socket_scan_open(struct socket_scan *, struct agent *);
/*
 * Looks for the sockets of `n' ports, whose `port' the caller has set, no port
 * twice.  False: a list could not be read, and the result means nothing.
 */
bool socket_scan_read(struct socket_scan *, struct socket_scan_port *,
    size_t n);
/* Do all sockets of the port but those of the slots `gone' exist?  False: one is
 * gone, or it is not known.  Not a scan: it costs the same on every host. */
bool socket_scan_sees(struct socket_scan *, const struct port *, uint32_t gone);
/* The slots of a port whose sockets no longer exist. */
uint32_t socket_scan_missing(const struct socket_scan_port *);

/* A program is about to close a socket.  Nothing, if the kernel tells. */
void socket_scan_soon(struct socket_scan *);
/* Sockets are gone, as their process's end or the kernel says. */
void socket_scan_next(struct socket_scan *);
/* The `again' alarm rings: the caller scans now, what was due is done. */
void socket_scan_rang(struct socket_scan *, uint64_t now);
/* A scan of all ports, which began then, has ended. */
void socket_scan_ended(struct socket_scan *, uint64_t began);

#endif
