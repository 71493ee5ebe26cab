/* SPDX-License-Identifier: ISC */
/*
 * What handshakes of either side share (PROTOCOL.md 2): keys by their id, the
 * table of handshakes under way.  Nothing live changes before a handshake is
 * confirmed by a packet under its key.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct handshake;
struct mp;
struct mp_key;
struct mp_keyring;

enum handshake_limit {
	HANDSHAKE_LIFE = 5 * 1000 * 1000, /* us: half-open; ephemeral key of ours */
	HANDSHAKE_PROLOGUE = 8 + WIRE_SHAKE,
};

/* The key of that id, or the first for 0; NULL. */
const struct mp_key *handshake_key(const struct mp_keyring *, uint64_t id);
/* The index of an end's subkeys: A 0, B 1. */
int handshake_end(char end);
/* The Noise prologue: "mpshim1" 0 and the first 12 bytes of INIT. */
void handshake_prologue(uint8_t out[HANDSHAKE_PROLOGUE], const uint8_t *packet);
/* The features that we offer, and some more. */
uint32_t handshake_features(const struct mp *, uint32_t more);

/* An entry among n from `first': a free one; else, if wanted, the oldest. */
struct handshake *handshake_new(struct mp *, uint32_t first, uint32_t n,
    bool oldest);
void handshake_free(struct mp *, struct handshake *);
/* Frees those of others that are too old. */
void handshake_sweep(struct mp *, uint64_t now);

#endif
