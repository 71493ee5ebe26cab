/* SPDX-License-Identifier: ISC */
/*
 * What a datagram costs at the server, alone and in a bundle, and of that what
 * is not the bare AEAD call.  AEAD, single ones and bundles take turns in each
 * round; the figures are medians over the rounds.
 *
 *	send	begin + seal + commit
 *	receive	begin + open + commit
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "mp.h"
#include "world.h"

enum {
	BUNDLE = MP_BUNDLE_MAX,
	ROUNDS = 401,
	AIM_NS = 300, /* above the AEAD, at most */
};

enum op { SEND, RECEIVE, OPS };

static const size_t lengths[] = { 100, 1400 };

static uint8_t payload[BUNDLE * WORLD_PACKET], opened[BUNDLE * WORLD_PACKET];
static uint8_t packets[BUNDLE * WORLD_PACKET]; /* side by side */
static struct packet packet;

/* --- One bundle of each kind, in ns per datagram -------------------------- */

/* Touches the buffers, since a program or the kernel has just written them. */
static uint64_t
begin(void)
{
	volatile uint8_t *p = (volatile uint8_t *)payload;
	volatile uint8_t *q = (volatile uint8_t *)packets;

	for (size_t i = 0; i < sizeof(payload); i += 32) {
		p[i] = p[i];
		q[i] = q[i];
	}
	return world_clock();
}

static double
each(uint64_t t0)
{
	return (double)(world_clock() - t0) / BUNDLE;
}

static void
aead(const struct world_suite *s, size_t len, double ns[OPS])
{
	static const uint8_t key[32] = { 1 };
	size_t size = len + MP_OVERHEAD;
	uint8_t nonce[12] = { 0 };
	unsigned long long n;
	bool ok = true;
	uint64_t t0 = begin();

	for (unsigned i = 0; i < BUNDLE; i++) {
		nonce[11] = (uint8_t)i;
		s->encrypt(packets + i * size + WORLD_AD, &n, payload + i * len,
		    len + WORLD_HEAD, packets + i * size, WORLD_AD, NULL, nonce, key);
	}
	ns[SEND] = each(t0);
	t0 = begin();
	for (unsigned i = 0; i < BUNDLE; i++) {
		nonce[11] = (uint8_t)i;
		ok &= s->decrypt(opened + i * size, &n, NULL,
		    packets + i * size + WORLD_AD, size - WORLD_AD,
		    packets + i * size, WORLD_AD,
		    nonce, key) == 0;
	}
	ns[RECEIVE] = each(t0);
	world_want(ok, "the AEAD opens what it sealed");
}

static void
post(struct world *w, const struct mp_path *path, size_t size)
{
	struct end *e = &w->server;

	e->deadline = mp_deadline(&e->mp);
	for (unsigned i = 0; i < BUNDLE; i++) {
		memcpy(packet.bytes, packets + i * size, size);
		packet.len = (uint16_t)size;
		world_cross(e, path, &packet);
		world_post(w, &packet);
	}
	world_run(w, 2 * WORLD_DELAY);
}

static double
send_single(struct world *w, size_t len)
{
	struct mp *m = &w->server.mp;
	size_t size = len + MP_OVERHEAD;
	struct mp_tx tx[MP_TX_MAX];
	bool ok = true;
	double ns;
	uint64_t t0 = begin();

	for (unsigned i = 0; i < BUNDLE; i++) {
		ok &= mp_send_begin(m, w->now, 0, &w->shown[0], 0, len, 0,
		    tx) >= 1;
		mp_seal(&tx[0], payload + i * len, len, packets + i * size);
		ok &= mp_send_commit(m, w->now, tx, 1, payload + i * len,
		    len) == 0;
	}
	ns = each(t0);
	world_want(ok, "the server can send");
	post(w, &tx[0].path, size);
	return ns;
}

static double
send_bundle(struct world *w, size_t len)
{
	struct mp *m = &w->server.mp;
	size_t size = len + MP_OVERHEAD;
	struct mp_bundle b;
	bool ok;
	double ns;
	uint64_t t0 = begin();

	ok = mp_bundle_begin(m, w->now, 0, &w->shown[0], len, len, BUNDLE,
	    &b) == BUNDLE;
	for (unsigned i = 0; i < BUNDLE; i++)
		mp_bundle_seal(&b, i, payload + i * len, len,
		    packets + i * size);
	ok &= mp_bundle_commit(m, w->now, &b, BUNDLE, 0, payload, len, len,
	    len) == 0;
	ns = each(t0);
	world_want(ok, "the server can send a bundle");
	post(w, &b.tx.path, size);
	return ns;
}

/* Packets of the client, as the kernel would give them. */
static size_t
arrive(struct world *w, size_t len)
{
	for (unsigned i = 0; i < BUNDLE; i++) {
		world_client_seal(w, 0, payload + i * len, len, &packet);
		memcpy(packets + i * packet.len, packet.bytes, packet.len);
	}
	world_run(w, WORLD_DELAY);
	return packet.len;
}

static double
receive_single(struct world *w, size_t len)
{
	struct mp *m = &w->server.mp;
	size_t size = arrive(w, len);
	unsigned delivered = 0;
	double ns;
	uint64_t t0 = begin();

	for (unsigned i = 0; i < BUNDLE; i++) {
		const uint8_t *p = packets + i * size;
		uint8_t *out = opened + i * size;
		struct mp_rx rx = { .path = packet.path, .arrival = w->now };

		if (mp_recv_begin(m, w->now, &rx, p, size) == MP_SEALED)
			delivered += mp_recv_commit(m, w->now, &rx, out,
			    mp_open(&rx, p, size, out)) == MP_DELIVER;
	}
	ns = each(t0);
	world_want(delivered == BUNDLE, "the server gets every datagram");
	w->server.deadline = mp_deadline(m);
	world_run(w, 2 * WORLD_DELAY);
	return ns;
}

static double
receive_bundle(struct world *w, size_t len)
{
	struct mp *m = &w->server.mp;
	size_t size = arrive(w, len);
	struct mp_rx_bundle b = { .rx = { .path = packet.path,
	    .arrival = w->now } };
	unsigned n, delivered;
	double ns;
	uint64_t t0 = begin();

	n = mp_recv_bundle_begin(m, w->now, &b, packets, size, BUNDLE * size);
	for (unsigned i = 0; i < n; i++)
		(void)mp_recv_bundle_open(&b, i, packets + i * size, size,
		    opened + i * size);
	delivered = mp_recv_bundle_commit(m, w->now, &b, 0, n, opened, size);
	ns = each(t0);
	world_want(delivered == BUNDLE, "the server gets a whole bundle");
	w->server.deadline = mp_deadline(m);
	world_run(w, 2 * WORLD_DELAY);
	return ns;
}

/* Until the flow in use is in no doubt. */
static void
warm_up(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		send_single(w, lengths[0]);
		receive_single(w, lengths[0]);
	}
}

/* --- Rounds and the report ------------------------------------------------ */

static void
measure(const struct world_suite *s, struct world *w, size_t len)
{
	static double bare[OPS][ROUNDS], single[OPS][ROUNDS],
	    bundle[OPS][ROUNDS];
	double ns[OPS];

	for (int r = 0; r < ROUNDS; r++) {
		aead(s, len, ns);
		bare[SEND][r] = ns[SEND];
		bare[RECEIVE][r] = ns[RECEIVE];
		single[SEND][r] = send_single(w, len);
		bundle[SEND][r] = send_bundle(w, len);
		single[RECEIVE][r] = receive_single(w, len);
		bundle[RECEIVE][r] = receive_bundle(w, len);
	}
	for (enum op op = SEND; op < OPS; op++) {
		double a = world_median(bare[op], ROUNDS);
		double one = world_median(single[op], ROUNDS);
		double many = world_median(bundle[op], ROUNDS);

		printf("%-18s %5zu %-8s %7.0f %7.0f %+6.0f %7.0f %+6.0f  %s\n",
		    s->name, len, op == SEND ? "send" : "receive", a, one,
		    one - a, many, many - a, many - a <= AIM_NS ? "met" :
		    "missed");
	}
}

int
main(void)
{
	world_want(sodium_init() >= 0, "libsodium starts");
	printf("ns per datagram, alone and in bundles of %d; +: above the "
	       "bare AEAD call\naim: a bundle at most %d above\n\n", BUNDLE,
	    AIM_NS);
	printf("%-18s %5s %-8s %7s %7s %6s %7s %6s  %s\n", "suite", "bytes",
	    "what", "AEAD", "single", "+", "bundle", "+", "aim");
	for (size_t i = 0; i < WORLD_SUITES; i++) {
		const struct world_suite *s = &world_suites[i];
		struct world *w;

		if (!s->chacha_only && !crypto_aead_aes256gcm_is_available())
			continue;
		w = world_new(1, 1, s->chacha_only);
		world_meet(w);
		warm_up(w);
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]);
		     k++)
			measure(s, w, lengths[k]);
		world_free(w);
	}
	return 0;
}
