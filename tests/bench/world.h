/* SPDX-License-Identifier: ISC */
/*
 * One server endpoint and its clients in virtual time (us), for benchmarks:
 * real handshakes through the engine's API, and packets that are passed in
 * memory with a constant delay.
 *
 *	client i				server
 *	10.2.hi.lo ---+---------------------+--- 10.0.0.1
 *	10.3.hi.lo ---+   2 x 2 = 4 flows   +--- 10.1.0.1
 */
#ifndef WORLD_H
#define WORLD_H

#include "mp.h"

enum {
	WORLD_DELAY = 10000, /* of every path in one direction, us */
	WORLD_SERVER_PORT = 4000,
	WORLD_CLIENT_PORT = 40000,
	WORLD_PACKET = 1536, /* of the longest packet, bytes */
	WORLD_FLOWS = 4,     /* in each session */
	/* Of a packet, bytes: flags and timestamps, sealed with the payload;
	 * session id and nonce, the associated data. */
	WORLD_HEAD = 6,
	WORLD_AD = 12,
	WORLD_SUITES = 2,
};

/* A cipher suite of the engine, and libsodium's calls of it. */
struct world_suite {
	const char *name;
	bool chacha_only;
	int (*encrypt)(unsigned char *, unsigned long long *,
	    const unsigned char *, unsigned long long, const unsigned char *,
	    unsigned long long, const unsigned char *, const unsigned char *,
	    const unsigned char *);
	int (*decrypt)(unsigned char *, unsigned long long *, unsigned char *,
	    const unsigned char *, unsigned long long, const unsigned char *,
	    unsigned long long, const unsigned char *, const unsigned char *);
};

extern const struct world_suite world_suites[WORLD_SUITES];

struct end {
	struct mp mp;
	void *block;
	size_t size;
	const struct mp_keyring *keys;
	uint64_t deadline; /* mp_deadline(), kept up to date */
	bool server;
	uint32_t index;
	struct mp_addr peer; /* of a client: the server's address */
};

struct packet {
	struct mp_path path; /* as its receiver sees it */
	uint64_t due;        /* when it arrives */
	uint32_t client;     /* the client that sends or receives it */
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
	uint64_t server_ns;  /* spent in the server's engine, if timed */
	bool timed;
};

/* A world with `clients' clients; of the server's keys the clients have the
 * last.  world_meet() brings all sessions and their flows up. */
struct world *world_new(uint32_t clients, uint32_t keys, bool chacha_only);
void world_meet(struct world *);
void world_free(struct world *);

/* Advances time by us; what becomes due within it happens. */
void world_run(struct world *, uint64_t us);
/* Stages the first datagram of client i, which starts its handshake. */
void world_first(struct world *, uint32_t i);
/* Sends a packet: it is in flight for WORLD_DELAY. */
void world_post(struct world *, struct packet *);

/* Client i sends `len' bytes: they are sealed into the packet, whose path is as
 * the server will see it.  The packet is not posted. */
void world_client_seal(struct world *, uint32_t i, const uint8_t *payload,
    size_t len, struct packet *);
/* Sets a packet's path to what its receiver sees of the sender's path. */
void world_cross(const struct end *from, const struct mp_path *,
    struct packet *);

/* CLOCK_MONOTONIC, in ns. */
uint64_t world_clock(void);
/* The median; sorts the array. */
double world_median(double *, size_t n);
/* Ends the program with a message unless the fact holds. */
void world_want(bool fact, const char *what);

#endif
