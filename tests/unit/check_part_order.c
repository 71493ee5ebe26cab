/* SPDX-License-Identifier: ISC */
/* core/part_order.c: no datagram passes one that goes in parts, however late
 * the peer's agent hands that on. */
#include "part_order.h"

#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { CLIENT = 0, SERVER = 1, BIG = 1401, SIZE = 1472 };

/* The client's last parts, which do not arrive by themselves. */
struct caught {
	unsigned n;
	struct mp_path path;
	size_t len[2];
	uint8_t packet[2][2048];
};

static enum duo_verdict
catch_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct caught *c = arg;
	struct wire_msg msg;
	struct wire_ad ad;

	if (p->from != CLIENT || !duo_peek(d, p, &ad, &msg, NULL) ||
	    !WIRE_IS_FRAG(msg.flags))
		return DUO_PASS;
	ck_assert_uint_lt(c->n, 2);
	ck_assert_uint_le(p->len, sizeof(c->packet[0]));
	c->path = p->path;
	c->len[c->n] = p->len;
	memcpy(c->packet[c->n++], p->data, p->len);
	return DUO_DROP;
}

/* The server's agent reads one of them; the datagram is not with the program
 * yet. */
static enum mp_verdict
agent_reads(struct duo *d, const struct caught *c, int i)
{
	struct mp *m = &d->end[SERVER].mp;
	struct mp_rx rx = { .path = c->path, .later = true,
		.arrival = duo_time(d, SERVER) };
	uint8_t opened[2 * 2048];
	enum mp_verdict v = mp_recv_begin(m, duo_time(d, SERVER), &rx,
	    c->packet[i], c->len[i]);

	ck_assert_int_eq(v, MP_SEALED);
	v = mp_recv_commit(m, duo_time(d, SERVER), &rx, opened,
	    mp_open(&rx, c->packet[i], c->len[i], opened));
	return v != MP_JOIN ? v :
	    mp_recv_join(m, &rx, opened, sizeof(opened));
}

/* The server's program says something, and its agent has no turn. */
static void
program_says(struct duo *d, uint32_t n)
{
	d->end[SERVER].off = true;
	ck_assert_int_eq(duo_say(d, SERVER, n), 0);
	duo_run(d, d->now + 2 * DUO_DELAY);
	d->end[SERVER].off = false;
	ck_assert_int_eq(duo_heard(d, CLIENT, n), 1);
}

/* Whether the client's next datagram would go behind one in parts. */
static bool
behind(const struct duo *d)
{
	return part_order_behind(duo_session(d, CLIENT),
	    duo_flow(d, CLIENT, 0, 0));
}

/* A datagram in parts goes out; then its size is proven. */
static void
send_parts(struct duo *d, struct caught *c)
{
	static const uint8_t big[BIG];

	d->tap = catch_tap;
	d->tap_arg = c;
	ck_assert_int_eq(duo_send(d, CLIENT, big, BIG), 0);
	ck_assert_uint_eq(c->n, 2);
	duo_flow(d, CLIENT, 0, 0)->size = SIZE;
	ck_assert(behind(d));
}

static struct duo *
in_parts(struct caught *c)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	send_parts(d, c);
	d->now += DUO_DELAY;
	return d;
}

/* The agent has read both parts, and the program's next datagram goes before
 * the agent gives it this one: it does not say that this was read. */
START_TEST(read_not_given)
{
	struct caught c = { .n = 0 };
	struct duo *d = in_parts(&c);

	ck_assert_int_eq(agent_reads(d, &c, 0), MP_CONTROL);
	ck_assert_int_eq(agent_reads(d, &c, 1), MP_DELIVER);
	program_says(d, 1);
	ck_assert(behind(d));
	mp_recv_given(&d->end[SERVER].mp);
	program_says(d, 2);
	ck_assert(!behind(d));
	duo_free(d);
}
END_TEST

/* Only the first part was read: nothing says that of the whole. */
START_TEST(half_read)
{
	struct caught c = { .n = 0 };
	struct duo *d = in_parts(&c);

	ck_assert_int_eq(agent_reads(d, &c, 0), MP_CONTROL);
	mp_recv_given(&d->end[SERVER].mp);
	program_says(d, 1);
	ck_assert(behind(d));
	ck_assert_int_eq(agent_reads(d, &c, 1), MP_DELIVER);
	mp_recv_given(&d->end[SERVER].mp);
	program_says(d, 2);
	ck_assert(!behind(d));
	duo_free(d);
}
END_TEST

/* The agent's own answer goes after it has handed on what it read, so it tells
 * of it in any case. */
START_TEST(agent_answers)
{
	struct caught c = { .n = 0 };
	struct duo *d = in_parts(&c);

	(void)agent_reads(d, &c, 0);
	(void)agent_reads(d, &c, 1);
	duo_run(d, d->now + 2 * DUO_DELAY);
	ck_assert(!behind(d));
	duo_free(d);
}
END_TEST

/* The client's agent acknowledges something shortly before the datagram goes,
 * and the server's program returns that time stamp, which it has held so long
 * that it might be the later one: the parts are not there yet. */
START_TEST(acknowledged_before)
{
	struct caught c = { .n = 0 };
	struct duo *d = duo_new(1, 1);
	uint64_t sent;

	duo_up(d);
	ck_assert_int_eq(duo_say(d, SERVER, 1), 0);
	sent = d->sent[CLIENT];
	while (d->sent[CLIENT] == sent)
		duo_run(d, d->now + 100);
	duo_run(d, d->now + (uint64_t)_i * 250);
	send_parts(d, &c);
	duo_run(d, d->now + DUO_DELAY + 4 * MS - (uint64_t)_i * 250);
	program_says(d, 2);
	ck_assert(behind(d));
	duo_free(d);
}
END_TEST

/* No answer arrives for seconds: what follows goes in parts still, as nothing
 * tells that the agent is not that late.  But one after ORDER_MORE of them waits
 * no longer than 250 ms. */
START_TEST(patient)
{
	static const uint8_t small[100];
	struct duo *d = duo_new(1, 1);
	struct caught c = { .n = 0 };
	struct session *s;

	duo_up(d);
	s = duo_session(d, CLIENT);
	send_parts(d, &c);
	d->now += 3 * SEC;
	c.n = 0;
	ck_assert_int_eq(duo_send(d, CLIENT, small, sizeof(small)), 0);
	ck_assert_uint_eq(c.n, 2);
	s->part_left = 0;
	ck_assert_int_eq(duo_send(d, CLIENT, small, sizeof(small)), 0);
	ck_assert_uint_eq(s->staged.n, 1);
	duo_cut(d, 0, 0, true);
	duo_run(d, d->now + 249 * MS);
	ck_assert_uint_eq(s->staged.n, 1);
	duo_run(d, d->now + 2 * MS);
	ck_assert_uint_eq(s->staged.n, 0);
	ck_assert_uint_eq(c.n, 2);
	duo_free(d);
}
END_TEST

Suite *
suite_part_order(void)
{
	Suite *s = suite_create("part_order");
	TCase *tc = tcase_create("part_order");

	tcase_add_test(tc, read_not_given);
	tcase_add_test(tc, half_read);
	tcase_add_test(tc, agent_answers);
	tcase_add_loop_test(tc, acknowledged_before, 0, 8);
	tcase_add_test(tc, patient);
	suite_add_tcase(s, tc);
	return s;
}
