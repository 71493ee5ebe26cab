/* SPDX-License-Identifier: ISC */
/* core/recv.c: which packets count, and where their sender is (PROTOCOL.md 1,
 * 4). */
#include <string.h>

#include "addr.h"
#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "session.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct wire_msg data = { .tsreply = WIRE_TS_NONE };
static const struct wire_msg probe = { .flags = WIRE_PROBE,
	.tsreply = WIRE_TS_NONE };

/* The server gets a packet of the client with any sequence number. */
static enum mp_verdict
give(struct duo *d, uint16_t flow, uint64_t seq, const struct wire_msg *msg,
    const char *text)
{
	uint8_t packet[200];
	struct mp_path path = duo_path(d, 1, 0, 0, 0);
	size_t len = duo_make(d, 0, flow, seq, msg, text, strlen(text),
	    packet);

	return duo_inject(d, 1, &path, packet, len);
}

/* A world that is up and a valid packet of flow 0, to be spoilt. */
static struct duo *
up(uint8_t packet[100], size_t *len, struct mp_path *path)
{
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	*path = duo_path(d, 1, 0, 0, 0);
	*len = duo_make(d, 0, duo_current(d, 0)->id, 1000, &data, "hello", 5,
	    packet);
	return d;
}

/* --- Why a packet is dropped ---------------------------------------------- */

static const struct drop_row {
	const char *name;
	size_t byte;
	uint8_t flip;
	size_t len; /* 0: the whole packet */
	enum mp_counter why;
} drops[] = {
	{ "empty", 99, 0, 1, MP_C_drop_short },
	{ "33 bytes", 99, 0, 33, MP_C_drop_short },
	{ "another sid", 2, 1, 0, MP_C_drop_sid },
	{ "another endpoint's sid", 0, 1, 0, MP_C_drop_sid },
	{ "own direction: reflected", 4, 0x80, 0, MP_C_drop_direction },
	{ "flow 64", 5, 64, 0, MP_C_drop_flow },
	{ "flow 0x4000", 4, 0x40, 0, MP_C_drop_flow },
	{ "sequence number over 32 bit", 7, 1, 0, MP_C_drop_seq },
	{ "C bit", 3, 1, 0, MP_C_drop_auth },
	{ "another flow", 5, 1, 0, MP_C_drop_auth },
	{ "another number", 11, 1, 0, MP_C_drop_auth },
	{ "flags", 13, 1, 0, MP_C_drop_auth },
	{ "payload", 18, 1, 0, MP_C_drop_auth },
	{ "tag", 38, 1, 0, MP_C_drop_auth },
	{ "cut", 99, 0, 38, MP_C_drop_auth },
};

START_TEST(drop)
{
	const struct drop_row *r = &drops[_i];
	uint8_t packet[100] = { 0 };
	struct session before;
	struct mp_path path;
	size_t len;
	struct duo *d = up(packet, &len, &path);
	uint64_t sent = d->sent[1];

	before = *duo_session(d, 1);
	packet[r->byte] ^= r->flip;
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, r->len ? r->len :
	    len), MP_DROPPED);
	ck_assert_msg(duo_count(d, 1, r->why) == 1, "%s", r->name);
	if (r->why == MP_C_drop_auth) { /* nothing else may change */
		ck_assert_uint_eq(state_keys(duo_session(d, 1))->forged, 1);
		state_keys(duo_session(d, 1))->forged = 0;
	}
	ck_assert_mem_eq(&before, duo_session(d, 1), sizeof(before));
	ck_assert_uint_eq(d->sent[1], sent);
	packet[r->byte] ^= r->flip; /* the true packet is still taken */
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DELIVER);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_replay), 1);
	duo_free(d);
}
END_TEST

/* Sealed correctly, with a forbidden content. */
static const struct wrong_row {
	const char *name;
	uint16_t flags;
	const char *body;
	enum mp_counter why;
} wrongs[] = {
	{ "unknown flag", 0x8000, "", MP_C_drop_flags },
	{ "two kinds at once", WIRE_PROBE | WIRE_ADDR, "", MP_C_drop_flags },
	{ "an answer to nothing", WIRE_REPLY, "", MP_C_drop_flags },
	{ "CLOSE with a body", WIRE_CLOSE, "x", MP_C_drop_body },
	{ "ADDR request with a body", WIRE_ADDR, "x", MP_C_drop_body },
	{ "padding that is not zero", WIRE_PROBE, "x", MP_C_drop_body },
};

START_TEST(wrong)
{
	const struct wrong_row *r = &wrongs[_i];
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = { .flags = r->flags };

	duo_up(d);
	ck_assert_int_eq(give(d, 0, 1000, &msg, r->body), MP_DROPPED);
	ck_assert_msg(duo_count(d, 1, r->why) == 1, "%s", r->name);
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

START_TEST(too_long)
{
	static uint8_t packet[70000];
	struct duo *d = duo_new(1, 1);
	struct mp_path path = duo_path(d, 1, 0, 0, 0);

	ck_assert_int_eq(duo_inject(d, 1, &path, packet, sizeof(packet)),
	    MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_short), 1);
	duo_free(d);
}
END_TEST

/* The replay window is 2048 packets (PROTOCOL.md 1); older ones that never came
 * may be new for 65536. */
START_TEST(old)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	ck_assert_int_eq(give(d, 0, 70000, &data, "x"), MP_DELIVER);
	ck_assert_int_eq(give(d, 0, 70000 - 2047, &data, "x"), MP_DELIVER);
	ck_assert_int_eq(give(d, 0, 70000 - 2047, &data, "x"), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_replay), 1);
	ck_assert_int_eq(give(d, 0, 70000 - 65535, &data, "x"), MP_DELIVER);
	ck_assert_int_eq(give(d, 0, 70000 - 65535, &data, "x"), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_old), 1);
	ck_assert_int_eq(give(d, 0, 1000, &data, "x"), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_old), 2);
	duo_free(d);
}
END_TEST

/* The initiator accepts no flow that it did not make. */
START_TEST(unknown_flow)
{
	struct duo *d = duo_new(1, 1);
	uint8_t packet[100];
	struct mp_path path = duo_path(d, 0, 0, 1, 0);
	size_t len;

	duo_up(d);
	len = duo_make(d, 1, 7, 1, &data, "x", 1, packet);
	ck_assert_int_eq(duo_inject(d, 0, &path, packet, len), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_flow), 1);
	duo_free(d);
}
END_TEST

/* The session ends while a packet is being opened. */
START_TEST(stale)
{
	uint8_t packet[100], opened[100];
	struct mp_rx rx;
	size_t len;
	struct duo *d = up(packet, &len, &rx.path);
	struct mp *m = &d->end[1].mp;
	int n;

	rx.arrival = MP_NEVER;
	rx.later = false;
	ck_assert_int_eq(mp_recv_begin(m, d->now, &rx, packet, len),
	    MP_SEALED);
	n = mp_open(&rx, packet, len, opened);
	ck_assert_int_gt(n, 0);
	session_free(m, duo_session(d, 1));
	ck_assert_int_eq(mp_recv_commit(m, d->now, &rx, opened, n),
	    MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_stale), 1);
	rx.ref = MP_NONE;
	ck_assert_int_eq(mp_recv_commit(m, d->now, &rx, opened, n),
	    MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_stale), 2);
	duo_free(d);
}
END_TEST

/* --- In order ------------------------------------------------------------- */

/* The payload of a late packet is delivered; the packet is not measured and
 * moves nothing. */
START_TEST(late)
{
	struct duo *d = duo_new(1, 1);
	struct mp_path far = duo_path(d, 1, 0, 0, 0);
	struct wire_msg msg = data;
	struct flow *f, before;
	uint8_t packet[100];
	size_t len;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	ck_assert_int_eq(give(d, f->id, 5000, &data, "x"), MP_DELIVER);
	before = *f;
	msg.tsreply = (uint16_t)(d->now / WIRE_TS_US - 400);
	msg.ts = 1;
	far.remote.port = 999;
	len = duo_make(d, 0, f->id, 4000, &msg, "late", 4, packet);
	ck_assert_int_eq(duo_inject(d, 1, &far, packet, len), MP_DELIVER);
	ck_assert_uint_eq(f->rtt.srtt_us, before.rtt.srtt_us);
	ck_assert_uint_eq(f->rtt.rttvar_us, before.rtt.rttvar_us);
	ck_assert_uint_eq(f->ts_recent, before.ts_recent);
	ck_assert_uint_eq(f->answer_at, before.answer_at);
	ck_assert_mem_eq(&f->path, &before.path, sizeof(f->path));
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	duo_free(d);
}
END_TEST

/* Data and control have a mark each, because different processes read them. */
START_TEST(two_marks)
{
	struct duo *d = duo_new(1, 1);
	struct flow *f;
	uint64_t replies;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	ck_assert_int_eq(give(d, f->id, 5000, &data, "x"), MP_DELIVER);
	replies = duo_count(d, 1, MP_C_reply_out);
	ck_assert_int_eq(give(d, f->id, 4000, &probe, ""), MP_CONTROL);
	duo_run(d, d->now);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_reply_out), replies + 1);
	ck_assert_int_eq(give(d, f->id, 3999, &probe, ""), MP_CONTROL);
	duo_run(d, d->now); /* late: not answered */
	ck_assert_uint_eq(duo_count(d, 1, MP_C_reply_out), replies + 1);
	duo_free(d);
}
END_TEST

/* --- Times ---------------------------------------------------------------- */

static const struct sample_row {
	const char *name;
	uint64_t us;
	bool old;
} samples[] = {
	{ "100 ms", 100 * MS, false },
	{ "5 s", 5 * SEC, false },
	{ "over 5 s", 5 * SEC + 250, true },
	{ "16 s", 16 * SEC, true },
};

START_TEST(sample)
{
	const struct sample_row *r = &samples[_i];
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = data;
	struct flow *f;
	uint32_t srtt;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	srtt = f->rtt.srtt_us;
	msg.tsreply = (uint16_t)((d->now - r->us) / WIRE_TS_US);
	ck_assert_int_eq(give(d, f->id, 5000, &msg, "x"), MP_DELIVER);
	/* Over 5 s is no good path: it counts as 5 s. */
	ck_assert_msg(f->rtt.srtt_us > srtt, "%s", r->name);
	ck_assert(!r->old || f->rtt.srtt_us >= 5 * SEC / 8);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_sample_old), r->old);
	duo_free(d);
}
END_TEST

/* PROTOCOL.md 4: only a tsreply ends a wait, so a path that is dead in one
 * direction is noticed although the other still delivers. */
START_TEST(one_way)
{
	struct duo *d = duo_new(1, 1);
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	flow_probe_sent(f, d->now, 7);
	ck_assert_int_eq(give(d, f->id, 5000, &data, "x"), MP_DELIVER);
	ck_assert_uint_ne(f->wait_since, MP_NEVER);
	duo_free(d);
}
END_TEST

/* Data that nothing answers is acknowledged by one packet, whose tsreply takes
 * the time held out. */
START_TEST(delayed_ack)
{
	struct duo *d = duo_new(1, 1);
	uint64_t replies;

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	replies = duo_count(d, 1, MP_C_reply_out);
	d->tap = NULL;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_run(d, d->now + 35 * MS + 1); /* at most 25 ms, after 10 */
	ck_assert_uint_eq(duo_count(d, 1, MP_C_reply_out), replies + 1);
	duo_run(d, d->now + 100 * MS);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_reply_out), replies + 1);
	ck_assert_uint_ge(duo_flow(d, 0, 0, 0)->rtt.srtt_us, 19500);
	ck_assert_uint_le(duo_flow(d, 0, 0, 0)->rtt.srtt_us, 20500);
	duo_free(d);
}
END_TEST

/* Gives the server's program the next `n' packets that wait for it. */
static void
read_some(struct duo *d, unsigned n)
{
	struct duo_packet *p = d->end[1].unread, *rest;

	for (; p != NULL && n > 1; n--)
		p = p->next;
	if (p == NULL)
		return;
	rest = p->next;
	p->next = NULL;
	duo_wake(d, 1);
	d->end[1].asleep = true;
	d->end[1].unread = rest;
}

/* A program reads a flood later than its datagrams should be answered: one
 * answer goes for all that was read in 5 ms, not one for each two. */
START_TEST(late_flood)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m;
	uint64_t end, replies, data_in;
	uint32_t n = 100;

	duo_up(d);
	m = &d->end[1].mp;
	d->end[1].asleep = true;
	end = d->now + (uint64_t)_i * 5 * MS; /* so late it reads */
	while (d->now < end) {
		ck_assert_int_eq(duo_say(d, 0, n++), 0);
		duo_run(d, d->now + 100);
	}
	replies = mp_counter_get(m, MP_C_reply_out);
	data_in = mp_counter_get(m, MP_C_data_in);
	for (end = d->now + SEC; d->now < end; ) {
		ck_assert_int_eq(duo_say(d, 0, n++), 0);
		read_some(d, 1);
		duo_run(d, d->now + 100);
	}
	data_in = mp_counter_get(m, MP_C_data_in) - data_in;
	replies = mp_counter_get(m, MP_C_reply_out) - replies;
	ck_assert_uint_ge(data_in, 9000);
	/* 200, and those to probes of what waits, each 50 ms */
	ck_assert_msg(replies <= 240, "%d ms late: %u answers to %u datagrams",
	    _i * 5, (unsigned)replies, (unsigned)data_in);
	duo_free(d);
}
END_TEST

/* A datagram acknowledges as well. */
START_TEST(no_ack)
{
	struct duo *d = duo_new(1, 1);
	uint64_t replies;

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 10 * MS);
	replies = duo_count(d, 1, MP_C_reply_out);
	ck_assert_int_eq(duo_say(d, 1, 3), 0);
	duo_run(d, d->now + 30 * MS);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_reply_out), replies);
	duo_free(d);
}
END_TEST

/* Time in a receive buffer is not part of the path: the program sleeps for 2
 * s. */
START_TEST(asleep)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n;

	duo_up(d);
	d->end[1].asleep = true;
	for (n = 2; n < 42; n += 2) {
		ck_assert_int_eq(duo_say(d, 0, n), 0);
		duo_run(d, d->now + 100 * MS);
	}
	duo_wake(d, 1);
	duo_run(d, d->now + SEC);
	for (n = 2; n < 42; n += 2)
		ck_assert_int_eq(duo_heard(d, 1, n), 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_flow_switch), 0);
	ck_assert_uint_le(duo_flow(d, 0, 0, 0)->rtt.srtt_us, 21000);
	duo_free(d);
}
END_TEST

/* --- The peer moves (NAT rebinding) --------------------------------------- */

static struct mp_addr moved_to;

/* A NAT gives the client another port. */
static enum duo_verdict
nat(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from == 0)
		p->path.remote.port = moved_to.port;
	return DUO_PASS;
}

START_TEST(rebind)
{
	struct duo *d = duo_new(1, 1);
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	moved_to = duo_addr(d, 0, 0);
	moved_to.port = 7777;
	d->tap = nat;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 15 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	/* the new address is challenged; the old one is kept until it
	 * answers */
	ck_assert_uint_eq(f->path.remote.port, DUO_PORT);
	ck_assert_uint_eq(f->alt.remote.port, 7777);
	d->end[0].port = 7777; /* packets to the new port arrive */
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(f->path.remote.port, 7777);
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_rebind), 1);
	ck_assert_uint_ne(f->rtt.srtt_us, 0); /* same address: estimates stay */
	/* the program still sees the first port */
	ck_assert_uint_eq(d->end[1].got[1].from.port, DUO_PORT);
	ck_assert_int_eq(duo_say(d, 1, 3), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 0, 3), 1);
	duo_free(d);
}
END_TEST

static size_t to_victim;

static enum duo_verdict
count_victim(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->to != 2)
		return DUO_PASS;
	to_victim += p->len;
	return DUO_DROP;
}

/* A forged source does not answer: the old address is taken back, and fewer
 * than 3 times its bytes go there. */
START_TEST(rebind_false)
{
	struct duo *d = duo_new(1, 1);
	struct mp_path path = duo_path(d, 1, 0, 0, 0);
	struct mp_path home = path;
	struct flow *f;
	uint8_t packet[100];
	size_t len;
	uint32_t n = 2;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	path.remote = duo_addr(d, duo_add_end(d, 1, 'A'), 0);
	d->tap = count_victim;
	to_victim = 0;
	len = duo_make(d, 0, f->id, 5000, &data, "x", 1, packet);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DELIVER);
	ck_assert_uint_ne(f->alt_at, MP_NEVER);
	duo_flow(d, 0, 0, 0)->tx_seq = 6000;
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_rebind), 0);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_rebind_back), 1);
	ck_assert(addr_equal(&f->path.remote, &home.remote));
	ck_assert_uint_ge(to_victim, WIRE_MIN);
	ck_assert_uint_lt(to_victim, 3 * len);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* Only the highest sequence number counts: a late packet or a replay moves
 * nothing. */
START_TEST(rebind_replay)
{
	struct duo *d = duo_new(1, 1);
	struct mp_path path = duo_path(d, 1, 0, 0, 0);
	struct flow *f;
	uint8_t packet[100];
	size_t len;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	len = duo_make(d, 0, f->id, 5000, &data, "x", 1, packet);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DELIVER);
	path.remote = duo_ip4(192, 0, 2, 66, 66);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DROPPED);
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	len = duo_make(d, 0, f->id, 4999, &data, "x", 1, packet);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_DELIVER);
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	duo_free(d);
}
END_TEST

/* Each second packet of the client comes by another port. */
static enum duo_verdict
two_ports(struct duo *d, struct duo_packet *p, void *arg)
{
	static int turn;

	(void)d;
	(void)arg;
	if (p->from == 0 && ++turn % 2 == 0)
		p->path.remote.port = 7777;
	return DUO_PASS;
}

/* Two sources in turn do not move the flow all the time. */
START_TEST(rebind_damped)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 2;

	duo_up(d);
	d->end[0].also_port = 7777;
	d->tap = two_ports;
	duo_chat(d, d->now + 14 * SEC, 10 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_rebind), 1);
	ck_assert_uint_le(duo_count(d, 1, MP_C_rebind), 8);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	/* where nothing comes from any more is left within a second or two */
	d->tap = NULL;
	d->end[0].also_port = 0;
	duo_chat(d, d->now + 2 * SEC, 10 * MS, &n);
	ck_assert_uint_eq(duo_flow(d, 1, 0, 0)->path.remote.port, DUO_PORT);
	duo_free(d);
}
END_TEST

/* The server's packets come by another port. */
static enum duo_verdict
server_nat(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from == 1)
		p->path.remote.port = 7777;
	return DUO_PASS;
}

/* The client moved to a port of the server that then dies, with the server's
 * keys (_i 2), and with room for one flow only (_i 1): the address that the
 * program used is found again. */
START_TEST(said_stays)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 8,
		.flows_each = _i == 1 ? 1 : 8 }, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	uint32_t n = 2;

	duo_up(d);
	d->end[1].also_port = 7777;
	d->tap = server_nat;
	duo_chat(d, d->now + 2 * SEC, 20 * MS, &n);
	ck_assert_uint_eq(duo_current(d, 0)->path.remote.port, 7777);
	d->tap = NULL;
	d->end[1].also_port = 0;
	if (_i == 2)
		duo_restart(d, 1);
	ck_assert_uint_le(duo_until_heard(d, 0, 10000, 10 * SEC), 3 * SEC);
	duo_free(d);
}
END_TEST

/* --- Keys ----------------------------------------------------------------- */

/* Packets under the former key are delivered once, and are not in order after
 * those of the new key. */
START_TEST(former_key)
{
	struct duo *d = duo_new(1, 1);
	struct mp_path path = duo_path(d, 1, 0, 0, 0);
	uint8_t one[100], two[100];
	size_t len;

	duo_up(d);
	len = duo_make(d, 0, duo_flow(d, 1, 0, 0)->id, 900, &data, "x", 1, one);
	len = duo_make(d, 0, duo_flow(d, 1, 0, 0)->id, 901, &data, "x", 1, two);
	duo_session(d, 0)->rekey_at = d->now;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	mp_link_event(&d->end[0].mp, d->now, MP_NONE);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_handshake_done), 2);
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_run(d, d->now + SEC);
	path.remote.port = 99;
	ck_assert_int_eq(duo_inject(d, 1, &path, one, len), MP_DELIVER);
	ck_assert_uint_eq(duo_flow(d, 1, 0, 0)->alt_at, MP_NEVER);
	ck_assert_int_eq(duo_inject(d, 1, &path, one, len), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_replay), 1);
	duo_run(d, d->now + 180 * SEC); /* the former key is wiped */
	ck_assert_int_eq(duo_inject(d, 1, &path, two, len), MP_DROPPED);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_sid), 1);
	duo_free(d);
}
END_TEST

/* --- Two at once ---------------------------------------------------------- */

/* The first packets of the client's session, kept from the server. */
struct kept {
	int n;
	size_t len[2];
	uint8_t packet[2][200];
};

static enum duo_verdict
keep(struct duo *d, struct duo_packet *p, void *arg)
{
	struct kept *k = arg;

	(void)d;
	if (p->from != 0 || wire_is_handshake(p->data, p->len))
		return DUO_PASS;
	if (k->n < 2 && p->len <= sizeof(k->packet[0])) {
		memcpy(k->packet[k->n], p->data, p->len);
		k->len[k->n++] = p->len;
	}
	return DUO_DROP;
}

/* Two packets under the keys of a half-open handshake: the first confirms it
 * while another process opens the second, outside the lock.  The second counts
 * all the same. */
START_TEST(confirmed_meanwhile)
{
	struct duo *d = duo_new(1, 1);
	struct mp_path path = duo_path(d, 1, 0, 0, 0);
	struct mp_rx rx = { .path = path, .arrival = MP_NEVER };
	struct kept k = { .n = 0 };
	uint8_t out[200];
	int opened;

	d->tap = keep;
	d->tap_arg = &k;
	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_eq(k.n, 2);
	ck_assert_int_eq(mp_recv_begin(&d->end[1].mp, duo_time(d, 1), &rx,
	    k.packet[1], k.len[1]), MP_SEALED);
	opened = mp_open(&rx, k.packet[1], k.len[1], out);
	ck_assert_int_eq(duo_inject(d, 1, &path, k.packet[0], k.len[0]),
	    MP_DELIVER);
	ck_assert_int_eq(mp_recv_peek(&d->end[1].mp, duo_time(d, 1), &rx,
	    out, opened),
	    MP_DELIVER);
	ck_assert_uint_eq(rx.len, 8);
	ck_assert_int_eq(mp_recv_commit(&d->end[1].mp, duo_time(d, 1), &rx,
	    out, opened), MP_DELIVER);
	ck_assert_uint_eq(rx.len, 8);
	ck_assert_int_eq(mp_counter_get(&d->end[1].mp, MP_C_drop_stale), 0);
	duo_free(d);
}
END_TEST

/* Peeking changes nothing, and reports no datagram that was delivered
 * already. */
START_TEST(peek)
{
	uint8_t packet[100], out[100];
	struct mp_rx rx = { .arrival = MP_NEVER };
	size_t len;
	struct duo *d = up(packet, &len, &rx.path);
	struct mp *m = &d->end[1].mp;
	int opened, i;

	ck_assert_int_eq(mp_recv_begin(m, duo_time(d, 1), &rx, packet, len),
	    MP_SEALED);
	opened = mp_open(&rx, packet, len, out);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(mp_recv_peek(m, duo_time(d, 1), &rx, out, opened),
		    MP_DELIVER);
		ck_assert_mem_eq(out + rx.off, "hello", 5);
		ck_assert_uint_eq(rx.len, 5);
	}
	ck_assert_int_eq(mp_recv_peek(m, duo_time(d, 1), &rx, out, -1), MP_DROPPED);
	ck_assert_int_eq(duo_inject(d, 1, &rx.path, packet, len), MP_DELIVER);
	ck_assert_int_eq(mp_recv_peek(m, duo_time(d, 1), &rx, out, opened), MP_DROPPED);
	duo_free(d);
}
END_TEST

/* The first packet of a session, looked at: it begins the session, and can be
 * looked at again and taken in its turn. */
START_TEST(peek_first)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_rx rx = { .path = duo_path(d, 1, 0, 0, 0),
		.arrival = MP_NEVER };
	struct kept k = { .n = 0 };
	uint8_t out[200];
	int opened, i;

	d->tap = keep;
	d->tap_arg = &k;
	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	duo_run(d, d->now + 200 * MS);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(mp_recv_begin(m, duo_time(d, 1), &rx,
		    k.packet[0], k.len[0]), MP_SEALED);
		opened = mp_open(&rx, k.packet[0], k.len[0], out);
		ck_assert_int_eq(mp_recv_peek(m, duo_time(d, 1), &rx, out,
		    opened), MP_DELIVER);
		ck_assert_uint_eq(rx.len, 8);
		ck_assert_uint_eq(rx.from.port, DUO_PORT);
	}
	ck_assert_int_eq(duo_inject(d, 1, &rx.path, k.packet[0], k.len[0]),
	    MP_DELIVER);
	ck_assert_int_eq(mp_counter_get(m, MP_C_handshake_done), 1);
	duo_free(d);
}
END_TEST

/* --- What the agent hands on ---------------------------------------------- */

/*
 * The server's program reads nothing for a while, and the client, whose flow has
 * no answers, sends copies by another one, which the server's agent takes in
 * before the program reads the datagrams themselves: they are given in order,
 * once each, from the first to the last.
 */
START_TEST(copies_before_originals)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n;
	size_t before, i;
	int last = 0;

	duo_up(d);
	duo_run(d, d->now + SEC);
	before = d->end[1].n_got;
	d->end[1].asleep = true;
	duo_link(d, 1, 0, 0, 0)->down = true;
	if (_i == 1) /* the first one is lost */
		duo_link(d, 0, 0, 1, 0)->down = true;
	for (n = 100; n < 122; n++) {
		ck_assert_int_eq(duo_say(d, 0, n), 0);
		duo_link(d, 0, 0, 1, 0)->down = false;
		duo_run(d, d->now + 4 * MS);
	}
	ck_assert_uint_ge(duo_count(d, 0, MP_C_copy_out), 5);
	duo_wake(d, 1);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[1].n_got, before + 22);
	for (n = 100; n < 122; n++)
		ck_assert_int_eq(duo_heard(d, 1, n), 1);
	for (i = before; i < d->end[1].n_got; i++) {
		if (_i == 1 && d->end[1].got[i].data[7] == 100)
			continue; /* its copy is where it came */
		ck_assert_int_gt(d->end[1].got[i].data[7], last);
		last = d->end[1].got[i].data[7];
	}
	ck_assert_uint_eq(duo_count(d, 1, MP_C_copy_in), (unsigned)_i);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_copy_seen), 5);
	duo_free(d);
}
END_TEST

/* Its session ends before the program reads: what the agent took is given. */
START_TEST(copy_outlives_session)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n;

	duo_up(d);
	d->end[1].asleep = true;
	duo_cut(d, 0, 0, true);
	for (n = 100; n < 110; n++) {
		ck_assert_int_eq(duo_say(d, 0, n), 0);
		duo_run(d, d->now + 4 * MS);
	}
	duo_run(d, d->now + SEC);
	mp_slot_close(&d->end[0].mp, d->now, 0);
	duo_run(d, d->now + 200 * SEC);
	ck_assert_int_eq(duo_sessions(d, 1), 0);
	duo_wake(d, 1);
	for (n = 100; n < 110; n++)
		ck_assert_int_eq(duo_heard(d, 1, n), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_recv(void)
{
	Suite *suite = suite_create("recv");
	TCase *t = tcase_create("recv");

	tcase_add_loop_test(t, drop, 0, COUNT(drops));
	tcase_add_loop_test(t, wrong, 0, COUNT(wrongs));
	tcase_add_test(t, too_long);
	tcase_add_test(t, old);
	tcase_add_test(t, unknown_flow);
	tcase_add_test(t, stale);
	tcase_add_test(t, late);
	tcase_add_test(t, two_marks);
	tcase_add_loop_test(t, sample, 0, COUNT(samples));
	tcase_add_test(t, one_way);
	tcase_add_test(t, delayed_ack);
	tcase_add_loop_test(t, late_flood, 0, 9);
	tcase_add_test(t, no_ack);
	tcase_add_test(t, asleep);
	tcase_add_test(t, rebind);
	tcase_add_test(t, rebind_false);
	tcase_add_test(t, rebind_replay);
	tcase_add_test(t, rebind_damped);
	tcase_add_loop_test(t, said_stays, 0, 3);
	tcase_add_test(t, former_key);
	tcase_add_test(t, confirmed_meanwhile);
	tcase_add_test(t, peek);
	tcase_add_test(t, peek_first);
	tcase_add_loop_test(t, copies_before_originals, 0, 2);
	tcase_add_test(t, copy_outlives_session);
	suite_add_tcase(suite, t);
	return suite;
}
