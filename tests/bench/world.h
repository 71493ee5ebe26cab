/* SPDX-License-Identifier: ISC */
/*
 * One server endpoint and its clients in virtual time, for benchmarks: real
 * handshakes through the engine's API, packets passed in memory with a
 * constant delay.
 *
 *	client i				server
 *	10.2.hi.lo ---+---------------------+--- 10.0.0.1
 *	10.3.hi.lo ---+   2 x 2 = 4 flows   +--- 10.1.0.1
 */
#ifndef WORLD_H
#define WORLD_H

#include "mp.h"

enum {
	WORLD_DELAY = 10000, /* of every path, us */
	WORLD_SERVER_PORT = 4000,
	WORLD_CLIENT_PORT = 40000,
	WORLD_PACKET = 1536, /* longest packet */
	WORLD_FLOWS = 4,     /* of each session */
};

struct end {
	struct mp mp;
	void *block;
	size_t size;
	const struct mp_keyring *keys;
	uint64_t deadline; /* mp_deadline(), kept up to date */
	bool server;
	uint32_t index;
	struct mp_addr peer; /* server's address, for a client */
};

struct packet {
	struct mp_path path; /* as its receiver sees it */
	uint64_t due;
	uint32_t client; /* which one, in either direction */
	bool to_server;
	uint16_t len;
	uint8_t bytes[WORLD_PACKET];
};

struct world {
	uint64_t now;
	uint32_t n; /* clients */
	struct end server, *client;
	struct mp_addr *shown; /* client i, as the server's program knows it */
	struct mp_keyring server_keys, client_keys;
	struct packet *fifo; /* in flight, oldest first */
	size_t head, used;
	uint64_t delivered;  /* datagrams, at either end */
	uint64_t server_ns;  /* spent in the server's engine, if asked for */
	bool timed;
};

/* A world with so many clients and keys, of which the last is the clients'.
 * world_meet() brings all sessions up and checks that all have their flows. */
struct world *world_new(uint32_t clients, uint32_t keys, bool chacha_only);
void world_meet(struct world *);
void world_free(struct world *);

/* Lets so much time pass; everything due happens. */
void world_run(struct world *, uint64_t us);
/* Sends a datagram of client i that needs no session yet. */
void world_first(struct world *, uint32_t i);
/* Puts a packet on its way. */
void world_post(struct world *, struct packet *);

/* One datagram of `len' bytes of the client, sealed and committed into the
 * packet, as the server will see it. */
void world_client_seal(struct world *, uint32_t i, const uint8_t *payload,
    size_t len, struct packet *);
/* Turns the path that a packet leaves by into the one that it arrives by. */
void world_cross(const struct end *from, const struct mp_path *,
    struct packet *);

/* Nanoseconds of a clock for measuring. */
uint64_t world_clock(void);
/* Median; sorts. */
double world_median(double *, size_t n);
/* Ends the program with a message when a fact does not hold. */
void world_want(bool fact, const char *what);

#endif
