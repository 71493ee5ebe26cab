/* SPDX-License-Identifier: ISC */
/* core/child.c, core/child_in.c, core/ticket.c: sessions that begin without a
 * handshake (PROTOCOL.md 2, Children). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "child.h"
#include "duo.h"
#include "hostile.h"
#include "initiator_reply.h"
#include "mp.h"
#include "noise.h"
#include "seal.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

/* The end that is another socket of the client's host. */
enum { SIBLING = 2 };

/* One more endpoint of the client's host: the same addresses, another port. */
static void
add_sibling(struct duo *d)
{
	struct duo_end *c = &d->end[CLIENT], *s;
	int e = duo_add_end(d, c->n_addrs, 'A');

	ck_assert_int_eq(e, SIBLING);
	s = &d->end[e];
	memcpy(s->addr, c->addr, sizeof(s->addr));
	memcpy(d->link[e], d->link[CLIENT], sizeof(d->link[e]));
	for (int i = 0; i < DUO_ENDS; i++)
		for (int j = 0; j < DUO_ADDRS; j++)
			memcpy(d->link[i][j][e], d->link[i][j][CLIENT],
			    sizeof(d->link[i][j][e]));
	duo_tell(d, e);
}

/* The parent of the client's session with the server. */
static struct mp_parent
take_parent(struct duo *d)
{
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_parent p;

	ck_assert_int_eq(mp_parent_take(m, d->now, state_index(m,
	    duo_session(d, CLIENT)), &p), 0);
	return p;
}

static void
give_ticket(struct duo *d, int e, struct mp_parent *p)
{
	struct mp_ticket t;

	ck_assert_int_eq(mp_parent_ticket(p, d->now, &t), 0);
	mp_ticket_put(&d->end[e].mp, &t);
}

/* Client and server have a session; the sibling has a ticket of it. */
static struct duo *
family(int clients, int servers, struct mp_parent *p)
{
	struct duo *d = duo_new(clients, servers);

	duo_up(d);
	add_sibling(d);
	*p = take_parent(d);
	give_ticket(d, SIBLING, p);
	return d;
}

/* The server's session that began without a handshake; NULL. */
static struct session *
child_of_server(const struct duo *d)
{
	const struct mp *m = &d->end[SERVER].mp;

	for (uint32_t i = 0; i < m->limits.sessions; i++)
		if (m->sessions[i].state == MP_S_UP &&
		    state_keys(&m->sessions[i])->child)
			return &m->sessions[i];
	return NULL;
}

/* What went over the wire, by kind; and what is lost. */
static struct wires {
	int init, child, welcome_like;
	bool lose_child, lose_back, lose_init;
	struct duo_packet *first; /* the first CHILD */
} seen;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_child c;
	struct wire_shake h;

	(void)d;
	(void)arg;
	if (p->from == SERVER && p->path.remote.port == DUO_PORT + SERVER &&
	    p->to == SIBLING)
		return seen.lose_back ? DUO_DROP : DUO_PASS;
	if (p->from != SIBLING)
		return DUO_PASS;
	if (wire_get_child(p->data, p->len, &c)) {
		seen.child++;
		if (seen.first == NULL) {
			seen.first = malloc(sizeof(*p) + p->len);
			ck_assert_ptr_nonnull(seen.first);
			memcpy(seen.first, p, sizeof(*p) + p->len);
		}
		return seen.lose_child ? DUO_DROP : DUO_PASS;
	}
	if (wire_get_handshake(p->data, p->len, &h) && h.type == WIRE_T_INIT) {
		seen.init++;
		return seen.lose_init ? DUO_DROP : DUO_PASS;
	}
	return DUO_PASS;
}

static void
watch_all(struct duo *d)
{
	free(seen.first);
	memset(&seen, 0, sizeof(seen));
	d->tap = watch;
}

static void
done(struct duo *d)
{
	free(seen.first);
	memset(&seen, 0, sizeof(seen));
	duo_free(d);
}

/* --- The first datagram --------------------------------------------------- */

/* It arrives one way later, and its answer another way later: no round trip
 * before. */
START_TEST(first_datagram)
{
	struct mp_parent p;
	struct duo *d = family(2, 2, &p);

	watch_all(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(duo_say(d, SERVER, 101), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SIBLING, 101), 1);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_staged), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_staged), 0);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_out), 1);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 1);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(seen.init, 0);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_failed), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_auth), 0);
	done(d);
}
END_TEST

/* The program sees the child at the address that plain UDP would show,
 * whichever path its first packet took. */
START_TEST(shown)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 1);
	struct mp_addr want;

	duo_delay(d, 0, 0, _i == 0 ? 10 * MS : 80 * MS);
	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	add_sibling(d);
	p = take_parent(d);
	give_ticket(d, SIBLING, &p);
	want = duo_session(d, SERVER)->shown;
	want.port = DUO_PORT + SIBLING;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert(addr_equal(&d->end[SERVER].got[d->end[SERVER].n_got -
	    1].from, &want));
	duo_free(d);
}
END_TEST

/* Once the peer's sid is known and a pause was made, packets are ordinary ones;
 * and all that is said meanwhile arrives once. */
START_TEST(unframed)
{
	struct mp_parent p;
	struct duo *d = family(2, 2, &p);
	uint32_t n;
	int last;

	watch_all(d);
	for (n = 100; n < 160; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 2 * MS);
	}
	duo_run(d, d->now + 100 * MS);
	ck_assert(!state_keys(duo_session(d, SIBLING))->framed);
	last = seen.child;
	for (; n < 180; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	ck_assert_int_eq(seen.child, last);
	for (n = 100; n < 180; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	done(d);
}
END_TEST

/* Datagrams without a pause go as CHILD a while longer, so that none overtakes
 * another in the peer's host; in the end they wait for it once. */
START_TEST(no_pause)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	uint32_t n;

	watch_all(d);
	for (n = 100; n < 100 + 2 * 600; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + MS);
	}
	ck_assert_int_ge(seen.child, CHILD_FRAMES);
	ck_assert_int_le(seen.child, CHILD_FRAMES + 30);
	duo_run(d, d->now + 100 * MS);
	for (n = 100; n < 100 + 2 * 600; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	done(d);
}
END_TEST

/* A child that lives makes its own handshake, and can be a parent then. */
START_TEST(own_handshake)
{
	struct mp_parent p;
	struct duo *d = family(2, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_session_info info;

	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(info.child && !info.parent);
	ck_assert_int_eq(mp_parent_take(m, d->now, 0, &p), MP_ENOENT);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(duo_say(d, SIBLING, 102 + 2 * (uint32_t)i),
		    0);
		duo_run(d, d->now + SEC);
	}
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(!info.child && info.parent);
	ck_assert_int_eq(mp_parent_take(m, d->now, 0, &p), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 1);
	duo_free(d);
}
END_TEST

/* The parent's socket is closed, and its endpoint gone, before the child. */
START_TEST(orphan)
{
	static const uint64_t later[] = { 0, SEC, 100 * SEC, 160 * SEC };
	struct duo *d = duo_new(2, 2);
	struct mp_parent p;

	duo_up(d);
	add_sibling(d);
	p = take_parent(d);
	mp_slot_close(&d->end[CLIENT].mp, d->now, 0);
	duo_run(d, d->now + 100 * MS + later[_i]);
	give_ticket(d, SIBLING, &p);
	watch_all(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(seen.init, 0);
	done(d);
}
END_TEST

/* The parent makes new keys, before or after the ticket is used. */
START_TEST(parent_renewed)
{
	struct duo *d = duo_new(1, 1);
	struct mp_parent p;
	uint32_t n = 2;

	duo_up(d);
	add_sibling(d);
	p = take_parent(d);
	duo_chat(d, d->now + 140 * SEC, SEC, &n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 2);
	d->end[SERVER].peer = duo_addr(d, SIBLING, 0);
	give_ticket(d, SIBLING, &p);
	ck_assert_int_eq(duo_say(d, SIBLING, 1000), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 1000), 1);
	/* and the new key makes a parent of its own */
	p = take_parent(d);
	ck_assert_uint_ne(p.sid, 0);
	duo_free(d);
}
END_TEST

/* The flows that work are known at once, and a path that is dead is not tried:
 * the program says an address that leads nowhere any more. */
START_TEST(dead_address)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	duo_cut_addr(d, SERVER, 0, true); /* the one that the program uses */
	for (uint32_t i = 0; i < 20; i++) {
		(void)duo_say(d, CLIENT, 2 + 2 * i);
		duo_run(d, d->now + 100 * MS);
	}
	add_sibling(d);
	p = take_parent(d);
	give_ticket(d, SIBLING, &p);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 3 * DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_free(d);
}
END_TEST

/* A ticket that begins no session, for its time is over (0) or none of its flows
 * is left (1), tells the addresses of the peer: INIT goes to all of them. */
START_TEST(addresses_alone)
{
	struct mp_parent p;
	struct mp_ticket t;
	struct duo *d = duo_new(2, 2);
	int error;

	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	duo_cut_addr(d, SERVER, 0, true); /* the one that the program uses */
	add_sibling(d);
	p = take_parent(d);
	if (_i == 0)
		p.until = d->now;
	error = mp_parent_ticket(&p, d->now, &t);
	ck_assert_int_eq(error, _i == 0 ? MP_ENOENT : 0);
	if (_i == 1)
		t.peer.nflows = 0;
	mp_ticket_put(&d->end[SIBLING].mp, &t);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_CONNECTING);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/* --- No parent any more --------------------------------------------------- */

/* The peer does not know the parent: silence; a handshake does it, and nothing
 * is lost or comes twice. */
START_TEST(unknown_parent)
{
	struct mp_parent p;
	struct duo *d = family(2, 2, &p);
	uint64_t sent, began;
	uint32_t n;

	duo_restart(d, SERVER);
	d->end[SERVER].peer.port = 0;
	watch_all(d);
	began = d->now;
	sent = d->sent[SERVER];
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 30 * MS);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_child), 1);
	ck_assert_uint_eq(d->sent[SERVER], sent);
	ck_assert_int_eq(duo_sessions(d, SERVER), 0);
	for (n = 102; n < 120; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	while (duo_heard(d, SERVER, 100) == 0 && d->now < began + 5 * SEC)
		duo_run(d, d->now + MS);
	/* one way out of the handshake after the patience */
	ck_assert_uint_le(d->now - began, 150 * MS);
	duo_run(d, d->now + SEC);
	for (n = 100; n < 120; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_failed), 1);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	done(d);
}
END_TEST

/* Nobody answers at all for a while.  What a peer that knows the parent would
 * have taken is lost with its path, as of any session that is up, if that lasts
 * for less than the child takes to give up; all else arrives. */
START_TEST(no_answer)
{
	static const uint64_t wait[] = { 500 * MS, 1500 * MS, 5 * SEC };
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	uint32_t n;

	if (_i % 2 == 0)
		duo_restart(d, SERVER);
	duo_cut(d, 0, 0, true);
	d->link[SIBLING][0][SERVER][0].down = true;
	for (n = 100; n < 104; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	duo_run(d, d->now + wait[_i / 2]);
	if (_i / 2 > 0)
		ck_assert_int_eq(duo_session(d, SIBLING)->state,
		    MP_S_CONNECTING);
	d->link[SIBLING][0][SERVER][0].down = false;
	duo_cut(d, 0, 0, false);
	ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	for (n = 100; n < 104; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), _i != 1);
	done(d);
}
END_TEST

/* The peer has the child, but no answer comes through, for less or more time
 * than it takes to give it up: what it took is not delivered again. */
START_TEST(no_way_back)
{
	static const uint64_t wait[] = { 20 * MS, 60 * MS, 200 * MS, 900 * MS,
		1500 * MS, 5 * SEC };
	struct mp_parent p;
	struct duo *d = family(2, 1, &p);
	uint32_t n;

	watch_all(d);
	seen.lose_back = true;
	for (n = 100; n < 110; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 2 * MS);
	}
	duo_run(d, d->now + wait[_i]);
	seen.lose_back = false;
	ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
	duo_run(d, d->now + 4 * SEC);
	for (n = 100; n < 112; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_UP);
	done(d);
}
END_TEST

/* The handshake is done while the program's thread sends: its datagram is
 * staged with those before it. */
START_TEST(between)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_tx tx[MP_TX_MAX];
	uint8_t b[8] = "say";

	duo_restart(d, SERVER);
	put32(b + 4, 100);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer, 0,
	    sizeof(b), (enum mp_send_flag)0, tx), 1);
	duo_run(d, d->now + SEC);
	ck_assert(!state_keys(duo_session(d, SIBLING))->child);
	tx[0].error = 0;
	ck_assert_int_eq(mp_send_commit(m, d->now, tx, 1, b, sizeof(b)), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_free(d);
}
END_TEST

/* INIT is there first, and CHILD, held back, later: it is refused then and for
 * good, also when the session has ended. */
START_TEST(held_back)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	struct duo_packet *kept;

	watch_all(d);
	seen.lose_child = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_ge(seen.init, 1);
	kept = seen.first;
	ck_assert_int_eq(duo_inject(d, SERVER, &kept->path, kept->data,
	    kept->len), MP_DROPPED);
	mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
	duo_run(d, d->now + 10 * SEC);
	ck_assert_int_eq(duo_inject(d, SERVER, &kept->path, kept->data,
	    kept->len), MP_DROPPED);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 0);
	done(d);
}
END_TEST

/* First packets are lost, or come in another order. */
static enum duo_verdict
shuffle(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from != SIBLING && p->to != SIBLING)
		return DUO_PASS;
	p->at += dice(30) * MS;
	return dice(100) < 10 ? DUO_DROP : DUO_PASS;
}

START_TEST(disorder)
{
	struct mp_parent p;
	struct duo *d = family(2, 2, &p);
	int got = 0, times;
	uint32_t n;

	dice_seed((uint64_t)_i + 1);
	d->tap = shuffle;
	for (n = 100; n < 300; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + dice(4) * MS);
	}
	duo_run(d, d->now + 3 * SEC);
	for (n = 100; n < 300; n += 2) {
		times = duo_heard(d, SERVER, n);
		ck_assert_int_le(times, 1);
		got += times;
	}
	ck_assert_int_ge(got, 70);
	duo_free(d);
}
END_TEST

/* --- Attackers ------------------------------------------------------------ */

/* Every bit that is flipped makes it nothing: no session, no answer. */
START_TEST(flipped)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	uint8_t packet[256];
	uint64_t sent;
	size_t i, len;

	watch_all(d);
	seen.lose_child = seen.lose_init = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 5 * MS);
	ck_assert_ptr_nonnull(seen.first);
	len = seen.first->len;
	ck_assert_uint_le(len, sizeof(packet));
	sent = d->sent[SERVER];
	for (i = 0; i < len * 8; i++) {
		memcpy(packet, seen.first->data, len);
		packet[i / 8] ^= (uint8_t)(1U << i % 8);
		ck_assert_int_ne(duo_inject(d, SERVER, &seen.first->path,
		    packet, len), MP_DELIVER);
		ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	}
	for (i = 0; i < len; i++)
		ck_assert_int_ne(duo_inject(d, SERVER, &seen.first->path,
		    seen.first->data, i), MP_DELIVER);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	ck_assert_uint_eq(d->sent[SERVER], sent);
	/* the true one still counts */
	ck_assert_int_eq(duo_inject(d, SERVER, &seen.first->path,
	    seen.first->data, len), MP_DELIVER);
	done(d);
}
END_TEST

/* A replay does nothing: while the session lives, after it, and from
 * elsewhere. */
START_TEST(replayed)
{
	struct mp_parent p;
	struct duo *d = family(2, 1, &p);
	struct mp_path elsewhere;
	struct copy before;
	enum mp_verdict v;

	watch_all(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + SEC);
	elsewhere = hostile_elsewhere(&seen.first->path);
	for (int i = 0; i < 4; i++) {
		if (i == 2) {
			mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
			duo_run(d, d->now + 170 * SEC);
		}
		copy_keep(&before, d, SERVER);
		v = duo_inject(d, SERVER, i % 2 == 0 ? &seen.first->path :
		    &elsewhere, seen.first->data, seen.first->len);
		ck_assert_int_eq(v, MP_DROPPED);
		copy_assert(&before, d, SERVER, v, "replay", (size_t)i);
		copy_drop(&before);
	}
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	done(d);
}
END_TEST

/* A CHILD that arrives from an address that the parent never had moves little
 * there before that is proven. */
START_TEST(redirected)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	struct mp_path elsewhere;
	uint8_t big[1000] = { 1 };
	uint64_t bytes;
	struct session *s;

	watch_all(d);
	seen.lose_child = seen.lose_init = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 5 * MS);
	elsewhere = hostile_elsewhere(&seen.first->path);
	bytes = d->sent_bytes[SERVER];
	ck_assert_int_eq(duo_inject(d, SERVER, &elsewhere, seen.first->data,
	    seen.first->len), MP_DELIVER);
	duo_cut(d, 0, 0, true); /* the parent is not heard meanwhile */
	for (int i = 0; i < 10; i++)
		(void)duo_send(d, SERVER, big, sizeof(big));
	duo_run(d, d->now + 300 * MS);
	s = child_of_server(d);
	ck_assert_ptr_nonnull(s);
	ck_assert(state_flow(&d->end[SERVER].mp, s, 0)->unproven);
	ck_assert_uint_le(d->sent_bytes[SERVER] - bytes,
	    3 * seen.first->len + 600);
	done(d);
}
END_TEST

/* What one child proved serves the next: its answer waits for a challenge only
 * where no child came from before. */
START_TEST(proven_by_sibling)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 1);
	uint8_t big[800] = { 1 };
	size_t before;

	duo_cut_addr(d, CLIENT, 1, true);
	duo_up(d);
	duo_cut_addr(d, CLIENT, 1, false);
	p = take_parent(d);
	mp_slot_close(&d->end[CLIENT].mp, d->now, 0);
	duo_run(d, d->now + SEC);
	/* the parent knows of address 0 alone */
	p.peer.flow[0].path.local = duo_addr(d, CLIENT, 1);
	p.peer.flow[0].path.ifindex = 2;
	p.peer.nflows = 1;
	add_sibling(d);
	duo_cut_addr(d, SIBLING, 0, true);
	for (uint32_t i = 0; i < 3; i++) {
		d->end[SIBLING].port = (uint16_t)(10000 + i);
		give_ticket(d, SIBLING, &p);
		ck_assert_int_eq(duo_say(d, SIBLING, 100 + 2 * i), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SERVER, 100 + 2 * i), 1);
		before = d->end[SIBLING].n_got;
		ck_assert_int_eq(duo_send(d, SERVER, big, sizeof(big)), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_uint_eq(d->end[SIBLING].n_got, before + (i > 0));
		duo_run(d, d->now + SEC);
		mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
		duo_run(d, d->now + SEC);
		ck_assert_int_eq(mp_slot_open(&d->end[SIBLING].mp, 0,
		    MP_DUAL), 0);
	}
	duo_free(d);
}
END_TEST

/* Whoever has one ticket can make no packet of another child. */
START_TEST(one_ticket)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	struct mp_ticket a, b;
	uint8_t from[2][32], to[2][32], assoc[2][8];

	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &a), 0);
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &b), 0);
	ck_assert_uint_eq(b.number, a.number + 1);
	ck_assert_mem_ne(a.seed, b.seed, 32);
	ck_assert_mem_ne(a.seed, p.secret, 32);
	child_derive(a.seed, a.number, from[0], to[0], assoc[0]);
	child_derive(b.seed, b.number, from[1], to[1], assoc[1]);
	ck_assert_mem_ne(from[0], to[0], 32);
	ck_assert_mem_ne(from[0], from[1], 32);
	ck_assert_mem_ne(assoc[0] + 4, assoc[1] + 4, 4);
	duo_free(d);
}
END_TEST

/* --- Parents and tickets - */

/* The secret is taken once; a number is given once. */
START_TEST(taken_once)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_parent p, again;
	struct mp_ticket t;
	struct session *s;
	static const uint8_t zeros[32];

	duo_up(d);
	s = duo_session(d, CLIENT);
	p = take_parent(d);
	ck_assert_mem_eq(state_keys(s)->secret, zeros, 32);
	ck_assert_int_eq(mp_parent_take(m, d->now, state_index(m, s), &again),
	    MP_ENOENT);
	ck_assert_int_eq(mp_parent_take(&d->end[SERVER].mp, d->now,
	    state_index(&d->end[SERVER].mp, duo_session(d, SERVER)), &again),
	    MP_ENOENT); /* the responder's is not for taking */
	ck_assert_int_eq(mp_parent_take(m, d->now, MP_NONE, &again),
	    MP_ENOENT);
	for (uint32_t i = 1; i < 100; i++) {
		ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), 0);
		ck_assert_uint_eq(t.number, i);
	}
	p.number = UINT32_MAX - 2;
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), 0);
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), MP_ENOENT);
	p.number = 0;
	ck_assert_int_eq(mp_parent_ticket(&p, p.until, &t), MP_ENOENT);
	duo_free(d);
}
END_TEST

/* A ticket serves one session, with its peer and key, before its end. */
START_TEST(ticket_use)
{
	struct mp_parent p;
	struct duo *d = family(1, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_addr other = duo_ip4(10, 1, 0, 99, 7);

	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &other, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	ck_assert_int_eq(mp_send_begin(m, p.until, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), MP_EAGAIN); /* too late */
	mp_slot_close(m, d->now, 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    p.peer.key_id + 1, 1, (enum mp_send_flag)0, tx), MP_EAGAIN);
	mp_slot_close(m, d->now, 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), 1);
	mp_slot_close(m, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), MP_EAGAIN); /* used */
	duo_free(d);
}
END_TEST

/* Numbers of a window: each once, 64 below the highest at most. */
START_TEST(numbers)
{
	struct keys k = { .parent = true };
	uint32_t i, taken[200], at, n = 0;

	ck_assert(child_used(&k, 0));
	ck_assert(child_used(&k, UINT32_MAX));
	for (i = 10; i <= 100; i += 10) {
		ck_assert(!child_used(&k, i));
		child_use(&k, i);
		ck_assert(child_used(&k, i));
	}
	ck_assert(!child_used(&k, 99));
	ck_assert(!child_used(&k, 37));
	ck_assert(child_used(&k, 36)); /* 64 below */
	ck_assert(child_used(&k, 90));
	child_use(&k, 1000000);
	ck_assert(child_used(&k, 100));
	dice_seed(7);
	for (i = 0; i < 200; i++) {
		at = 1000001 + dice(300);
		if (!child_used(&k, at)) {
			child_use(&k, at);
			taken[n++] = at;
		}
		for (uint32_t j = 0; j < n; j++)
			ck_assert(child_used(&k, taken[j]));
	}
}
END_TEST

/* Many children of one parent, each its own session at the server. */
START_TEST(many)
{
	struct mp_limits limits = { .sessions = 256, .flows = 2048,
		.flows_each = 8, .pool = 1 << 18, .pool_each = 1 << 17,
		.staged = 1 << 18 };
	struct mp_setup setup = { .limits = limits, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	struct mp *m;
	struct mp_parent p;

	duo_up(d);
	add_sibling(d);
	m = &d->end[SIBLING].mp;
	p = take_parent(d);
	for (uint32_t i = 0; i < 500; i++) {
		d->end[SIBLING].port = (uint16_t)(10000 + i);
		give_ticket(d, SIBLING, &p);
		ck_assert_int_eq(duo_say(d, SIBLING, 100 + 2 * i), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SERVER, 100 + 2 * i), 1);
		ck_assert_int_eq(duo_say(d, SERVER, 101 + 2 * i), 0);
		duo_run(d, d->now + DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SIBLING, 101 + 2 * i), 1);
		mp_slot_close(m, d->now, 0);
		duo_run(d, d->now + DUO_DELAY);
		ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	}
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 500);
	/* a socket that lives for one datagram costs no probe */
	ck_assert_uint_le(duo_count(d, SERVER, MP_C_probe_out), 20);
	ck_assert_uint_le(duo_count(d, SIBLING, MP_C_probe_out), 20);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_handshake_done), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_child(void)
{
	Suite *s = suite_create("child");
	TCase *tc = tcase_create("child");

	tcase_add_test(tc, first_datagram);
	tcase_add_loop_test(tc, shown, 0, 2);
	tcase_add_test(tc, unframed);
	tcase_add_test(tc, no_pause);
	tcase_add_test(tc, own_handshake);
	tcase_add_loop_test(tc, orphan, 0, 4);
	tcase_add_test(tc, parent_renewed);
	tcase_add_test(tc, dead_address);
	tcase_add_loop_test(tc, addresses_alone, 0, 2);
	tcase_add_test(tc, unknown_parent);
	tcase_add_loop_test(tc, no_answer, 0, 6);
	tcase_add_loop_test(tc, no_way_back, 0, 6);
	tcase_add_test(tc, between);
	tcase_add_test(tc, held_back);
	tcase_add_loop_test(tc, disorder, 0, 40);
	tcase_add_test(tc, flipped);
	tcase_add_test(tc, replayed);
	tcase_add_test(tc, redirected);
	tcase_add_test(tc, proven_by_sibling);
	tcase_add_test(tc, one_ticket);
	tcase_add_test(tc, taken_once);
	tcase_add_test(tc, ticket_use);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, many);
	suite_add_tcase(s, tc);
	return s;
}
