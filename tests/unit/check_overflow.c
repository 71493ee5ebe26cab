/* SPDX-License-Identifier: ISC */
/* core/overflow.c: what a socket had no room for is no loss of the path. */
#include <string.h>

#include "duo.h"
#include "loss.h"
#include "mp.h"
#include "overflow.h"
#include "state.h"
#include "suites.h"

enum { QUEUE = 200, EACH = 20, LEN = 100, READS = 50 };

/* The server's socket: what it dropped, as the kernel counts it, and whether the
 * library says so. */
static struct {
	unsigned waits, drops, lost_on_path;
	bool tells;
} sock;

static enum duo_verdict
queue(struct duo *d, struct duo_packet *p, void *arg)
{
	static unsigned n;

	(void)d;
	(void)arg;
	if (p->from != 0 || p->len < LEN)
		return DUO_PASS;
	if (sock.lost_on_path > 0 && ++n % sock.lost_on_path == 0)
		return DUO_DROP;
	if (sock.waits >= QUEUE) {
		sock.drops++;
		return DUO_DROP;
	}
	sock.waits++;
	return DUO_PASS;
}

/* A bundle, or single datagrams where it may not go so. */
static void
send_bundle(struct duo *d)
{
	static uint8_t payload[EACH][LEN];
	uint8_t packet[LEN + MP_SEAL_OVERHEAD];
	struct mp *m = &d->end[0].mp;
	struct mp_bundle b;
	unsigned i, n, left = EACH;
	size_t len;

	for (; left > 0; left -= n) {
		n = mp_bundle_begin(m, duo_time(d, 0), 0, &d->end[0].peer, LEN,
		    LEN, left, &b);
		if (n == 0) {
			ck_assert_int_eq(duo_send(d, 0, payload[0], LEN), 0);
			n = 1;
			continue;
		}
		for (i = 0; i < n; i++) {
			len = mp_bundle_seal(&b, i, payload[i], LEN, packet);
			(void)duo_transmit(d, 0, &b.tx.path, packet, len);
		}
		ck_assert_int_eq(mp_bundle_commit(m, duo_time(d, 0), &b, n, 0,
		    payload[0], LEN, LEN, LEN), 0);
	}
}

/* The program reads some, as its library does. */
static void
read_some(struct duo *d)
{
	struct duo_packet *p = d->end[1].unread, *rest;
	struct mp *m = &d->end[1].mp;
	unsigned n;

	for (n = 1; p != NULL && n < READS; n++)
		p = p->next;
	rest = p == NULL ? NULL : p->next;
	if (p != NULL)
		p->next = NULL;
	sock.waits -= n < sock.waits ? n : sock.waits;
	duo_wake(d, 1);
	d->end[1].asleep = true;
	d->end[1].unread = rest;
	if (sock.tells && mp_recv_missed(m, 0))
		mp_recv_dropped(m, duo_time(d, 1), 0, sock.drops, 1);
}

/* How much of the time bundles are trusted, per cent, while a program sends
 * twice what its peer reads, from the third second on. */
static unsigned
trusted(struct duo *d)
{
	struct flow *f = duo_current(d, 0);
	unsigned good = 0, all = 0, tick;

	d->tap = queue;
	d->end[1].asleep = true;
	for (tick = 0; tick < 8000; tick++) {
		if (tick % 10 == 0)
			read_some(d);
		if (tick % 2 == 0)
			send_bundle(d);
		duo_run(d, d->now + MS);
		if (tick < 2000)
			continue;
		all++;
		good += f->offload.state == MP_BUNDLES_TRUSTED;
	}
	return good * 100 / all;
}

static struct duo *
begin(bool tells, unsigned lost_on_path)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	sock.waits = sock.drops = 0;
	sock.tells = tells;
	sock.lost_on_path = lost_on_path;
	return d;
}

/* A program that reads too slowly has its peer send single ones no more. */
START_TEST(slow_program)
{
	struct duo *d = begin(true, 0);
	unsigned share = trusted(d);

	ck_assert_uint_gt(sock.drops, 10000);
	ck_assert_msg(share >= 97, "trusted %u %% of the time", share);
	ck_assert_uint_lt(loss_permille(duo_current(d, 0)), 5);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 0);
	duo_free(d);
}
END_TEST

/* What the path loses counts on. */
START_TEST(lossy_path)
{
	struct duo *d = begin(true, 10);
	unsigned k;

	d->tap = queue;
	for (k = 0; k < 200; k++) {
		send_bundle(d);
		duo_run(d, d->now + 10 * MS);
		sock.waits = 0;
		if (mp_recv_missed(&d->end[1].mp, 0))
			mp_recv_dropped(&d->end[1].mp, duo_time(d, 1), 0,
			    k * 3, 64); /* strangers' packets, kept out */
	}
	ck_assert_uint_ge(loss_permille(duo_current(d, 0)), 80);
	duo_free(d);
}
END_TEST

/* One flow of a socket that missed 10 datagrams, and read one late. */
static struct flow *
missed(struct duo *d)
{
	struct mp *m = &d->end[1].mp;
	struct flow *f = duo_current(d, 1);

	f->count.found = 10;
	f->count.data_missing += 10;
	overflow_read(m, duo_session(d, 1), f, duo_time(d, 1) - 5 * MS,
	    duo_time(d, 1));
	ck_assert(mp_recv_missed(m, 0));
	return f;
}

/* No more is excused than can have been dropped. */
START_TEST(bounds)
{
	struct duo *d = begin(true, 0);
	struct mp *m = &d->end[1].mp;
	struct flow *f = missed(d);
	uint64_t now = duo_time(d, 1);

	mp_recv_dropped(m, now, 0, 3, 1);
	ck_assert(!mp_recv_missed(m, 0));
	ck_assert_uint_eq(f->count.excused, 3);
	(void)missed(d);
	mp_recv_dropped(m, now, 0, 3, 1); /* the same three */
	ck_assert_uint_eq(f->count.excused, 3);
	(void)missed(d);
	mp_recv_dropped(m, now, 0, 4, 64); /* a bundle, of which 54 are left */
	ck_assert_uint_eq(f->count.excused, 13);
	(void)missed(d);
	mp_recv_dropped(m, now, 0, 4, 64);
	ck_assert_uint_eq(f->count.excused, 23);
	(void)missed(d);
	mp_recv_dropped(m, now + SEC, 0, 4, 64); /* but not for long */
	ck_assert_uint_eq(f->count.excused, 23);
	(void)missed(d);
	mp_recv_dropped(m, now, 0, 2, 64); /* a number that went down */
	ck_assert_uint_eq(f->count.excused, 23);
	f->count.found = 0;
	mp_recv_dropped(m, now, MP_SLOTS_MAX + 5, UINT32_MAX, UINT32_MAX);
	duo_free(d);
}
END_TEST

Suite *
suite_overflow(void)
{
	Suite *s = suite_create("overflow");
	TCase *c = tcase_create("overflow");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, slow_program);
	tcase_add_test(c, lossy_path);
	tcase_add_test(c, bounds);
	suite_add_tcase(s, c);
	return s;
}
