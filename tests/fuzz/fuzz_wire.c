/* SPDX-License-Identifier: ISC */
/*
 * A stranger: bytes of its own, and packets that it saw, altered or not, from any
 * address, to either end of a live session.  It may make a true mac1, since that
 * takes the public key alone.
 *
 * It reaches nothing: no datagram, no session, no byte changed in those there
 * are; what it gets is one packet for each of its own, not longer than that; and
 * the two ends still talk afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "fuzz.h"
#include "live.h"
#include "state.h"

enum { WIRE_STEPS = 16, WIRE_INPUT = 1500 };

static void
wire_alter(struct feed *f, uint8_t *packet, size_t *len)
{
	unsigned n = feed_byte(f) & 7;

	while (n-- > 0 && *len > 0) {
		size_t at = feed_number(f, 2) % *len;

		packet[at] = feed_byte(f);
	}
	if (feed_byte(f) == 1)
		*len = feed_number(f, 2) % (*len + 1);
}

/* What the stranger sends next: its length. */
static size_t
wire_packet(const struct duo *d, int to, struct feed *f, uint8_t *out)
{
	const struct tape *tape = live_tape();
	const struct mp_mac_keys *mac = &d->end[!to].keys.key[0].mac;
	const struct duo_packet *p;
	uint8_t how = feed_byte(f);
	size_t len;

	if (how & 1) {
		len = feed_take(f, out, feed_number(f, 2) % WIRE_INPUT);
		if (how & 2 && len >= 8) { /* a handshake's head */
			memcpy(out, "\x9d\x4e\xc2\xb7", 4);
			out[4] = how >> 4 & 7;
			out[5] = WIRE_VERSION;
			out[6] = out[7] = 0;
		}
	} else {
		p = tape->p[feed_number(f, 2) % tape->n];
		len = p->len;
		memcpy(out, p->data, len);
		wire_alter(f, out, &len);
	}
	if (how & 4 && len == WIRE_INIT)
		crypto_mac(out + WIRE_MAC1_INIT, out, WIRE_MAC1_INIT,
		    mac->init);
	if (how & 4 && len == WIRE_RESP)
		crypto_mac(out + WIRE_MAC1_RESP, out, WIRE_MAC1_RESP,
		    mac->resp);
	return len;
}

static void
wire_step(struct duo *d, struct feed *f)
{
	uint8_t packet[WIRE_INPUT + 2048], where = feed_byte(f);
	int to = where & 1;
	struct mp_path path = duo_path(d, to, where >> 1 & 1, !to,
	    where >> 2 & 1);
	uint64_t sent = d->sent[to], bytes = d->sent_bytes[to];
	size_t got = d->end[to].n_got, len;
	int sessions = duo_sessions(d, to);
	enum mp_verdict v;

	if (where & 8)
		path = hostile_elsewhere(&path);
	if (where & 16)
		path.remote.port = (uint16_t)feed_number(f, 2);
	len = wire_packet(d, to, f, packet);
	fuzz_count("packets");
	v = hostile_give(d, to, &path, packet, len);
	FUZZ_ASSERT(v == MP_DROPPED || v == MP_HANDSHAKE);
	FUZZ_ASSERT(d->end[to].n_got == got);
	FUZZ_ASSERT(duo_sessions(d, to) == sessions);
	FUZZ_ASSERT(d->sent[to] <= sent + 1);
	FUZZ_ASSERT(d->sent_bytes[to] <= bytes + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	struct duo *d = live_world();
	bool waited = false;
	uint8_t op;
	int i;

	for (i = 0; i < WIRE_STEPS && f.left > 0; i++) {
		op = feed_byte(&f);
		if ((op & 15) == 15) {
			waited = true;
			duo_run(d, d->now + (uint64_t)MS * (op & 0xf0) * 4);
		} else
			wire_step(d, &f);
	}
	if (!waited)
		FUZZ_ASSERT(live_same(CLIENT) && live_same(SERVER));
	FUZZ_ASSERT(duo_say(d, CLIENT, 1000) == 0);
	duo_run(d, d->now + 200 * MS);
	FUZZ_ASSERT(duo_say(d, SERVER, 1001) == 0);
	duo_run(d, d->now + 200 * MS);
	FUZZ_ASSERT(duo_heard(d, SERVER, 1000) == 1);
	FUZZ_ASSERT(duo_heard(d, CLIENT, 1001) == 1);
	return 0;
}
