/* SPDX-License-Identifier: ISC */
/*
 * The engine's cost per datagram above the bare AEAD call, on the server, in
 * sessions with 4 flows each.  AEAD, 1 session and 4096 sessions take turns in
 * each round; the figures are medians over the rounds.
 *
 *	send	mp_send_begin + mp_seal + mp_send_commit
 *	receive	mp_recv_begin + mp_open + mp_recv_commit
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "world.h"

enum {
	BATCH = 128,  /* datagrams between two readings of the clock */
	ROUNDS = 101,
	MANY = 4096,  /* sessions */
	AIM_NS = 200, /* the engine's cost above the AEAD, at most */
};

#define AIM_MANY 1.3 /* a datagram of MANY sessions : of 1 session, at most */

enum op { SEND, RECEIVE, OPS };

static const size_t lengths[] = { 64, 512, 1400 };

static struct packet batch[BATCH];
static uint8_t payload[WORLD_PACKET];
static unsigned long copies; /* datagrams that were sent with a copy */

/* --- One batch of each variant, in ns per datagram ----------------------- */

/* Touches the buffers, since a program or the kernel has just written them. */
static uint64_t
begin(void)
{
	volatile uint8_t *p = (volatile uint8_t *)batch;

	for (size_t i = 0; i < sizeof(batch); i += 32)
		p[i] = p[i];
	return world_clock();
}

static double
per_datagram(uint64_t t0)
{
	return (double)(world_clock() - t0) / BATCH;
}

static void
aead_batch(const struct world_suite *s, size_t len, double ns[OPS])
{
	static const uint8_t key[32] = { 1 };
	uint8_t nonce[12] = { 0 };
	uint8_t opened[WORLD_PACKET];
	unsigned long long outlen;
	bool ok = true;
	uint64_t t0 = begin();

	for (unsigned i = 0; i < BATCH; i++) {
		nonce[11] = (uint8_t)i;
		s->encrypt(batch[i].bytes + WORLD_AD, &outlen, payload,
		    len + WORLD_HEAD, batch[i].bytes, WORLD_AD, NULL, nonce,
		    key);
	}
	ns[SEND] = per_datagram(t0);
	t0 = begin();
	for (unsigned i = 0; i < BATCH; i++) {
		nonce[11] = (uint8_t)i;
		ok &= s->decrypt(opened, &outlen, NULL, batch[i].bytes + WORLD_AD,
		    len + MP_OVERHEAD - WORLD_AD, batch[i].bytes, WORLD_AD,
		    nonce, key) == 0;
	}
	ns[RECEIVE] = per_datagram(t0);
	world_want(ok, "the AEAD opens what it sealed");
}

/* The next session, in an order that defeats the CPU's prefetcher. */
static uint32_t
turn(const struct world *w)
{
	static uint32_t t;

	/* 1597 is odd, so it steps through every index of a power of two. */
	t += 1597;
	return t & (w->n - 1);
}

static double
send_batch(struct world *w, size_t len)
{
	struct end *e = &w->server;
	struct mp_tx tx[MP_TX_MAX];
	bool ok = true;
	double ns;
	uint64_t t0 = begin();

	for (unsigned i = 0; i < BATCH; i++) {
		struct packet *p = &batch[i];
		int n = mp_send_begin(&e->mp, ++w->now, 0, &w->shown[turn(w)],
		    0, len, 0, tx);

		if (n < 1) {
			ok = false;
			continue;
		}
		p->len = (uint16_t)mp_seal(&tx[0], payload, len, p->bytes);
		p->path = tx[0].path;
		tx[0].error = tx[1].error = 0;
		copies += tx[n - 1].copy;
		ok &= mp_send_commit(&e->mp, w->now, tx, n, payload, len) == 0;
	}
	ns = per_datagram(t0);
	world_want(ok, "the server can send");
	e->deadline = mp_deadline(&e->mp);
	for (unsigned i = 0; i < BATCH; i++) {
		struct mp_path out = batch[i].path;

		world_cross(e, &out, &batch[i]);
		world_post(w, &batch[i]);
	}
	world_run(w, 2 * WORLD_DELAY);
	return ns;
}

static double
receive_batch(struct world *w, size_t len)
{
	struct end *e = &w->server;
	uint8_t opened[WORLD_PACKET];
	unsigned delivered = 0;
	double ns;
	uint64_t t0;

	for (unsigned i = 0; i < BATCH; i++) {
		w->now++;
		world_client_seal(w, turn(w), payload, len, &batch[i]);
	}
	world_run(w, WORLD_DELAY);
	t0 = begin();
	for (unsigned i = 0; i < BATCH; i++) {
		struct packet *p = &batch[i];
		struct mp_rx rx = { .path = p->path, .arrival = ++w->now };

		if (mp_recv_begin(&e->mp, w->now, &rx, p->bytes, p->len) !=
		    MP_SEALED)
			continue;
		delivered += mp_recv_commit(&e->mp, w->now, &rx, opened,
		    mp_open(&rx, p->bytes, p->len, opened)) == MP_DELIVER;
	}
	ns = per_datagram(t0);
	world_want(delivered == BATCH, "the server gets every datagram");
	e->deadline = mp_deadline(&e->mp);
	world_run(w, 2 * WORLD_DELAY);
	return ns;
}

/* --- Rounds and the report ----------------------------------------------- */

/* Uses each session once, and the memory of the resend pool. */
static void
warm_up(struct world *w)
{
	for (int i = 0; i < MANY / BATCH; i++) {
		send_batch(w, lengths[2]);
		receive_batch(w, lengths[2]);
	}
}

static void
report(const struct world_suite *s, size_t len, enum op op, double aead,
    double one, double many)
{
	printf("%-18s %5zu %-8s %7.0f %7.0f %5.2f %+6.0f %7.0f %5.2f %+6.0f "
	       "%6.2f  %s\n",
	    s->name, len, op == SEND ? "send" : "receive", aead, one,
	    one / aead, one - aead, many, many / aead, many - aead, many / one,
	    one - aead <= AIM_NS && many / one <= AIM_MANY ? "met" : "missed");
}

static void
measure(const struct world_suite *s, struct world *one, struct world *many,
    size_t len)
{
	static double aead_ns[OPS][ROUNDS], one_ns[OPS][ROUNDS],
	    many_ns[OPS][ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double ns[OPS];

		aead_batch(s, len, ns);
		aead_ns[SEND][r] = ns[SEND];
		aead_ns[RECEIVE][r] = ns[RECEIVE];
		one_ns[SEND][r] = send_batch(one, len);
		many_ns[SEND][r] = send_batch(many, len);
		one_ns[RECEIVE][r] = receive_batch(one, len);
		many_ns[RECEIVE][r] = receive_batch(many, len);
	}
	for (enum op op = SEND; op < OPS; op++)
		report(s, len, op, world_median(aead_ns[op], ROUNDS),
		    world_median(one_ns[op], ROUNDS),
		    world_median(many_ns[op], ROUNDS));
}

static void
memory(void)
{
	struct mp_limits few = { .sessions = MANY,
		.flows = MANY * WORLD_FLOWS };
	struct mp_limits more = { .sessions = 2 * MANY,
		.flows = 2 * MANY * WORLD_FLOWS };
	size_t least = mp_size(&few);

	printf("\nmemory: %.0f bytes a session with %d flows (aim: at most "
	       "4096); %.1f MiB for the default endpoint\n",
	    (double)(mp_size(&more) - least) / MANY, WORLD_FLOWS,
	    (double)mp_size(&(struct mp_limits){ 0 }) / (1 << 20));
}

int
main(void)
{
	world_want(sodium_init() >= 0, "libsodium starts");
	printf("ns per datagram; x: ratio to the bare AEAD call, +: above it\n"
	       "aim: 1 session at most %d above; %d sessions at most %.1f "
	       "times 1 session\n\n",
	    AIM_NS, MANY, AIM_MANY);
	printf("%-18s %5s %-8s %7s %7s %5s %6s %7s %5s %6s %6s  %s\n", "suite",
	    "bytes", "what", "AEAD", "1", "x", "+", "4096", "x", "+", "4096:1",
	    "aim");
	for (size_t i = 0; i < WORLD_SUITES; i++) {
		const struct world_suite *s = &world_suites[i];
		struct world *one, *many;

		if (!s->chacha_only && !crypto_aead_aes256gcm_is_available()) {
			printf("%s: not on this hardware\n", s->name);
			continue;
		}
		one = world_new(1, 1, s->chacha_only);
		many = world_new(MANY, 1, s->chacha_only);
		world_meet(one);
		world_meet(many);
		warm_up(one);
		warm_up(many);
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]);
		     k++)
			measure(s, one, many, lengths[k]);
		world_free(one);
		world_free(many);
	}
	if (copies > 0)
		printf("\n%lu datagrams were sent with a copy\n", copies);
	memory();
	return 0;
}
