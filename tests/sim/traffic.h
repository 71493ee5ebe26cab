/* SPDX-License-Identifier: ISC */
/*
 * traffic: what the programs send to each other, and what becomes of it.
 *
 * A stream is datagrams in one direction.  Each carries its stream, number,
 * time and a pattern, so that the receiver knows which arrived, when, how
 * often, and whether unchanged.  An echo is a stream that answers each one of
 * another.
 */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "mp.h"
#include "net.h"

struct world;

enum traffic_bound {
	STREAMS_MAX = 32,
	PAYLOAD_MIN = 20, /* bytes of what each datagram carries */
};

enum record_flag {
	R_SENT = 1,
	R_REFUSED = 2, /* the program got an error */
	R_OWN = 4,     /* an instance was lost at random on a live path */
};

struct record {
	uint64_t sent_at;
	uint32_t way_us;  /* one way; meant when it came */
	uint32_t back_us; /* until the echo came; 0: it did not */
	uint8_t came;	  /* times */
	uint8_t flags;
};

/* A COPY by the agent that was lost at random on a live path. */
struct orphan {
	uint64_t at;
	size_t len; /* of the payload */
};

struct stream {
	struct traffic *traffic;
	const char *name;
	uint16_t id;
	struct host *from, *to;
	struct stream *echo_of;
	uint64_t start, stop, every_us; /* world time */
	uint64_t burst_us, pause_us;	/* 0: no bursts */
	uint64_t quiet_us; /* sends only when nothing came for so long */
	size_t size;
	uint32_t sizes; /* bytes vary by this, to know copies by their size */
	uint32_t bundle; /* datagrams of one length at a time; 0: one */
	/* what became of it */
	struct record *rec;
	size_t n, room;
	struct orphan *orphan; /* lost COPYs of unknown datagrams */
	size_t n_orphans, room_orphans;
	uint64_t delivered, twice, late;
	uint32_t highest;
	uint64_t last_new, gap_us; /* longest pause at the receiver */
};

struct traffic {
	struct world *w;
	struct stream *stream[STREAMS_MAX];
	unsigned n;
	struct mp_addr peer[HOSTS_MAX][HOSTS_MAX]; /* as a program knows it */
	uint64_t heard_at[HOSTS_MAX][HOSTS_MAX];
	uint64_t altered; /* datagrams that no program sent like that */
};

void traffic_init(struct traffic *, struct world *);
void traffic_free(struct traffic *);
/* From now on `from' knows `to' by this address. */
void traffic_introduce(struct traffic *, struct host *from, struct host *to,
    const struct mp_addr *);
/* The host's program forgets what it learned of others. */
void traffic_forget(struct traffic *, struct host *);
struct stream *stream_new(struct traffic *, const char *name,
    struct host *from, struct host *to, size_t size);
struct stream *stream_find(struct traffic *, const char *name); /* or NULL */
/*
 * Sets R_OWN for datagrams whose COPY by the agent was lost: a lost COPY was of
 * the oldest datagram of its size that did not arrive.  For when nothing is on
 * its way any more; only streams whose sizes vary can tell.
 */
void stream_settle(struct stream *);
/* It sends by itself, from `start' to `stop'. */
void stream_run(struct stream *);

/* For host.deliver, with the traffic as `arg'. */
void traffic_deliver(void *arg, struct host *, const struct mp_addr *from,
    const uint8_t *, size_t);
/* A packet was lost. */
void traffic_fate(struct traffic *, const struct packet *, enum fate);

#endif
