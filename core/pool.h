/* SPDX-License-Identifier: ISC */
/*
 * Datagrams kept for later, in two rings of the block: those held until
 * their session is up, and recent ones that can be resent by a COPY.  The
 * oldest make room for new ones; each session has its own bounds besides.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp;
struct session;

enum pool_kind { POOL_RECENT, POOL_HELD };

struct record {
	uint32_t magic;
	uint32_t size; /* of the record, a multiple of 16 */
	uint64_t next; /* of the same session; MP_NEVER: last */
	uint32_t session, gen;
	uint64_t sent_at;
	union {
		uint64_t seq; /* what a COPY names: sequence number, */
		struct {      /* or held: see struct mp_tx_option */
			int16_t tos[2], ttl[2];
		} wish;
	};
	uint32_t sid; /* session id */
	uint16_t len; /* of the datagram */
	uint8_t flow; /* and flow id */
	bool dead : 1, copied : 1, df : 1;
	/* the datagram follows */
};

/* The session's datagram is kept, if it can be at all; its record is filled
 * in but for what the caller knows (seq, sid, flow; wish, df). */
struct record *pool_put(struct mp *, enum pool_kind, struct session *,
    uint64_t now, const void *data, size_t len);
/* The memory that the next pool_put() of recent datagrams touches. */
void pool_fetch(const struct mp *, const struct session *);
/* A session's oldest record, and the one after; NULL: none. */
struct record *pool_first(struct mp *, enum pool_kind, struct session *);
struct record *pool_next(struct mp *, enum pool_kind, const struct record *);
/* The session's record at a position, or its oldest when that one is gone. */
struct record *pool_at(struct mp *, enum pool_kind, struct session *,
    uint64_t pos);
/* Its bytes, and how many; never past the ring, whoever writes there. */
size_t pool_len(const struct mp *, enum pool_kind, const struct record *);
const uint8_t *pool_data(const struct record *);
/* Gives up a session's oldest, or all of them. */
void pool_drop(struct mp *, enum pool_kind, struct session *);
void pool_clear(struct mp *, enum pool_kind, struct session *);

#endif
