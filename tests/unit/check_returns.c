/* SPDX-License-Identifier: ISC */
/* Unusual ways back: only the peer sends, there is little room, or the choice
 * or a path changes at the wrong moment. */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1 };

static const struct mp_limits few = { .sessions = 8, .flows = 256,
	.flows_each = 64, .pool = 1 << 18, .pool_each = 1 << 17,
	.staged = 1 << 18 };

/* --- Only one end speaks -------------------------------------------------- */

/* Time of the server's first INIT, 0: none yet. */
static enum duo_verdict
init_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	uint64_t *at = arg;
	struct wire_handshake h;

	if (p->from == SERVER && wire_get_handshake(p->data, p->len, &h) &&
	    h.type == WIRE_T_INIT && *at == 0)
		*at = d->now;
	return DUO_PASS;
}

/* The client loses its memory, and its program waits for the server's to send.
 * The server begins a handshake 10 s after the client was lost; the client can use
 * the session that this makes as its own. */
START_TEST(only_responder_speaks)
{
	struct duo *d = duo_new(1 + _i, 1);
	uint64_t init = 0, limit;
	size_t got;
	uint32_t n = 1001;

	duo_up(d);
	ck_assert_int_eq(duo_say(d, SERVER, 1), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, 1), 1);
	duo_restart(d, CLIENT);
	got = d->end[CLIENT].n_got;
	d->tap = init_tap;
	d->tap_arg = &init;
	limit = d->now + 15 * SEC;
	for (; init == 0 && d->now < limit; n += 2) {
		(void)duo_say(d, SERVER, n);
		duo_run(d, d->now + 100 * MS);
	}
	ck_assert_uint_ne(init, 0);
	for (; d->end[CLIENT].n_got == got; n += 2) {
		ck_assert_msg(d->now < init + 2 * SEC, "not heard in 2 s");
		(void)duo_say(d, SERVER, n);
		duo_run(d, d->now + 20 * MS);
	}
	/* The program that has started knows the address of the datagram that
	 * it read. */
	d->end[CLIENT].peer = d->end[CLIENT].got[got].from;
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	n = 10000;
	duo_chat(d, d->now + 10 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 10000, n);
	/* All pairs exist again, and the session survives a rekey. */
	ck_assert_uint_eq(duo_session(d, CLIENT)->live_flows, 1U + _i);
	duo_chat(d, d->now + 150 * SEC, 200 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 10000, n);
	duo_free(d);
}
END_TEST

/* A program that sends again after a long pause, while the INITs that look for
 * the peer are slow, makes them quick again. */
static const uint64_t pauses[] = { 10500 * MS, 12 * SEC, 15700 * MS,
	18 * SEC, 25 * SEC, 60 * SEC };

START_TEST(send_after_pause)
{
	struct duo *d = duo_new(2, 1);
	uint64_t t;

	duo_up(d);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	/* The server's program ends, and starts again much later. */
	mp_slot_close(&d->end[SERVER].mp, duo_time(d, SERVER), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(duo_session(d, CLIENT)->state, MP_S_CONNECTING);
	d->end[SERVER].off = true;
	duo_run(d, d->now + pauses[_i]);
	ck_assert_int_eq(duo_session(d, CLIENT)->state, MP_S_CONNECTING);
	duo_restart(d, SERVER);
	d->end[SERVER].off = false;
	t = duo_until_heard(d, CLIENT, 5000, 10 * SEC);
	ck_assert_msg(t <= 500 * MS, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	duo_free(d);
}
END_TEST

/* A program that never stops sending: its peer is found within about a second
 * of its return, though only the last pair leads there. */
START_TEST(send_all_along)
{
	struct duo *d = duo_new(4, 1);
	uint32_t n = 0;
	uint64_t t;
	int i;

	duo_up(d);
	for (i = 0; i < 3; i++)
		duo_cut(d, i, 0, true);
	d->end[SERVER].off = true;
	duo_chat(d, d->now + 8 * SEC + (uint64_t)_i * 450 * MS, 20 * MS, &n);
	duo_restart(d, SERVER);
	d->end[SERVER].off = false;
	t = duo_until_heard(d, CLIENT, 5000, 10 * SEC);
	ck_assert_msg(t <= 1300 * MS, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	duo_free(d);
}
END_TEST

/* --- Little room ---------------------------------------------------------- */

/* All flow records belong to sessions that are down: a new session gets
 * some. */
START_TEST(records_of_the_gone)
{
	struct mp_limits tight = few;
	struct mp_setup setup = { .chacha_only = true };
	struct duo *d;
	uint64_t t;
	uint32_t n;
	int other;

	tight.flows = tight.flows_each = 4;
	setup.limits = tight;
	d = duo_new_setup(&setup, 4, 1);
	duo_up(d);
	ck_assert_uint_eq(duo_session(d, SERVER)->live_flows, 4);
	other = duo_add_end(d, 1, 'A');
	d->end[CLIENT].off = true;
	duo_run(d, d->now + 200 * SEC);
	ck_assert_int_eq(duo_session(d, SERVER)->state, MP_S_DOWN);
	t = duo_until_heard(d, other, 5000, 10 * SEC);
	ck_assert_msg(t <= 2 * SEC, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	for (n = 6000; n < 6100; n++) {
		ck_assert_int_eq(duo_say(d, other, n), 0);
		duo_run(d, d->now + 20 * MS);
	}
	duo_run(d, d->now + SEC);
	for (n = 6000; n < 6100; n++)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	duo_free(d);
}
END_TEST

/* The peer takes two flows, as its RESP says.  They must not be the first two
 * of our six addresses, which lead nowhere. */
START_TEST(peer_takes_few)
{
	struct mp_setup setup = { .limits = few, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 6, 1 + _i);
	uint64_t t;
	uint32_t n = 10000;

	d->end[SERVER].setup.limits.flows_each = 2;
	duo_restart(d, SERVER);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, CLIENT, 1, true);
	t = duo_until_heard(d, CLIENT, 5000, 10 * SEC);
	ck_assert_msg(t <= 2 * SEC, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	duo_chat(d, d->now + 10 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 10000, n);
	ck_assert_uint_le(duo_session(d, CLIENT)->live_flows, 2);
	duo_free(d);
}
END_TEST

/* One address on two interfaces makes two flows. */
START_TEST(address_on_two_interfaces)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct flow *f;
	uint8_t ip[16];
	uint32_t seen = 0;

	memcpy(ip, d->end[CLIENT].addr[0].local.ip, 16);
	duo_addr_new(d, CLIENT, ip, 7);
	duo_up(d);
	s = duo_session(d, CLIENT);
	ck_assert_uint_eq(s->live_flows, 2);
	STATE_FLOWS(&d->end[CLIENT].mp, s, f, id) {
		ck_assert(f->validated);
		seen |= 1U << f->path.ifindex;
	}
	ck_assert_uint_eq(seen, 1U << 1 | 1U << 7);
	/* One interface loses it: that flow ends, the other stays. */
	duo_addr_del(d, CLIENT, 1);
	ck_assert_uint_eq(s->live_flows, 1);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	duo_free(d);
}
END_TEST

/* --- The wrong moment ----------------------------------------------------- */

static enum duo_verdict
select_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;
	int *selects = arg;

	if (p->from == CLIENT && duo_peek(d, p, &ad, &msg, NULL))
		*selects += (msg.flags & WIRE_SELECT) != 0;
	return DUO_PASS;
}

/* A flow is chosen while its probe is on its way, and the answer arrives before
 * SELECT went out: it does not acknowledge the SELECT. */
START_TEST(older_answer)
{
	struct duo *d = duo_new(2, 1);
	struct session *s;
	struct duo_packet *p;
	struct flow *f;
	int selects = 0;
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	s = duo_session(d, CLIENT);
	f = duo_flow(d, CLIENT, 1, 0);
	ck_assert_ptr_ne(duo_current(d, CLIENT), f);
	ck_assert(s->select_acked);
	while (f->probe_answered)
		duo_run(d, d->now + MS);
	duo_run(d, f->probe_at + 39 * MS); /* of a round trip of 40 ms */
	ck_assert(!f->probe_answered);
	d->tap = select_tap;
	d->tap_arg = &selects;
	/* The send on the other flow fails; the agent has not run yet. */
	d->end[CLIENT].addr[0].error = MP_EPERM;
	ck_assert_int_eq(duo_say(d, CLIENT, 1000), 0);
	ck_assert_uint_eq(s->current, f->id);
	ck_assert(!s->select_acked);
	/* The agent reads first. */
	d->now += MS;
	while ((p = d->air) != NULL && p->at <= d->now) {
		d->air = p->next;
		(void)duo_inject(d, p->to, &p->path, p->data, p->len);
		free(p);
	}
	ck_assert(f->probe_answered);
	ck_assert(!s->select_acked);
	duo_run(d, d->now + SEC);
	ck_assert_int_ge(selects, 1);
	ck_assert(s->select_acked);
	ck_assert_uint_eq(duo_session(d, SERVER)->choice, s->choice);
	ck_assert_uint_eq(duo_session(d, SERVER)->current, f->id);
	duo_free(d);
}
END_TEST

/* All packets of the client seem to come from `nowhere'. */
static enum duo_verdict
moved_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)arg;
	if (p->from == CLIENT)
		p->path.remote = d->nowhere;
	return DUO_PASS;
}

/* Packets seem to come from an address to which the host has no route: that the
 * challenge cannot be sent there does not fail the flow. */
START_TEST(error_of_alt)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr was;
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	was = duo_current(d, SERVER)->path.remote;
	d->nowhere = duo_ip4(203, 0, 113, 1, 4000);
	d->tap = moved_tap;
	for (; n < 200; n += 2) {
		ck_assert_int_eq(duo_say(d, CLIENT, n), 0);
		ck_assert_int_eq(duo_say(d, SERVER, n + 1), 0);
		duo_run(d, d->now + 20 * MS);
		ck_assert(!duo_current(d, SERVER)->failed);
	}
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_flow_failed), 0);
	ck_assert(addr_equal(&duo_current(d, SERVER)->path.remote, &was));
	duo_free(d);
}
END_TEST

/* All addresses of a host change at once: what its program sends then waits for
 * the first answer by a new one. */
START_TEST(all_new)
{
	struct duo *d = duo_new(2, 1);

	duo_addr_del(d, 0, 1);
	duo_up(d);
	d->end[0].addr[0].there = false;
	d->end[0].addr[1].there = true;
	duo_tell(d, 0);
	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 1), 1);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	/* Where nobody answers there, the program is told in the end. */
	duo_cut_addr(d, 0, 1, true);
	d->end[0].addr[0].there = true;
	d->end[0].addr[1].there = false;
	duo_cut_addr(d, 0, 0, true);
	duo_tell(d, 0);
	ck_assert_int_eq(duo_say(d, 0, 3), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_say(d, 0, 4), MP_ENETUNREACH);
	duo_free(d);
}
END_TEST

/* A server that restarted knows no choice.  The client's, which the one before
 * had answered, is told to it, too: where only the server sends, nothing else
 * tells by which flow. */
START_TEST(restarted_is_told)
{
	struct duo *d = duo_new(2, 1);
	struct session *c, *s;
	uint32_t n = 10;

	duo_up(d);
	duo_delay(d, 0, 0, 80 * MS);
	duo_delay(d, 1, 0, 10 * MS);
	duo_chat(d, d->now + 10 * SEC, 100 * MS, &n);
	c = duo_session(d, CLIENT);
	ck_assert_ptr_eq(duo_current(d, CLIENT), duo_flow(d, CLIENT, 1, 0));
	ck_assert(c->select_acked);
	duo_restart(d, SERVER);
	duo_run(d, d->now + 5 * SEC);
	c = duo_session(d, CLIENT);
	s = duo_session(d, SERVER);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(s->state, MP_S_UP);
	ck_assert_uint_eq(s->choice, c->choice);
	ck_assert_uint_eq(s->current, c->current);
	duo_free(d);
}
END_TEST

Suite *
suite_returns(void)
{
	Suite *s = suite_create("returns");
	TCase *tc = tcase_create("returns");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, only_responder_speaks, 0, 2);
	tcase_add_loop_test(tc, send_after_pause, 0, COUNT(pauses));
	tcase_add_loop_test(tc, send_all_along, 0, 10);
	tcase_add_test(tc, records_of_the_gone);
	tcase_add_loop_test(tc, peer_takes_few, 0, 2);
	tcase_add_test(tc, address_on_two_interfaces);
	tcase_add_test(tc, older_answer);
	tcase_add_test(tc, error_of_alt);
	tcase_add_test(tc, all_new);
	tcase_add_test(tc, restarted_is_told);
	suite_add_tcase(s, tc);
	return s;
}
