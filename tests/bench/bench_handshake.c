/* SPDX-License-Identifier: ISC */
/* The cost of a stranger's packets, and of handshakes. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "world.h"

enum {
	BATCH = 1000, /* packets between two readings of the clock */
	ROUNDS = 41,
	HANDSHAKES = 1000,
	/* Bytes: an INIT, the fixed head of it, session id and nonce. */
	INIT = 172,
	HANDSHAKE_HEAD = 12,
	DATA_HEAD = 12,
};

/* --- Garbage -------------------------------------------------------------- */

/*
 * Random packets of one kind and length, whose first `same' bytes are those of
 * the real packet `like'.
 */
static void
garbage(struct world *w, const char *what, const uint8_t *like, size_t same,
    size_t len)
{
	static uint8_t packets[BATCH][WORLD_PACKET];
	uint8_t opened[WORLD_PACKET], answer[MP_CONTROL_MAX];
	struct end *e = &w->server;
	double rate[ROUNDS];
	struct mp_out out;
	bool refused = true;

	for (int r = 0; r < ROUNDS; r++) {
		uint64_t t0;

		for (int i = 0; i < BATCH; i++) {
			randombytes_buf(packets[i], len);
			if (same > 0)
				memcpy(packets[i], like, same);
		}
		t0 = world_clock();
		for (int i = 0; i < BATCH; i++) {
			struct mp_rx rx = { .arrival = ++w->now };
			enum mp_verdict v;

			rx.path.local = w->client[0].peer;
			rx.path.remote = w->shown[0];
			v = mp_recv_begin(&e->mp, w->now, &rx, packets[i], len);
			if (v == MP_SEALED)
				v = mp_recv_commit(&e->mp, w->now, &rx, opened,
				    mp_open(&rx, packets[i], len, opened));
			if (v == MP_HANDSHAKE &&
			    mp_handshake(&e->mp, e->keys, w->now, &rx,
			    packets[i], len, &out, answer) == 0)
				v = MP_DROPPED;
			refused &= v == MP_DROPPED;
		}
		rate[r] = BATCH * 1e9 / (double)(world_clock() - t0);
	}
	world_want(refused, "garbage is refused");
	printf("  %-44s %10.0f\n", what, world_median(rate, ROUNDS));
}

static void
measure_garbage(uint32_t keys)
{
	struct world *w = world_new(1, keys, true);
	struct packet data, init;
	uint8_t first[1] = { 0 };
	uint64_t now;

	/* The first packet in flight is the INIT. */
	world_first(w, 0);
	world_run(w, 0);
	world_want(w->used > 0 && w->fifo[w->head].len == INIT, "an INIT");
	init = w->fifo[w->head];
	world_run(w, 3000000);
	world_want(w->delivered > 0, "a session");
	world_client_seal(w, 0, first, sizeof(first), &data);

	printf("packets refused per second, %u key%s\n", keys,
	    keys == 1 ? "" : "s");
	now = w->now;
	garbage(w, "noise, 64 bytes", NULL, 0, 64);
	garbage(w, "noise, 1400 bytes", NULL, 0, 1400);
	garbage(w, "a session's sid and nonce, forged, 64 bytes", data.bytes,
	    DATA_HEAD, 64);
	garbage(w, "a session's sid and nonce, forged, 1400 bytes", data.bytes,
	    DATA_HEAD, 1400);
	garbage(w, "INIT with a wrong mac", init.bytes, HANDSHAKE_HEAD, INIT);
	world_want(w->now - now < 2000000, "less than 2 s of virtual time");
	world_free(w);
}

/* --- Handshakes ----------------------------------------------------------- */

static void
measure_handshakes(uint32_t keys)
{
	struct world *w = world_new(1, keys, true);
	struct end *c = &w->client[0];
	uint64_t t0, ns, server_ns;

	w->timed = true;
	t0 = world_clock();
	for (uint64_t i = 0; i < HANDSHAKES; i++) {
		world_first(w, 0);
		/* INIT, RESP, and the datagram that confirms. */
		world_run(w, 3 * WORLD_DELAY + 1000);
		world_want(w->delivered == i + 1, "a datagram a handshake");
		mp_slot_close(&c->mp, w->now, 0);
		c->deadline = mp_deadline(&c->mp);
		world_run(w, WORLD_DELAY + 1000);
		world_want(mp_slot_open(&c->mp, 0, MP_DUAL) == 0,
		    "the slot is free again");
	}
	ns = world_clock() - t0;
	server_ns = w->server_ns;
	printf("handshakes per second, %u key%s, each with one datagram and "
	       "CLOSE\n"
	       "  %-44s %10.0f\n  %-44s %10.0f\n",
	    keys, keys == 1 ? "" : "s", "the server alone",
	    HANDSHAKES * 1e9 / (double)server_ns, "both ends on one core",
	    HANDSHAKES * 1e9 / (double)ns);
	world_free(w);
}

int
main(void)
{
	world_want(sodium_init() >= 0, "libsodium starts");
	measure_garbage(1);
	measure_garbage(MP_KEYS_MAX);
	measure_handshakes(1);
	measure_handshakes(MP_KEYS_MAX);
	return 0;
}
