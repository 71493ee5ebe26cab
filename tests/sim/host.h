/* SPDX-License-Identifier: ISC */
/*
 * host: one computer, which runs one engine, as agent and as library.
 *
 * The agent reads control packets at once and wakes up when the engine wants
 * it; the program sends, and reads data packets from a receive queue when it
 * likes.  The host has a clock of its own.  On a loaded host (late_us) the
 * kernel runs agent and program late, each time by another amount.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "net.h"

struct world;

enum host_bound {
	HOSTS_MAX = 32,
	HOST_IFACES_MAX = 40,
	HOST_PORT = 4500,
	HOST_RCVBUF = 212992, /* Linux' default, bytes */
	HOST_SKB = 768,	      /* what a small packet takes of it */
	HOST_TELL_US = 100,   /* until the agent knows of a change */
};

struct host {
	struct net *net;
	struct world *w;
	char name[8];
	unsigned index;
	char end; /* of the key: 'A' or 'B' */
	bool aes;
	uint64_t seed, skew; /* its clock less the world's, us */
	unsigned lives;	     /* starts so far */
	bool running;
	struct iface *iface[HOST_IFACES_MAX];
	unsigned n_ifaces;
	uint16_t port;	   /* of its socket */
	struct host *next; /* another socket of the same computer */
	struct mp_local bogus[MP_LOCALS_MAX]; /* addresses it claims */
	unsigned n_bogus;
	/* the engine */
	struct mp_limits limits;
	uint32_t resend_us; /* see struct mp_setup */
	struct mp mp;
	void *block;
	struct mp_keyring keys;
	uint64_t wake_at;
	uint64_t seen[P_OTHER]; /* counters, to tell what mp_poll() gave */
	/* how late the agent and the program run at most; 0: never.  Most are
	 * little late, see host_late() */
	uint64_t late_us;
	struct packet *control, **control_last; /* for the agent to read */
	bool agent_due, reader_due;
	bool agent_gone; /* it died: control packets are lost, nothing is due */
	bool says_source; /* the program says where plain UDP would go from */
	bool stampless;	 /* its kernel does not say when packets arrived */
	/* the program's socket */
	struct packet *first, **last;
	size_t queued;	     /* bytes */
	uint64_t read_after; /* reads nothing before */
	uint64_t read_every; /* reads all so often; 0: at once */
	void (*deliver)(void *arg, struct host *, const struct mp_addr *from,
	    const uint8_t *, size_t);
	void *arg;
	bool bundles; /* kernel and program bundle packets, where they can */
	uint64_t bundled_out, bundled_in; /* datagrams that went, and came, in
					   * bundles of two and more */
	/* what must not be */
	uint64_t spins; /* the deadline has passed, but nothing was due */
	uint64_t bad_out; /* a packet from the engine that is out of bounds */
};

void host_init(struct host *, struct net *, const char *name, char end,
    uint64_t seed);
/* The same, with a copy of these keys. */
void host_init_keys(struct host *, struct net *, const char *name, char end,
    uint64_t seed, const struct mp_keyring *);
void host_free(struct host *);
/* Another socket of that computer, which has an engine of its own: the same
 * interfaces, and a port that no other has.  To be linked out (host_leave())
 * before it is freed. */
void host_join(struct host *, struct host *first, uint16_t port);
void host_leave(struct host *, struct host *first);
/* The program starts, with a new engine, and stops. */
void host_start(struct host *);
void host_stop(struct host *);

/* Its agent dies, while the program runs on, and comes back. */
void host_agent_dies(struct host *);
void host_agent_back(struct host *);

/* The network gives the interface's host a packet; its addresses or links
 * changed, which its agent hears HOST_TELL_US later. */
void host_arrived(struct iface *, struct packet *);
void host_addrs_changed(struct host *);
void host_link_event(struct host *, uint32_t ifindex);
/* The program reads nothing for so long; or all each so often. */
void host_read_pause(struct host *, uint64_t us);
void host_read_every(struct host *, uint64_t us);

/* The program sends: 0, or the negative errno that it sees. */
int host_send(struct host *, const struct mp_addr *dst, const uint8_t *, size_t,
    uint16_t stream, uint32_t seq);

/* The agent is to wake up when the engine wants it. */
void host_rearm(struct host *, bool polled);

uint64_t host_now(const struct host *);
/* How late something runs this time. */
uint64_t host_late(const struct host *);

#endif
