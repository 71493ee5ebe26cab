/* SPDX-License-Identifier: ISC */
/*
 * How records of the block are found: hash tables by sid, by the address that
 * the program knows and by association; the heap of deadlines; the free lists.
 */
#ifndef TABLE_H
#define TABLE_H

#include "state.h"

/* What a sid names: a key slot of a session, or a handshake. */
struct table_ref {
	struct session *s; /* NULL: it is a handshake */
	struct handshake *sh;
	struct keys *keys; /* of the session or the handshake */
	uint8_t slot;
};

/* References to what can have a sid: a key of a session, a handshake. */
uint32_t table_key_ref(const struct mp *, const struct session *, int slot);
uint32_t table_handshake_ref(const struct mp *, const struct handshake *);
/* False: the reference is out of range. */
bool table_ref_of(const struct mp *, uint32_t ref, struct table_ref *);

/* Prefetches all that a datagram needs of a session. */
void table_fetch(const struct mp *, const struct session *);
/* The first reference of a sid's bucket + 1, and the first session of an
 * address's + 1; 0: none. */
uint32_t *table_sid_head(const struct mp *, uint32_t sid);
uint32_t *table_addr_head(const struct mp *, uint32_t slot,
    const struct mp_addr *);
uint32_t table_find_sid(struct mp *, uint32_t sid); /* a reference; MP_NONE */
void table_link_sid(struct mp *, uint32_t ref);
void table_unlink_sid(struct mp *, uint32_t ref);
/* An unused sid of a slot. */
uint32_t table_new_sid(struct mp *, uint32_t slot);

struct session *table_find_addr(const struct mp *, uint32_t slot,
    const struct mp_addr *);
struct session *table_find_assoc(const struct mp *, uint64_t key_id,
    const uint8_t assoc[8]);
void table_link_addr(struct mp *, struct session *);
void table_unlink_addr(struct mp *, struct session *);
void table_link_assoc(struct mp *, struct session *);
void table_unlink_assoc(struct mp *, struct session *);

/* Sets the session's deadline. table_arm() only brings it forward. */
void table_set_deadline(struct mp *, struct session *, uint64_t at);
static inline void
table_arm(struct mp *m, struct session *s, uint64_t at)
{
	if (at < s->deadline)
		table_set_deadline(m, s, at);
}
/* The session with the first deadline, or NULL. */
struct session *table_first(struct mp *);
uint64_t table_first_at(const struct mp *); /* MP_NEVER: none */
void table_remove(struct mp *, struct session *); /* from the heap */

/* A cleared record, or NULL when there is none left. */
struct session *table_new_session(struct mp *);
void table_free_session(struct mp *, struct session *);
uint32_t table_flows_left(const struct mp *);
/* A cleared record and its index, or NULL. */
struct flow *table_new_flow(struct mp *, uint32_t *index);
void table_free_flow(struct mp *, uint32_t index);

#endif
