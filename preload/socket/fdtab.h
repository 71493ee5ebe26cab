/* SPDX-License-Identifier: ISC */
/*
 * Which descriptor is which socket, in this process.
 *
 * The table only remembers; it heals itself.  An entry may be stale, because
 * the C library closes descriptors behind our back: who finds out by ENOTSOCK
 * or another cookie drops it.  Nothing here takes a lock or allocates from the
 * program's heap, so signal handlers may use it.
 *
 * A thread that leaves the others' descriptors (unshare(2) of CLONE_FILES) gets
 * a table of its own, and so do the threads that it starts.
 *
 * A socket lives while a descriptor names it or somebody holds it (fdtab_hold).
 * Its memory is reused, never given back, so a late look at it is safe.
 */
#ifndef FDTAB_H
#define FDTAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/arena.h"
#include "shared/net.h"

enum sock_state {
	SOCK_FRESH,   /* not bound, or bound and nothing decided */
	SOCK_PLAIN,   /* the kernel's alone: we translate addresses */
	SOCK_ATTACHED,  /* has a slot of its port's arena */
	SOCK_REFUSED, /* should have one and cannot: nothing goes out */
};

enum { SOCK_ASKED = 4 };

/* What the program asked of its socket, where the kernel does not know it or
 * was told otherwise: see sockopt.h. */
struct sock_options {
	bool known;		 /* what follows is true */
	bool applied;		 /* a joined socket's kernel knows its part */
	bool pktinfo, pktinfo6, tos, tclass, ttl, hoplimit, origdst, origdst6;
	bool recverr, recverr6;
	_Atomic bool errors;	 /* the kernel has RECVERR on: see pmtu.c */
	uint16_t told_mtu;	 /* with the last EMSGSIZE */
	bool gro, no_check, dontfrag;
	bool df6;		 /* as sock.df, to IPv6 addresses */
	/* What it set for its own packets, and 1; 0: nothing. */
	uint16_t set_tos, set_tclass, set_ttl, set_hops;
	bool timeout;		 /* SO_RCVTIMEO */
	bool cork;		 /* UDP_CORK */
	bool shut;		 /* for sending, by shutdown(2) */
	_Atomic bool corked;	 /* a datagram waits for its end */
	uint8_t stamp;		 /* SO_TIMESTAMP or its like, or 0 */
	uint32_t stamping;	 /* SO_TIMESTAMPING */
	_Atomic uint64_t source; /* IP_PKTINFO that it may send with */
};

struct bpf;

/* A socket as the program sees it.  A field that the arena's slot has too is
 * only good until the socket is joined. */
struct sock {
	_Atomic uint32_t refs;
	uint32_t number;	 /* for good */
	_Atomic uint32_t next;	 /* in the list of free ones */
	struct bpf *filter;	 /* its own, or NULL: see user_filter.h; for good */
	_Atomic uint32_t state;	 /* enum sock_state */
	_Atomic uint32_t busy;	 /* a change of state is under way */
	uint64_t cookie;
	int family;		 /* AF_INET, AF_INET6: the program's */
	enum mp_family kernel;	 /* the kernel's */
	struct arena_map map;
	uint32_t slot, gen;
	struct mp_addr local, peer;
	bool bound, autobound;
	atomic_bool portless;	 /* the kernel would have let go of its port */
	bool wide;		 /* bound to the wildcard, for `local' */
	atomic_bool home;	 /* autobound, and has sent to loopback only */
	bool second;		 /* joined a port that a socket of ours has */
	struct net_self self;	 /* of a joined one, as the kernel has it */
	bool connected;		 /* by us */
	bool was_connected;	 /* before that changed last, at `since' */
	struct mp_addr was;	 /* its peer then */
	uint64_t since;
	bool kconnected;	 /* by the kernel */
	bool v6only, reuseaddr, reuseport, broadcast, df;
	bool groups;		 /* is member of a multicast group */
	bool names;		 /* bound to port 53: all that it does is plain */
	uint16_t segment;	 /* UDP_SEGMENT; 0: none */
	struct sock_options options;
	uint64_t filtered;	 /* since when */
	bool filter_locked;
	bool steered;		 /* SO_ATTACH_REUSEPORT_CBPF, which is ours */
	/* Name servers that were asked in plaintext, and when. */
	struct mp_addr asked[SOCK_ASKED];
	_Atomic uint64_t asked_at[SOCK_ASKED];
	uint32_t asked_next;
	_Atomic bool stamps;	 /* SIOCGSTAMP was asked: see timestamp.c */
	_Atomic int64_t stamp;
	_Atomic uint64_t recover_at; /* when the agent may be looked for again */
};

/* The socket of a descriptor, held; NULL: none of ours.  *known is false when
 * nothing is known about the descriptor yet. */
struct sock *fdtab_hold(int fd, bool *known);
void fdtab_release(struct sock *);
/* A new socket, held; NULL: no memory. */
struct sock *fdtab_new(void);
/* From now on the descriptor is this socket; NULL: none of ours. */
void fdtab_set(int fd, struct sock *);
/* Runs it for each descriptor from..to about which something is known. */
void fdtab_each(unsigned from, unsigned to, void (*)(int fd));
/* Nothing is known about the descriptor any more.  Returns what it was, held,
 * or NULL. */
struct sock *fdtab_drop(int fd);

/* The kernel gave this thread descriptors of its own, which are as they were. */
void fdtab_part(void);

/* Is the table this process's?  A child of vfork(2) shares its parent's. */
bool fdtab_ours(void);
/* Has this process never been forked off another?  Then nobody else can have
 * its sockets but by its doing. */
bool fdtab_first(void);
/* At the start, and in the child of a fork. */
void fdtab_setup(void);

#endif
