/* SPDX-License-Identifier: ISC */
/* Servers of a fleet, behind one address of a balancer that keeps no state
 * (PROTOCOL.md, "Fleets"): where the server's number stands in what it is sent,
 * and which server a client has. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "duo.h"
#include "family.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

enum {
	OTHER = 2, /* end: the second server, SERVER being the first */
	LATE = 3,  /* another client */
	COMMON = 0, OWN = 1, /* addresses of a server */
};

/* --- The layout ----------------------------------------------------------- */

/* All sids that a server gives out begin with 1 1 and its number. */
START_TEST(sid_number)
{
	struct mp_setup setup = { .server = (uint8_t)_i };
	struct mp_limits few = { .sessions = 4, .flows = 32, .flows_each = 4,
		.pool = 65536, .pool_each = 32768, .staged = 65536 };
	static uint8_t block[16 << 20] __attribute__((aligned(64)));
	struct mp m;
	uint32_t slot, sid;

	setup.limits = few;
	memset(block, 0, sizeof(block));
	ck_assert_uint_le(mp_size(&few), sizeof(block));
	ck_assert_int_eq(mp_create(&m, block, sizeof(block), &setup, SEC), 0);
	ck_assert_uint_eq(mp_sid_prefix(&m), 0xc0 + (uint32_t)_i);
	ck_assert(mp_sid_prefix_ok(mp_sid_prefix(&m)));
	for (slot = 0; slot < MP_SLOTS_MAX; slot++) {
		sid = table_new_sid(&m, slot);
		ck_assert_uint_eq(sid >> 24, 0xc0 + (uint32_t)_i);
		ck_assert_uint_eq(WIRE_SID_SLOT(sid), slot);
	}
}
END_TEST

START_TEST(number_range)
{
	struct mp_setup setup = { .server = MP_SERVERS_MAX + 1 };
	static uint8_t block[1 << 20] __attribute__((aligned(64)));
	struct mp m;

	ck_assert_int_eq(mp_create(&m, block, sizeof(block), &setup, SEC),
	    MP_EINVAL);
}
END_TEST

/* --- The balancer --------------------------------------------------------- */

/* Sends what goes to the common address on; and looks where it is told to. */
struct balancer {
	int spread;	/* the end that gets first packets */
	unsigned first, steered, children;
	bool dead[DUO_ENDS];
};

/* The number in a packet to a server of a fleet; 0: it is a first INIT. */
static unsigned
packet_number(const struct duo_packet *p)
{
	uint8_t first = p->data[0];

	ck_assert_uint_ge(p->len, 16);
	if (get32(p->data) == WIRE_MAGIC) {
		if (p->data[4] == WIRE_T_INIT)
			return 0;
		first = p->data[8];
	}
	ck_assert_uint_eq(first & 0xc0, 0xc0);
	return first & 0x3f;
}

static enum duo_verdict
balance(struct duo *d, struct duo_packet *p, void *arg)
{
	struct balancer *b = arg;
	unsigned n;
	int to;

	if (b->dead[p->from] || (b->dead[p->to] && p->to_addr != COMMON))
		return DUO_DROP;
	if (p->from == OTHER && p->from_addr == COMMON &&
	    d->end[OTHER].setup.server != 0)
		p->path.remote = duo_addr(d, SERVER, COMMON);
	if (p->to != SERVER)
		return DUO_PASS;
	n = packet_number(p);
	if (p->to_addr != COMMON) /* past the balancer: none is another's */
		return DUO_PASS;
	b->first += n == 0;
	b->steered += n != 0;
	b->children += get32(p->data) == WIRE_MAGIC &&
	    p->data[4] == WIRE_T_CHILD;
	to = n == 0 ? b->spread : (int)n;
	if (b->dead[to])
		return DUO_DROP;
	if (to == OTHER) {
		p->to = OTHER;
		p->path = duo_path(d, OTHER, COMMON, p->from, p->from_addr);
	}
	return DUO_PASS;
}

/* A client with a session with the first of two servers, which have the same
 * identity. */
static struct duo *
fleet_new(struct balancer *b)
{
	struct duo *d = duo_new(2, 2);
	int e = duo_add_end(d, 2, 'B');

	ck_assert_int_eq(e, OTHER);
	for (e = SERVER; e <= OTHER; e++) {
		d->end[e].setup.server = (uint8_t)e;
		duo_restart(d, e);
	}
	memset(b, 0, sizeof(*b));
	b->spread = SERVER;
	d->tap = balance;
	d->tap_arg = b;
	duo_up(d);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	ck_assert_int_eq(duo_sessions(d, OTHER), 0);
	ck_assert_uint_eq(duo_session(d, CLIENT)->server, 0xc1);
	return d;
}

/* Whatever is sent to the common address names the server: after renewals, new
 * addresses, a restart of the server; and where first packets would go. */
START_TEST(steered)
{
	struct balancer b;
	struct duo *d = fleet_new(&b);
	uint32_t n = 1000;
	unsigned before;

	b.spread = OTHER;
	duo_chat(d, d->now + 300 * SEC, SEC, &n);
	duo_addr_del(d, CLIENT, 0);
	before = b.steered;
	duo_chat(d, d->now + 20 * SEC, SEC / 10, &n);
	duo_addr_add(d, CLIENT, 0);
	duo_addr_del(d, CLIENT, 1);
	duo_chat(d, d->now + 20 * SEC, SEC / 10, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 1000, n);
	ck_assert_uint_gt(b.steered, before);
	ck_assert_int_eq(duo_sessions(d, OTHER), 0);
	b.spread = SERVER;
	duo_restart(d, SERVER);
	ck_assert_uint_le(duo_until_heard(d, CLIENT, n, 5 * SEC), 3 * SEC);
	ck_assert_uint_eq(duo_session(d, CLIENT)->server, 0xc1);
	ck_assert_int_eq(duo_sessions(d, OTHER), 0);
	duo_free(d);
}
END_TEST

/* A client that was cut off asks all again, and another server answers, too, or
 * sooner: it stays with its own. */
START_TEST(stays)
{
	struct balancer b;
	struct duo *d = fleet_new(&b);
	uint32_t n = 1000;

	duo_chat(d, d->now + 2 * SEC, SEC / 10, &n);
	duo_delay(d, 0, OWN, _i == 0 ? 5 * MS : 90 * MS);
	duo_delay(d, 1, OWN, _i == 0 ? 5 * MS : 90 * MS);
	b.spread = OTHER;
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, CLIENT, 1, true);
	duo_chat(d, d->now + 4 * SEC, SEC / 10, &n);
	duo_cut_addr(d, CLIENT, 0, false);
	duo_cut_addr(d, CLIENT, 1, false);
	n = 3000;
	duo_chat(d, d->now + 3 * SEC, SEC / 10, &n);
	duo_run(d, d->now + SEC);
	ck_assert_uint_gt(b.first, 0);
	ck_assert_int_eq(duo_sessions(d, OTHER), 0);
	ck_assert_uint_eq(duo_session(d, CLIENT)->server, 0xc1);
	ck_assert_int_eq(duo_heard(d, SERVER, n - 2 + n % 2), 1);
	duo_free(d);
}
END_TEST

/* Its server is dead: another one has it within 2 s, and nothing more goes to
 * the dead one's own address. */
START_TEST(dead)
{
	struct balancer b;
	struct duo *d = fleet_new(&b);
	uint64_t until = d->now;
	struct session *s;
	uint32_t n = 1000;
	struct flow *f;

	duo_chat(d, d->now + 2 * SEC, SEC / 10, &n);
	b.dead[SERVER] = true;
	b.spread = OTHER;
	for (until = d->now + 4 * SEC, n = 2000;
	     d->now < until && d->end[OTHER].n_got == 0; n += 2) {
		ck_assert_int_eq(duo_say(d, CLIENT, n), 0);
		duo_run(d, d->now + 50 * MS);
	}
	ck_assert_uint_le(d->now, until - 2 * SEC);
	s = duo_session(d, CLIENT);
	ck_assert_uint_eq(s->server, 0xc2);
	duo_run(d, d->now + 2 * SEC);
	STATE_FLOWS(&d->end[CLIENT].mp, s, f, id)
		ck_assert(memcmp(f->path.remote.ip, duo_addr(d, SERVER,
		    OWN).ip, 16) != 0);
	ck_assert_int_eq(duo_sessions(d, CLIENT), 1);
	duo_free(d);
}
END_TEST

/* The first packets of a child name the parent's server. */
START_TEST(child)
{
	struct balancer b;
	struct duo *d = duo_new(1, 1);
	struct mp_parent p;
	uint32_t n;

	d->end[SERVER].setup.server = 1;
	duo_restart(d, SERVER);
	memset(&b, 0, sizeof(b));
	b.spread = SERVER;
	d->tap = balance;
	d->tap_arg = &b;
	duo_up(d);
	family_add(d);
	p = family_parent(d);
	family_ticket(d, SIBLING, &p);
	for (n = 100; n < 140; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + SEC);
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	}
	ck_assert_uint_gt(b.children, 0);
	ck_assert_uint_eq(duo_session(d, SIBLING)->server, 0xc1);
	duo_free(d);
}
END_TEST

static enum duo_verdict
record_init(struct duo *d, struct duo_packet *p, void *arg)
{
	struct duo_packet **init = arg;

	(void)d;
	if (*init == NULL && get32(p->data) == WIRE_MAGIC &&
	    p->data[4] == WIRE_T_INIT) {
		*init = malloc(sizeof(*p) + p->len);
		ck_assert_ptr_nonnull(*init);
		memcpy(*init, p, sizeof(*p) + p->len);
	}
	return DUO_PASS;
}

/* An INIT to one server, sent again to another one, makes no session there. */
START_TEST(replayed)
{
	struct duo_packet *init = NULL;
	struct duo *d = duo_new(1, 1);
	int e = duo_add_end(d, 1, 'B');
	uint64_t before;

	ck_assert_int_eq(e, OTHER);
	d->tap = record_init;
	d->tap_arg = &init;
	duo_up(d);
	ck_assert_ptr_nonnull(init);
	before = d->sent[OTHER];
	init->to = OTHER;
	init->path = duo_path(d, OTHER, 0, CLIENT, 0);
	init->at = d->now;
	duo_post(d, init);
	duo_run(d, d->now + 20 * SEC);
	ck_assert_uint_eq(d->sent[OTHER], before + 1); /* RESP */
	ck_assert_int_eq(duo_sessions(d, OTHER), 0);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_drop_handshake_sid), 1);
	ck_assert_int_eq(duo_sessions(d, CLIENT), 1);
	free(init);
	duo_free(d);
}
END_TEST

/* --- Draining ------------------------------------------------------------- */

/* Sessions go on, and are renewed; a new client, and a child, get nothing. */
START_TEST(drains)
{
	struct duo *d = duo_new(1, 1);
	struct mp_parent p;
	uint32_t n = 1000;
	int late;

	duo_up(d);
	family_add(d);
	p = family_parent(d);
	family_ticket(d, SIBLING, &p);
	late = duo_add_end(d, 1, 'A');
	ck_assert_int_eq(late, LATE);
	mp_drain(&d->end[SERVER].mp, true);
	ck_assert(mp_drains(&d->end[SERVER].mp));
	ck_assert_int_eq(duo_say(d, LATE, 500), 0);
	ck_assert_int_eq(duo_say(d, SIBLING, 600), 0);
	duo_chat(d, d->now + 300 * SEC, SEC, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 1000, n);
	ck_assert_int_eq(duo_heard(d, SERVER, 500), 0);
	ck_assert_int_eq(duo_heard(d, SERVER, 600), 0);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	ck_assert_uint_gt(duo_count(d, SERVER, MP_C_drop_handshake_drain), 2);
	mp_drain(&d->end[SERVER].mp, false);
	ck_assert_uint_le(duo_until_heard(d, CLIENT, n, 5 * SEC), SEC);
	ck_assert_int_eq(duo_say(d, LATE, 502), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 502), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_fleet(void)
{
	Suite *s = suite_create("fleet");
	TCase *t = tcase_create("fleet");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, sid_number, 1, MP_SERVERS_MAX + 1);
	tcase_add_test(t, number_range);
	tcase_add_test(t, steered);
	tcase_add_loop_test(t, stays, 0, 2);
	tcase_add_test(t, dead);
	tcase_add_test(t, child);
	tcase_add_test(t, replayed);
	tcase_add_test(t, drains);
	suite_add_tcase(s, t);
	return s;
}
