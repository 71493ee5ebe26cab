/* SPDX-License-Identifier: ISC */
/*
 * field: the world in which a list happens, and what is held against it.
 *
 * Theory of operation: see field.c.
 */
#ifndef SIM_FIELD_H
#define SIM_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "list.h"
#include "net.h"
#include "world.h"

enum field_bound {
	FIELD_JOBS = 64, /* sends that go on */
	FIELD_TAPE = 64, /* packets that an onlooker keeps */
	FIELD_VICTIMS = 32,
	GUARD_INITS = 8,
	FIELD_PACKETS = 400000, /* of one list, at most */
};

/* A datagram of one host to another. */
struct note {
	uint64_t sent_at;
	uint16_t len;
	uint8_t came;
	unsigned life; /* of the receiver, when it came last */
	bool back; /* it was answered */
	bool staged;
	bool lost; /* the packet that it went in first did not arrive */
};

struct talk_pair {
	struct note *note;
	size_t n, room;
	uint32_t highest; /* that came, + 1 */
};

/* A program sends `left' more datagrams. */
struct talk_job {
	unsigned from, to;
	uint32_t left, size, every_us;
};

/* Numbers that were seen; see guard.c. */
struct guard_set {
	uint64_t *seen;
	size_t n, size;
};

/* INITs that a client began. */
struct guard_init {
	uint8_t e[32]; /* of the last one */
	uint64_t at[GUARD_INITS]; /* when the last ones began, by number */
	unsigned n;
	unsigned mute; /* begun since the peer said anything else */
	unsigned life;
	bool heard;
};

struct field {
	const struct list *list;
	struct world w;
	struct net net;
	struct host host[LIST_HOSTS];
	unsigned n_hosts;
	struct dice rng; /* of the operation at work */
	/* the programs */
	struct talk_pair pair[LIST_HOSTS][LIST_HOSTS]; /* [from][to] */
	struct mp_addr peer[LIST_HOSTS][LIST_HOSTS];
	struct talk_job job[FIELD_JOBS];
	/* what has happened that excuses */
	bool liar[LIST_HOSTS];	  /* lied to its peers */
	bool suspect[LIST_HOSTS]; /* named third parties' addresses */
	bool unordered;		  /* there may be more than one path */
	bool late;		  /* some host was late */
	uint64_t revoked_at[LIST_HOSTS][LIST_HOSTS]; /* 0: it is known */
	/* third parties: bytes that came, and that went there */
	uint64_t in_bytes[LIST_HOSTS][LIST_HOSTS], forged_bytes[LIST_HOSTS];
	uint64_t out_victim[LIST_HOSTS][FIELD_VICTIMS];
	struct guard_set nonces;
	struct guard_init init[LIST_HOSTS];
	/* an onlooker */
	struct packet *tape[FIELD_TAPE];
	unsigned taped;
	unsigned divert[LIST_HOSTS]; /* packets still to come from elsewhere */
	bool trace; /* print what happens */
	uint64_t packets;
	uint64_t back_us; /* the longest that conversation took to be back */
	char fault[256]; /* "kind: what"; empty: none */
};

void field_init(struct field *, const struct list *);
void field_free(struct field *);
/* The list breaks a rule; the first one counts. */
void field_fail(struct field *, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct iface *field_link(struct field *, uint32_t arg); /* NULL: none */
struct host *field_host(struct field *, uint32_t arg);	/* NULL: none */
const char *field_name(unsigned host);
/* Address k of a link: 0 IPv4, 1 IPv6, 2, 3 a second one. */
struct mp_addr field_addr(unsigned host, unsigned link, unsigned k);
struct mp_addr field_victim(unsigned n);
/* The host's keys but those of peers that it has revoked. */
void field_keys(const struct field *, unsigned host, struct mp_keyring *);
/* All links work, all programs run, all addresses are those of the begin. */
void field_mend(struct field *);
/* Runs a list: an empty fault, or which rule it broke. */
void field_run(struct field *, const struct list *, bool trace);
/* Prints a line, where that is asked for. */
void field_trace(const struct field *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* talk.c */
void talk_send(struct field *, unsigned from, unsigned to, uint32_t n,
    uint32_t size);
/* The first of that job goes now, the others later. */
void talk_job(struct field *, unsigned from, unsigned to, uint32_t n,
    uint32_t size, uint32_t every_us);
void talk_stop(struct field *);
void talk_deliver(void *field, struct host *, const struct mp_addr *,
    const uint8_t *, size_t);
/* A packet is lost.  (A net's fate.) */
void talk_lost(void *field, struct packet *, enum fate);
/* The host's program has forgotten what it learned. */
void talk_forget(struct field *, unsigned host);
/* Talks to the server until 5 keys in a row are answered: how long that took;
 * more than `most': it did not. */
uint64_t talk_until_back(struct field *, unsigned client, uint64_t most);

/* guard.c */
void guard_sent(struct field *, struct iface *, struct packet *);
void guard_arrived(struct field *, struct iface *, const struct packet *);
void guard_forget(struct field *, unsigned host);
int guard_victim(const struct mp_addr *); /* which; -1: none */
/* After an operation. */
void guard_check(struct field *);
/* All sockets are closed, long ago. */
void guard_check_empty(struct field *);

/* blockwalk.c: what does not fit in the engine's block; NULL: all does. */
const char *blockwalk(const struct mp *);
const char *blockwalk_empty(const struct mp *);

#endif
