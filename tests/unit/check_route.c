/* SPDX-License-Identifier: ISC */
/* core/route.c: which flows the agent is to ask the kernel about, and what
 * becomes of the answers (PROTOCOL.md 3). */
#include "route.h"

#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "policy.h"
#include "session.h"
#include "state.h"
#include "suites.h"

enum { FLOWS = 5 };

static const uint64_t t0 = 1000 * SEC;

static struct mp m;
static struct session *s;
static struct flow *f[FLOWS];

/* fdNN::HOST */
static struct mp_addr
ip6(uint8_t net, uint8_t host, uint16_t port)
{
	return (struct mp_addr) { .ip = { 0xfd, net, [15] = host },
		.port = port };
}

static struct session *
new_session(uint8_t host)
{
	static const uint8_t assoc[8] = { 1 };
	struct mp_addr peer = ip6(9, host, 9);

	return session_new(&m, t0, 0, &peer, 0, assoc, true);
}

static struct flow *
new_flow(struct session *of, uint32_t id, struct mp_addr local,
    uint32_t ifindex, struct mp_addr remote)
{
	struct mp_path p = { .local = local, .remote = remote,
		.ifindex = ifindex };
	struct flow *is = path_flow(&m, of, id, t0);

	path_begin(&m, of, is, &p, t0);
	is->validated = true;
	is->rtt.srtt_us = 10000 * (id + 1);
	return is;
}

/* 0 and 1 of IPv6 on interfaces 1 and 2, 2 and 3 of IPv4 on the same, and 4 is
 * link-local. */
static void
setup(void)
{
	struct mp_addr link_a = { .ip = { 0xfe, 0x80, [15] = 1 } };
	struct mp_addr link_b = { .ip = { 0xfe, 0x80, [15] = 2 }, .port = 9 };

	duo_bare(&m, NULL);
	s = new_session(9);
	f[0] = new_flow(s, 0, ip6(1, 1, 0), 1, ip6(9, 9, 9));
	f[1] = new_flow(s, 1, ip6(2, 1, 0), 2, ip6(9, 9, 9));
	f[2] = new_flow(s, 2, duo_ip4(10, 0, 0, 1, 0), 1,
	    duo_ip4(10, 9, 0, 1, 9));
	f[3] = new_flow(s, 3, duo_ip4(10, 0, 1, 1, 0), 2,
	    duo_ip4(10, 9, 0, 1, 9));
	f[4] = new_flow(s, 4, link_a, 2, link_b);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* Takes all that is wanted, at most `most': which ids, by state_bit(). */
static uint64_t
wanted(int most)
{
	struct mp_route r;
	uint64_t ids = 0;
	int n;

	for (n = 0; mp_route_wanted(&m, &r); n++) {
		ck_assert_int_lt(n, most);
		ck_assert_uint_eq(ids & state_bit(r.flow), 0);
		ids |= state_bit(r.flow);
		ck_assert_int_eq(memcmp(r.path.local.ip,
		    f[r.flow]->path.local.ip, 16), 0);
	}
	return ids;
}

/* The answer for a flow: asks for it first. */
static void
answer(int id, uint32_t leaves_by, bool any_source)
{
	struct mp_route r;

	mp_link_event(&m, t0, MP_NONE);
	while (mp_route_wanted(&m, &r))
		if (r.flow == id)
			mp_route_set(&m, t0, &r, leaves_by, any_source);
}

START_TEST(asks)
{
	struct mp_local here[] = { { .ifindex = 1 }, { .ifindex = 2 } };

	ck_assert_uint_eq(wanted(FLOWS), state_bit(0) | state_bit(1));
	ck_assert_uint_eq(wanted(FLOWS), 0);
	/* What changes on one interface may change the other's routes. */
	mp_link_event(&m, t0, 1);
	ck_assert_uint_eq(wanted(FLOWS), state_bit(0) | state_bit(1));
	memcpy(here[0].ip, f[0]->path.local.ip, 16);
	memcpy(here[1].ip, f[1]->path.local.ip, 16);
	mp_locals(&m, t0, here, 2);
	ck_assert_uint_eq(wanted(FLOWS), state_bit(0) | state_bit(1));
	mp_locals(&m, t0, here, 1);
	ck_assert(f[1]->gone);
	ck_assert_uint_eq(wanted(FLOWS), state_bit(0));
}
END_TEST

START_TEST(asks_of_many_sessions)
{
	struct session *other[3];
	struct mp_route r;
	int i, n = 0;

	for (i = 0; i < 3; i++) {
		other[i] = new_session((uint8_t)(20 + i));
		new_flow(other[i], 0, ip6(1, 1, 0), 1, ip6(9, 20, 9));
	}
	session_free(&m, other[1]); /* the list goes on behind it */
	while (mp_route_wanted(&m, &r)) {
		ck_assert_uint_ne(r.session, state_index(&m, other[1]));
		n++;
	}
	ck_assert_int_eq(n, 4);
	/* Its record is another session's by now. */
	other[1] = new_session(30);
	new_flow(other[1], 0, ip6(1, 1, 0), 1, ip6(9, 30, 9));
	ck_assert(mp_route_wanted(&m, &r));
	ck_assert_uint_eq(r.session, state_index(&m, other[1]));
	ck_assert(!mp_route_wanted(&m, &r));
}
END_TEST

/* By what interface packets leave is what is told of them; the path stays the
 * name of the flow. */
START_TEST(leaves_by_another)
{
	struct mp_flow_info info;

	f[1]->probe_now = false;
	answer(1, 1, false);
	ck_assert_int_eq(mp_flow_get(&m, t0, state_index(&m, s), 1, &info), 0);
	ck_assert_uint_eq(info.path.ifindex, 2);
	ck_assert_uint_eq(info.leaves_by, 1);
	ck_assert(!info.path.any_source);
	ck_assert(f[1]->probe_now);
	ck_assert_uint_le(mp_deadline(&m), t0);
	answer(1, 2, false);
	ck_assert_int_eq(mp_flow_get(&m, t0, state_index(&m, s), 1, &info), 0);
	ck_assert_uint_eq(info.leaves_by, 2);
}
END_TEST

/* What is known already makes no probes. */
START_TEST(same_answer)
{
	struct mp_route r;

	answer(1, 1, false);
	route_changed(&m, s);
	f[0]->probe_now = f[1]->probe_now = false;
	while (mp_route_wanted(&m, &r))
		mp_route_set(&m, t0, &r, 1, false);
	ck_assert(!f[0]->probe_now && !f[1]->probe_now);
}
END_TEST

START_TEST(any_source)
{
	struct mp_flow_info info;
	uint32_t i = state_index(&m, s);

	answer(1, 2, true);
	ck_assert_int_eq(mp_flow_get(&m, t0, i, 1, &info), 0);
	ck_assert(info.path.any_source);
	ck_assert_uint_eq(info.leaves_by, 2);
	ck_assert_int_eq(mp_flow_get(&m, t0, i, 0, &info), 0);
	ck_assert(!info.path.any_source);
	/* Until the next answer it holds; a new pair knows nothing. */
	mp_link_event(&m, t0, 1);
	ck_assert(f[1]->path.any_source);
	path_begin(&m, s, f[1], &info.path, t0);
	ck_assert(!f[1]->path.any_source);
}
END_TEST

/* The pair that was asked about is no more. */
START_TEST(late_answer)
{
	struct mp_path other = { .local = ip6(3, 1, 0), .ifindex = 3,
		.remote = ip6(9, 9, 9) };
	struct mp_route r[2];

	ck_assert(mp_route_wanted(&m, &r[0]));
	ck_assert(mp_route_wanted(&m, &r[1]));
	ck_assert_uint_eq(r[0].flow, 0);
	path_begin(&m, s, f[0], &other, t0);
	mp_route_set(&m, t0, &r[0], 7, true);
	ck_assert(!f[0]->path.any_source);
	ck_assert_uint_eq(flow_leaves_by(f[0]), 3);
	session_free(&m, s);
	mp_route_set(&m, t0, &r[1], 7, true);
	s = new_session(9);
	mp_route_set(&m, t0, &r[1], 7, true);
}
END_TEST

/* Flow 1 answers for the link that it takes: it dies with that one, and with the
 * one that its answers take. */
START_TEST(shares_fate)
{
	f[1]->path.remote = ip6(8, 8, 9); /* share nothing of the peer */
	f[3]->path.remote = duo_ip4(10, 8, 0, 1, 9);
	s->silence_at = t0;
	f[0]->probe1_at = f[0]->silent_since = t0 - 50 * MS;
	ck_assert(flow_in_doubt(f[0], t0));
	ck_assert_int_eq(policy_rank_of(&m, s, f[1], t0), POLICY_APART);
	f[1]->leaves_by = 1;
	ck_assert_int_eq(policy_rank_of(&m, s, f[1], t0), POLICY_OUR_LINK);
	ck_assert_int_eq(policy_rank_of(&m, s, f[3], t0), POLICY_APART);
	f[0]->probe1_at = f[0]->silent_since = MP_NEVER;
	f[3]->probe1_at = f[3]->silent_since = t0 - 50 * MS;
	ck_assert_int_eq(policy_rank_of(&m, s, f[1], t0), POLICY_OUR_LINK);
	ck_assert_int_eq(policy_rank_of(&m, s, f[0], t0), POLICY_APART);
}
END_TEST

/* A list that another process has damaged ends. */
START_TEST(damaged)
{
	struct mp_route r;
	int n;

	m.sh->route_first = UINT32_MAX;
	ck_assert(!mp_route_wanted(&m, &r));
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 1);
	mp_link_event(&m, t0, MP_NONE);
	m.sh->route_first = state_index(&m, s) + 2;
	m.route_next[state_index(&m, s)] = m.sh->route_first; /* a loop */
	for (n = 0; n < 10 && mp_route_wanted(&m, &r); n++)
		;
	ck_assert_int_eq(n, 2);
}
END_TEST

/* Ends with a flow of IPv4, and one of IPv6 whose route is set: that one. */
static struct flow *
duo_with_route(struct duo *d, uint32_t leaves_by, bool any)
{
	struct mp_addr a = ip6(1, 1, 0), b = ip6(2, 2, 0);
	struct mp_route r;
	struct flow *is;

	duo_addr_new(d, 0, a.ip, 2);
	duo_addr_new(d, 1, b.ip, 2);
	duo_up(d);
	is = duo_flow(d, 0, 1, 1);
	ck_assert_ptr_nonnull(is);
	while (mp_route_wanted(&d->end[0].mp, &r))
		mp_route_set(&d->end[0].mp, d->now, &r, leaves_by, any);
	return is;
}

START_TEST(packets)
{
	struct duo *d = duo_new(1, 1);
	struct flow *six = duo_with_route(d, 2, true);
	struct mp *e = &d->end[0].mp;
	struct mp_out out;
	struct mp_tx tx[2];
	uint8_t buf[MP_CONTROL_MAX];
	int n = 0;

	path_probe_now(e, duo_session(d, 0), d->now, MP_NONE);
	while (mp_poll(e, &d->end[0].keys, d->now, &out, buf,
	    sizeof(buf)) == 1) {
		ck_assert(out.path.any_source == (out.flow == six->id));
		n += out.path.any_source;
	}
	ck_assert_int_ge(n, 1);
	ck_assert_int_eq(mp_send_begin(e, d->now, 0, &d->end[0].peer, 0, 8,
	    (enum mp_send_flag)0, tx), 1);
	ck_assert(!tx[0].path.any_source);
	duo_carrier(d, 0, 0, true);
	ck_assert_int_eq(mp_send_begin(e, d->now, 0, &d->end[0].peer, 0, 8,
	    (enum mp_send_flag)0, tx), 1);
	ck_assert(tx[0].path.any_source);
	duo_free(d);
}
END_TEST

/* The peer is told of the link that is really taken, and of a change. */
START_TEST(told)
{
	struct duo *d = duo_new(1, 1);
	struct flow *six = duo_with_route(d, 7, false);
	const struct flow *peers = duo_flow(d, 1, 1, 1);
	struct mp_route r;
	uint8_t before = peers->peer_link;

	ck_assert_uint_ne(before, 0);
	ck_assert_uint_eq(flow_leaves_by(six), 7);
	duo_run(d, d->now + SEC);
	ck_assert_uint_ne(peers->peer_link, before);
	route_changed(&d->end[0].mp, duo_session(d, 0));
	while (mp_route_wanted(&d->end[0].mp, &r))
		mp_route_set(&d->end[0].mp, d->now, &r, 2, false);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(peers->peer_link, before);
	duo_free(d);
}
END_TEST

Suite *
suite_route(void)
{
	Suite *suite = suite_create("route");
	TCase *t = tcase_create("route");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, asks);
	tcase_add_test(t, asks_of_many_sessions);
	tcase_add_test(t, leaves_by_another);
	tcase_add_test(t, same_answer);
	tcase_add_test(t, any_source);
	tcase_add_test(t, late_answer);
	tcase_add_test(t, shares_fate);
	tcase_add_test(t, damaged);
	suite_add_tcase(suite, t);
	t = tcase_create("packets");
	tcase_add_test(t, packets);
	tcase_add_test(t, told);
	suite_add_tcase(suite, t);
	return suite;
}
