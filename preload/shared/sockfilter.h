/* SPDX-License-Identifier: ISC */
/*
 * The programs that let the kernel sort a port's packets: control to the
 * agent, data to its socket, plaintext to whom it may concern, and what nobody
 * asked for to nobody.  Classic BPF, so no privilege is needed.
 */
#ifndef SOCKFILTER_H
#define SOCKFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* Which socket of a port's reuseport group gets a packet. */
struct sockfilter_steering {
	uint8_t prefix; /* mp_sid_prefix() */
	uint8_t token[ARENA_TOKEN];
	uint8_t control; /* the agent's index */
	uint8_t plain;	 /* the index that plaintext goes to */
	uint8_t slot[MP_SLOTS_MAX]; /* index of each slot; 255: none */
	/* Of these slots (bits) only what begins with `sid' goes to the socket,
	 * the rest to the agent. */
	uint32_t only;
	uint32_t sid[MP_SLOTS_MAX][2];
	uint8_t probed; /* the index that INTERNAL_LOCATE goes to */
};
/* Attaches it to the group of `fd': 0, or a negative errno. */
int sockfilter_steer(int fd, const struct sockfilter_steering *);

/* Sends all to the group's first socket, until its steering comes.  Of a group
 * that is, or that the socket will have: then it is to be done before its bind,
 * with SO_REUSEPORT on. */
int sockfilter_steer_first(int fd);

/* A plaintext source or destination that is let through. */
struct sockfilter_prefix {
	struct mp_addr addr; /* port 0: any */
	uint8_t len;	     /* bits of the IPv6 form, 0..128 */
	bool drop;	     /* rather: is not let through */
};

struct sock_filter;

/* What one data socket wants. */
struct sockfilter_rules {
	uint8_t prefix; /* 0: none yet, so no packet of a session is wanted */
	uint8_t token[ARENA_TOKEN];
	bool v4, v6;	    /* the families that the program sees */
	bool all_plain;	    /* let every other plaintext through */
	bool dns;	    /* let plaintext from port 53 through */
	bool multicast;	    /* let plaintext to groups through */
	bool broadcast;	    /* let plaintext to everybody through */
	bool here;	    /* let plaintext through that never left us */
	bool local_only;    /* plaintext must have been sent to `local' */
	struct mp_addr local;
	const struct sockfilter_prefix *peers; /* the first that fits decides */
	size_t npeers;
	/* The program's own filter, which plaintext has to pass, too. */
	const struct sock_filter *then;
	size_t nthen;
};
/* Attaches it to the socket: 0, or a negative errno (-E2BIG: too many). */
int sockfilter_attach(int fd, const struct sockfilter_rules *);

#endif
