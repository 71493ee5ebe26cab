/* SPDX-License-Identifier: ISC */
/* core/path.c: which pairs of addresses are flows, and what happens to them
 * when addresses and links come and go (PROTOCOL.md 3). */
#include "path.h"

#include <string.h>

#include "addr.h"
#include "duo.h"
#include "mp.h"
#include "path_choice.h"
#include "state.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static int
live(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	struct flow *f;
	int n = 0;

	STATE_FLOWS(m, duo_session(d, e), f, id)
		n++;
	return n;
}

static int
validated(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	struct flow *f;
	int n = 0;

	STATE_FLOWS(m, duo_session(d, e), f, id)
		n += f->validated;
	return n;
}

/* All compatible pairs. */
static const int grids[][2] = { { 1, 1 }, { 2, 2 }, { 3, 1 }, { 1, 3 },
	{ 4, 4 }, { 8, 8 } };

START_TEST(grid)
{
	int n = grids[_i][0] * grids[_i][1], i, j;
	struct duo *d = duo_new(grids[_i][0], grids[_i][1]);

	duo_up(d);
	for (int e = 0; e < 2; e++) {
		ck_assert_int_eq(live(d, e), n);
		ck_assert_int_eq(validated(d, e), n);
		ck_assert_uint_eq(duo_session(d, e)->live_flows, n);
	}
	for (i = 0; i < grids[_i][0]; i++)
		for (j = 0; j < grids[_i][1]; j++) {
			ck_assert_ptr_nonnull(duo_flow(d, 0, i, j));
			ck_assert_ptr_nonnull(duo_flow(d, 1, i, j));
			ck_assert_uint_eq(duo_flow(d, 0, i, j)->id,
			    duo_flow(d, 1, i, j)->id);
			ck_assert_ptr_eq(path_find(&d->end[0].mp,
			    duo_session(d, 0), &duo_flow(d, 0, i, j)->path),
			    duo_flow(d, 0, i, j));
		}
	duo_free(d);
}
END_TEST

static const uint8_t loopback[16] = { [15] = 1 };
static const uint8_t link_a[16] = { 0xfe, 0x80, [15] = 0xa };
static const uint8_t link_b[16] = { 0xfe, 0x80, [15] = 0xb };
static const uint8_t six_a[16] = { 0xfd, 1, [15] = 0xa };
static const uint8_t six_b[16] = { 0xfd, 1, [15] = 0xb };

/* Every packet leaves on a pair that can work. */
static enum duo_verdict
check_pairs(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	ck_assert(addr_pair_ok(p->path.local.ip, p->path.remote.ip));
	ck_assert(addr_scope_of(p->path.local.ip) != ADDR_LOOPBACK);
	return DUO_PASS;
}

START_TEST(mixed)
{
	struct duo *d = duo_new(1, 1);
	struct flow *f;

	duo_addr_new(d, 0, six_a, 2);
	duo_addr_new(d, 0, link_a, 2);
	duo_addr_new(d, 0, loopback, 9);
	duo_addr_new(d, 1, six_b, 2);
	duo_addr_new(d, 1, link_b, 2);
	duo_addr_new(d, 1, loopback, 9);
	d->tap = check_pairs;
	duo_up(d);
	STATE_FLOWS(&d->end[0].mp, duo_session(d, 0), f, id) {
		ck_assert(addr_pair_ok(f->path.local.ip, f->path.remote.ip));
		ck_assert(addr_scope_of(f->path.remote.ip) != ADDR_LOOPBACK);
	}
	ck_assert_ptr_nonnull(duo_flow(d, 0, 0, 0));
	ck_assert_ptr_nonnull(duo_flow(d, 0, 1, 1));
	ck_assert_ptr_null(duo_flow(d, 0, 0, 1));
	ck_assert_ptr_null(duo_flow(d, 0, 1, 0));
	duo_free(d);
}
END_TEST

/* A remote address that is also ours, as every docker0 is 172.17.0.1. */
START_TEST(own_address)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr docker = duo_ip4(172, 17, 0, 1, 0);

	duo_addr_new(d, 0, docker.ip, 7);
	duo_addr_new(d, 1, docker.ip, 7);
	duo_up(d);
	ck_assert_int_eq(live(d, 0), 2); /* both of ours to the peer's other
					  * one */
	ck_assert_uint_ge(duo_count(d, 0, MP_C_drop_addr), 1);
	duo_free(d);
}
END_TEST

/* Another list changes no existing flow: same ids, same estimates. */
START_TEST(list_changes)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr more = duo_ip4(10, 1, 0, 77, 0);
	struct flow *f;
	uint8_t id;

	duo_up(d);
	f = duo_flow(d, 0, 0, 0);
	id = f->id;
	duo_addr_new(d, 1, more.ip, 4);
	more = duo_ip4(10, 0, 0, 77, 0);
	duo_addr_new(d, 0, more.ip, 4);
	ck_assert(f->validated);
	ck_assert_uint_ne(f->rtt.srtt_us, 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(live(d, 0), 4);
	ck_assert_int_eq(validated(d, 1), 4);
	ck_assert_ptr_eq(duo_flow(d, 0, 0, 0), f);
	ck_assert_uint_eq(f->id, id);
	ck_assert_int_eq(duo_current(d, 0)->id, id);
	duo_free(d);
}
END_TEST

/* --- A local address goes, and comes -------------------------------------- */

/* An address of either end goes; nothing is lost for long, nothing comes
 * twice. */
static const struct move_row {
	const char *name;
	int e, addr;
	bool carrier; /* only its link goes down */
} moves[] = {
	{ "client's address", 0, 0, false },
	{ "server's address", 1, 0, false },
	{ "client's link", 0, 0, true },
	{ "server's link", 1, 0, true },
	{ "client's other address", 0, 1, false },
	{ "server's other link", 1, 1, true },
};

START_TEST(move)
{
	const struct move_row *r = &moves[_i];
	struct duo *d = duo_new(2, 2);
	uint64_t seq;
	uint32_t n = 2;
	uint8_t id;
	struct flow *f;

	duo_up(d);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	f = r->addr == 0 ? duo_flow(d, 0, 0, 0) : duo_flow(d, 0, 1, 1);
	id = f->id;
	seq = f->tx_seq;
	if (r->carrier)
		duo_carrier(d, r->e, r->addr, true);
	else
		duo_addr_del(d, r->e, r->addr);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	for (int e = 0; e < 2; e++) {
		ck_assert_ptr_nonnull(duo_current(d, e));
		ck_assert_ptr_eq(duo_current(d, e), r->e == 0 ?
		    duo_flow(d, e, !r->addr, 0) :
		    duo_flow(d, e, 0, !r->addr));
	}
	ck_assert_int_le(duo_missing(d, 2, n - 4), 4); /* on their way then */
	if (r->carrier)
		duo_carrier(d, r->e, r->addr, false);
	else
		duo_addr_add(d, r->e, r->addr);
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	for (int e = 0; e < 2; e++) {
		ck_assert_msg(live(d, e) == 4, "%s: %d", r->name, live(d, e));
		ck_assert_int_eq(validated(d, e), 4);
		ck_assert_ptr_eq(duo_current(d, e), duo_flow(d, e, 0, 0));
	}
	f = r->addr == 0 ? duo_flow(d, 0, 0, 0) : duo_flow(d, 0, 1, 1);
	ck_assert_uint_eq(f->id, id); /* the pair gets its former record ... */
	ck_assert_uint_ge(f->tx_seq, seq); /* ... whose numbers go on */
	ck_assert_int_eq(duo_twice(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* An end's only address is replaced by another: the session lives on. */
START_TEST(replaced)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr other = duo_ip4(10, (uint8_t)_i, 0, 99, 0);
	uint64_t done;
	uint32_t n = 2;

	duo_up(d);
	done = duo_count(d, 0, MP_C_handshake_done);
	duo_addr_del(d, _i, 0);
	duo_chat(d, d->now + 200 * MS, 50 * MS, &n);
	duo_addr_new(d, _i, other.ip, 5);
	n += n % 2;
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	/* datagrams sent now arrive */
	n = 1000;
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 1000, n), 0);
	if (_i == 0) /* the client moved: no new handshake */
		ck_assert_uint_eq(duo_count(d, 0, MP_C_handshake_done), done);
	ck_assert_int_eq(duo_twice(d, 1000, n), 0);
	duo_free(d);
}
END_TEST

/* The responder's only address goes and comes back. */
START_TEST(returned)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 1000;

	duo_up(d);
	duo_addr_del(d, _i, 0);
	duo_run(d, d->now + 3 * SEC);
	duo_addr_add(d, _i, 0);
	duo_run(d, d->now + 2 * SEC); /* PROTOCOL.md 8: within 1 probe */
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 1000, n), 0);
	duo_free(d);
}
END_TEST

/* --- Bounds --------------------------------------------------------------- */

/* More than 64 pairs: validated ones stay, then distinct interfaces come
 * first. */
START_TEST(crowd)
{
	struct duo *d = duo_new(10, 8);
	bool found;
	int i, j;

	duo_up(d);
	ck_assert_int_eq(live(d, 0), 64);
	for (i = 0; i < 10; i++) {
		for (j = 0, found = false; j < 8; j++)
			found |= duo_flow(d, 0, i, j) != NULL;
		ck_assert_msg(found, "client address %d has no flow", i);
	}
	duo_free(d);
}
END_TEST

START_TEST(crowd_newcomer)
{
	struct mp_addr more = duo_ip4(10, 0, 0, 77, 0);
	struct duo *d = duo_new(8, 8);
	struct flow *kept;
	int i, j;

	for (i = 4; i < 8; i++) /* half of them never work */
		for (j = 0; j < 8; j++)
			duo_cut(d, i, j, true);
	duo_up(d);
	ck_assert_int_eq(live(d, 0), 64);
	kept = duo_flow(d, 0, 0, 0);
	i = duo_addr_new(d, 0, more.ip, 70);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(live(d, 0), 64);
	ck_assert_ptr_nonnull(duo_flow(d, 0, i, 0)); /* it has a flow */
	ck_assert(duo_flow(d, 0, i, 0)->validated);
	ck_assert_ptr_eq(duo_flow(d, 0, 0, 0), kept);
	for (i = 0; i < 4; i++)
		for (j = 0; j < 8; j++)
			ck_assert(duo_flow(d, 0, i, j) != NULL &&
			    duo_flow(d, 0, i, j)->validated);
	duo_free(d);
}
END_TEST

/* 20 bridges at either end: each uplink has flows of both families, and to the
 * peer's uplinks. */
START_TEST(crowd_bridges)
{
	struct duo *d = duo_new(1, 1);
	uint8_t six[16] = { 0xfd, 0, 2 };
	int c, s, c6, s6;

	for (int e = 0; e < 2; e++)
		for (int i = 0; i < 20; i++) {
			struct mp_addr a = duo_ip4(10, (uint8_t)(2 + e),
			    (uint8_t)i, 1, 0);
			duo_addr_new(d, e, a.ip, (uint32_t)(10 + i));
		}
	c = duo_addr_new(d, 0, duo_ip4(10, 0, 0, 77, 0).ip, 40);
	s = duo_addr_new(d, 1, duo_ip4(10, 1, 0, 77, 0).ip, 40);
	six[15] = 1;
	c6 = duo_addr_new(d, 0, six, 40);
	six[15] = 2;
	s6 = duo_addr_new(d, 1, six, 40);
	for (int i = 1; i < c; i++)
		for (int j = 0; j <= s6; j++)
			duo_cut(d, i, j, true);
	duo_up(d);
	ck_assert_int_eq(live(d, 0), 64);
	ck_assert_ptr_nonnull(duo_flow(d, 0, 0, 0));
	ck_assert_ptr_nonnull(duo_flow(d, 0, c, 0));
	ck_assert(duo_flow(d, 0, 0, s) != NULL || duo_flow(d, 0, c, s) != NULL);
	ck_assert_ptr_nonnull(duo_flow(d, 0, c6, s6));
	ck_assert(duo_flow(d, 0, c6, s6)->validated);
	duo_free(d);
}
END_TEST

START_TEST(few_flows)
{
	struct mp_setup setup = { .limits = { .sessions = 2, .flows = 3,
		.flows_each = 3 }, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 3, 3);
	struct session *s;

	duo_up(d);
	ck_assert_int_eq(live(d, 0), 3);
	ck_assert_int_eq(live(d, 1), 3);
	s = duo_session(d, 1);
	ck_assert_ptr_null(path_flow(&d->end[1].mp, s, 3, d->now));
	ck_assert_ptr_null(path_flow(&d->end[1].mp, s, 64, d->now));
	ck_assert_ptr_null(path_flow(&d->end[1].mp, s, MP_NONE, d->now));
	duo_free(d);
}
END_TEST

/* All flow records are in use: counted, without other effect. */
START_TEST(no_record)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 8,
		.flows_each = 8 }, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 4, 2);
	int e = duo_add_end(d, 1, 'A');

	duo_up(d);
	ck_assert_int_eq(live(d, 1), 8);
	ck_assert_int_eq(duo_say(d, e, 500), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_flows_full), 1);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	duo_free(d);
}
END_TEST

/* --- Single steps --------------------------------------------------------- */

/* Errors in a row: the immediate retry decides (PROTOCOL.md 5). */
START_TEST(send_failed)
{
	struct duo *d = duo_new(2, 1);
	struct session *s;
	struct flow *f;
	struct mp *m = &d->end[0].mp;

	duo_up(d);
	s = duo_session(d, 0);
	f = duo_current(d, 0);
	ck_assert(!path_send_failed(m, s, f, d->now));
	ck_assert(!f->failed);
	ck_assert(path_send_failed(m, s, f, d->now));
	ck_assert(f->failed);
	ck_assert(s->resend);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_flow_failed), 1);
	ck_assert(path_send_failed(m, s, f, d->now)); /* counted once */
	ck_assert_uint_eq(duo_count(d, 0, MP_C_flow_failed), 1);
	ck_assert_ptr_ne(path_choice_flow(m, s, d->now, 10), f);
	duo_free(d);
}
END_TEST

/* What comes by the server's only link cannot go back by it: the kernel chooses
 * another link.  The client knows its links, and has others (_i 1). */
START_TEST(one_way)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 2;

	duo_up(d);
	d->end[!_i].addr[0].one_way = 1;
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(duo_flow(d, !_i, 0, 0)->path.ifindex, (uint32_t)_i);
	ck_assert_int_eq(duo_missing(d, 2, n) == 0, _i == 0);
	duo_free(d);
}
END_TEST

/* The kernel does not say so: no answer arrives, though the question did.  From
 * the start (_i 0), or later. */
START_TEST(one_way_silent)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 1000;

	if (_i != 0)
		duo_up(d);
	d->end[1].addr[0].one_way = 2;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	n = 2000;
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2000, n), 0);
	duo_free(d);
}
END_TEST

START_TEST(mtu)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[0].mp;
	struct flow *f;

	d->end[0].addr[1].local.mtu = 1400;
	duo_tell(d, 0);
	duo_up(d);
	ck_assert_uint_eq(path_mtu(m, duo_flow(d, 0, 0, 0)), 1500);
	f = duo_flow(d, 0, 1, 0);
	ck_assert_uint_eq(path_mtu(m, f), 1400);
	f->path.ifindex = 99; /* the flow's interface is another */
	ck_assert_uint_eq(path_mtu(m, f), 0);
	duo_free(d);
}
END_TEST

/* The flows of an interface are probed at once, no others. */
START_TEST(probe_now)
{
	struct duo *d = duo_new(2, 2);
	struct mp *m = &d->end[0].mp;
	struct session *s;
	struct flow *f;

	duo_up(d);
	s = duo_session(d, 0);
	path_probe_now(m, s, d->now, 2);
	STATE_FLOWS(m, s, f, id)
		ck_assert(f->probe_now == (f->path.ifindex == 2));
	ck_assert_uint_le(mp_deadline(m), d->now);
	path_probe_now(m, s, d->now, MP_NONE);
	STATE_FLOWS(m, s, f, id)
		ck_assert(f->probe_now);
	duo_free(d);
}
END_TEST

Suite *
suite_path(void)
{
	Suite *suite = suite_create("path");
	TCase *t = tcase_create("path");

	tcase_add_loop_test(t, grid, 0, COUNT(grids));
	tcase_add_test(t, mixed);
	tcase_add_test(t, own_address);
	tcase_add_test(t, list_changes);
	tcase_add_loop_test(t, move, 0, COUNT(moves));
	tcase_add_loop_test(t, replaced, 0, 2);
	tcase_add_loop_test(t, returned, 0, 2);
	tcase_add_test(t, crowd);
	tcase_add_test(t, crowd_newcomer);
	tcase_add_test(t, crowd_bridges);
	tcase_add_test(t, few_flows);
	tcase_add_test(t, no_record);
	tcase_add_test(t, send_failed);
	tcase_add_loop_test(t, one_way, 0, 2);
	tcase_add_loop_test(t, one_way_silent, 0, 2);
	tcase_add_test(t, mtu);
	tcase_add_test(t, probe_now);
	suite_add_tcase(suite, t);
	return suite;
}
