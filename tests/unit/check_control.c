/* SPDX-License-Identifier: ISC */
/* core/control.c: what each kind of control packet does. */
#include <check.h>
#include <string.h>

#include "addr.h"
#include "duo.h"
#include "mp.h"
#include "probe.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* End e gets a packet that the other end could have sent on that flow. */
static enum mp_verdict
give(struct duo *d, int e, struct flow *f, uint64_t seq, struct wire_msg msg,
    const void *body, size_t len)
{
	uint8_t packet[1000];

	msg.tsreply = WIRE_TS_NONE;
	len = duo_make(d, !e, f->id, seq, &msg, body, len, packet);
	return duo_inject(d, e, &f->path, packet, len);
}

static struct wire_msg
flags(uint16_t f)
{
	return (struct wire_msg) { .flags = f };
}

/* --- PROBE ---------------------------------------------------------------- */

/* The last packet of an end with certain flags, opened. */
static struct {
	int n, from_addr, to_addr;
	struct wire_ad ad;
	struct wire_msg msg;
	size_t len;
	uint8_t body[2000];
	int want; /* which end */
	uint16_t mask, value; /* flags that are compared */
} last;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;
	uint8_t body[2000];

	(void)arg;
	if (p->from != last.want || p->len > sizeof(body) ||
	    !duo_peek(d, p, &ad, &msg, body) ||
	    (msg.flags & last.mask) != last.value)
		return DUO_PASS;
	last.n++;
	last.ad = ad;
	last.msg = msg;
	last.len = p->len;
	last.from_addr = p->from_addr;
	last.to_addr = p->to_addr;
	memcpy(last.body, body, sizeof(body));
	return DUO_PASS;
}

static struct duo *
watched(int n, int m, int side, uint16_t mask, uint16_t value)
{
	struct duo *d = duo_new(n, m);

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	memset(&last, 0, sizeof(last));
	last.want = side;
	last.mask = mask;
	last.value = value;
	d->tap = watch;
	return d;
}

/* A probe is answered at once, on its flow, with its token. */
START_TEST(probe)
{
	struct duo *d = watched(2, 2, 1, WIRE_PROBE | WIRE_REPLY,
	    WIRE_PROBE | WIRE_REPLY);
	struct wire_msg msg = flags(WIRE_PROBE | WIRE_CHALLENGE);
	struct flow *f = duo_flow(d, 1, 1, 1);

	memcpy(msg.challenge, "12345678", 8);
	ck_assert_int_eq(give(d, 1, f, 1000, msg, NULL, 0), MP_CONTROL);
	duo_run(d, d->now);
	ck_assert_int_eq(last.n, 1);
	ck_assert_uint_eq(last.ad.flow, f->id);
	ck_assert(last.ad.control);
	ck_assert_int_eq(last.from_addr, 1);
	ck_assert_int_eq(last.to_addr, 1);
	ck_assert(last.msg.flags & WIRE_RESPONSE);
	ck_assert_mem_eq(last.msg.response, "12345678", 8);
	ck_assert_uint_eq(last.msg.tsreply, 0); /* the timestamp of the probe */
	ck_assert_int_eq(give(d, 1, f, 1001, flags(WIRE_PROBE), NULL, 0),
	    MP_CONTROL);
	duo_run(d, d->now);
	ck_assert_int_eq(last.n, 2);
	/* It tells of 1000 packets that did not come, too. */
	ck_assert_uint_eq(last.msg.flags, WIRE_PROBE | WIRE_REPLY |
	    WIRE_COUNT);
	ck_assert_uint_eq(last.len, 34 + 8); /* PROTOCOL 1 */
	duo_free(d);
}
END_TEST

/* Nothing with REPLY or RESPONSE wants an answer. */
static const uint16_t answers[] = {
	WIRE_PROBE | WIRE_REPLY,
	WIRE_PROBE | WIRE_RESPONSE,
	WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE,
	WIRE_PROBE | WIRE_REPLY | WIRE_CHALLENGE,
	WIRE_ADDR | WIRE_REPLY,
};

START_TEST(no_answer)
{
	struct duo *d = watched(1, 1, 1, 0, 0);

	ck_assert_int_eq(give(d, 1, duo_flow(d, 1, 0, 0), 1000,
	    flags(answers[_i]), NULL, 0), MP_CONTROL);
	duo_run(d, d->now + 10 * MS);
	ck_assert_int_eq(last.n, 0);
	duo_free(d);
}
END_TEST

/* A response validates only with the right token, on the path on which the
 * challenge was sent. */
static const struct response_row {
	const char *name;
	int flip; /* byte of the token to change, or -1 */
	bool other_remote, other_local, validates;
} responses[] = {
	{ "right", -1, false, false, true },
	{ "wrong first byte", 0, false, false, false },
	{ "wrong last byte", 7, false, false, false },
	{ "from another address", -1, true, false, false },
	{ "to another address", -1, false, true, false },
};

START_TEST(response)
{
	const struct response_row *r = &responses[_i];
	struct duo *d = duo_new(2, 2);
	struct wire_msg msg = flags(WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE);
	struct flow *f;
	uint8_t packet[100];
	struct mp_path path;
	size_t len;

	duo_up(d);
	f = duo_flow(d, 1, 1, 1);
	f->validated = false;
	memcpy(msg.response, f->challenge, 8);
	if (r->flip >= 0)
		msg.response[r->flip] ^= 1;
	path = f->path;
	if (r->other_remote)
		path.remote = duo_ip4(10, 9, 9, 9, 9);
	if (r->other_local)
		path.local = duo_addr(d, 1, 0);
	msg.tsreply = WIRE_TS_NONE;
	len = duo_make(d, 0, f->id, 1000, &msg, NULL, 0, packet);
	f->mark[1] = 2000; /* late: no question about the other address */
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_CONTROL);
	ck_assert_msg(f->validated == r->validates, "%s", r->name);
	duo_free(d);
}
END_TEST

/* A padded probe that was never sent proves no size. */
START_TEST(response_size)
{
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = flags(WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE);
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 0, 0, 0);
	memcpy(msg.response, f->size_token, 8);
	msg.response[7] ^= 3;
	ck_assert_int_eq(give(d, 0, f, 1000, msg, NULL, 0), MP_CONTROL);
	ck_assert_uint_eq(f->size, MP_SIZE_MIN);
	probe_size_want(f, 1500, 1472, d->now);
	msg.response[7] ^= 0x40; /* no such rung */
	ck_assert_int_eq(give(d, 0, f, 1001, msg, NULL, 0), MP_CONTROL);
	ck_assert_uint_eq(f->size, MP_SIZE_MIN);
	msg.response[7] ^= 0x40;
	f->size_sent = 7; /* that rung did not go out yet */
	ck_assert_int_eq(give(d, 0, f, 1002, msg, NULL, 0), MP_CONTROL);
	ck_assert_uint_eq(f->size, MP_SIZE_MIN);
	f->size_sent = 15;
	ck_assert_int_eq(give(d, 0, f, 1003, msg, NULL, 0), MP_CONTROL);
	ck_assert_uint_eq(f->size, 1472);
	duo_free(d);
}
END_TEST

/* The responder follows a SELECT in order with the highest number so far. */
START_TEST(follow)
{
	struct duo *d = duo_new(2, 2);
	struct wire_msg msg = flags(WIRE_PROBE | WIRE_SELECT);
	struct flow *a, *b;

	duo_up(d);
	a = duo_flow(d, 1, 0, 0);
	b = duo_flow(d, 1, 1, 1);
	ck_assert_ptr_eq(duo_current(d, 1), a);
	msg.select = duo_session(d, 1)->choice;
	ck_assert_int_eq(give(d, 1, b, 1000, msg, NULL, 0), MP_CONTROL);
	ck_assert_ptr_eq(duo_current(d, 1), a);
	msg.select++;
	ck_assert_int_eq(give(d, 1, b, 999, msg, NULL, 0), MP_CONTROL);
	ck_assert_ptr_eq(duo_current(d, 1), a); /* late */
	ck_assert_int_eq(give(d, 1, b, 1001, msg, NULL, 0), MP_CONTROL);
	ck_assert_ptr_eq(duo_current(d, 1), b);
	/* probes and data move nothing */
	ck_assert_int_eq(give(d, 1, a, 1000, flags(WIRE_PROBE), NULL, 0),
	    MP_CONTROL);
	ck_assert_int_eq(give(d, 1, a, 1001, flags(0), "x", 1), MP_DELIVER);
	ck_assert_ptr_eq(duo_current(d, 1), b);
	duo_free(d);
}
END_TEST

/* --- ADDR ----------------------------------------------------------------- */

/* A request is answered with the list; a late one is not answered. */
START_TEST(request)
{
	struct duo *d = watched(1, 3, 1, WIRE_ADDR, WIRE_ADDR);
	struct flow *f = duo_flow(d, 1, 0, 0);
	struct mp_addr a;
	uint64_t sent;
	size_t off;
	int n;

	ck_assert_int_eq(give(d, 1, f, 1000, flags(WIRE_ADDR), NULL, 0),
	    MP_CONTROL);
	duo_run(d, d->now);
	ck_assert_int_eq(last.n, 1);
	ck_assert_uint_eq(last.msg.flags, WIRE_ADDR | WIRE_REPLY);
	ck_assert_uint_eq(last.ad.flow, f->id);
	off = last.msg.off;
	for (n = 0; wire_get_addr(last.body, last.msg.off + last.msg.len,
	    &off, &a) == 1; n++) {
		ck_assert_uint_eq(a.ip[15], n + 1);
		ck_assert_uint_eq(a.port, DUO_PORT + 1);
	}
	ck_assert_int_eq(n, 3);
	sent = d->sent[1];
	ck_assert_int_eq(give(d, 1, f, 999, flags(WIRE_ADDR), NULL, 0),
	    MP_DROPPED);
	ck_assert_int_eq(give(d, 1, f, 1000, flags(WIRE_ADDR), NULL, 0),
	    MP_DROPPED);
	duo_run(d, d->now);
	ck_assert_uint_eq(d->sent[1], sent);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_addr_late), 1);
	duo_free(d);
}
END_TEST

/* What a list may hold: one bad entry leaves the others valid. */
static const struct list_row {
	const char *name;
	uint8_t bytes[20];
	size_t len;
	int used; /* remote addresses that are tried then */
	int counted;
} lists[] = {
	{ "IPv4", { 7, 4, 1, 2, 10, 1, 0, 50 }, 8, 1, 0 },
	{ "loopback", { 7, 4, 1, 2, 127, 0, 0, 1 }, 8, 0, 1 },
	{ "multicast", { 7, 4, 1, 2, 224, 0, 0, 1 }, 8, 0, 1 },
	{ "broadcast", { 7, 4, 1, 2, 255, 255, 255, 255 }, 8, 0, 1 },
	{ "unspecified", { 7, 4, 1, 2, 0, 0, 0, 0 }, 8, 0, 1 },
	{ "port 0", { 7, 4, 0, 0, 10, 1, 0, 50 }, 8, 0, 1 },
	{ "unknown family", { 7, 5, 1, 2, 10, 1, 0, 50 }, 8, 0, 1 },
	{ "wrong length", { 8, 4, 1, 2, 10, 1, 0, 50, 0 }, 9, 0, 1 },
	{ "our own", { 7, 4, 1, 2, 10, 0, 0, 1 }, 8, 0, 1 },
	{ "the one that is shown", { 7, 4, 0x13, 0x89, 10, 1, 0, 1 }, 8, 0,
	    1 },
};

START_TEST(list)
{
	const struct list_row *r = &lists[_i];
	struct duo *d = duo_new(1, 1);
	uint8_t body[40];
	uint64_t before;
	uint32_t flows;

	duo_up(d);
	flows = duo_session(d, 0)->live_flows;
	before = duo_count(d, 0, MP_C_drop_addr);
	memcpy(body, r->bytes, r->len);
	memcpy(body + r->len, (uint8_t[]) { 7, 4, 1, 2, 10, 1, 0, 77 }, 8);
	ck_assert_int_eq(give(d, 0, duo_flow(d, 0, 0, 0), 1000,
	    flags(WIRE_ADDR | WIRE_REPLY), body, r->len + 8), MP_CONTROL);
	ck_assert_msg(duo_session(d, 0)->live_flows == flows + 1 +
	    (uint32_t)r->used, "%s: %u", r->name,
	    duo_session(d, 0)->live_flows);
	ck_assert_msg(duo_count(d, 0, MP_C_drop_addr) == before +
	    (uint64_t)r->counted, "%s: counted", r->name);
	ck_assert_int_eq(duo_flow(d, 0, 0, 0)->gone, false);
	duo_free(d);
}
END_TEST

/* A late list, or a list to the responder, changes nothing. */
START_TEST(list_late)
{
	static const uint8_t one[] = { 7, 4, 1, 2, 10, 1, 0, 77 };
	struct duo *d = duo_new(1, 1);
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 0, 0, 0);
	ck_assert_int_eq(give(d, 0, f, 1000, flags(WIRE_ADDR | WIRE_REPLY),
	    NULL, 0), MP_CONTROL);
	ck_assert_int_eq(give(d, 0, f, 999, flags(WIRE_ADDR | WIRE_REPLY),
	    one, sizeof(one)), MP_DROPPED);
	ck_assert_uint_eq(duo_session(d, 0)->live_flows, 1);
	ck_assert_int_eq(give(d, 1, duo_flow(d, 1, 0, 0), 1000,
	    flags(WIRE_ADDR | WIRE_REPLY), one, sizeof(one)), MP_CONTROL);
	ck_assert_uint_eq(duo_session(d, 1)->live_flows, 1);
	duo_free(d);
}
END_TEST

/* Of more than 16 addresses the first 16 count (PROTOCOL.md 1). */
START_TEST(list_long)
{
	struct duo *d = duo_new(1, 1);
	uint8_t body[20 * 8];

	duo_up(d);
	for (int i = 0; i < 20; i++)
		memcpy(body + 8 * i, (uint8_t[]) { 7, 4, 1, 2, 10, 1, 0,
		    (uint8_t)(50 + i) }, 8);
	ck_assert_int_eq(give(d, 0, duo_flow(d, 0, 0, 0), 1000,
	    flags(WIRE_ADDR | WIRE_REPLY), body, sizeof(body)), MP_CONTROL);
	ck_assert_uint_eq(duo_session(d, 0)->live_flows, 17);
	duo_free(d);
}
END_TEST

/* A list in two messages: all of it counts; one of which the first message was
 * lost is asked for again. */
START_TEST(list_parts)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	uint8_t body[3 + 16 * 8];
	struct flow *f;

	duo_up(d);
	s = duo_session(d, 0);
	f = duo_flow(d, 0, 0, 0);
	s->addr_at = d->now + SEC;
	for (int part = _i; part < 2; part++) {
		memcpy(body, (uint8_t[]) { 2, 0, part == 0 ? 1 : 2 }, 3);
		for (int i = 0; i < 16; i++)
			memcpy(body + 3 + 8 * i, (uint8_t[]) { 7, 4, 1, 2, 10,
			    1, 0, (uint8_t)(50 + 16 * part + i) }, 8);
		ck_assert_int_eq(give(d, 0, f, 1000 + (uint64_t)part,
		    flags(WIRE_ADDR | WIRE_REPLY), body, sizeof(body)),
		    MP_CONTROL);
		ck_assert_uint_eq(s->live_flows, 17 + 16 * (part - _i));
		ck_assert_uint_eq(s->addr_at > d->now + SEC, part == 1 &&
		    _i == 0);
	}
	/* one in one message replaces it; no pair ends by that */
	ck_assert_int_eq(give(d, 0, f, 1002, flags(WIRE_ADDR | WIRE_REPLY),
	    body + 3, 8), MP_CONTROL);
	ck_assert_uint_eq(s->told_n, 1);
	ck_assert_uint_eq(s->live_flows, _i == 0 ? 33 : 17);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_addr), 1); /* in duo_up() */
	duo_free(d);
}
END_TEST

/* --- CLOSE ---------------------------------------------------------------- */

START_TEST(close)
{
	struct duo *d = duo_new(1, 1);
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	ck_assert_int_eq(give(d, 1, f, 1000, flags(WIRE_PROBE), NULL, 0),
	    MP_CONTROL);
	(void)give(d, 1, f, 999, flags(WIRE_CLOSE), NULL, 0); /* late */
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_UP);
	ck_assert_int_eq(give(d, 1, f, 1001, flags(WIRE_CLOSE), NULL, 0),
	    MP_CONTROL);
	ck_assert_ptr_null(duo_session(d, 1));
	duo_free(d);
}
END_TEST

/* The initiator keeps the association, and looks for the peer again while its
 * program is active. */
START_TEST(close_initiator)
{
	struct duo *d = duo_new(1, 1);
	uint64_t idle = _i == 0 ? 0 : 20 * SEC;

	duo_up(d);
	duo_run(d, d->now + idle);
	ck_assert_int_eq(give(d, 0, duo_flow(d, 0, 0, 0), 1000,
	    flags(WIRE_CLOSE), NULL, 0), MP_CONTROL);
	ck_assert_int_eq(duo_session(d, 0)->state, _i == 0 ?
	    MP_S_CONNECTING : MP_S_DOWN);
	/* The key receives for a minute more, and sends no longer. */
	ck_assert(duo_session(d, 0)->keys[0].live);
	ck_assert_mem_eq(duo_session(d, 0)->keys[0].tx, (uint8_t[32]) { 0 },
	    32);
	ck_assert_int_eq(duo_say(d, 0, 2), 0); /* the session goes on then */
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_UP);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	duo_free(d);
}
END_TEST

/* The peer said that its socket is gone, and the program answers it all the
 * same.  Another socket that has the port later does not get that, as it would
 * not without us; what is sent shortly before it comes, and then, arrives. */
START_TEST(close_answered)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	mp_slot_close(&d->end[0].mp, d->now, 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(duo_sessions(d, 1), 0);
	d->end[0].off = true;
	ck_assert_int_eq(duo_say(d, 1, 101), 0);
	duo_run(d, d->now + (_i == 0 ? 5 * SEC : 250 * MS));
	ck_assert_int_eq(duo_say(d, 1, 103), 0);
	duo_restart(d, 0);
	d->end[0].off = false;
	duo_tell(d, 0);
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_eq(duo_say(d, 1, 105), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, 0, 101), 0);
	ck_assert_int_eq(duo_heard(d, 0, 103), 1);
	ck_assert_int_eq(duo_say(d, 1, 107), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 0, 107), 1);
	duo_free(d);
}
END_TEST

/* --- COPY ----------------------------------------------------------------- */

static struct wire_msg
copy_of(struct duo *d, int from, uint16_t flow, uint64_t seq)
{
	struct wire_msg msg = flags(WIRE_COPYFLAG);

	msg.copy = (struct wire_ad) { .sid =
	    state_keys(duo_session(d, from))->sid_out, .dir = from == 1,
	    .flow = flow, .seq = seq };
	return msg;
}

/* Of a datagram and its COPY the first to arrive is delivered, the other
 * dropped. */
START_TEST(copy)
{
	struct duo *d = duo_new(2, 2);
	struct flow *a, *b;

	duo_up(d);
	a = duo_flow(d, 1, 0, 0);
	b = duo_flow(d, 1, 1, 1);
	ck_assert_int_eq(give(d, 1, b, 1000, copy_of(d, 0, a->id, 1000),
	    "x", 1), MP_DELIVER);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_copy_in), 1);
	ck_assert_int_ne(give(d, 1, a, 1000, flags(0), "x", 1), MP_DELIVER);
	ck_assert_int_eq(give(d, 1, b, 1001, copy_of(d, 0, a->id, 1000),
	    "x", 1), MP_CONTROL);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_copy_seen), 1);
	ck_assert_int_eq(give(d, 1, a, 1002, flags(0), "y", 1), MP_DELIVER);
	ck_assert_int_eq(give(d, 1, b, 1002, copy_of(d, 0, a->id, 1002),
	    "y", 1), MP_CONTROL);
	ck_assert_ptr_eq(duo_current(d, 1), a); /* a COPY never moves data */
	ck_assert_uint_eq(d->end[1].n_got, 1 + 2);
	duo_free(d);
}
END_TEST

/* COPYs that name an impossible packet. */
static void
no_sid(struct wire_msg *m)
{
	m->copy.sid ^= 2;
}

static void
no_dir(struct wire_msg *m)
{
	m->copy.dir = !m->copy.dir;
}

static void
no_control(struct wire_msg *m)
{
	m->copy.control = true;
}

static void
no_seq(struct wire_msg *m)
{
	m->copy.seq = 0;
}

static void
high_seq(struct wire_msg *m)
{
	m->copy.seq = UINT64_C(1) << 32;
}

static void
no_flow(struct wire_msg *m)
{
	m->copy.flow = 64;
}

static void (*const bads[])(struct wire_msg *) = { no_sid, no_dir, no_control,
	no_seq, high_seq, no_flow };

START_TEST(copy_bad)
{
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg;

	for (int e = 0; e < 2; e++) {
		if (e == 0)
			duo_up(d);
		msg = copy_of(d, !e, 0, 1000);
		bads[_i](&msg);
		ck_assert_int_eq(give(d, e, duo_flow(d, e, 0, 0), 1000, msg,
		    "x", 1), MP_DROPPED);
		ck_assert_uint_eq(duo_count(d, e, MP_C_drop_copy_bad), 1);
	}
	ck_assert_uint_eq(d->end[0].n_got, 0);
	ck_assert_uint_eq(d->end[1].n_got, 1);
	duo_free(d);
}
END_TEST

/* A COPY of the first packet of a flow that the responder does not know yet is
 * as good as the packet.  The initiator knows all flows. */
START_TEST(copy_new_flow)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	ck_assert_int_eq(give(d, 1, duo_flow(d, 1, 0, 0), 1000, copy_of(d, 0,
	    9, 1), "x", 1), MP_DELIVER);
	ck_assert_int_eq(give(d, 1, duo_flow(d, 1, 0, 0), 1001, copy_of(d, 0,
	    9, 1), "x", 1), MP_CONTROL);
	ck_assert_int_eq(give(d, 0, duo_flow(d, 0, 0, 0), 1000, copy_of(d, 1,
	    9, 1), "x", 1), MP_DROPPED);
	duo_free(d);
}
END_TEST

/* --- The peer answers from another address
 * --------------------------------- */

/* The peer moved to another address of its own: estimates begin anew. */
START_TEST(moved_address)
{
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = flags(WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE);
	struct mp_path to;
	struct flow *f;
	uint8_t packet[100];
	size_t len;

	duo_up(d);
	f = duo_flow(d, 1, 0, 0);
	to = f->path;
	to.remote = duo_ip4(10, 0, 0, 66, 66);
	msg.tsreply = WIRE_TS_NONE;
	len = duo_make(d, 0, f->id, 1000, &msg, NULL, 0, packet);
	ck_assert_int_eq(duo_inject(d, 1, &to, packet, len), MP_CONTROL);
	ck_assert_uint_ne(f->alt_at, MP_NEVER);
	f->size = 1400;
	memcpy(msg.response, f->alt_challenge, 8);
	/* a response from the old address counts for nothing */
	len = duo_make(d, 0, f->id, 1001, &msg, NULL, 0, packet);
	ck_assert_int_eq(duo_inject(d, 1, &f->path, packet, len),
	    MP_CONTROL);
	ck_assert_uint_ne(f->alt_at, MP_NEVER);
	len = duo_make(d, 0, f->id, 1002, &msg, NULL, 0, packet);
	ck_assert_int_eq(duo_inject(d, 1, &to, packet, len), MP_CONTROL);
	ck_assert_uint_eq(f->alt_at, MP_NEVER);
	ck_assert(addr_equal(&f->path.remote, &to.remote));
	ck_assert_uint_eq(f->size, MP_SIZE_MIN);
	ck_assert(f->validated);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_rebind), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_control(void)
{
	Suite *suite = suite_create("control");
	TCase *t = tcase_create("control");

	tcase_add_test(t, probe);
	tcase_add_loop_test(t, no_answer, 0, COUNT(answers));
	tcase_add_loop_test(t, response, 0, COUNT(responses));
	tcase_add_test(t, response_size);
	tcase_add_test(t, follow);
	tcase_add_test(t, request);
	tcase_add_loop_test(t, list, 0, COUNT(lists));
	tcase_add_test(t, list_late);
	tcase_add_test(t, list_long);
	tcase_add_loop_test(t, list_parts, 0, 2);
	tcase_add_test(t, close);
	tcase_add_loop_test(t, close_initiator, 0, 2);
	tcase_add_loop_test(t, close_answered, 0, 2);
	tcase_add_test(t, copy);
	tcase_add_loop_test(t, copy_bad, 0, COUNT(bads));
	tcase_add_test(t, copy_new_flow);
	tcase_add_test(t, moved_address);
	suite_add_tcase(suite, t);
	return suite;
}
