/* SPDX-License-Identifier: ISC */
/* core/send.c: datagrams out, and what the program sees when they cannot go
 * (PROTOCOL.md 2, 4, 5). */
#include "send.h"

#include <string.h>

#include "duo.h"
#include "mp.h"
#include "pool.h"
#include "session.h"
#include "staged.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define NO_FLAG ((enum mp_send_flag)0)

static uint8_t big[MP_PAYLOAD_MAX + 1];

static int
begin(struct duo *d, size_t len, int flags, struct mp_tx tx[2])
{
	return mp_send_begin(&d->end[0].mp, duo_time(d, 0), 0,
	    &d->end[0].peer, 0, len, (enum mp_send_flag)flags, tx);
}

static int
commit(struct duo *d, struct mp_tx tx[2], int n)
{
	return mp_send_commit(&d->end[0].mp, duo_time(d, 0), tx, n, "hello",
	    5);
}

/* --- Arguments ------------------------------------------------------------ */

START_TEST(arguments)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[0].mp;
	struct mp_addr a = d->end[0].peer, none = { .port = 1 };
	struct mp_addr many = duo_ip4(224, 0, 0, 1, 1);
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_eq(mp_send_begin(m, d->now, 32, &a, 0, 1, NO_FLAG, tx),
	    MP_EINVAL);
	ck_assert_int_eq(mp_send_begin(m, d->now, 1, &a, 0, 1, NO_FLAG, tx),
	    MP_EINVAL);
	a.port = 0;
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &a, 0, 1, NO_FLAG, tx),
	    MP_EINVAL);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &none, 0, 1, NO_FLAG,
	    tx), MP_EINVAL);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &many, 0, 1, NO_FLAG,
	    tx), MP_EINVAL);
	ck_assert_int_eq(begin(d, MP_PAYLOAD_MAX + 1, NO_FLAG, tx),
	    MP_EMSGSIZE);
	ck_assert_ptr_null(duo_session(d, 0)); /* none made a session */
	a = duo_addr(d, 1, 0);
	ck_assert_int_eq(mp_stage(m, d->now, 0, &a, NULL, "x", 1), MP_EINVAL);
	ck_assert_int_eq(mp_stage(m, d->now, 77, &a, NULL, "x", 1), MP_EINVAL);
	duo_free(d);
}
END_TEST

/* More peers than the table has room for, all with staged datagrams. */
START_TEST(table_full)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a;
	int i;

	for (i = 0; i < 8; i++) {
		a = duo_ip4(10, 9, 0, (uint8_t)(i + 1), 1);
		ck_assert_int_eq(duo_send_to(d, 0, 0, &a, "x", 1, NO_FLAG),
		    0);
	}
	a = duo_ip4(10, 9, 0, 99, 1);
	ck_assert_int_eq(duo_send_to(d, 0, 0, &a, "x", 1, NO_FLAG),
	    MP_ENOBUFS);
	duo_free(d);
}
END_TEST

/* --- Before the session is up --------------------------------------------- */

/* Staged, and sent in order when the session is up: 208 KiB at most, 64 bytes
 * for each (record and 8 bytes of payload), the oldest dropped first. */
START_TEST(staged)
{
	enum { MOST = 208 * 1024 / 64, OVER = 6 };
	struct duo *d = duo_new(1, 1);
	const uint8_t *p;
	uint32_t n;

	for (n = 0; n < MOST + OVER; n++)
		ck_assert_int_eq(duo_say(d, 0, n), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_staged), MOST + OVER);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), OVER);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[1].n_got, MOST);
	for (n = 0; n < MOST; n++) {
		p = d->end[1].got[n].data;
		ck_assert_uint_eq((uint32_t)p[6] << 8 | p[7], n + OVER);
	}
	ck_assert_uint_eq(duo_count(d, 0, MP_C_data_out), MOST);
	duo_free(d);
}
END_TEST

/* Too long to be staged: dropped and counted, as by a full queue. */
START_TEST(staged_long)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[0].mp;
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_eq(begin(d, 10, NO_FLAG, tx), MP_EAGAIN);
	ck_assert_int_eq(mp_stage(m, d->now, 0, &d->end[0].peer, NULL, big,
	    sizeof(big)), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_staged), 0);
	ck_assert_int_eq(mp_stage(m, d->now, 0, &d->end[0].peer, NULL, big,
	    MP_PAYLOAD_MAX), 0);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[1].n_got, 1);
	ck_assert_uint_eq(d->end[1].got[0].len, MP_PAYLOAD_MAX);
	duo_free(d);
}
END_TEST

/* No answer for 10 s: the program gets an error; a peer that appears later is
 * found. */
START_TEST(unanswered)
{
	struct duo *d = duo_new(1, 1);
	struct mp_tx tx[MP_TX_MAX];
	uint64_t start = d->now;

	d->end[1].off = true;
	while (d->now < start + 9 * SEC) {
		ck_assert_int_eq(duo_say(d, 0, 2), 0);
		duo_run(d, d->now + SEC);
	}
	duo_run(d, start + 10 * SEC + 1);
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), MP_EHOSTUNREACH);
	ck_assert_uint_eq(duo_session(d, 0)->staged.n, 0); /* given up */
	d->end[1].off = false;
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, 1, 4), 1);
	duo_free(d);
}
END_TEST

/* A program that sends again after a pause gets no error for the time
 * before. */
START_TEST(pause_long)
{
	struct duo *d = duo_new(1, 1);

	d->end[1].off = true;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 60 * SEC);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_DOWN);
	d->end[1].off = false;
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 0);
	ck_assert_int_eq(duo_heard(d, 1, 4), 1);
	duo_free(d);
}
END_TEST

/* After a pause of the program INIT goes out on all pairs again. */
START_TEST(pause_short)
{
	struct duo *d = duo_new(1, 1);
	uint64_t sent;

	d->end[1].off = true;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 4500 * MS);
	sent = d->sent[0];
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_run(d, d->now + 1);
	ck_assert_uint_eq(d->sent[0], sent + 1);
	duo_free(d);
}
END_TEST

/* --- Seal, commit --------------------------------------------------------- */

START_TEST(seal)
{
	struct duo *d = duo_new(2, 2);
	struct mp_tx tx[MP_TX_MAX];
	uint8_t one[100];
	struct mp_path back = duo_path(d, 1, 0, 0, 0);
	size_t len;

	duo_up(d);
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
	len = mp_seal(&tx[0], "hello", 5, one);
	ck_assert_uint_eq(len, 5 + MP_OVERHEAD); /* 34 bytes (PROTOCOL.md 1) */
	ck_assert_int_eq(duo_inject(d, 1, &back, one, len), MP_DELIVER);
	ck_assert_int_eq(commit(d, tx, 1), 0);
	ck_assert_int_eq(begin(d, 0, NO_FLAG, tx), 1);
	ck_assert_uint_eq(mp_seal(&tx[0], NULL, 0, one), MP_OVERHEAD);
	ck_assert_int_eq(duo_inject(d, 1, &back, one, MP_OVERHEAD),
	    MP_DELIVER);
	ck_assert_uint_eq(d->end[1].got[d->end[1].n_got - 1].len, 0);
	duo_free(d);
}
END_TEST

/* Each datagram leaves from its flow's source address. */
START_TEST(source)
{
	struct duo *d = duo_new(2, 2);
	struct mp_tx tx[MP_TX_MAX];
	struct flow *f;

	duo_up(d);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_ge(begin(d, 5, NO_FLAG, tx), 1);
		f = duo_flow(d, 0, i, 0);
		ck_assert_uint_eq(tx[0].flow, f->id);
		ck_assert_mem_eq(&tx[0].path, &f->path, sizeof(f->path));
		duo_addr_del(d, 0, 0);
	}
	duo_free(d);
}
END_TEST

/* A COPY is 12 bytes longer than its datagram's packet, and names it. */
START_TEST(copy)
{
	struct duo *d = duo_new(2, 2);
	struct mp_tx tx[MP_TX_MAX];
	struct wire_ad ad;
	uint8_t out[100];

	duo_up(d);
	duo_current(d, 0)->probe1_at = d->now - SEC;
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 2);
	/* on the best flow that answered */
	ck_assert_uint_eq(tx[1].flow, duo_flow(d, 0, 1, 0)->id);
	ck_assert_uint_eq(mp_seal(&tx[1], "hello", 5, out),
	    5 + MP_COPY_OVERHEAD);
	ck_assert(wire_get_ad(out, sizeof(out), &ad));
	ck_assert(ad.control);
	ck_assert_int_eq(duo_inject(d, 1, &duo_flow(d, 1, 0, 1)->path, out,
	    5 + MP_COPY_OVERHEAD), MP_DELIVER);
	(void)mp_seal(&tx[0], "hello", 5, out);
	ck_assert_int_ne(duo_inject(d, 1, &duo_flow(d, 1, 0, 0)->path, out,
	    5 + MP_OVERHEAD), MP_DELIVER); /* delivered only once */
	ck_assert_int_eq(commit(d, tx, 2), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 1);
	duo_free(d);
}
END_TEST

/* --- Send errors by meaning (PROTOCOL.md 5)
 * ---------------------------------- */

static const struct error_row {
	const char *name;
	int error;
	bool dead;
} errors[] = {
	{ "EAGAIN", MP_EAGAIN, false },
	{ "ENOBUFS", MP_ENOBUFS, false },
	{ "EMSGSIZE", MP_EMSGSIZE, false },
	{ "ECONNREFUSED", MP_ECONNREFUSED, false },
	{ "ENETUNREACH", MP_ENETUNREACH, true },
	{ "EINVAL: IPv6 source gone, blackhole", MP_EINVAL, true },
	{ "EPERM: firewall", MP_EPERM, true },
	{ "EHOSTUNREACH", MP_EHOSTUNREACH, true },
	{ "EACCES: prohibit route", MP_EACCES, true },
	{ "EADDRNOTAVAIL", -99, true },
	{ "ENETDOWN", -100, true },
};

START_TEST(error)
{
	const struct error_row *r = &errors[_i];
	struct duo *d = duo_new(2, 2);
	struct flow *f;
	struct mp_tx tx[MP_TX_MAX];
	int n;

	duo_up(d);
	f = duo_current(d, 0);
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
	tx[0].error = r->error;
	n = commit(d, tx, 1);
	if (!r->dead) { /* reported to the program */
		ck_assert_msg(n == r->error, "%s", r->name);
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
			ck_assert_uint_eq(tx[0].flow, f->id);
			tx[0].error = r->error;
			ck_assert_int_eq(commit(d, tx, 1), r->error);
		}
		ck_assert(!f->failed);
	} else { /* once more, then the next best flow in the same call */
		ck_assert_msg(n == 1, "%s", r->name);
		ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
		ck_assert_uint_eq(tx[0].flow, f->id);
		tx[0].error = r->error;
		ck_assert_int_eq(commit(d, tx, 1), 1);
		ck_assert(f->failed);
		ck_assert_int_ge(begin(d, 5, NO_FLAG, tx), 1);
		ck_assert_uint_ne(tx[0].flow, f->id);
		ck_assert_int_eq(commit(d, tx, 1), 0);
		ck_assert_str_eq(mp_reason_name((enum mp_reason)duo_session(d,
		    0)->why), "error");
	}
	duo_free(d);
}
END_TEST

/* An error that does not repeat means nothing. */
START_TEST(error_once)
{
	struct duo *d = duo_new(2, 2);
	struct flow *f;
	struct mp_tx tx[MP_TX_MAX];

	duo_up(d);
	f = duo_current(d, 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
		tx[0].error = MP_ENETUNREACH;
		ck_assert_int_eq(commit(d, tx, 1), 1);
		ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
		ck_assert_uint_eq(tx[0].flow, f->id);
		ck_assert_int_eq(commit(d, tx, 1), 0);
	}
	ck_assert(!f->failed);
	duo_free(d);
}
END_TEST

/* The program sees an error only when no flow is left, and none when it can
 * send again. */
START_TEST(error_all)
{
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	d->end[0].addr[0].error = MP_ENETUNREACH;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	d->end[0].addr[1].error = MP_EHOSTUNREACH;
	ck_assert_int_lt(duo_say(d, 0, 4), 0);
	ck_assert_int_lt(duo_say(d, 0, 6), 0);
	d->end[0].addr[0].error = d->end[0].addr[1].error = 0;
	mp_link_event(&d->end[0].mp, d->now, MP_NONE);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_say(d, 0, 8), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 8), 1);
	duo_free(d);
}
END_TEST

/* The COPY went out, so the datagram was sent. */
START_TEST(error_copied)
{
	struct duo *d = duo_new(2, 2);
	struct mp_tx tx[MP_TX_MAX];

	duo_up(d);
	for (int i = 0; i < 2; i++) {
		duo_current(d, 0)->probe1_at = d->now - SEC;
		ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 2);
		tx[0].error = i == 0 ? MP_ENETUNREACH : MP_ENOBUFS;
		ck_assert_int_eq(commit(d, tx, 2), 0);
	}
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 2);
	/* the COPY failed as well */
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 2);
	tx[0].error = tx[1].error = MP_ENOBUFS;
	ck_assert_int_eq(commit(d, tx, 2), MP_ENOBUFS);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 2);
	duo_free(d);
}
END_TEST

/* The session was freed while a datagram was sealed. */
START_TEST(stale)
{
	struct duo *d = duo_new(1, 1);
	struct mp_tx tx[MP_TX_MAX];

	duo_up(d);
	ck_assert_int_eq(begin(d, 5, NO_FLAG, tx), 1);
	mp_slot_close(&d->end[0].mp, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(commit(d, tx, 1), 0);
	tx[0].error = MP_ENETUNREACH;
	ck_assert_int_eq(commit(d, tx, 1), MP_ENETUNREACH);
	duo_free(d);
}
END_TEST

/* The host has no address left. */
START_TEST(no_flow)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	duo_addr_del(d, 0, 0);
	ck_assert_int_eq(duo_say(d, 0, 2), MP_ENETUNREACH);
	duo_addr_add(d, 0, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	duo_free(d);
}
END_TEST

/* --- Sizes (PROTOCOL.md 4)
 * --------------------------------------------------- */

/* A datagram of some size on a path of some size, with DF or without: what
 * happens at first, and when the size is proven. */
static const struct size_row {
	const char *name;
	size_t len, mtu;
	int flags;
	int first, then;
} sizes[] = {
	{ "small", 1166, 0, MP_DF, 0, 0 },
	{ "1200 in all", 1200 - 34, 1200, MP_DF, 0, 0 },
	{ "to be proven", 1300, 0, MP_DF, 0, 0 },
	{ "as big as it gets", 1472 - 34, 0, MP_DF, 0, 0 },
	{ "too big for the link", 1473 - 34, 0, MP_DF, MP_EMSGSIZE,
	    MP_EMSGSIZE },
	{ "... which may be cut", 1473 - 34, 0, NO_FLAG, 0, 0 },
	{ "too big for the path", 1400, 1300, MP_DF, 0, MP_EMSGSIZE },
	{ "... which may be cut", 1400, 1300, NO_FLAG, 0, 0 },
};

START_TEST(size)
{
	const struct size_row *r = &sizes[_i];
	struct duo *d = duo_new(1, 1);

	duo_link(d, 0, 0, 1, 0)->mtu = r->mtu;
	duo_up(d);
	ck_assert_msg(duo_send_to(d, 0, 0, &d->end[0].peer, big, r->len,
	    (enum mp_send_flag)r->flags) == r->first, "%s: first", r->name);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_msg(duo_send_to(d, 0, 0, &d->end[0].peer, big, r->len,
	    (enum mp_send_flag)r->flags) == r->then, "%s: then", r->name);
	duo_run(d, d->now + SEC);
	if (r->len <= 1472 - 34 && r->mtu == 0)
		ck_assert_uint_ge(mp_session_mtu(&d->end[0].mp, 0), r->len);
	if (r->mtu != 0)
		ck_assert_uint_le(mp_session_mtu(&d->end[0].mp, 0),
		    r->mtu - 34 > MP_DF_ALWAYS ? r->mtu - 34 : MP_DF_ALWAYS);
	duo_free(d);
}
END_TEST

/* A flow below the datagram's size is not chosen while another is at or above
 * it. */
START_TEST(size_other)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;

	duo_link(d, 0, 0, 1, 0)->mtu = 1300;
	duo_up(d);
	(void)duo_send(d, 0, big, 1400); /* asks for that size */
	duo_run(d, d->now + 2 * SEC);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(duo_send(d, 0, big, 1400), 0);
		ck_assert_int_eq(duo_say(d, 0, n), 0);
		n += 2;
		duo_run(d, d->now + 100 * MS);
	}
	ck_assert_uint_eq(d->end[1].n_got, 1 + 1 + 20);
	ck_assert_ptr_eq(duo_current(d, 0), duo_flow(d, 0, 0, 0));
	duo_free(d);
}
END_TEST

/* --- Control packets ------------------------------------------------------ */

START_TEST(control_without_key)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct wire_msg msg = { .flags = WIRE_PROBE };
	struct mp_out out;
	uint8_t buf[MP_CONTROL_MAX];

	duo_up(d);
	s = duo_session(d, 0);
	ck_assert_uint_eq(send_control(&d->end[0].mp, s, duo_current(d, 0),
	    d->now, &msg, 100, &out, buf), WIRE_MIN + WIRE_DATA + 100);
	ck_assert_uint_eq(out.len, WIRE_MIN + WIRE_DATA + 100);
	ck_assert_mem_eq(&out.path, &duo_current(d, 0)->path,
	    sizeof(out.path));
	session_down(&d->end[0].mp, s);
	ck_assert_uint_eq(send_control(&d->end[0].mp, s, duo_current(d, 0),
	    d->now, &msg, 0, &out, buf), 0);
	duo_free(d);
}
END_TEST

/* Staged datagrams that do not fit the buffer wait for a larger one. */
START_TEST(staged_small_buffer)
{
	struct duo *d = duo_new(1, 1);
	struct session *s;
	struct mp_out out;
	uint8_t buf[MP_CONTROL_MAX];

	duo_up(d);
	s = duo_session(d, 0);
	ck_assert_uint_eq(staged_send(&d->end[0].mp, s, d->now, &out, buf,
	    sizeof(buf)), 0);
	ck_assert_ptr_nonnull(pool_put(&d->end[0].mp, POOL_HELD, s, d->now,
	    big, 600));
	ck_assert_uint_eq(staged_send(&d->end[0].mp, s, d->now, &out, buf,
	    sizeof(buf)), 0);
	ck_assert_uint_eq(s->staged.n, 1);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[1].n_got, 2);
	duo_free(d);
}
END_TEST

/* The program's TOS and TTL go with a staged datagram, by the family that its
 * packet takes. */
static struct {
	int n, tos, ttl;
	bool df;
} seen;

static enum duo_verdict
see_data(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->to == 1 && !wire_is_handshake(p->data, p->len) &&
	    (p->data[3] & WIRE_SID_C) == 0) {
		seen.n++;
		seen.tos = p->tos;
		seen.ttl = p->ttl;
		seen.df = p->df;
	} else {
		ck_assert_int_eq(p->tos, -1);
		ck_assert_int_eq(p->ttl, -1);
	}
	return DUO_PASS;
}

START_TEST(options)
{
	static const struct mp_tx_option asks[] = {
		{ .tos = 0xb9, .ttl = 3, .df = true },
		{ .tos = -1, .ttl = 255 },
		{ .tos = 0, .ttl = -1 },
	};
	struct duo *d = duo_new(1, 1);
	const struct mp_tx_option *w = &asks[_i % 3];
	int v6 = _i >= 3;

	if (v6) {
		duo_addr_new(d, 0, (uint8_t[16]) { 0xfd, 1, [15] = 1 }, 7);
		duo_addr_new(d, 1, (uint8_t[16]) { 0xfd, 1, [15] = 2 }, 7);
		d->end[0].peer = duo_addr(d, 1, 1);
	}
	memset(&seen, 0, sizeof(seen));
	d->tap = see_data;
	d->end[0].option = w;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	d->end[0].option = NULL;
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert_int_eq(seen.n, 1);
	ck_assert_int_eq(seen.tos, w->tos);
	ck_assert_int_eq(seen.ttl, w->ttl);
	ck_assert_int_eq(seen.df, w->df);
	duo_free(d);
}
END_TEST

/* --- No peer, and a program that prefers plain UDP ------------------------ */

/* Packets that reached a host without mpshim, handshakes apart. */
static struct {
	uint8_t said[64];
	int n, inits;
	uint64_t first, last_init;
} bare;

static enum duo_verdict
bare_host(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)arg;
	if (p->to != 1)
		return DUO_PASS;
	if (wire_is_handshake(p->data, p->len)) {
		bare.inits++;
		bare.last_init = d->now;
		return DUO_DROP;
	}
	ck_assert_uint_eq(p->len, 8); /* the payload, as plain UDP */
	ck_assert_mem_eq(p->data, "say", 4);
	ck_assert_int_lt(bare.n, (int)sizeof(bare.said));
	if (bare.n == 0)
		bare.first = d->now;
	bare.said[bare.n++] = p->data[7];
	return DUO_DROP;
}

static struct duo *
duo_bare_peer(void)
{
	static const struct mp_tx_option prefer = { .tos = -1, .ttl = -1,
		.plain_us = 1000 * MS };
	struct duo *d = duo_new(1, 1);

	memset(&bare, 0, sizeof(bare));
	d->tap = bare_host;
	d->end[0].option = &prefer;
	return d;
}

/* All datagrams, in order, once; and no INIT afterwards. */
START_TEST(plain_after)
{
	struct duo *d = duo_bare_peer();
	uint64_t began = d->now;
	int i, n = _i ? 40 : 1;

	for (i = 0; i < n; i++) { /* 2 s of them; or a single one */
		ck_assert_int_eq(duo_say(d, 0, (uint32_t)i), 0);
		duo_run(d, d->now + 50 * MS);
	}
	duo_run(d, d->now + 30 * SEC);
	ck_assert_int_eq(bare.n, n);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(bare.said[i], (unsigned)i);
	ck_assert_uint_ge(bare.first, began + 1000 * MS);
	ck_assert_uint_le(bare.first, began + 1020 * MS);
	ck_assert_int_gt(bare.inits, 0);
	ck_assert_uint_lt(bare.last_init, began + 1000 * MS);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_plain_out), _i ? 20 : 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 0);
	duo_free(d);
}
END_TEST

/* Never plain once there was a session: datagrams are staged for it. */
START_TEST(plain_never)
{
	struct duo *d = duo_bare_peer();
	uint64_t t;

	d->tap = NULL;
	duo_up(d);
	d->tap = bare_host;
	session_down(&d->end[0].mp, duo_session(d, 0));
	t = d->now;
	for (uint32_t n = 2; d->now < t + 3 * SEC; n += 2) {
		(void)duo_say(d, 0, n);
		duo_run(d, d->now + 100 * MS);
	}
	ck_assert_int_eq(bare.n, 0);
	duo_free(d);
}
END_TEST

/* A peer that appears later and begins itself gets a session. */
START_TEST(plain_no_more)
{
	struct duo *d = duo_bare_peer();

	(void)duo_say(d, 0, 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(bare.n, 1);
	d->tap = NULL;
	d->end[1].peer = duo_addr(d, 0, 0);
	(void)duo_say(d, 1, 1);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 0, 1), 1);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert_int_eq(duo_sessions(d, 0), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_send(void)
{
	Suite *suite = suite_create("send");
	TCase *t = tcase_create("send");

	tcase_add_test(t, arguments);
	tcase_add_test(t, table_full);
	tcase_add_test(t, staged);
	tcase_add_test(t, staged_long);
	tcase_add_test(t, unanswered);
	tcase_add_test(t, pause_long);
	tcase_add_test(t, pause_short);
	tcase_add_test(t, seal);
	tcase_add_test(t, source);
	tcase_add_test(t, copy);
	tcase_add_loop_test(t, error, 0, COUNT(errors));
	tcase_add_test(t, error_once);
	tcase_add_test(t, error_all);
	tcase_add_test(t, error_copied);
	tcase_add_test(t, stale);
	tcase_add_test(t, no_flow);
	tcase_add_loop_test(t, size, 0, COUNT(sizes));
	tcase_add_test(t, size_other);
	tcase_add_test(t, control_without_key);
	tcase_add_test(t, staged_small_buffer);
	tcase_add_loop_test(t, options, 0, 6);
	tcase_add_loop_test(t, plain_after, 0, 2);
	tcase_add_test(t, plain_never);
	tcase_add_test(t, plain_no_more);
	suite_add_tcase(suite, t);
	return suite;
}
