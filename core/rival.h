/* SPDX-License-Identifier: ISC */
/*
 * Our own session with a peer that begins one at the same time (PROTOCOL.md 2).
 */
#ifndef RIVAL_H
#define RIVAL_H

#include <stdbool.h>
#include <stdint.h>

struct handshake;
struct mp;
struct session;

enum rival_limit {
	RIVAL_YIELD = 250 * 1000, /* us for which an INIT gives way, from
				   * wherever it comes, to one unanswered */
};

/* Our own session, new or about to be, with the peer of that INIT; NULL. */
struct session *rival_find(const struct mp *, const struct handshake *,
    uint64_t now);
/* Is it one that has just begun, of whose keys the peer has used none? */
bool rival_is_new(const struct session *, uint64_t now);
/* Has our own handshake just been answered? */
bool rival_has_won(const struct session *, uint64_t now);
/* Is this INIT dropped for a handshake of our own? */
bool rival_yields(const struct mp *, const struct handshake *, uint64_t now);
/* It was: what is at `mac1' names it. */
void rival_note(struct mp *, const struct handshake *, const uint8_t mac1[],
    uint64_t now);
/* Was it lately, and is it still, from wherever it comes now? */
bool rival_holds(const struct mp *, const uint8_t mac1[], uint64_t now);

#endif
