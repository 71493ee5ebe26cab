/* SPDX-License-Identifier: ISC */
/* A malicious peer that holds the key. */
#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

/* --- A malicious peer that holds the key ---------------------------------- */

/* Sends a random packet, mostly with the C bit that its flags need. */
static void
fuzz_packet(struct duo *d, int from, uint16_t id, uint64_t seq,
    uint8_t *packet, size_t *len)
{
	struct session *s = duo_session(d, from);
	static const uint16_t flags[] = { 0, WIRE_PROBE, WIRE_PROBE |
		WIRE_CHALLENGE, WIRE_PROBE | WIRE_REPLY, WIRE_PROBE |
		WIRE_RESPONSE, WIRE_PROBE | WIRE_SELECT, WIRE_ADDR,
		WIRE_ADDR | WIRE_REPLY, WIRE_REKEY, WIRE_COPYFLAG };
	struct wire_msg msg = { .flags = flags[dice(COUNT(flags))] };
	uint8_t body[400], *p;
	size_t n = dice(8) == 0 ? dice(sizeof(body)) : 0;

	if (dice(20) == 0)
		msg.flags = (uint16_t)dice(1 << 16) & (uint16_t)~WIRE_CLOSE;
	msg.ts = (uint16_t)dice(1 << 16);
	msg.tsreply = (uint16_t)dice(1 << 16);
	msg.select = dice(3) == 0 ? UINT32_MAX - dice(2) : dice(1000);
	dice_bytes(msg.challenge, WIRE_TOKEN);
	dice_bytes(msg.response, WIRE_TOKEN);
	msg.copy = (struct wire_ad) { .sid = dice(2) ? state_keys(s)->sid_out :
		dice(UINT32_MAX), .control = dice(4) == 0,
		.dir = dice(4) == 0 ? s->initiator : !s->initiator,
		.flow = (uint16_t)(dice(2) ? dice(70) : dice(0x8000)),
		.seq = dice(2) ? dice(5000) : (uint64_t)dice(UINT32_MAX) <<
		    dice(17) };
	dice_bytes(body, n);
	if (msg.flags == (WIRE_ADDR | WIRE_REPLY)) { /* address lists */
		n = 0;
		while (n + 21 < sizeof(body) && dice(12) > 0) {
			p = body + n;
			dice_bytes(p, 21);
			p[0] = dice(5) == 0 ? p[0] : dice(2) ? 7 : 19;
			p[1] = dice(9) == 0 ? p[1] : p[0] == 7 ? 4 : 6;
			if (p[0] == 7 && dice(2))
				memcpy(p + 4, "\x0a\x01", 2);
			n += p[0] <= 20 ? p[0] + 1U : 21;
		}
	} else if (msg.flags == WIRE_REKEY && dice(2)) {
		n = (const size_t[]) { WIRE_INIT, WIRE_RESP, WIRE_COOKIE }[
		    dice(3)];
		dice_bytes(body, n);
		put32(body, WIRE_MAGIC);
		body[4] = n == WIRE_INIT ? 1 : n == WIRE_RESP ? 2 : 3;
		body[5] = WIRE_VERSION;
		put16(body + 6, 0);
	} else if (msg.flags & WIRE_PROBE) {
		memset(body, 0, n);
	}
	*len = duo_make(d, from, id, seq, &msg, body, n, packet);
}

/* 25 seeds, 2000 packets each: whatever the peer sends under its keys, the
 * other end stays consistent and sends little. */
START_TEST(fuzz_peer)
{
	int from = _i & 1, to = !from, i;
	struct duo *d = hostile_world(2, 2);
	static const uint16_t ids[] = { 15, 16, 63, 64, 255, 0x7ffe, 0x7fff };
	struct mp_path path;
	uint8_t packet[1024];
	uint64_t seq = 1000, began, sent;
	uint16_t id;
	size_t len;

	dice_seed((uint64_t)_i);
	duo_up(d);
	d->end[from].off = true;
	began = d->now;
	sent = d->sent[to];
	for (i = 0; i < 2000; i++) {
		id = (uint16_t)(dice(6) == 0 ? ids[dice(COUNT(ids))] :
		    dice(dice(2) ? 4 : 16));
		seq += 1 + (dice(50) == 0 ? dice(5000) : 0);
		fuzz_packet(d, from, id, dice(8) == 0 ? seq - dice(900) : seq,
		    packet, &len);
		path = duo_path(d, to, (int)dice(2), from, (int)dice(2));
		if (dice(20) == 0)
			path = hostile_elsewhere(&path);
		hostile_give(d, to, &path, packet, len);
		ck_assert_ptr_nonnull(duo_session(d, to));
		if (dice(3) == 0)
			(void)duo_say(d, to, seq);
		if (dice(4) == 0)
			duo_run(d, d->now + dice(50) * MS);
		if (dice(500) == 0)
			duo_addr_del(d, to, 1);
		if (dice(500) == 0)
			duo_addr_add(d, to, 1);
	}
	hostile_assert_sane(d, to);
	/* One answer to each packet, a datagram and its COPY for every third,
	 * and probes and INITs of 16 flows. */
	ck_assert_uint_le(d->sent[to] - sent, 2000 * 3 +
	    (d->now - began) / SEC * 16 * 21);
	/* And it still works with an honest peer. */
	duo_restart(d, from);
	d->end[from].off = false;
	d->end[from].peer = duo_addr(d, to, 0);
	duo_addr_add(d, to, 1);
	ck_assert_int_eq(duo_say(d, from, 1000000), 0);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, to, 1000000), 1);
	duo_free(d);
}
END_TEST

/* SELECT of flows that never existed, and extreme choice numbers. */
START_TEST(select_unknown)
{
	struct duo *d = hostile_world(2, 1);
	struct wire_msg msg = { .flags = WIRE_PROBE | WIRE_SELECT,
		.tsreply = WIRE_TS_NONE, .select = UINT32_MAX };
	struct mp_path path;
	uint8_t packet[128];
	size_t len;

	duo_up(d);
	path = duo_path(d, SERVER, 0, CLIENT, 1);
	path.remote.port++;
	len = duo_make(d, CLIENT, 9, 1, &msg, "", 0, packet);
	ck_assert(hostile_give(d, SERVER, &path, packet, len) == MP_CONTROL);
	/* The flow cannot be used before it answered a challenge. */
	ck_assert_ptr_nonnull(duo_current(d, SERVER));
	ck_assert_uint_ne(duo_current(d, SERVER)->id, 9);
	ck_assert_int_eq(duo_say(d, SERVER, 3), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, 3), 1);
	/* an id that this server has no room for */
	len = duo_make(d, CLIENT, 16, 1, &msg, "", 0, packet);
	ck_assert(hostile_give(d, SERVER, &path, packet, len) == MP_DROPPED);
	len = duo_make(d, CLIENT, WIRE_FLOW_MAX, 1, &msg, "", 0, packet);
	ck_assert(hostile_give(d, SERVER, &path, packet, len) == MP_DROPPED);
	hostile_assert_sane(d, SERVER);
	duo_free(d);
}
END_TEST

/* A list of unbelievable addresses: usable ones are tried, within the bounds;
 * what works stays in use. */
START_TEST(absurd_list)
{
	struct duo *d = hostile_world(2, 1);
	struct wire_msg msg = { .flags = WIRE_ADDR | WIRE_REPLY,
		.tsreply = WIRE_TS_NONE };
	struct mp_path path;
	uint8_t packet[2048], body[1400];
	struct mp_addr a = { .port = 5001 };
	size_t len = 0;
	uint64_t sent, seq;
	uint32_t n = 2;
	int i;

	duo_up(d);
	for (i = 0; i < 150; i++) {
		memcpy(a.ip, (uint8_t[16]) { [10] = 0xff, [11] = 0xff,
		    [12] = 10, [13] = 77, [14] = (uint8_t)i }, 16);
		len += wire_put_addr(body + len, &a);
	}
	path = duo_path(d, CLIENT, 0, SERVER, 0);
	sent = d->sent[CLIENT];
	for (i = 0; i < 10; i++) {
		seq = duo_flow(d, SERVER, 0, 0)->tx_seq += 1;
		len = duo_make(d, SERVER, duo_flow(d, SERVER, 0, 0)->id, seq,
		    &msg, body, len, packet) - 34;
		ck_assert(hostile_give(d, CLIENT, &path, packet, len + 34) ==
		    MP_CONTROL);
		duo_run(d, d->now + SEC);
		hostile_assert_sane(d, CLIENT);
	}
	ck_assert_uint_le(d->sent[CLIENT] - sent, 16 * 4 + 10 * 2 * 3);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_ptr_eq(duo_current(d, CLIENT), duo_flow(d, CLIENT, 0, 0));
	duo_free(d);
}
END_TEST

Suite *
suite_peer(void)
{
	Suite *s = suite_create("peer");
	TCase *tc = tcase_create("peer");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, fuzz_peer, 0, 26);
	tcase_add_test(tc, select_unknown);
	tcase_add_test(tc, absurd_list);
	suite_add_tcase(s, tc);
	return s;
}
