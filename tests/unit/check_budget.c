/* SPDX-License-Identifier: ISC */
/* core/budget.c: whatever a peer says, what others get of us is bounded by what
 * the peer sent (PROTOCOL.md 4). */
#include <string.h>

#include "addr.h"
#include "budget.h"
#include "duo.h"
#include "flow.h"
#include "hostile.h"
#include "mp.h"
#include "path.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { HEADERS = 28 };

/* A list of n addresses that nobody has, of 10.9.0.0/16, from `first' on. */
static size_t
strangers(uint8_t *body, uint32_t first, uint32_t n)
{
	struct mp_addr a;
	size_t len = 0;
	uint32_t i;

	for (i = first; i < first + n; i++) {
		a = duo_ip4(10, 9, (uint8_t)(i >> 8), (uint8_t)i, 7777);
		len += wire_put_addr(body + len, &a);
	}
	return len;
}

/* What end `from' sends as a peer that lies; bytes with headers. */
static size_t
lie(struct duo *d, int from, uint16_t flow, uint16_t flags, const void *body,
    size_t len)
{
	struct session *s = duo_session(d, from);
	struct flow *f = state_flow(&d->end[from].mp, s, flow);
	struct wire_msg msg = { .flags = flags, .tsreply = WIRE_TS_NONE };
	uint8_t packet[2048];
	struct mp_path path = duo_path(d, !from, 0, from, 0);
	size_t n = duo_make(d, from, flow, ++f->tx_seq, &msg, body, len,
	    packet);

	duo_inject(d, !from, &path, packet, n);
	return n + HEADERS;
}

static size_t
tell(struct duo *d, uint32_t first, uint32_t n)
{
	uint8_t body[WIRE_LIST_MAX * WIRE_IP6];
	size_t len = strangers(body, first, n);

	return lie(d, SERVER, 0, WIRE_ADDR | WIRE_REPLY, body, len);
}

/* Bytes that the client got from its peer so far, with headers. */
static uint64_t
came(const struct duo *d)
{
	return duo_session(d, CLIENT)->came;
}

/* New lists again and again, with and without an honest program: what strangers
 * get is bounded by what came. */
START_TEST(lists)
{
	struct duo *d = duo_new(2, 1);
	uint32_t i, n = 2;

	duo_up(d);
	for (i = 0; i < 300; i++) {
		tell(d, 16 * i, 16);
		if (_i == 0)
			duo_run(d, d->now + 100 * MS);
		else
			duo_chat(d, d->now + 100 * MS, 20 * MS, &n);
	}
	ck_assert_uint_gt(d->strays[CLIENT], 30); /* it does try them */
	ck_assert_uint_le(d->stray_bytes[CLIENT], 3 * came(d));
	duo_free(d);
}
END_TEST

/* One list, and silence: few probes in the first minutes, though the program
 * goes on to send for an hour, and INIT goes to all that may have the peer. */
START_TEST(one_list)
{
	struct duo *d = duo_new(1, 1);
	uint64_t before, sent;
	int i;

	duo_up(d);
	tell(d, 0, 16);
	sent = came(d);
	d->end[SERVER].off = true;
	for (i = 0; i < 3600; i++) {
		(void)duo_say(d, CLIENT, 2 + 2 * (uint32_t)i);
		duo_run(d, d->now + SEC);
	}
	before = d->stray_bytes[CLIENT];
	ck_assert_uint_gt(before, 0);
	ck_assert_uint_le(before, 3 * sent);
	duo_free(d);
}
END_TEST

/* CLOSE again and again: INIT goes to the address that the program named, and
 * seldom to those that were told. */
START_TEST(closes)
{
	struct duo *d = duo_new(1, 1);
	uint64_t until, inits = duo_count(d, CLIENT, MP_C_handshake_done);
	uint64_t bytes = 0;

	duo_up(d);
	until = d->now + 30 * SEC;
	while (d->now < until) {
		(void)duo_say(d, CLIENT, 2);
		duo_run(d, d->now + 50 * MS);
		if (duo_session(d, CLIENT)->state != MP_S_UP ||
		    duo_session(d, SERVER) == NULL ||
		    duo_session(d, SERVER)->state != MP_S_UP)
			continue;
		tell(d, 0, 16);
		duo_run(d, d->now + 50 * MS);
		bytes = came(d);
		lie(d, SERVER, 0, WIRE_CLOSE, NULL, 0);
	}
	inits = duo_count(d, CLIENT, MP_C_handshake_done) - inits;
	ck_assert_uint_ge(inits, 4);
	ck_assert_uint_le(inits, 8);
	ck_assert_uint_le(d->stray_bytes[CLIENT], 3 * bytes);
	duo_free(d);
}
END_TEST

/* Addresses that answered are free: of an honest peer with many, all are found
 * at once, and the budget is hardly touched afterwards. */
START_TEST(honest)
{
	struct duo *d = duo_new(2, 4);
	struct session *s;
	uint64_t strayed;
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	s = duo_session(d, CLIENT);
	ck_assert_uint_eq(s->live_flows, 8);
	ck_assert_uint_eq(s->told_answered, 7);
	strayed = s->strayed;
	ck_assert_uint_gt(strayed, 0);
	/* the client moves: all pairs are new, no address is */
	duo_addr_del(d, CLIENT, 0);
	duo_addr_del(d, CLIENT, 1);
	duo_run(d, d->now + 50 * MS);
	duo_addr_add(d, CLIENT, 1);
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	ck_assert_uint_eq(s->told_answered, 7);
	ck_assert_uint_eq(s->strayed, strayed);
	duo_free(d);
}
END_TEST

/* A list in another order, with one address gone: who answered is known. */
START_TEST(list_again)
{
	static const uint8_t order[] = { 3, 1, 9 };
	struct duo *d = duo_new(1, 4);
	struct session *s;
	struct mp_addr a;
	uint8_t body[3 * WIRE_IP4];
	uint32_t i;

	duo_up(d);
	s = duo_session(d, CLIENT);
	ck_assert_uint_eq(s->told_answered, 7);
	for (i = 0; i < 3; i++) {
		a = duo_ip4(10, 1, 0, (uint8_t)(order[i] + 1), DUO_PORT + 1);
		wire_put_addr(body + i * WIRE_IP4, &a);
	}
	lie(d, SERVER, 0, WIRE_ADDR | WIRE_REPLY, body, sizeof(body));
	ck_assert_uint_eq(s->told_n, 3);
	ck_assert_uint_eq(s->told_answered & 7, 3);
	duo_free(d);
}
END_TEST

/* A stranger's address is never in use because the peer's packets bear the id of
 * its flow, or RESP seems to come from there. */
START_TEST(borrowed_flow)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct flow *f;
	uint64_t strays;
	int i;

	duo_up(d);
	tell(d, 0, 1);
	duo_run(d, d->now + 5 * SEC);
	s = duo_session(d, CLIENT);
	f = state_flow(&d->end[CLIENT].mp, s, 1);
	ck_assert_ptr_nonnull(f);
	ck_assert(!f->validated);
	strays = d->strays[CLIENT];
	for (i = 0; i < 200; i++) {
		struct wire_msg msg = { .flags = WIRE_PROBE,
			.ts = (uint16_t)(d->now / WIRE_TS_US),
			.tsreply = (uint16_t)(d->now / WIRE_TS_US) };
		uint8_t packet[128];
		struct mp_path path = duo_path(d, CLIENT, 0, SERVER, 0);
		size_t n = duo_make(d, SERVER, 1, 1000 + (uint64_t)i, &msg,
		    NULL, 0, packet);

		duo_inject(d, CLIENT, &path, packet, n);
		duo_run(d, d->now + 20 * MS);
	}
	ck_assert_uint_eq(f->answer_at, 0);
	ck_assert(!f->validated);
	ck_assert_uint_le(d->stray_bytes[CLIENT], 3 * came(d));
	ck_assert_uint_le(d->strays[CLIENT], strays + 202);
	duo_free(d);
}
END_TEST

/* RESP from an address that was told, but never answered: it is challenged
 * before any datagram goes there. */
static enum duo_verdict
resp_from_stranger(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;

	(void)d;
	(void)arg;
	if (p->from == SERVER && wire_get_handshake(p->data, p->len, &h) &&
	    h.type == WIRE_T_RESP)
		p->path.remote = duo_ip4(10, 9, 0, 0, 7777);
	return DUO_PASS;
}

START_TEST(resp_elsewhere)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct flow *f;
	uint32_t i;

	duo_up(d);
	tell(d, 0, 1);
	duo_run(d, d->now + 5 * SEC);
	s = duo_session(d, CLIENT);
	d->tap = resp_from_stranger;
	duo_restart(d, SERVER);
	for (i = 2; i < 200; i += 2) {
		(void)duo_say(d, CLIENT, i);
		duo_run(d, d->now + 50 * MS);
	}
	f = state_flow(&d->end[CLIENT].mp, s, 1);
	ck_assert(addr_equal(&f->path.remote, &(struct mp_addr[]) {
	    duo_ip4(10, 9, 0, 0, 7777) }[0]));
	ck_assert(!f->proven_once);
	ck_assert_uint_eq(f->tx_bytes > 4000, 0);
	duo_free(d);
}
END_TEST

/* An INIT with the responder's bit for an association that is not known: no
 * session comes of it. */
START_TEST(responder_bit)
{
	struct duo *d = duo_new(1, 1);
	struct mp *client = &d->end[CLIENT].mp;
	struct session *s;
	struct flow *f;

	/* The client's end lies: its session is one of a responder. */
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	s = duo_session(d, CLIENT);
	s->initiator = false;
	client->sh->initiators = 0;
	STATE_FLOWS(client, s, f, id)
		f->proven_once = true;
	duo_run(d, d->now + 500 * MS);
	ck_assert_int_eq(duo_sessions(d, SERVER), 0);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_handshake_role), 1);
	duo_free(d);
}
END_TEST

/* --- A private address ---------------------------------------------------- */

static const struct {
	uint8_t peer[2]; /* the first bytes of the address that is known */
	bool allowed;	 /* tell-private */
	uint32_t taken;	 /* of 10.9.0.1 and 8.8.8.8 */
} scopes[] = {
	{ { 10, 1 }, false, 2 }, /* private: both */
	{ { 9, 9 }, false, 1 },	 /* public: the public one */
	{ { 9, 9 }, true, 2 },
};

START_TEST(told_private)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct flow *f;
	struct mp_addr a[] = { duo_ip4(10, 9, 0, 1, 7777),
		duo_ip4(8, 8, 8, 8, 7777) };
	uint8_t body[2 * WIRE_IP4];

	duo_up(d);
	s = duo_session(d, CLIENT);
	memcpy(s->shown.ip + 12, scopes[_i].peer, 2);
	STATE_FLOWS(&d->end[CLIENT].mp, s, f, id)
		memcpy(f->path.remote.ip + 12, scopes[_i].peer, 2);
	d->end[CLIENT].mp.sh->tell_private = scopes[_i].allowed;
	wire_put_addr(body, &a[0]);
	wire_put_addr(body + WIRE_IP4, &a[1]);
	lie(d, SERVER, 0, WIRE_ADDR | WIRE_REPLY, body, sizeof(body));
	ck_assert_uint_eq(s->told_n, scopes[_i].taken);
	duo_free(d);
}
END_TEST

/* --- Where the peer may have moved ---------------------------------------- */

/* A packet of `from' with the next number of flow 0, which seems to come from
 * that port; its bytes with headers. */
static size_t
from_port(struct duo *d, int from, uint16_t port)
{
	struct wire_msg msg = { .flags = WIRE_PROBE,
		.tsreply = WIRE_TS_NONE };
	struct mp_path path = duo_path(d, !from, 0, from, 0);
	uint8_t packet[128];
	struct flow *f = state_flow(&d->end[from].mp, duo_session(d, from), 0);
	size_t n = duo_make(d, from, 0, ++f->tx_seq, &msg, NULL, 0, packet);

	path.remote.port = port;
	duo_inject(d, !from, &path, packet, n);
	return n + HEADERS;
}

/* What comes from where the peer may have moved lets nothing go to the flow's
 * own address, which may be a third party's, nor the other way round. */
START_TEST(two_addresses)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[SERVER].mp;
	struct session *s;
	struct flow *f;
	size_t own, alt;

	duo_up(d);
	s = duo_session(d, SERVER);
	f = duo_flow(d, SERVER, 0, 0);
	f->unproven = true; /* as after INIT from two addresses */
	f->in_bytes = 100;
	f->out_bytes = 0;
	alt = from_port(d, CLIENT, 7777);
	ck_assert_uint_eq(f->alt.remote.port, 7777);
	ck_assert(budget_may(m, s, f, false, 300 - HEADERS));
	ck_assert(!budget_may(m, s, f, false, 301 - HEADERS));
	alt += from_port(d, CLIENT, 7777);
	ck_assert(!budget_may(m, s, f, false, 301 - HEADERS));
	own = 100 + from_port(d, CLIENT, DUO_PORT);
	ck_assert(budget_may(m, s, f, false, 3 * own - HEADERS));
	ck_assert(!budget_may(m, s, f, false, 3 * own + 1 - HEADERS));
	ck_assert(budget_may(m, s, f, true, 3 * alt - HEADERS));
	ck_assert(!budget_may(m, s, f, true, 3 * alt + 1 - HEADERS));
	budget_sent(m, s, f, true, 3 * alt - HEADERS);
	ck_assert(!budget_may(m, s, f, true, 1));
	ck_assert(budget_may(m, s, f, false, 3 * own - HEADERS));
	budget_sent(m, s, f, false, 3 * own - HEADERS);
	ck_assert(!budget_may(m, s, f, false, 1));
	duo_free(d);
}
END_TEST

/* The initiator counts what comes from there once: there, not for the addresses
 * that it was told. */
START_TEST(counted_once)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	struct session *s;
	struct flow *f;
	uint64_t before;
	size_t alt;

	duo_up(d);
	s = duo_session(d, CLIENT);
	f = duo_flow(d, CLIENT, 0, 0);
	before = s->came;
	alt = from_port(d, SERVER, 7777);
	alt += from_port(d, SERVER, 7777);
	ck_assert_uint_eq(f->alt.remote.port, 7777);
	ck_assert_uint_eq(s->came, before);
	ck_assert(budget_may(m, s, f, true, 3 * alt - HEADERS));
	ck_assert(!budget_may(m, s, f, true, 3 * alt + 1 - HEADERS));
	alt = from_port(d, SERVER, DUO_PORT + 1);
	ck_assert_uint_eq(s->came, before + alt);
	duo_free(d);
}
END_TEST

/* The address that a silent peer has left is asked, with nothing that came from
 * there, only if it answered once. */
START_TEST(former_answered)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct flow *f;

	duo_up(d);
	s = duo_session(d, SERVER);
	f = duo_flow(d, SERVER, 0, 0);
	f->unproven = _i == 1;
	(void)from_port(d, CLIENT, 7777);
	flow_moved(f, d->now);
	f->unproven = false;
	f->silent_since = d->now;
	path_ask_former(&d->end[SERVER].mp, s, f, d->now);
	if (_i == 0)
		ck_assert_uint_eq(f->alt.remote.port, DUO_PORT);
	else
		ck_assert_uint_eq(f->alt_at, MP_NEVER);
	duo_free(d);
}
END_TEST

/* --- A mute peer ---------------------------------------------------------- */

static enum duo_verdict
only_resp(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;

	(void)d;
	(void)arg;
	return p->from != SERVER || (wire_get_handshake(p->data, p->len, &h) &&
	    h.type == WIRE_T_RESP) ? DUO_PASS : DUO_DROP;
}

/* It answers INIT, and nothing else: at most 10 handshakes in 10 s, whatever
 * the path's delay. */
START_TEST(mute)
{
	static const uint64_t delays[] = { MS / 10, 20 * MS, 600 * MS };
	struct duo *d = duo_new(1, 1);
	uint64_t until = d->now + 10 * SEC, done;

	duo_delay(d, 0, 0, delays[_i]);
	d->tap = only_resp;
	while (d->now < until) {
		(void)duo_say(d, CLIENT, 2);
		duo_run(d, d->now + 10 * MS);
	}
	done = duo_count(d, CLIENT, MP_C_handshake_done);
	ck_assert_uint_ge(done, 2);
	ck_assert_uint_le(done, 5);
	duo_free(d);
}
END_TEST

Suite *
suite_budget(void)
{
	Suite *s = suite_create("budget");
	TCase *tc = tcase_create("budget");

	tcase_add_loop_test(tc, lists, 0, 2);
	tcase_add_test(tc, one_list);
	tcase_add_test(tc, closes);
	tcase_add_test(tc, honest);
	tcase_add_test(tc, list_again);
	tcase_add_test(tc, borrowed_flow);
	tcase_add_test(tc, resp_elsewhere);
	tcase_add_test(tc, responder_bit);
	tcase_add_loop_test(tc, told_private, 0, COUNT(scopes));
	tcase_add_test(tc, two_addresses);
	tcase_add_test(tc, counted_once);
	tcase_add_loop_test(tc, former_answered, 0, 2);
	tcase_add_loop_test(tc, mute, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}
