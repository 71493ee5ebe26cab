/* SPDX-License-Identifier: ISC */
/* preload/agent/status_diff.c: the events between two readings of the
 * status. */
#include "suites.h"

#include <string.h>

#include "agent/status_diff.h"

enum { ROWS = 16, SAID = 32, T1 = 1000000, T2 = 2000000 };

/* The two readings, and the events between them. */
static struct list {
	struct ipc_row row[ROWS];
	size_t n;
} old, now;

static struct {
	struct ipc_row row[SAID];
	int n;
} said;

static void
on_said(void *arg, const struct ipc_row *row)
{
	ck_assert_ptr_eq(arg, &said);
	ck_assert_int_lt(said.n, SAID);
	said.row[said.n++] = *row;
}

static struct status_diff
find(bool counters)
{
	struct status_diff c = { .say = on_said, .arg = &said, .at = T2,
		.counters = counters };

	said.n = 0;
	status_diff_find(&c, old.row, old.n, now.row, now.n);
	return c;
}

/* Exactly these events were reported, in this order. */
static void
is_said(const enum ipc_event *events, int n)
{
	int i;

	for (i = 0; i < said.n && i < n; i++)
		ck_assert_uint_eq(said.row[i].event, events[i]);
	ck_assert_int_eq(said.n, n);
}

#define SAID_IS(...)                                                          \
	do {                                                                  \
		static const enum ipc_event is[] = { __VA_ARGS__ };           \
		is_said(is, (int)(sizeof(is) / sizeof(is[0])));               \
	} while (0)
#define E(name) IPC_EVENT_##name

static struct ipc_row *
row_add(struct list *l, enum ipc_row_kind kind, uint64_t at)
{
	struct ipc_row *r = &l->row[l->n++];

	ck_assert_uint_le(l->n, ROWS);
	*r = (struct ipc_row) { .kind = kind, .port = 7, .now = at };
	return r;
}

static struct ipc_row *
session_add(struct list *l, uint64_t at, uint32_t gen, uint32_t current)
{
	struct ipc_row *r = row_add(l, IPC_ROW_SESSION, at);

	r->session = 3;
	r->gen = gen;
	r->u.session_row.info = (struct mp_session_info) { .state = MP_S_UP,
		.current = current, .why = MP_WHY_first, .up_at = 500,
		.why_at = 600 };
	return r;
}

static struct ipc_row *
flow_add(struct list *l, uint64_t at, uint32_t gen, uint32_t flow)
{
	struct ipc_row *r = row_add(l, IPC_ROW_FLOW, at);

	r->session = 3;
	r->gen = gen;
	r->flow = flow;
	r->u.flow_row.info = (struct mp_flow_info) { .validated = true,
		.srtt_us = 20000, .answer_at = 700 };
	r->u.flow_row.info.path.remote.port = (uint16_t)(1000 + flow);
	return r;
}

static void
setup(void)
{
	memset(&old, 0, sizeof(old));
	memset(&now, 0, sizeof(now));
}

/* Puts a session with two flows, the first in use, into both readings; f[] are
 * the flows of the second. */
static void
both(struct ipc_row *f[2])
{
	session_add(&old, T1, 1, 0);
	flow_add(&old, T1, 1, 0);
	flow_add(&old, T1, 1, 1);
	session_add(&now, T2, 1, 0);
	f[0] = flow_add(&now, T2, 1, 0);
	f[1] = flow_add(&now, T2, 1, 1);
}

START_TEST(nothing)
{
	struct ipc_row *f[2];

	find(true);
	ck_assert_int_eq(said.n, 0);
	both(f);
	find(true);
	ck_assert_int_eq(said.n, 0);
}
END_TEST

START_TEST(all_comes_and_goes)
{
	row_add(&now, IPC_ROW_PORT, T1);
	row_add(&now, IPC_ROW_SLOT, T1);
	row_add(&now, IPC_ROW_LINK, T1)->u.link_row.up = true;
	row_add(&now, IPC_ROW_ADDRESS, T1);
	session_add(&now, T1, 1, 0);
	flow_add(&now, T1, 1, 0);
	find(false);
	SAID_IS(E(socket_open), E(link_up), E(address_new), E(session_up),
	    E(flow_new), E(choice));
	ck_assert_uint_eq(said.row[0].at, T1);
	ck_assert_uint_eq(said.row[3].at, 500); /* its up_at */
	ck_assert_uint_eq(said.row[5].at, 600);
	ck_assert_uint_eq(said.row[5].before, MP_NONE);
	ck_assert_uint_eq(said.row[5].why, MP_WHY_first);

	old = now;
	now.n = 0;
	find(false);
	SAID_IS(E(socket_close), E(link_down), E(address_gone),
	    E(session_gone));
	ck_assert_uint_eq(said.row[3].at, T2);
}
END_TEST

/* The index of a session is used again: the flows of the old one go with it. */
START_TEST(index_used_again)
{
	session_add(&old, T1, 1, 0);
	flow_add(&old, T1, 1, 0);
	session_add(&now, T2, 2, MP_NONE)->u.session_row.info.state =
	    MP_S_CONNECTING;
	flow_add(&now, T2, 2, 0);
	find(false);
	SAID_IS(E(session_gone), E(session_connecting), E(flow_new));
	ck_assert_uint_eq(said.row[0].at, T2);
}
END_TEST

START_TEST(choice_after_its_reason)
{
	struct ipc_row *f[2];

	both(f);
	f[0]->u.flow_row.info.failed = true;
	f[1]->u.flow_row.info.answer_at = T2 - 5;
	now.row[0].u.session_row.info.current = 1;
	now.row[0].u.session_row.info.why = MP_WHY_error;
	now.row[0].u.session_row.info.why_at = T2 - 100;
	find(false);
	SAID_IS(E(flow_failed), E(sample), E(choice));
	ck_assert_uint_eq(said.row[2].flow, 1);
	ck_assert_uint_eq(said.row[2].before, 0);
	ck_assert_uint_eq(said.row[2].why, MP_WHY_error);
	ck_assert_uint_eq(said.row[2].at, T2 - 100);
}
END_TEST

/* A flow that was left and taken again between two readings has another
 * why_at. */
START_TEST(choice_of_the_same)
{
	struct ipc_row *f[2];

	both(f);
	now.row[0].u.session_row.info.why_at = T2 - 1;
	find(false);
	SAID_IS(E(choice));
	ck_assert_uint_eq(said.row[0].before, 0);
}
END_TEST

START_TEST(flow_states)
{
	struct ipc_row *f[2];

	both(f);
	f[0]->u.flow_row.info.doubt = true;
	old.row[2].u.flow_row.info.validated = false;
	find(false);
	SAID_IS(E(flow_doubt), E(flow_validated));

	f[0]->u.flow_row.info.failed = true; /* counts more than doubt */
	old.row[2] = *f[1];
	find(false);
	SAID_IS(E(flow_failed));

	old.row[1] = *f[0];
	f[0]->u.flow_row.info.failed = false; /* still in doubt */
	find(false);
	ck_assert_int_eq(said.n, 0);

	old.row[1] = *f[0];
	f[0]->u.flow_row.info.doubt = false;
	f[1]->u.flow_row.info.path.remote.port++;
	find(false);
	SAID_IS(E(flow_ok), E(flow_moved));
}
END_TEST

START_TEST(bundles)
{
	struct ipc_row *f[2];

	both(f);
	f[0]->u.flow_row.info.bundles = MP_BUNDLES_OFF;
	f[1]->u.flow_row.info.bundles = MP_BUNDLES_TRUSTED;
	find(false);
	SAID_IS(E(bundles_off));

	old.row[1] = *f[0];
	f[0]->u.flow_row.info.bundles = MP_BUNDLES_TRY;
	find(false);
	SAID_IS(E(bundles_again));
}
END_TEST

/* Refused before the flow was seen. */
START_TEST(bundles_off_at_once)
{
	session_add(&old, T1, 1, 0);
	session_add(&now, T2, 1, 0);
	flow_add(&now, T2, 1, 0)->u.flow_row.info.bundles = MP_BUNDLES_OFF;
	find(false);
	SAID_IS(E(flow_new), E(bundles_off));
}
END_TEST

START_TEST(flow_alone_goes)
{
	struct ipc_row *f[2];

	both(f);
	now.n--;
	find(false);
	SAID_IS(E(flow_gone));
	ck_assert_uint_eq(said.row[0].flow, 1);
	ck_assert_uint_eq(said.row[0].at, T2);
}
END_TEST

/* At most one sample in STATUS_DIFF_SAMPLE_US; `more' says that one is due. */
START_TEST(samples)
{
	struct ipc_row *f[2];
	struct status_diff c;

	both(f);
	f[0]->u.flow_row.info.answer_at = T2 - 10;
	c = find(false);
	SAID_IS(E(sample));
	ck_assert_uint_eq(said.row[0].at, T2 - 10);
	ck_assert(!c.more);

	old = now;
	f[0]->now = T2 + STATUS_DIFF_SAMPLE_US - 1;
	f[0]->u.flow_row.info.answer_at = T2 + 10;
	f[0]->u.flow_row.info.srtt_us = 30000;
	c = find(false);
	ck_assert_int_eq(said.n, 0);
	ck_assert(c.more);

	old = now;
	f[0]->now = T2 + STATUS_DIFF_SAMPLE_US;
	f[0]->u.flow_row.info.answer_at = T2 + 10;
	f[0]->u.flow_row.info.srtt_us = 30000;
	find(false);
	SAID_IS(E(sample));
	ck_assert_uint_eq(said.row[0].u.flow_row.info.srtt_us, 30000);

	/* A wait without an answer is a sample of the time of reading. */
	old = now;
	f[0]->now = 2 * T2;
	f[0]->u.flow_row.info.idle_us = 230000;
	find(false);
	SAID_IS(E(sample));
	ck_assert_uint_eq(said.row[0].at, 2 * T2);
}
END_TEST

static void
counter_add(struct list *l, uint32_t index, const char *name, uint64_t value)
{
	struct ipc_row *r = row_add(l, IPC_ROW_COUNTER, T1);

	r->flow = index;
	strcpy(r->u.counter_row.name, name);
	r->u.counter_row.value = value;
}

START_TEST(counters)
{
	counter_add(&old, 0, "data_in", 1);
	counter_add(&old, 1, "drop_auth", 1);
	counter_add(&now, 0, "data_in", 9);
	counter_add(&now, 1, "drop_auth", 4);
	find(false); /* counters were not asked for */
	ck_assert_int_eq(said.n, 0);
	old = now;
	now.row[1].u.counter_row.value = 5;
	find(true);
	SAID_IS(E(dropped));
	ck_assert_uint_eq(said.row[0].u.counter_row.more, 4);
	ck_assert_uint_eq(said.row[0].u.counter_row.value, 5);
}
END_TEST

/* Impossible states: a program can write anything into its arena. */
START_TEST(nonsense)
{
	struct ipc_row *f[2];

	both(f);
	now.row[0].u.session_row.info.state = (enum mp_session_state)4000;
	now.row[0].u.session_row.info.current = 77;
	now.row[0].u.session_row.info.why_at = MP_NEVER;
	find(true);
	ck_assert_int_eq(said.n, 0);
}
END_TEST

Suite *
suite_status_diff(void)
{
	Suite *s = suite_create("status_diff");
	TCase *t = tcase_create("status_diff");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, nothing);
	tcase_add_test(t, all_comes_and_goes);
	tcase_add_test(t, index_used_again);
	tcase_add_test(t, choice_after_its_reason);
	tcase_add_test(t, choice_of_the_same);
	tcase_add_test(t, flow_states);
	tcase_add_test(t, bundles);
	tcase_add_test(t, bundles_off_at_once);
	tcase_add_test(t, flow_alone_goes);
	tcase_add_test(t, samples);
	tcase_add_test(t, counters);
	tcase_add_test(t, nonsense);
	suite_add_tcase(s, t);
	return s;
}
