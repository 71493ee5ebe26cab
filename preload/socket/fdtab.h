/* SPDX-License-Identifier: ISC */
/*
 * Which descriptor of this process is which socket, and what the library knows
 * of each socket (fdtab.c).
 *
 * An entry may be out of date: a caller that finds out, by ENOTSOCK or another
 * cookie, drops it.  A socket lives while a descriptor names it or a caller
 * holds it.
 * Signal handlers may call all of this.
 */
#ifndef FDTAB_H
#define FDTAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "shared/arena.h"
#include "shared/net.h"

enum sock_state {
	SOCK_FRESH,    /* not attached yet */
	SOCK_PLAIN,    /* the kernel's alone; addresses are translated */
	SOCK_ATTACHED, /* has a slot of its port's arena */
	SOCK_REFUSED,  /* cannot get one: nothing protected is sent */
};

enum { SOCK_ASKED = 4 };

/* The program's options that the kernel's socket does not have, or has
 * otherwise: see sockopt.h. */
struct sock_options {
	bool known;		 /* the other fields are valid */
	bool applied;		 /* sockopt_apply() has run */
	bool pktinfo, pktinfo6, tos, tclass, ttl, hoplimit, origdst, origdst6;
	bool recverr, recverr6;
	_Atomic uint32_t exceeded; /* EMSGSIZE in the error queue: see pmtu.c */
	uint16_t told_mtu;	 /* the MTU given with the last EMSGSIZE */
	bool gro, no_check, dontfrag;
	bool df6;		 /* as sock.df, to IPv6 addresses */
	/* Values that the program set, plus 1; 0: not set. */
	uint16_t set_tos, set_tclass, set_ttl, set_hops;
	bool timeout;		 /* SO_RCVTIMEO */
	bool cork;		 /* UDP_CORK */
	bool shut;		 /* shutdown(2) for sending */
	_Atomic bool corked;	 /* a datagram was begun with UDP_CORK */
	uint8_t stamp;		 /* SO_TIMESTAMP or its like, or 0 */
	uint32_t stamping;	 /* SO_TIMESTAMPING */
	_Atomic uint64_t source; /* IP_PKTINFO that it may send with */
};

struct bpf;
struct rx_bundle;

/* A socket as the program sees it.  Of an attached one, the fields that the
 * slot has as well are copies: attach_refresh(). */
struct sock {
	_Atomic uint32_t refs;
	uint32_t number;	 /* of this memory; never changes */
	_Atomic uint32_t next;	 /* in the free list: number + 1, or 0 */
	struct bpf *filter;	 /* user_filter.h; NULL, or never freed */
	struct rx_bundle *_Atomic bundle; /* rx_bundle.h; NULL, or never freed */
	_Atomic uint32_t state;	 /* enum sock_state */
	_Atomic uint32_t bundle_busy; /* 1: a call has `bundle' */
	_Atomic bool peeked;	 /* the program looked at the next datagram: it
				  * then gets that alone, with UDP_GRO, too */
	bool bundle_valid;	 /* it holds what lies first in the queue */
	_Atomic uint32_t paced;	 /* of rx_bundle.c: datagrams or bundles, and */
	_Atomic uint64_t pace_at; /* what is known of the last round of them; */
	_Atomic uint64_t came_at; /* when the last datagram came, ... */
	_Atomic uint32_t close;	  /* ... and how many of a round right behind
				   * another one */
	_Atomic uint32_t busy;	 /* 1: a thread attaches or recovers it */
	uint64_t cookie;
	int family;		 /* AF_INET, AF_INET6: the program's */
	enum mp_family kernel;	 /* the kernel's */
	struct arena_map map;
	uint32_t slot, gen;
	struct mp_addr local, peer;
	struct mp_addr first;	 /* of one that attaches: where its first
				  * datagram goes; port 0: not known */
	bool bound, autobound;
	atomic_bool untold;	 /* autobound, and nobody can know its port yet */
	atomic_bool portless;	 /* without mpshim it would have no port now */
	bool wide;		 /* the kernel's is bound to the wildcard, the
				  * program's to `local' */
	atomic_bool home;	 /* autobound, and has sent to loopback only */
	bool second;		 /* joined a port that the agent serves */
	enum mp_family only;	 /* the kernel's has its port in this family
				  * alone; MP_DUAL: in both, if it has both */
	struct net_self self;	 /* of an attached one, when it was attached */
	uint32_t zone;		 /* of `peer', and of `local' then: net_zone() */
	bool connected;		 /* to `peer', as connect.c emulates it */
	uint64_t since;		 /* when that changed last, us */
	bool was_connected;	 /* before that, */
	struct mp_addr was;	 /* to this peer */
	uint32_t was_zone;
	bool kconnected;	 /* the kernel's is connected, */
	struct mp_addr kpeer;	 /* to this peer, which was plain then */
	bool v6only, reuseaddr, reuseport, broadcast, df;
	bool groups;		 /* is member of a multicast group */
	bool names;		 /* bound to port 53: always plain */
	uint16_t segment;	 /* UDP_SEGMENT; 0: none */
	_Atomic uint16_t segmented; /* the longest datagrams that UDP_SEGMENT
				     * made and that were not too long */
	struct sock_options options;
	uint64_t mark;		 /* of its socket filter: sockfilter.h */
	/* What its arena's packets shall begin with, if the agent makes one for
	 * this socket: so its filter need not change then.  Prefix 0: not
	 * chosen. */
	uint8_t prefix, token[ARENA_TOKEN];
	uint64_t filtered;	 /* when `filter' changed last, us */
	bool filter_locked;	 /* SO_LOCK_FILTER */
	bool steered;		 /* the program set a steering program */
	/* Name servers asked in plaintext, and when, us; 0: none. */
	struct mp_addr asked[SOCK_ASKED];
	_Atomic uint64_t asked_at[SOCK_ASKED];
	uint32_t asked_next;
	_Atomic bool icmp_due;	 /* see icmp.h */
	_Atomic int icmp_error;	 /* the next call gives this errno; or 0 */
	_Atomic bool stamps;	 /* SIOCGSTAMP was called: timestamp.c */
	_Atomic int64_t stamp;
	_Atomic uint64_t ask_at; /* the agent was late, and is not asked about a
				  * fresh one before that, us; 0: it was not */
	_Atomic bool lacking;	 /* it was not late, but a resource was lacking */
	bool unasked;		 /* whether another process attached it is not
				  * known: the agent was late */
	_Atomic uint64_t recover_at; /* no look for the agent before that, us */
};

/* The socket of a descriptor, with a reference; NULL: it is none of ours, or,
 * if *known is false, nothing is known about it. */
struct sock *fdtab_hold(int fd, bool *known);
/* Gives a reference back. */
void fdtab_release(struct sock *);
/* A new socket, with a reference; NULL: no memory. */
struct sock *fdtab_new(void);
/* Enters a socket for the descriptor; NULL: it is none of ours. */
void fdtab_set(int fd, struct sock *);
/* Calls the function for each descriptor from..to that has an entry. */
void fdtab_each(unsigned from, unsigned to, void (*)(int fd));
/* Drops the entry.  Returns the socket that it had, with the reference, or
 * NULL. */
struct sock *fdtab_drop(int fd);

/* The thread has descriptors of its own from now on, a copy (unshare(2)). */
void fdtab_part(void);

/* Is the table this process's?  Not that of a child of vfork(2). */
bool fdtab_ours(void);
/* Is this process not the child of a fork?  Then no other process has sockets
 * that it made, unless it passed them on. */
bool fdtab_first(void);
/* At the start, and in the child of a fork. */
void fdtab_setup(void);

#endif
