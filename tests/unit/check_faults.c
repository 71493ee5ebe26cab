/* SPDX-License-Identifier: ISC */
/* Faults of the paper's own implementation (PROTOCOL.md 8) that this one must
 * not have. */
#include <stdlib.h>
#include <string.h>

#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { CLIENT = 0, SERVER = 1 };

/* Keeps packets of one kind, and counts those that an end sends. */
struct watch {
	int from;
	uint16_t flags, mask; /* packets whose flags under `mask' are these */
	bool hold;	      /* keep the next such packet from arriving */
	int n;
	struct duo_packet *kept;
};

static enum duo_verdict
watch_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct watch *w = arg;
	struct wire_msg msg;
	struct wire_ad ad;

	if (p->from != w->from || !duo_peek(d, p, &ad, &msg, NULL) ||
	    (msg.flags & w->mask) != w->flags)
		return DUO_PASS;
	w->n++;
	if (w->kept != NULL && !w->hold)
		return DUO_PASS;
	free(w->kept);
	w->kept = malloc(sizeof(*p) + p->len);
	ck_assert_ptr_nonnull(w->kept);
	memcpy(w->kept, p, sizeof(*p) + p->len);
	if (!w->hold)
		return DUO_PASS;
	w->hold = false;
	return DUO_DROP;
}

static void
watch(struct duo *d, struct watch *w)
{
	d->tap = watch_tap;
	d->tap_arg = w;
}

static struct mp_path
elsewhere(const struct mp_path *p)
{
	struct mp_path q = *p;

	q.remote.ip[15] = 99;
	q.remote.port = 999;
	return q;
}

static void
paths_of(const struct duo *d, int e, struct mp_path path[4])
{
	struct flow *f;
	uint32_t id;

	memset(path, 0, 4 * sizeof(*path));
	for (id = 0; id < 4; id++)
		if ((f = state_flow(&d->end[e].mp, duo_session(d, e), id)) !=
		    NULL)
			path[id] = f->path;
}

static void
assert_paths(const struct duo *d, int e, const struct mp_path was[4])
{
	struct mp_path now[4];
	uint32_t id;
	struct flow *f;

	paths_of(d, e, now);
	ck_assert_int_eq(memcmp(now, was, sizeof(now)), 0);
	for (id = 0; id < 4; id++) {
		f = state_flow(&d->end[e].mp, duo_session(d, e), id);
		ck_assert(f == NULL || f->alt_at == MP_NEVER);
	}
}

/* A packet repeated from another source, sent back to its sender, or older than
 * others moves no flow of either end. */
START_TEST(test_fault_replay_redirects_flow)
{
	struct duo *d = duo_new(2, 1);
	struct watch w = { .from = _i, .mask = 0xffff };
	struct mp_path far, was[2][4];
	uint32_t n = 2;
	int i, e, to = !_i;

	duo_up(d);
	watch(d, &w);
	w.hold = true; /* this packet does not arrive by itself */
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	for (e = 0; e < 2; e++)
		paths_of(d, e, was[e]);
	far = elsewhere(&w.kept->path);
	/* late: delivered, moves nothing; the second time it is a replay */
	ck_assert(duo_inject(d, to, &far, w.kept->data, w.kept->len) ==
	    MP_DELIVER);
	for (i = 0; i < 10; i++) {
		ck_assert(duo_inject(d, to, &far, w.kept->data, w.kept->len) ==
		    MP_DROPPED);
		ck_assert(duo_inject(d, _i, &far, w.kept->data,
		    w.kept->len) == MP_DROPPED);
	}
	for (e = 0; e < 2; e++)
		assert_paths(d, e, was[e]);
	/* the same with the newest packet */
	free(w.kept);
	w.kept = NULL;
	duo_chat(d, d->now + 40 * MS, 40 * MS, &n);
	far = elsewhere(&w.kept->path);
	for (i = 0; i < 10; i++)
		ck_assert(duo_inject(d, to, &far, w.kept->data, w.kept->len) ==
		    MP_DROPPED);
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	for (e = 0; e < 2; e++)
		assert_paths(d, e, was[e]);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_int_eq(duo_twice(d, 2, n), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_rebind), 0);
	free(w.kept);
	duo_free(d);
}
END_TEST

/* A late request is not answered either. */
START_TEST(test_fault_replayed_addr_request_answered)
{
	struct duo *d = duo_new(1, 2);
	struct watch w = { .from = CLIENT, .flags = WIRE_ADDR, .mask = 0xffff };
	uint32_t n = 2;
	uint64_t sent;
	int i;

	watch(d, &w);
	duo_up(d);
	ck_assert_int_eq(w.n, 1);
	w.from = SERVER;
	w.flags = WIRE_ADDR | WIRE_REPLY;
	w.n = 0;
	for (i = 0; i < 10; i++)
		ck_assert(duo_inject(d, SERVER, &w.kept->path, w.kept->data,
		    w.kept->len) == MP_DROPPED);
	ck_assert(!duo_session(d, SERVER)->addr_reply);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(w.n, 0);
	/* kept back while later packets arrive */
	w.from = CLIENT;
	w.flags = WIRE_ADDR;
	w.hold = true;
	duo_session(d, CLIENT)->addr_at = d->now;
	duo_chat(d, d->now + 10 * SEC, 100 * MS, &n);
	ck_assert(!w.hold);
	ck_assert_int_ge(w.n, 1);
	duo_run(d, d->now + SEC);
	sent = d->sent[SERVER];
	ck_assert(duo_inject(d, SERVER, &w.kept->path, w.kept->data,
	    w.kept->len) == MP_DROPPED);
	ck_assert(!duo_session(d, SERVER)->addr_reply);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_addr_late), 1);
	ck_assert_uint_eq(d->sent[SERVER], sent);
	free(w.kept);
	duo_free(d);
}
END_TEST

/* No flow id changes the direction bit, and none of those is received. */
START_TEST(test_fault_flow_id_sets_direction_bit)
{
	static const uint16_t ids[] = { 0x7ffe, 0x7fff, 0x8000, 0x8001,
		0xffff };
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = { .flags = 0, .tsreply = WIRE_TS_NONE };
	struct mp_path path;
	struct wire_ad ad;
	uint8_t packet[128];
	uint64_t before;
	size_t len;
	int i, e;

	duo_up(d);
	for (e = 0; e < 2; e++)
		for (i = 0; i < 5; i++) {
			path = duo_path(d, !e, 0, e, 0);
			len = duo_make(d, e, ids[i], 1, &msg, "x", 1, packet);
			ck_assert(wire_get_ad(packet, len, &ad));
			ck_assert(ad.dir == (e == SERVER));
			ck_assert_uint_ge(ad.flow, 0x7ffe);
			before = duo_count(d, !e, MP_C_drop_flow);
			ck_assert(duo_inject(d, !e, &path, packet, len) ==
			    MP_DROPPED);
			ck_assert_uint_eq(duo_count(d, !e, MP_C_drop_flow),
			    before + 1);
		}
	/* A session has 64 flows at most, so no sender reaches such an id. */
	ck_assert_uint_lt(MP_FLOWS_MAX, WIRE_FLOW_MAX);
	duo_free(d);
}
END_TEST

/* Neither program sends, or only the server's does. */
START_TEST(test_fault_probes_wait_for_sends)
{
	struct duo *d = duo_new(2, 1);
	struct watch w = { .from = CLIENT, .flags = WIRE_PROBE,
		.mask = WIRE_PROBE | WIRE_REPLY };
	uint32_t n;

	duo_up(d);
	watch(d, &w);
	if (_i == 1)
		for (n = 0; n < 80; n++) {
			ck_assert_int_eq(duo_say(d, SERVER, 2 * n + 1), 0);
			duo_run(d, d->now + 100 * MS);
		}
	else
		duo_run(d, d->now + 8 * SEC);
	/* two flows, each every 500 ms */
	ck_assert_int_ge(w.n, 2 * 14);
	ck_assert_int_le(w.n, 2 * 17);
	w.n = 0; /* idle: probes go on, every 15 s and every 60 s */
	duo_run(d, d->now + 120 * SEC);
	ck_assert_int_ge(w.n, 7 + 1);
	free(w.kept);
	duo_free(d);
}
END_TEST

/* At either end: the packet is counted, and the session goes on. */
START_TEST(test_fault_unknown_flow_aborts)
{
	struct duo *d = duo_new(1, 1);
	struct wire_msg msg = { .flags = WIRE_PROBE, .tsreply = WIRE_TS_NONE };
	struct mp_path path = duo_path(d, !_i, 0, _i, 0);
	uint8_t packet[128];
	uint32_t n = 2;
	uint16_t id;
	size_t len;

	duo_up(d);
	for (id = 1; id < 80; id++) {
		len = duo_make(d, _i, id, 1, &msg, "", 0, packet);
		(void)duo_inject(d, !_i, &path, packet, len);
	}
	if (_i == SERVER) /* the initiator assigns flow ids */
		ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_drop_flow), 79);
	else
		ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_flow), 16);
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* A list cut anywhere: complete entries count. */
START_TEST(test_fault_truncated_list_aborts)
{
	struct duo *d = duo_new(1, 2);
	struct wire_msg msg = { .flags = WIRE_ADDR | WIRE_REPLY,
		.tsreply = WIRE_TS_NONE };
	struct mp_path path = duo_path(d, CLIENT, 0, SERVER, 0);
	struct mp_addr a = { .port = 9 };
	uint8_t packet[128], body[64];
	struct flow *f;
	size_t len, cut;
	uint32_t n = 2;
	uint64_t bad;

	duo_up(d);
	len = wire_put_addr(body, &(struct mp_addr) { .port = 9, .ip = {
	    [10] = 0xff, [11] = 0xff, 10, 1, 7, 7 } });
	a.ip[0] = 0x20;
	a.ip[15] = 1;
	len += wire_put_addr(body + len, &a);
	f = duo_flow(d, SERVER, 0, 0);
	for (cut = 0; cut <= len; cut++) {
		bad = duo_count(d, CLIENT, MP_C_drop_addr);
		f->tx_seq++;
		ck_assert(duo_inject(d, CLIENT, &path, packet, duo_make(d,
		    SERVER, f->id, f->tx_seq, &msg, body, cut, packet)) ==
		    MP_CONTROL);
		ck_assert_uint_eq(duo_session(d, CLIENT)->told_n,
		    cut < 8 ? 0 : cut < 28 ? 1 : 2);
		ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_drop_addr),
		    bad + (cut % 28 != 0 && cut != 8));
	}
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* EAGAIN is reported to the program; the flow stays in use. */
START_TEST(test_fault_eagain_is_dead_path)
{
	static const int passing[] = { MP_EAGAIN, MP_ENOBUFS,
		MP_ECONNREFUSED };
	struct duo *d = duo_new(2, 1);
	struct flow *was;
	uint32_t n = 2;
	int i;

	duo_up(d);
	was = duo_current(d, CLIENT);
	d->end[CLIENT].addr[0].error = passing[_i];
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(duo_say(d, CLIENT, 1000), passing[_i]);
	ck_assert(!was->failed);
	ck_assert_ptr_eq(duo_current(d, CLIENT), was);
	duo_run(d, d->now + 5 * MS);
	d->end[CLIENT].addr[0].error = 0;
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_flow_failed), 0);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_ptr_eq(duo_current(d, CLIENT), was);
	duo_free(d);
}
END_TEST

/* All paths died in silence; an address is added soon, or late. */
START_TEST(test_fault_new_address_never_noticed)
{
	static const uint64_t wait[] = { 1, 4, 30, 100 };
	static const uint8_t ip[16] = { [10] = 0xff, [11] = 0xff, 10, 0, 9,
		9 };
	struct duo *d = duo_new(2, 1);
	uint64_t end;
	size_t got[2];
	uint32_t n = 2, from;

	duo_up(d);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, CLIENT, 1, true);
	duo_chat(d, d->now + wait[_i] * SEC, 50 * MS, &n);
	duo_addr_new(d, CLIENT, ip, 7);
	end = d->now + SEC;
	got[0] = d->end[0].n_got;
	got[1] = d->end[1].n_got;
	while (d->now < end && (d->end[0].n_got == got[0] ||
	    d->end[1].n_got == got[1]))
		duo_chat(d, d->now + 10 * MS, 10 * MS, &n);
	/* a probe and its answer take 30 ms: far less than half a second */
	ck_assert_msg(d->now < end - SEC / 2, "not back after 500 ms");
	from = n;
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, from, n), 0);
	duo_free(d);
}
END_TEST

Suite *
suite_faults(void)
{
	Suite *s = suite_create("faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_fault_replay_redirects_flow, 0, 2);
	tcase_add_test(tc, test_fault_replayed_addr_request_answered);
	tcase_add_test(tc, test_fault_flow_id_sets_direction_bit);
	tcase_add_loop_test(tc, test_fault_probes_wait_for_sends, 0, 2);
	tcase_add_loop_test(tc, test_fault_unknown_flow_aborts, 0, 2);
	tcase_add_test(tc, test_fault_truncated_list_aborts);
	tcase_add_loop_test(tc, test_fault_eagain_is_dead_path, 0, 3);
	tcase_add_loop_test(tc, test_fault_new_address_never_noticed, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}
