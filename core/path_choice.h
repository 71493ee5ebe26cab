/* SPDX-License-Identifier: ISC */
/*
 * Which flow carries the data of a session, at either end, and when that
 * changes (PROTOCOL.md 5).
 */
#ifndef PATH_CHOICE_H
#define PATH_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct record;
struct session;

enum choice_limit {
	CHOICE_ASK_AGAIN = 50 * 1000, /* us until all are asked again ... */
	CHOICE_ASK_FOR = 1000 * 1000, /* ... while none answers, at most */
	CHOICE_ASK_GAP = 500 * 1000,  /* us between two searches that ask, when
				       * no probe but only a datagram waits:
				       * its reader may just be slow */
	CHOICE_PEERS_TURN = 100 * 1000, /* us that the responder waits for a
					 * SELECT before it leaves a flow */
	CHOICE_GUESS = 1000 * 1000,   /* us of silence before a flow is used of
				       * which nothing is known */
	CHOICE_HOPE = 3 * 1000 * 1000, /* us in which a new flow may be one that
				       * answers */
};

/* The review: changes the flow in use where that is called for. */
void path_choice_review(struct mp *, struct session *, uint64_t now);
/* The flow waits for an answer: when that is overdue, a review is due. */
void path_choice_expect(struct mp *, struct session *, const struct flow *);
/* The peer may be a new one: SELECT is told to it, too. */
void path_choice_tell(struct mp *, struct session *);
/* The session begins with that flow in use. */
void path_choice_begin(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* The peer answered by that flow what was asked on all: it is used where the one
 * in use has answered nothing since then, a child's birth. */
void path_choice_answered(struct mp *, struct session *, struct flow *,
    uint64_t since, uint64_t now);
/* Something changed that the choice depends on: a review is due. */
void path_choice_dirty(struct mp *, struct session *, uint64_t now);
/* The peer's SELECT, or its data in order, names a flow. */
void path_choice_follow(struct mp *, struct session *, uint64_t now,
    uint32_t id,
    uint32_t number);
void path_choice_data(struct mp *, struct session *, uint64_t now, uint32_t id);
/* Resends the recent datagrams of flows that stopped working. */
void path_choice_resend(struct mp *, struct session *, uint64_t now);
/* The same; what was sent on this flow until now is at risk, though it works
 * from now on. */
void path_choice_resend_flow(struct mp *, struct session *,
    const struct flow *, uint64_t now);
/* Resends the newest of the recent datagrams, if it is at risk. */
void path_choice_resend_one(struct mp *, struct session *,
    const struct record *);

/* The flow for a datagram that needs `need' bytes of UDP payload; NULL:
 * none. */
struct flow *path_choice_flow(struct mp *, struct session *, uint64_t now,
    size_t need);
/* There is none: are new ones being asked?  Then the datagram waits. */
bool path_choice_hopes(const struct mp *, const struct session *, uint64_t now);
/* The flow for a COPY of a datagram that goes out on `f'; NULL: none is needed
 * or none can carry it. */
struct flow *path_choice_copy(struct mp *, struct session *, uint64_t now,
    const struct flow *f, size_t need);
/* Does a datagram that goes out on that flow now leave the choice as it is, so
 * that the next one goes there, too? */
bool path_choice_settled(const struct session *, const struct flow *,
    uint64_t now);
/* The flags of such a COPY: they say whether the peer is to share the doubt. */
uint16_t path_choice_copy_flags(const struct flow *f, uint64_t now);

#endif
