/* SPDX-License-Identifier: ISC */
/*
 * Datagrams kept for later, in three pools of the block: those staged until
 * their session is up, recent ones that can be resent as COPYs, and parts that
 * came without the other part of their datagram.  Where there is
 * no room, the oldest of the session that holds most go; each session has a
 * bound besides.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_limits;
struct session;

enum pool_kind { POOL_RECENT, POOL_HELD, POOL_PARTS };

enum {
	POOL_VIA = 4, /* flows known to have carried a datagram again */
	POOL_CHUNK = 512, /* bytes that sessions take and give back at a time */
};

/* In front of a datagram's bytes. */
struct record {
	uint32_t magic;
	uint32_t number; /* rises by 1 within a session */
	uint32_t next;	 /* place of the next one; MP_NONE: none */
	uint32_t session, gen;
	int32_t tos : 9, ttl : 9; /* see struct mp_tx_option; -1: none */
	uint32_t keys : 8; /* id of the session's keys that named `seq' */
	uint64_t sent_at;
	uint32_t seq; /* what a COPY names: sequence number; staged: of its
		       * packet, once it was taken to be sent, else 0 */
	uint32_t copied_us;    /* last COPY, after sent_at */
	uint8_t via[POOL_VIA]; /* flows that carried its last COPYs, in turn */
	uint16_t len;	       /* of the datagram */
	uint8_t flow;	       /* flow id */
	uint8_t vias : 3;      /* of via[] */
	bool df : 1;	       /* see struct mp_tx_option */
	uint8_t part : 1; /* which one, of POOL_PARTS; POOL_HELD: it was taken
			   * in two parts */
	bool alone : 1; /* recent: a COPY was to go beside it, and did not */
	/* the datagram follows, in pieces */
};

/* The bytes of the pool of parts. */
uint32_t pool_parts_size(const struct mp_limits *);
/* Keeps a datagram.  Returns its record, for the caller to fill in (seq, flow,
 * keys; tos, ttl and df are the defaults); NULL: it is too long. */
struct record *pool_put(struct mp *, enum pool_kind, struct session *,
    uint64_t now, const void *data, size_t len);
/* Prefetches the memory that the next pool_put() of a recent datagram
 * touches. */
void pool_fetch(const struct mp *, const struct session *);
/* The position of a session's oldest record; MP_NEVER: it has none. */
uint64_t pool_begin(struct mp *, enum pool_kind, struct session *);
/* A session's oldest record; and the one after a record.  NULL: none. */
struct record *pool_first(struct mp *, enum pool_kind, struct session *);
struct record *pool_next(struct mp *, enum pool_kind, const struct record *);
/* A record's position, and that of the next one (MP_NEVER: none); and the
 * session's record at one, its oldest one if that is gone. */
uint64_t pool_position(const struct mp *, enum pool_kind,
    const struct record *);
uint64_t pool_after(const struct record *);
struct record *pool_at(struct mp *, enum pool_kind, struct session *,
    uint64_t pos);
/* The length of a record's datagram: at most MP_PAYLOAD_MAX, whatever another
 * process wrote there.  Read once, it is what pool_read() is asked for. */
size_t pool_len(const struct record *);
/* Copies `len' bytes of a record's datagram, from `off' on, to `out'.  False:
 * the pool was found corrupt. */
bool pool_read(struct mp *, enum pool_kind, const struct record *,
    size_t off, uint8_t *out, size_t len);
/* Does the session stage less than 208 KiB with one more datagram? */
bool pool_fits(const struct mp *, struct session *, size_t len);
/* Is that within what is staged at a session's begin, half the pool? */
bool pool_fits_begin(const struct mp *, struct session *, size_t len);
/* Copies the datagram of a record of one kind to a record as long of another
 * kind, with its options. */
void pool_copy(struct mp *, enum pool_kind, const struct record *,
    enum pool_kind to, struct record *);
/* Drops a session's oldest record; wipes and drops all of them. */
void pool_drop(struct mp *, enum pool_kind, struct session *);
void pool_clear(struct mp *, enum pool_kind, struct session *);
/* Stages all of a session's recent datagrams again, before those that are
 * staged already; the recent ones are gone then. */
void pool_stage_recent(struct mp *, struct session *, uint64_t now);

#endif
