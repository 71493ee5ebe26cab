/* SPDX-License-Identifier: ISC */
/*
 * What handshakes of either end share (PROTOCOL.md 2), and the table of
 * handshakes.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct handshake;
struct mp;
struct mp_keyring;

enum handshake_limit {
	HANDSHAKE_LIFE = 5 * 1000 * 1000, /* us that a half-open handshake, or
					   * an ephemeral key of ours, lives */
	HANDSHAKE_YOUNG = 1000 * 1000, /* us that one of a peer's, answered, may
					* wait before another takes its place */
	HANDSHAKE_PROLOGUE = 8 + WIRE_HANDSHAKE,
};

/* A new ephemeral secret. */
void handshake_ephemeral(struct mp *, const struct mp_keyring *,
    uint8_t secret[32]);
/* The Noise prologue: "mpshim1" 0 and the first 12 bytes of INIT. */
void handshake_prologue(uint8_t out[HANDSHAKE_PROLOGUE], const uint8_t *packet);
/* The feature bits that this host offers, with some more. */
uint32_t handshake_features(const struct mp *, uint32_t more);

/* Are all records for peers' handshakes taken by those of many peers that wait
 * for their confirmation?  Then no other may begin. */
bool handshake_closed(struct mp *, uint64_t now);
/* A record for the answer to that peer, where it must be another one's handshake
 * that goes, freed; NULL: it has to ask again. */
struct handshake *handshake_place(struct mp *, uint64_t key_id, uint64_t now);
/* A free record for a handshake of ours, or NULL. */
struct handshake *handshake_new(struct mp *);
/* To be called when a peer's handshake changed its state: keeps the order in
 * which records are taken for others. */
void handshake_rank(struct mp *, const struct handshake *);
void handshake_free(struct mp *, struct handshake *);
/* Frees handshakes of others that are older than HANDSHAKE_LIFE. */
void handshake_sweep(struct mp *, uint64_t now);

#endif
