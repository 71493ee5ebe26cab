/* SPDX-License-Identifier: ISC */
/* core/policy.c: lowest SRTT + idle_time, the damping of PROTOCOL.md 5, and
 * which flows are eligible. */
#include "policy.h"

#include <string.h>

#include "duo.h"
#include "mp.h"
#include "path.h"
#include "rtt.h"
#include "session.h"
#include "state.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

/* Better by 20 % and by 2 ms. */
static const struct leave_row {
	const char *name;
	uint32_t cur_us;
	uint64_t cur_idle;
	uint32_t other_us;
	uint64_t other_idle;
	bool leave;
} leaves[] = {
	{ "equal", 20000, 0, 20000, 0, false },
	{ "slower", 20000, 0, 60000, 0, false },
	{ "just 20 %", 100000, 0, 80000, 0, true },
	{ "under 20 %", 100000, 0, 80001, 0, false },
	{ "just 2 ms", 5000, 0, 3000, 0, true },
	{ "under 2 ms though over 20 %", 4000, 0, 2001, 0, false },
	{ "a LAN, 10 times", 1000, 0, 100, 0, false },
	{ "2 ms of 20: only 10 %", 20000, 0, 18000, 0, false },
	{ "idle time counts", 20000, 80000, 60000, 0, true },
	{ "... of the other as well", 100000, 0, 20000, 80000, false },
	{ "no sample counts as 250 ms", 250000, 0, 0, 0, false },
	{ "no sample, left for one", 0, 0, 200000, 0, true },
};

START_TEST(leave)
{
	const struct leave_row *r = &leaves[_i];
	struct session s = { .server = 0 };
	struct mp m = { .sh = NULL };
	struct flow cur, other;

	memset(&cur, 0, sizeof(cur));
	memset(&other, 0, sizeof(other));
	cur.rtt = (struct rtt) { r->cur_us, 0, r->cur_idle };
	other.rtt = (struct rtt) { r->other_us, 0, r->other_idle };
	ck_assert_msg(policy_leave(&m, &s, &cur, &other, 0) ==
	    (r->leave ? MP_WHY_faster : MP_WHY_none), "%s", r->name);
	if (r->leave) /* the same pair never leaves in both directions */
		ck_assert(policy_leave(&m, &s, &other, &cur, 0) == MP_WHY_none);
}
END_TEST

/* In a fleet a server's own address is taken that costs at most 1.2 times what
 * the common one does, and 3.2 ms; unless the server says that it is the same. */
static const struct own_row {
	const char *name;
	uint32_t common_us, own_us;
	uint8_t server;
	bool told;
	bool leave, back;
} owns[] = {
	{ "equal", 20000, 20000, 0xc1, false, true, false },
	{ "1.2 times and 3.2 ms", 20000, 27200, 0xc1, false, true, false },
	{ "a little more", 20000, 27201, 0xc1, false, false, false },
	{ "twice", 20000, 40000, 0xc1, false, false, false },
	{ "three times", 20000, 60000, 0xc1, false, false, true },
	{ "a LAN", 200, 200, 0xc1, false, true, false },
	{ "of no fleet", 20000, 20000, 0, false, false, false },
	{ "it is the server's own", 20000, 20000, 0xc1, true, false, false },
};

START_TEST(own_address)
{
	const struct own_row *r = &owns[_i];
	struct mp_addr common = duo_ip4(10, 9, 0, 1, 7);
	struct mp_addr own = duo_ip4(10, 9, 1, 2, 7);
	static const uint8_t assoc[8] = { 1 };
	struct session *s;
	struct flow f, g;
	struct mp m;

	duo_bare(&m, NULL);
	s = session_new(&m, T0, 0, &common, 0, assoc, true);
	s->server = r->server;
	state_told_put(&m, s, 0, r->told ? &common : &own);
	s->told_n = 1;
	memset(&f, 0, sizeof(f));
	memset(&g, 0, sizeof(g));
	f.path.remote = common;
	g.path.remote = own;
	f.rtt.srtt_us = r->common_us;
	g.rtt.srtt_us = r->own_us;
	ck_assert_msg(policy_leave(&m, s, &f, &g, T0) ==
	    (r->leave ? MP_WHY_own : MP_WHY_none), "%s", r->name);
	ck_assert_msg(policy_leave(&m, s, &g, &f, T0) ==
	    (r->back ? MP_WHY_faster : MP_WHY_none), "%s", r->name);
	s->initiator = false; /* the server itself has no such wish */
	ck_assert(policy_leave(&m, s, &f, &g, T0) == (r->own_us * 5 <=
	    r->common_us * 4 ? MP_WHY_faster : MP_WHY_none));
	duo_bare_free(&m);
}
END_TEST

START_TEST(cost)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.rtt = (struct rtt) { 20000, 9999, 30000 };
	ck_assert_uint_eq(policy_get()->cost(&f), 50000);
	ck_assert_str_eq(policy_get()->name, "lowest");
}
END_TEST

/* Four flows: 0 and 1 share the local address, 0 and 2 the remote one, 3 shares
 * neither with 0. */
static struct mp m;
static struct session *s;
static struct flow *f[4];

static void
setup(void)
{
	static const uint8_t assoc[8] = { 1 };
	struct mp_addr peer = duo_ip4(10, 1, 0, 1, 9);
	struct mp_path p;
	uint32_t id;

	duo_bare(&m, NULL);
	s = session_new(&m, T0, 0, &peer, 0, assoc, true);
	for (id = 0; id < 4; id++) {
		f[id] = path_flow(&m, s, id, T0);
		p.ifindex = 1 + id / 2;
		p.local = duo_ip4(10, 0, 0, (uint8_t)(1 + id / 2), 0);
		p.remote = duo_ip4(10, 1, 0, (uint8_t)(1 + id % 2), 9);
		path_begin(&m, s, f[id], &p, T0);
		f[id]->validated = true;
		f[id]->rtt.srtt_us = 10000 * (id + 1);
	}
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

static void
none(void)
{
}

static void
best_gone(void)
{
	f[0]->gone = true;
}

static void
best_down(void)
{
	f[0]->down = true;
}

static void
best_failed(void)
{
	f[0]->failed = true;
}

static void
best_not_valid(void)
{
	f[0]->validated = false;
}

static void
best_idle(void)
{
	f[0]->rtt.idle_us = 15000;
}

static void
best_doubtful(void)
{
	f[0]->probe1_at = T0 - SEC;
}

static void
three_large(void)
{
	f[3]->size = 1472;
}

static void
all_gone(void)
{
	for (int i = 0; i < 4; i++)
		f[i]->gone = true;
}

static const struct best_row {
	const char *name;
	void (*what)(void);
	int not;
	size_t need;
	bool no_doubt;
	int best;
} bests[] = {
	{ "the lowest", none, -1, 0, false, 0 },
	{ "not the lowest", none, 0, 0, false, 1 },
	{ "gone", best_gone, -1, 0, false, 1 },
	{ "no carrier", best_down, -1, 0, false, 1 },
	{ "failed", best_failed, -1, 0, false, 1 },
	{ "not validated", best_not_valid, -1, 0, false, 1 },
	{ "idle time", best_idle, -1, 0, false, 1 },
	{ "doubt is allowed", best_doubtful, -1, 0, false, 0 },
	{ "doubt is not", best_doubtful, -1, 0, true, 1 },
	{ "size of all", none, -1, 1200, false, 0 },
	{ "size of one", three_large, -1, 1201, false, 3 },
	{ "size of none", none, -1, 1201, false, -1 },
	{ "none left", all_gone, -1, 0, false, -1 },
};

START_TEST(best)
{
	const struct best_row *r = &bests[_i];
	struct policy_ask ask = { .now = T0, .need = r->need,
		.not = r->not >= 0 ? f[r->not] : NULL,
		.no_doubt = r->no_doubt };
	struct flow *got;

	r->what();
	got = policy_best(&m, s, &ask);
	ck_assert_msg(got == (r->best >= 0 ? f[r->best] : NULL), "%s: %d",
	    r->name, got != NULL ? got->id : -1);
}
END_TEST

/* --- Ranks: flow 0 fell silent at T0, and a search began then ------------ */

static void
rank_none(void)
{
}

static void
rank_answered(void)
{
	f[1]->proof_at = T0 + 1;
}

static void
rank_answered_before(void)
{
	f[1]->proof_at = T0 - SEC;
}

static void
rank_peer(void)
{
	f[1]->peer_at = T0;
}

static void
rank_peer_before(void)
{
	f[1]->peer_at = T0 - 1;
}

static void
rank_both(void)
{
	f[1]->peer_at = T0;
	f[2]->proof_at = T0;
}

static void
rank_doubt(void)
{
	f[1]->proof_at = T0;
	f[1]->probe1_at = T0 - SEC;
}

static void
rank_peers_link(void)
{
	f[0]->peer_link = f[3]->peer_link = 7;
	f[1]->gone = true;
	f[2]->peer_link = 8;
	f[2]->path.remote = duo_ip4(10, 1, 0, 9, 9);
}

static void
rank_interface(void)
{
	/* Another address of the silent interface: its low cost is no help. */
	f[3]->path.ifindex = f[0]->path.ifindex;
	f[2]->path.remote = duo_ip4(10, 1, 0, 9, 9);
	f[3]->rtt.srtt_us = 1;
}

static void
rank_tunnel(void)
{
	/* A tunnel over the silent interface, and one over the same as that. */
	f[3]->lower = f[0]->path.ifindex;
	f[2]->path.remote = duo_ip4(10, 1, 0, 9, 9);
	f[3]->rtt.srtt_us = 1;
}

static void
rank_tunnels(void)
{
	f[3]->lower = f[0]->lower = 99;
	f[2]->path.remote = duo_ip4(10, 1, 0, 9, 9);
	f[3]->rtt.srtt_us = 1;
}

static void
rank_fate(void)
{
	f[3]->fate = state_bit(0);
	f[3]->rtt.srtt_us = 1;
}

static void
rank_long_dead(void)
{
	/* 1 has been silent for long: that tells nothing of 3. */
	f[1]->probe1_at = f[1]->silent_since = T0 - 60 * SEC;
	f[1]->path.local = f[3]->path.local;
	f[1]->path.ifindex = f[3]->path.ifindex;
}

static void
rank_two_silent(void)
{
	/* 3 is the only one that shares with neither but the peer's end. */
	f[1]->probe1_at = f[1]->silent_since = T0 - 100 * MS;
	f[2]->path.ifindex = f[1]->path.ifindex;
}

static const struct rank_row {
	const char *name;
	void (*what)(void);
	int best;
	enum policy_rank rank;
} ranks[] = {
	{ "nothing is known: apart", rank_none, 3, POLICY_APART },
	{ "the same link, but it answered", rank_answered, 1,
	    POLICY_ANSWERED },
	{ "it answered before that", rank_answered_before, 3, POLICY_APART },
	{ "the peer came by it", rank_peer, 1, POLICY_PEER },
	{ "before that", rank_peer_before, 3, POLICY_APART },
	{ "an answer tells more", rank_both, 2, POLICY_ANSWERED },
	{ "answered, and in doubt again", rank_doubt, 3, POLICY_APART },
	{ "the peer's other address, one link", rank_peers_link, 2,
	    POLICY_APART },
	{ "our other address, one link", rank_interface, 2, POLICY_APART },
	{ "a tunnel over that link", rank_tunnel, 2, POLICY_APART },
	{ "two tunnels over one link", rank_tunnels, 2, POLICY_APART },
	{ "they fell silent together once", rank_fate, 2, POLICY_PEERS_LINK },
	{ "one that is long dead tells nothing", rank_long_dead, 3,
	    POLICY_APART },
	{ "two fell silent", rank_two_silent, 3, POLICY_PEERS_LINK },
};

START_TEST(rank)
{
	const struct rank_row *r = &ranks[_i];
	struct policy_ask ask = { .now = T0, .not = f[0], .no_doubt = true };
	struct flow *got;

	s->silence_at = T0;
	f[0]->probe1_at = f[0]->silent_since = T0 - 300 * MS;
	r->what();
	got = policy_best(&m, s, &ask);
	ck_assert_msg(got == f[r->best], "%s: %d", r->name,
	    got != NULL ? got->id : -1);
	ck_assert_msg(policy_rank_of(&m, s, got, T0) == r->rank, "%s: rank %d",
	    r->name, policy_rank_of(&m, s, got, T0));
	ck_assert(policy_proven(s, got, T0) == (r->rank <= POLICY_PEER));
}
END_TEST

/* Those that carried a datagram already are left out. */
START_TEST(rank_but)
{
	struct policy_ask ask = { .now = T0, .not = f[0],
		.but = state_bit(1) | state_bit(2) };

	ck_assert_ptr_eq(policy_best(&m, s, &ask), f[3]);
	ask.but |= state_bit(3);
	ck_assert_ptr_null(policy_best(&m, s, &ask));
}
END_TEST

Suite *
suite_policy(void)
{
	Suite *suite = suite_create("policy");
	TCase *t = tcase_create("policy");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, leave, 0, COUNT(leaves));
	tcase_add_loop_test(t, own_address, 0, COUNT(owns));
	tcase_add_test(t, cost);
	tcase_add_loop_test(t, best, 0, COUNT(bests));
	tcase_add_loop_test(t, rank, 0, COUNT(ranks));
	tcase_add_test(t, rank_but);
	suite_add_tcase(suite, t);
	return suite;
}
