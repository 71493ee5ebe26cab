/* SPDX-License-Identifier: ISC */
/*
 * What the suites of attackers share: worlds of small blocks, whether a block
 * has changed, one packet of each kind, packets caught and recorded, a random
 * generator.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "duo.h"
#include "mp.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { SERVER = 1, CLIENT = 0 };

struct duo *hostile_world(int clients, int servers);
/* Gives an end a packet in memory of its exact size, so that a sanitizer sees a
 * read past it. */
enum mp_verdict hostile_give(struct duo *, int e, const struct mp_path *,
    const uint8_t *packet, size_t len);
/* The path of a packet from an address that no end has. */
struct mp_path hostile_elsewhere(const struct mp_path *);
/* Invariants of an end, whatever its peer sent. */
void hostile_assert_sane(const struct duo *, int e);

/* --- A copy of an end's block, and what its end sent and received --------- */

struct copy {
	uint8_t *bytes;
	size_t size;
	uint64_t sent; /* by its end */
	size_t got;
};

void copy_keep(struct copy *, const struct duo *, int e);
void copy_drop(struct copy *);
/* Is the block the same, counters and numbers of forgeries apart? */
bool copy_same(struct copy *, const struct duo *, int e);
/* Are the live sessions and their flows the same?  Handshakes may differ. */
bool copy_same_live(struct copy *, const struct duo *, int e);
/* Fails unless a packet with that verdict had no effect on its receiver. */
void copy_assert(struct copy *, struct duo *, int e, enum mp_verdict,
    const char *what, size_t which);

/* --- One of each kind of sealed packet ----------------------------------- */

struct kind {
	const char *name;
	uint16_t flags;
	const char *body;
	size_t len;
	enum mp_verdict verdict; /* of the true packet */
};

enum { KINDS = 16 };

extern const struct kind kinds[KINDS];

/* A packet of a kind, the next of flow 0 after `skip' numbers. */
size_t kind_make(struct duo *, int from, const struct kind *, uint32_t skip,
    uint8_t *out);

/* --- Packets off the wire ------------------------------------------------ */

/* Takes handshake packets off the wire. */
struct catch {
	unsigned types; /* bits: drops these types, keeps the first of each */
	struct duo_packet *kept[WIRE_T_COOKIE + 1];
};

/* A world in which that packet of the first handshake is caught. */
struct duo *catch_world(struct catch *, enum wire_type);
void catch_free(struct catch *);

/* All packets that went over the wire. */
struct tape {
	struct duo_packet **p;
	size_t n;
	bool full; /* records no more */
};

enum duo_verdict tape_tap(struct duo *, struct duo_packet *, void *tape);
void tape_free(struct tape *);

/* --- A seeded generator of the tests' own -------------------------------- */

void dice_seed(uint64_t);
uint32_t dice(uint32_t n); /* 0..n-1 */
void dice_bytes(uint8_t *, size_t len);

#endif
