/* SPDX-License-Identifier: ISC */
/*
 * Finding records in the block: hash tables by session id, shown address and
 * association; the heap of deadlines; the free lists.
 */
#ifndef TABLE_H
#define TABLE_H

#include "state.h"

/* What a session id names: a key slot of a session, or a handshake. */
struct table_ref {
	struct session *s; /* NULL: a handshake */
	struct handshake *sh;
	struct keys *keys; /* of either */
	uint8_t slot;
};

/* References to the three kinds of owner of a sid. */
uint32_t table_key_ref(const struct mp *, const struct session *, int slot);
uint32_t table_handshake_ref(const struct mp *, const struct handshake *);
/* False: the reference is out of range. */
bool table_ref_of(const struct mp *, uint32_t ref, struct table_ref *);

uint32_t table_find_sid(struct mp *, uint32_t sid); /* a ref, or MP_NONE */
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

/* The session's deadline becomes `at', or earlier than it was. */
void table_set_deadline(struct mp *, struct session *, uint64_t at);
static inline void
table_arm(struct mp *m, struct session *s, uint64_t at)
{
	if (at < s->deadline)
		table_set_deadline(m, s, at);
}
/* The session whose deadline is first, or NULL. */
struct session *table_first(struct mp *);
uint64_t table_first_at(const struct mp *); /* MP_NEVER: none */
void table_remove(struct mp *, struct session *); /* from the heap */

/* A cleared record, or NULL when there is none left. */
struct session *table_new_session(struct mp *);
void table_free_session(struct mp *, struct session *);
uint32_t table_flows_left(const struct mp *);
/* A cleared record and its index, or NULL. */
struct flow *table_new_flow(struct mp *, uint16_t *index);
void table_free_flow(struct mp *, uint16_t index);

#endif
