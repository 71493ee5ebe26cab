/* SPDX-License-Identifier: ISC */
/* core/path_choice.c: which flow carries the data, at either end (PROTOCOL.md
 * 5). */
#include "path_choice.h"
#include "pool.h"

#include "loss.h"

#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "policy.h"
#include "session.h"
#include "state.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

/* Three flows of 20, 40 and 60 ms that have just answered; an answer is overdue
 * after SRTT + 10 ms. 0 and 1 share the local address; 2 shares none. */
static struct mp m;
static struct session *s;
static struct flow *f[3];

static void
make(bool initiator)
{
	static const uint8_t assoc[8] = { 1 };
	struct mp_addr peer = duo_ip4(10, 1, 0, 1, 9);
	struct mp_path p = { .ifindex = 0 };
	uint32_t id;

	duo_bare(&m, NULL);
	s = session_new(&m, T0, 0, &peer, 0, assoc, initiator);
	s->state = MP_S_UP;
	for (id = 0; id < 3; id++) {
		f[id] = path_flow(&m, s, id, T0);
		p.ifindex = id < 2 ? 1 : 2;
		p.local = duo_ip4(10, 0, 0, (uint8_t)p.ifindex, 0);
		p.remote = duo_ip4(10, 1, 0, (uint8_t)(1 + id), 9);
		path_begin(&m, s, f[id], &p, T0);
		f[id]->probe_now = false;
		f[id]->answer_at = T0;
		f[id]->rtt.srtt_us = 20000 * (id + 1);
		path_validated(&m, s, f[id], T0);
	}
}

static void
initiator(void)
{
	make(true);
}

static void
responder(void)
{
	make(false);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* The flow was taken into use long ago, and the peer acknowledged the
 * SELECT. */
static void
use(uint32_t id)
{
	s->current = (uint8_t)id;
	s->choice = 5;
	s->select_acked = true;
	s->selected = s->initiator ? STATE_NO_FLOW : (uint8_t)id;
	s->review_at = MP_NEVER;
}

static void
check_use(uint32_t id, enum mp_reason why)
{
	ck_assert_uint_eq(s->current, id);
	ck_assert_str_eq(mp_reason_name((enum mp_reason)s->why),
	    mp_reason_name(why));
	ck_assert_uint_eq(s->why_at, T0);
}

/* --- The initiator -------------------------------------------------------- */

START_TEST(first)
{
	path_choice_review(&m, s, T0);
	check_use(0, MP_WHY_first);
	ck_assert_uint_eq(s->choice, 2);
	ck_assert(!s->select_acked && f[0]->probe_now); /* SELECT goes at
							 * once */
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_flow_switch), 0);
}
END_TEST

START_TEST(faster)
{
	use(1);
	path_choice_review(&m, s, T0);
	check_use(0, MP_WHY_faster);
	ck_assert_uint_eq(s->choice, 6);
	ck_assert(!s->select_acked && f[0]->probe_now);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_flow_switch), 1);
}
END_TEST

static void
not_much(void)
{
	f[0]->rtt.srtt_us = 33000; /* 17 % better than 40000 */
}

static void
faster_doubtful(void)
{
	f[0]->probe1_at = T0 - 100 * MS;
}

static void
faster_not_valid(void)
{
	f[0]->validated = false;
}

static void
faster_unmeasured(void)
{
	f[0]->answer_at = 0;
	f[0]->rtt.srtt_us = 0;
}

static void
doubt_once(void)
{
	f[1]->probe1_at = T0 - 60 * MS;
	f[1]->probe2_at = T0 - 10 * MS;
}

static void (*const stays[])(void) = {
	not_much,
	faster_doubtful,
	faster_not_valid,
	faster_unmeasured,
	doubt_once, /* left once a second probe is unanswered, not before */
};

START_TEST(stay)
{
	use(1);
	stays[_i]();
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 1);
	ck_assert_uint_eq(s->choice, 5);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_flow_switch), 0);
}
END_TEST

/* While a search asks whether the flow in use works, it is not left as one that
 * works: what it carried last would not be resent. */
START_TEST(not_faster_in_search)
{
	use(1);
	f[1]->searched = true;
	f[1]->silent_since = f[1]->data_since = T0 - 60 * MS;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 1);
	flow_answered(f[1], T0);
	path_choice_review(&m, s, T0);
	check_use(0, MP_WHY_faster);
}
END_TEST

/* What goes without an answer on a flow that was left is resent, too. */
START_TEST(left_then_silent)
{
	use(0);
	ck_assert_ptr_nonnull(pool_put(&m, POOL_RECENT, s, T0, "x", 1));
	flow_data_sent(f[1], T0 - 90 * MS);
	flow_probe_sent(f[1], T0 - 60 * MS, 1);
	path_choice_review(&m, s, T0);
	ck_assert(s->resend);
	ck_assert_uint_eq(s->current, 0);
}
END_TEST

/* A flow in doubt: resending begins; the flow is left after a second unanswered
 * probe if another has the lower sum. */
START_TEST(silent)
{
	use(0);
	ck_assert_ptr_nonnull(pool_put(&m, POOL_RECENT, s, T0, "x", 1));
	f[0]->probe1_at = T0 - 80 * MS;
	f[0]->probe2_at = T0 - 30 * MS + 1;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	ck_assert(s->resend);
	ck_assert_uint_eq(s->resend_pos, pool_begin(&m, POOL_RECENT, s));
	ck_assert_uint_eq(s->review_at, T0 + 1);
	s->resend = false;
	f[0]->probe2_at = T0 - 30 * MS;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0); /* 20 ms is still less than 40 ms */
	ck_assert(!s->resend); /* one doubt, one resending */
	f[0]->rtt.idle_us = 50 * MS;
	path_choice_review(&m, s, T0);
	check_use(1, MP_WHY_silent);
}
END_TEST

/* All flows are in doubt: none is better. */
START_TEST(silent_all)
{
	use(0);
	for (int i = 0; i < 3; i++) {
		f[i]->probe1_at = T0 - 200 * MS;
		f[i]->probe2_at = T0 - 150 * MS;
		f[i]->rtt.idle_us = i == 0 ? SEC : 0;
	}
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	f[2]->probe1_at = f[2]->probe2_at = MP_NEVER;
	path_choice_review(&m, s, T0);
	check_use(2, MP_WHY_silent);
}
END_TEST

/* These leave the flow at once. */
static void
set_gone(struct flow *fl)
{
	fl->gone = true;
}

static void
set_down(struct flow *fl)
{
	fl->down = true;
}

static void
set_failed(struct flow *fl)
{
	fl->failed = true;
}

static void
set_not_valid(struct flow *fl)
{
	fl->validated = false;
}

static const struct left_row {
	void (*what)(struct flow *);
	enum mp_reason why;
} lefts[] = {
	{ set_gone, MP_WHY_gone },
	{ set_down, MP_WHY_gone },
	{ set_failed, MP_WHY_error },
	{ set_not_valid, MP_WHY_silent },
};

START_TEST(left)
{
	const struct left_row *r = &lefts[_i];

	use(0);
	r->what(f[0]);
	path_choice_dirty(&m, s, T0);
	ck_assert_uint_le(s->deadline, T0);
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[1]);
	check_use(1, r->why);
}
END_TEST

/* A flow in doubt is better than none; one that is not in doubt is better
 * still. */
START_TEST(left_for_doubtful)
{
	use(0);
	f[0]->gone = true;
	f[1]->probe1_at = T0 - SEC;
	path_choice_review(&m, s, T0);
	check_use(2, MP_WHY_gone);
	f[2]->gone = true;
	path_choice_review(&m, s, T0);
	check_use(1, MP_WHY_gone);
}
END_TEST

/* --- The search ----------------------------------------------------------- */

static int
urged(void)
{
	int n = 0;

	for (int i = 0; i < 3; i++) {
		n += f[i]->probe_now;
		f[i]->probe_now = false;
	}
	return n;
}

/* Flow 0, in use, is given a datagram at T0 and never answers. */
static void
fall_silent(void)
{
	use(0);
	for (int i = 0; i < 3; i++) {
		f[i]->proof_at = T0 - MS;
		f[i]->probe_now = false;
	}
	flow_data_sent(f[0], T0);
	path_choice_expect(&m, s, f[0]);
}

START_TEST(search_asks_all)
{
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt);

	fall_silent();
	ck_assert_uint_eq(s->review_at, at);
	path_choice_review(&m, s, at - 1);
	ck_assert_int_eq(urged(), 0);
	path_choice_review(&m, s, at);
	ck_assert_int_eq(urged(), 3);
	ck_assert_uint_eq(s->silence_at, at);
	path_choice_review(&m, s, at + 10 * MS); /* once a silence */
	ck_assert_int_eq(urged(), 0);
	ck_assert_uint_eq(s->silence_at, at);
	ck_assert_uint_eq(s->current, 0);
}
END_TEST

/* Again each 50 ms, for a second, while none has answered. */
START_TEST(search_asks_again)
{
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt);

	fall_silent();
	path_choice_review(&m, s, at);
	(void)urged();
	flow_probe_sent(f[0], at, 1);
	path_choice_review(&m, s, at + 50 * MS);
	ck_assert_int_eq(urged(), 3);
	path_choice_review(&m, s, at + 99 * MS);
	ck_assert_int_eq(urged(), 0);
	f[2]->proof_at = at; /* it answered what was sent then */
	path_choice_review(&m, s, at + 100 * MS);
	ck_assert_int_eq(urged(), 0);
	f[2]->proof_at = at - MS;
	path_choice_review(&m, s, at + 100 * MS);
	ck_assert_int_eq(urged(), 3);
	path_choice_review(&m, s, at + CHOICE_ASK_FOR);
	ck_assert_int_eq(urged(), 0);
}
END_TEST

/* A program that is slow to read does not have all asked all the time. */
START_TEST(search_seldom)
{
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt);

	fall_silent();
	s->asked_at = at - CHOICE_ASK_GAP + 1;
	path_choice_review(&m, s, at);
	ck_assert_int_eq(urged(), 0);
	ck_assert_uint_eq(s->silence_at, at);
	flow_probe_sent(f[0], at, 1); /* but when the path is in doubt */
	path_choice_review(&m, s, flow_doubt_at(f[0]));
	ck_assert_int_eq(urged(), 3);
}
END_TEST

/* No switch to a flow of which nothing is known, for a second. */
static const struct guess_row {
	uint64_t after;
	bool answered;
	uint32_t current;
} guesses[] = {
	{ 300 * MS, false, 0 },
	{ 300 * MS, true, 2 },
	{ CHOICE_GUESS - 1, false, 0 },
	{ CHOICE_GUESS, false, 2 },
};

START_TEST(search_no_guess)
{
	const struct guess_row *r = &guesses[_i];
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt);

	fall_silent();
	path_choice_review(&m, s, at);
	flow_probe_sent(f[0], at, 1);
	flow_probe_sent(f[0], at + 50 * MS, 2);
	f[0]->rtt.idle_us = SEC;
	f[1]->gone = true;
	if (r->answered)
		f[2]->proof_at = at + MS;
	path_choice_review(&m, s, T0 + r->after);
	ck_assert_uint_eq(s->current, r->current);
}
END_TEST

/* The flow that carried the copies had answered, and falls silent, too: a
 * search of its own begins, and what others answered before does not count. */
START_TEST(search_of_its_own)
{
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt), again;

	fall_silent();
	path_choice_review(&m, s, at);
	(void)urged();
	f[1]->proof_at = f[2]->proof_at = at + MS;
	flow_copy_sent(f[1], at + 30 * MS);
	path_choice_expect(&m, s, f[1]);
	again = flow_overdue_at(f[1]);
	ck_assert_uint_le(s->review_at, again);
	path_choice_review(&m, s, again);
	ck_assert_uint_eq(s->silence_at, again);
	ck_assert(!policy_proven(s, f[2], again));
	/* One that never answered begins none. */
	fall_silent();
	f[0]->searched = true;
	s->silence_at = again;
	f[2]->proof_at = again - SEC;
	flow_copy_sent(f[2], again);
	path_choice_review(&m, s, again + SEC);
	ck_assert_uint_eq(s->silence_at, again);
}
END_TEST

/* Which flows fell silent together is remembered, until one is well alone. */
START_TEST(search_fate)
{
	uint64_t at = T0 + rtt_overdue(&f[0]->rtt);

	fall_silent();
	path_choice_review(&m, s, at);
	flow_probe_sent(f[0], at, 1);
	flow_probe_sent(f[0], at + 50 * MS, 2);
	flow_probe_sent(f[1], at, 1);
	f[0]->rtt.idle_us = SEC;
	f[2]->proof_at = at;
	path_choice_review(&m, s, at + 300 * MS);
	ck_assert_uint_eq(s->current, 2);
	ck_assert_uint_eq(f[0]->fate, state_bit(1));
	ck_assert_uint_eq(f[1]->fate, state_bit(0));
	ck_assert_uint_eq(f[2]->fate, 0);
}
END_TEST

/* Of those that are dead the one that answered last is next. */
START_TEST(last_answer)
{
	use(0);
	for (int i = 0; i < 3; i++)
		f[i]->validated = false;
	f[0]->answer_at = T0 - 3 * SEC;
	f[1]->answer_at = T0 - SEC;
	f[2]->answer_at = T0 - 2 * SEC;
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[1]);
	f[1]->gone = true;
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[2]);
}
END_TEST

/* A path that has lost much for a while is left for a clean one that is slower,
 * but not by much; and is not taken back for being faster. */
START_TEST(lossy_left)
{
	use(0);
	f[0]->tx_loss.since = T0 - LOSS_LEAVE + 1;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	f[0]->tx_loss.since = 0;
	f[0]->rx_loss.since = T0 - LOSS_LEAVE; /* either way */
	f[1]->rtt.srtt_us = f[2]->rtt.srtt_us = 300 * 1000;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	f[1]->rtt.srtt_us = 100 * 1000;
	path_choice_review(&m, s, T0);
	check_use(1, MP_WHY_lossy);
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 1);
}
END_TEST

/* --- The responder -------------------------------------------------------- */

/* The responder follows data in order until the first SELECT, then the highest
 * SELECT. */
START_TEST(follow)
{
	path_choice_data(&m, s, T0, 1);
	check_use(1, MP_WHY_first);
	path_choice_data(&m, s, T0, 2);
	check_use(2, MP_WHY_data);
	path_choice_follow(&m, s, T0, 0, 3);
	check_use(0, MP_WHY_select);
	ck_assert_uint_eq(s->choice, 3);
	path_choice_data(&m, s, T0, 2); /* after a SELECT data moves nothing */
	ck_assert_uint_eq(s->current, 0);
	path_choice_follow(&m, s, T0, 1, 3); /* number not higher */
	path_choice_follow(&m, s, T0, 1, 2);
	path_choice_follow(&m, s, T0, 1, 0);
	ck_assert_uint_eq(s->current, 0);
	path_choice_follow(&m, s, T0, 63, 4); /* no such flow */
	ck_assert_uint_eq(s->choice, 3);
	path_choice_follow(&m, s, T0, 1, 0xffffffff);
	check_use(1, MP_WHY_select);
	ck_assert(f[1]->probe_now); /* the one before has failed: all are asked */
}
END_TEST

/* A SELECT for a flow that is not validated takes effect when it is. */
START_TEST(follow_early)
{
	use(0);
	f[1]->validated = false;
	path_choice_follow(&m, s, T0, 1, 9);
	ck_assert_uint_eq(s->current, 0);
	ck_assert_uint_eq(s->choice, 9);
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	f[1]->answer_at = T0;
	path_validated(&m, s, f[1], T0);
	ck_assert_uint_le(s->review_at, T0);
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 1);
}
END_TEST

/* An initiator follows neither SELECT nor data. */
START_TEST(initiator_leads)
{
	use(0);
	path_choice_follow(&m, s, T0, 1, 99);
	path_choice_data(&m, s, T0, 1);
	ck_assert_uint_eq(s->current, 0);
	ck_assert_uint_eq(s->choice, 5);
}
END_TEST

/* In doubt the responder moves by itself, and back when the flow that the peer
 * chose answers; never to one that is merely faster. */
START_TEST(own_doubt)
{
	use(1);
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 1);
	f[1]->probe1_at = T0 - 110 * MS;
	f[1]->probe2_at = T0 - 60 * MS;
	f[1]->rtt.idle_us = 100 * MS;
	path_choice_review(&m, s, T0);
	check_use(0, MP_WHY_silent);
	ck_assert_uint_eq(s->choice, 5); /* numbers are the peer's alone */
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	flow_answered(f[1], T0);
	path_choice_review(&m, s, T0);
	check_use(1, MP_WHY_back);
	/* a higher SELECT overrides */
	path_choice_follow(&m, s, T0, 2, 6);
	check_use(2, MP_WHY_select);
}
END_TEST

/* Where the peer doubts the flow, too, its SELECT is waited for. */
START_TEST(peers_turn)
{
	use(0);
	f[0]->probe1_at = T0 - 80 * MS;
	f[0]->probe2_at = T0 - 30 * MS;
	f[0]->rtt.idle_us = 50 * MS;
	f[0]->copy_seen = T0 - 20 * MS;
	f[1]->ts_arrival = f[1]->proof_at = T0;
	s->silence_at = T0 - 30 * MS;
	path_choice_review(&m, s, T0);
	ck_assert_uint_eq(s->current, 0);
	ck_assert_uint_eq(s->review_at, T0 + CHOICE_PEERS_TURN);
	path_choice_review(&m, s, T0 + CHOICE_PEERS_TURN);
	ck_assert_uint_eq(s->current, 1);
}
END_TEST

/* --- Datagrams ------------------------------------------------------------ */

START_TEST(size)
{
	use(0);
	f[2]->size = 1400;
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 1200), f[0]);
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 1300), f[2]);
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 1401), f[0]); /* none */
	ck_assert_uint_eq(s->current, 0); /* the flow in use stays */
	f[2]->probe1_at = T0 - SEC; /* in doubt: not used */
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 1300), f[0]);
}
END_TEST

/* PROTOCOL.md 4: data goes to validated pairs only; if none is left, to the
 * last one that was. */
START_TEST(last_resort)
{
	use(0);
	path_validated(&m, s, f[1], T0);
	for (int i = 0; i < 3; i++)
		f[i]->validated = false;
	s->review_at = 0;
	s->current = STATE_NO_FLOW;
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[1]);
	f[1]->gone = true; /* others that once were validated */
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[0]);
	f[0]->proven_once = false;
	ck_assert_ptr_eq(path_choice_flow(&m, s, T0, 100), f[2]);
	f[2]->failed = true;
	ck_assert_ptr_null(path_choice_flow(&m, s, T0, 100));
}
END_TEST

START_TEST(copy)
{
	use(0);
	ck_assert_ptr_null(path_choice_copy(&m, s, T0, f[0], 100));
	f[0]->probe1_at = T0 - 30 * MS + 1;
	ck_assert_ptr_null(path_choice_copy(&m, s, T0, f[0], 100));
	f[0]->probe1_at = T0 - 30 * MS;
	/* Both have answered lately; 2 shares no address with it, 1 does. */
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 100), f[1]);
	s->silence_at = T0;
	f[0]->silent_since = T0 - 30 * MS;
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 100), f[2]);
	f[2]->probe1_at = T0 - SEC;
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 100), f[1]);
	/* none carries so much: the best one, in fragments */
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 5000), f[1]);
	f[1]->validated = false;
	ck_assert_ptr_null(path_choice_copy(&m, s, T0, f[0], 100));
}
END_TEST

START_TEST(copy_lossy)
{
	use(0);
	f[0]->tx_loss.since = T0;
	/* 1 shares its link, and so its loss; 2 does not. */
	f[1]->path.remote = f[0]->path.remote;
	f[2]->rtt.srtt_us = SEC;
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 100), f[2]);
	f[2]->gone = true;
	ck_assert_ptr_null(path_choice_copy(&m, s, T0, f[0], 100));
	f[2]->gone = false;
	f[0]->tx_loss.since = 0;
	f[0]->validated = false;
	ck_assert_ptr_eq(path_choice_copy(&m, s, T0, f[0], 100), f[1]);
}
END_TEST

Suite *
suite_path_choice(void)
{
	Suite *suite = suite_create("path_choice");
	TCase *a = tcase_create("initiator");
	TCase *b = tcase_create("responder");

	tcase_add_checked_fixture(a, initiator, teardown);
	tcase_add_test(a, first);
	tcase_add_test(a, faster);
	tcase_add_loop_test(a, stay, 0, COUNT(stays));
	tcase_add_test(a, not_faster_in_search);
	tcase_add_test(a, left_then_silent);
	tcase_add_test(a, silent);
	tcase_add_test(a, silent_all);
	tcase_add_loop_test(a, left, 0, COUNT(lefts));
	tcase_add_test(a, left_for_doubtful);
	tcase_add_test(a, initiator_leads);
	tcase_add_test(a, size);
	tcase_add_test(a, last_resort);
	tcase_add_test(a, copy);
	tcase_add_test(a, search_asks_all);
	tcase_add_test(a, search_asks_again);
	tcase_add_test(a, search_seldom);
	tcase_add_loop_test(a, search_no_guess, 0, COUNT(guesses));
	tcase_add_test(a, search_of_its_own);
	tcase_add_test(a, search_fate);
	tcase_add_test(a, last_answer);
	tcase_add_test(a, lossy_left);
	tcase_add_test(a, copy_lossy);
	suite_add_tcase(suite, a);
	tcase_add_checked_fixture(b, responder, teardown);
	tcase_add_test(b, follow);
	tcase_add_test(b, follow_early);
	tcase_add_test(b, own_doubt);
	tcase_add_test(b, peers_turn);
	suite_add_tcase(suite, b);
	return suite;
}
