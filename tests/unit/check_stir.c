/* SPDX-License-Identifier: ISC */
/*
 * mp_stir(): a block's generator makes all ephemeral keys of its sessions, so a
 * copy of the block makes the same ones, and whoever read it knows the next.
 * With fresh bytes before the key is made neither holds.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum {
	AHEAD = 4096, /* bytes of the generator's output that are looked at */
	STEP = 4,     /* every number drawn is a multiple of this many bytes */
};

/* A message of a handshake that an engine made. */
struct handshake_message {
	struct mp_out out;
	uint8_t bytes[MP_CONTROL_MAX];
};

/* A copy of an end's block, as another process could make it. */
struct block_copy {
	struct mp mp;
	void *block;
};

static void
block_copy_take(struct block_copy *c, const struct duo_end *end)
{
	c->block = aligned_alloc(64, (end->size + 63) & ~(size_t)63);
	ck_assert_ptr_nonnull(c->block);
	memcpy(c->block, end->block, end->size);
	ck_assert_int_eq(mp_attach(&c->mp, c->block, end->size), 0);
}

static const uint8_t *
ephemeral(const struct handshake_message *m)
{
	return m->bytes + WIRE_HANDSHAKE;
}

/* The INIT that this engine of the client sends next. */
static void
next_init(struct duo *d, struct mp *mp, struct handshake_message *init)
{
	struct wire_handshake h;

	ck_assert_int_eq(mp_poll(mp, &d->end[0].keys, duo_time(d, 0),
	    &init->out, init->bytes, sizeof(init->bytes)), 1);
	ck_assert(wire_get_handshake(init->bytes, init->out.len, &h));
	ck_assert_int_eq(h.type, WIRE_T_INIT);
}

/* The RESP that this engine of the server gives to an INIT. */
static void
next_resp(struct duo *d, struct mp *mp, const struct handshake_message *init,
    struct handshake_message *resp)
{
	struct mp_rx rx = { .path = duo_path(d, 1, 0, 0, 0),
		.arrival = MP_NEVER };
	struct wire_handshake h;

	ck_assert_int_eq(mp_recv_begin(mp, duo_time(d, 1), &rx, init->bytes,
	    init->out.len), MP_HANDSHAKE);
	ck_assert_int_eq(mp_handshake(mp, &d->end[1].keys, duo_time(d, 1), &rx,
	    init->bytes, init->out.len, &resp->out, resp->bytes), 1);
	ck_assert(wire_get_handshake(resp->bytes, resp->out.len, &h));
	ck_assert_int_eq(h.type, WIRE_T_RESP);
}

/* Is it the public key of a secret that this state of a generator gives? */
static bool
state_foretells(const struct rng *state, const uint8_t e[32])
{
	struct rng r = *state;
	uint8_t stream[AHEAD], public[32];
	size_t at;

	rng_bytes(&r, stream, sizeof(stream));
	for (at = 0; at + 32 <= sizeof(stream); at += STEP) {
		crypto_public(public, stream + at);
		if (memcmp(public, e, 32) == 0)
			return true;
	}
	return false;
}

/* 0: as they are; 1: each engine is stirred by bytes of its own. */
START_TEST(copies)
{
	static const uint8_t fresh[2][32] = { { 1 }, { 2 } };
	struct duo *d = duo_new(1, 1);
	struct block_copy client, server;
	struct handshake_message init[2], resp[2];

	ck_assert_int_eq(duo_say(d, 0, 0), 0);
	block_copy_take(&client, &d->end[0]);
	block_copy_take(&server, &d->end[1]);
	if (_i == 1) {
		mp_stir(&d->end[0].mp, fresh[0]);
		mp_stir(&client.mp, fresh[1]);
		mp_stir(&d->end[1].mp, fresh[0]);
		mp_stir(&server.mp, fresh[1]);
	}
	next_init(d, &d->end[0].mp, &init[0]);
	next_init(d, &client.mp, &init[1]);
	ck_assert_int_eq(memcmp(ephemeral(&init[0]), ephemeral(&init[1]),
	    32) == 0, _i == 0);
	next_resp(d, &d->end[1].mp, &init[0], &resp[0]);
	next_resp(d, &server.mp, &init[0], &resp[1]);
	ck_assert_int_eq(memcmp(ephemeral(&resp[0]), ephemeral(&resp[1]),
	    32) == 0, _i == 0);
	free(client.block);
	free(server.block);
	duo_free(d);
}
END_TEST

/* The state of both generators was read before: 0: and they are as they were;
 * 1: they were stirred since. */
START_TEST(state_known)
{
	static const uint8_t fresh[32] = { 1 };
	struct duo *d = duo_new(1, 1);
	struct rng client, server;
	struct handshake_message init, resp;

	ck_assert_int_eq(duo_say(d, 0, 0), 0);
	client = d->end[0].mp.sh->rng;
	server = d->end[1].mp.sh->rng;
	if (_i == 1) {
		mp_stir(&d->end[0].mp, fresh);
		mp_stir(&d->end[1].mp, fresh);
	}
	next_init(d, &d->end[0].mp, &init);
	ck_assert_int_eq(state_foretells(&client, ephemeral(&init)), _i == 0);
	next_resp(d, &d->end[1].mp, &init, &resp);
	ck_assert_int_eq(state_foretells(&server, ephemeral(&resp)), _i == 0);
	duo_free(d);
}
END_TEST

Suite *
suite_stir(void)
{
	Suite *s = suite_create("stir");
	TCase *t = tcase_create("stir");

	tcase_add_loop_test(t, copies, 0, 2);
	tcase_add_loop_test(t, state_known, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
