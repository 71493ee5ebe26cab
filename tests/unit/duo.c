/* SPDX-License-Identifier: ISC */
#include "../keys.h"
#include "duo.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "seal.h"
#include "state.h"
#include "table.h"
#include "wire.h"

enum {
	START = 1000 * 1000 * 1000, /* us: no clock begins at 0 */
	SPIN_MAX = 100000,	    /* packets of one end in one instant */
	BUF = 65536,
};

static const uint8_t secret[32] = "all ends of duo hold this key";

static void *
zeros(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);

	ck_assert_ptr_nonnull(p);
	memset(p, 0, size);
	return p;
}

/* --- One engine alone ----------------------------------------------------- */

static const struct mp_limits small = { .sessions = 8, .flows = 256,
	.flows_each = 64, .pool = 1 << 18, .pool_each = 1 << 17,
	.staged = 1 << 18 };

void
duo_bare(struct mp *m, const struct mp_limits *limits)
{
	struct mp_setup setup = { .limits = limits != NULL ? *limits : small,
		.port = DUO_PORT, .chacha_only = true };
	size_t size = mp_size(&setup.limits);

	ck_assert_uint_ne(size, 0);
	ck_assert_int_eq(mp_create(m, zeros(size), size, &setup, START), 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
}

void
duo_bare_free(struct mp *m)
{
	free(m->sh); /* the block begins with struct shared */
}

void
duo_twin(const struct duo *d, int e, struct mp *m)
{
	const struct duo_end *end = &d->end[e];
	void *block = zeros(end->size);

	memcpy(block, end->block, end->size);
	ck_assert_int_eq(mp_attach(m, block, end->size), 0);
}

struct mp_addr
duo_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct mp_addr) { .ip = { [10] = 0xff, [11] = 0xff,
	    [12] = a, [13] = b, [14] = c, [15] = d }, .port = port };
}

/* --- The world ---------------------------------------------------------- */

static void
end_create(struct duo *d, int e)
{
	struct duo_end *end = &d->end[e];
	struct mp_setup setup = end->setup;

	memset(setup.seed, 0, sizeof(setup.seed));
	setup.seed[0] = (uint8_t)e;
	setup.seed[1] = (uint8_t)end->restarts;
	setup.seed[2] = (uint8_t)(end->restarts >> 8);
	setup.port = end->port;
	end->size = mp_size(&setup.limits);
	ck_assert_uint_ne(end->size, 0);
	end->block = zeros(end->size);
	ck_assert_int_eq(mp_create(&end->mp, end->block, end->size, &setup,
	    duo_time(d, e)), 0);
	ck_assert_int_eq(mp_slot_open(&end->mp, 0, MP_DUAL), 0);
	duo_tell(d, e);
}

static void
end_init(struct duo *d, int e, int n_addrs, char key_end,
    const struct mp_setup *setup)
{
	struct duo_end *end = &d->end[e];
	struct duo_addr *a;
	int i;

	ck_assert_int_le(n_addrs, DUO_ADDRS);
	end->setup = *setup;
	end->port = (uint16_t)(DUO_PORT + e);
	end->n_addrs = n_addrs;
	for (i = 0; i < n_addrs; i++) {
		a = &end->addr[i];
		memcpy(a->local.ip, (uint8_t[16]) { [10] = 0xff, [11] = 0xff,
		    [12] = 10, [13] = (uint8_t)e, [15] = (uint8_t)(i + 1) },
		    16);
		a->local.ifindex = (uint32_t)i + 1;
		a->local.mtu = 1500;
		a->there = true;
	}
	ck_assert_int_eq(test_keys_add(&end->keys, "duo", key_end, secret),
	    0);
	end_create(d, e);
}

struct duo *
duo_new_setup(const struct mp_setup *setup, int n_client_addrs,
    int n_server_addrs)
{
	struct duo *d = calloc(1, sizeof(*d));
	int a, b, i, j;

	ck_assert_ptr_nonnull(d);
	d->now = START;
	d->n_ends = 2;
	for (a = 0; a < DUO_ENDS; a++)
		for (i = 0; i < DUO_ADDRS; i++)
			for (b = 0; b < DUO_ENDS; b++)
				for (j = 0; j < DUO_ADDRS; j++)
					d->link[a][i][b][j].delay =
					    (uint64_t)DUO_DELAY *
					    (uint64_t)(1 + i + j);
	end_init(d, 0, n_client_addrs, 'A', setup);
	end_init(d, 1, n_server_addrs, 'B', setup);
	d->end[0].peer = duo_addr(d, 1, 0);
	return d;
}

struct duo *
duo_new(int n_client_addrs, int n_server_addrs)
{
	struct mp_setup setup = { .limits = small, .chacha_only = true };

	return duo_new_setup(&setup, n_client_addrs, n_server_addrs);
}

int
duo_add_end(struct duo *d, int n_addrs, char key_end)
{
	int e = d->n_ends++;

	ck_assert_int_lt(e, DUO_ENDS);
	end_init(d, e, n_addrs, key_end, &d->end[0].setup);
	d->end[e].peer = duo_addr(d, 1, 0);
	return e;
}

static void
free_packets(struct duo_packet *p)
{
	struct duo_packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
}

void
duo_free(struct duo *d)
{
	struct duo_end *end;

	for (end = d->end; end < d->end + d->n_ends; end++) {
		free(end->block);
		free(end->round);
		free_packets(end->unread);
		for (size_t i = 0; i < end->n_got; i++)
			free(end->got[i].data);
		free(end->got);
	}
	free_packets(d->air);
	free(d);
}

void
duo_restart(struct duo *d, int e)
{
	free(d->end[e].block);
	free(d->end[e].round);
	d->end[e].round = NULL;
	free_packets(d->end[e].unread);
	d->end[e].unread = NULL;
	d->end[e].restarts++;
	end_create(d, e);
}

uint64_t
duo_time(const struct duo *d, int e)
{
	return d->now + d->end[e].skew;
}

/* --- Packets ------------------------------------------------------------- */

static void
enqueue(struct duo *d, struct duo_packet *p)
{
	struct duo_packet **at = &d->air;

	p->order = d->order++;
	if (p->at < d->now)
		p->at = d->now;
	while (*at != NULL && (*at)->at <= p->at)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

void
duo_post(struct duo *d, const struct duo_packet *p)
{
	struct duo_packet *q = malloc(sizeof(*q) + p->len);

	ck_assert_ptr_nonnull(q);
	memcpy(q, p, sizeof(*q) + p->len);
	enqueue(d, q);
}

/* Which address of an end is that? -1: none that it has now. */
static int
find_addr(const struct duo_end *end, const uint8_t ip[16])
{
	for (int i = 0; i < end->n_addrs; i++)
		if (end->addr[i].there &&
		    memcmp(end->addr[i].local.ip, ip, 16) == 0)
			return i;
	return -1;
}

/* The same for the address that others see. */
static int
find_seen(const struct duo_end *end, const uint8_t ip[16])
{
	for (int i = 0; i < end->n_addrs; i++)
		if (end->addr[i].nat && end->addr[i].there &&
		    memcmp(end->addr[i].seen, ip, 16) == 0)
			return i;
	for (int i = 0; i < end->n_addrs; i++)
		if (!end->addr[i].nat && end->addr[i].there &&
		    memcmp(end->addr[i].local.ip, ip, 16) == 0)
			return i;
	return -1;
}

/* Which other end has that address and port? -1: none at present. */
static int
find_end(const struct duo *d, int self, const struct mp_addr *a)
{
	for (int e = 0; e < d->n_ends; e++)
		if (e != self && a->port != 0 && (d->end[e].port == a->port ||
			d->end[e].also_port == a->port) &&
		    find_seen(&d->end[e], a->ip) >= 0)
			return e;
	return -1;
}

static bool
is_link_local(const uint8_t ip[16])
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static bool
is_any(const uint8_t ip[16])
{
	uint8_t any[16];

	addr_any(any, ip);
	return memcmp(ip, any, sizeof(any)) == 0;
}

/* Sends a packet of an end: 0, or the error of sending it. */
static int
transmit(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *data, size_t len, const struct mp_out *out)
{
	struct duo_end *end = &d->end[e];
	struct duo_packet *p;
	struct duo_link *l;
	int i = find_addr(end, path->local.ip), to, j;

	if (i < 0 && is_any(path->local.ip)) /* unspecified: the kernel
					      * chooses */
		i = end->addr[0].there ? 0 : -1;
	if (i < 0 || end->addr[i].local.down)
		return MP_ENETUNREACH;
	if (is_link_local(path->remote.ip))
		ck_assert_uint_eq(path->ifindex, end->addr[i].local.ifindex);
	if (end->addr[i].one_way != 0 && path->ifindex != 0)
		return end->addr[i].one_way == 1 ? MP_ENETUNREACH : 0;
	if (end->addr[i].error != 0)
		return end->addr[i].error;
	if (d->nowhere.port != 0 && addr_equal(&path->remote, &d->nowhere))
		return MP_ENETUNREACH;
	d->sent[e]++;
	d->sent_bytes[e] += len;
	to = find_end(d, e, &path->remote);
	if (to < 0) { /* lost */
		d->strays[e]++;
		d->stray_bytes[e] += len + 28;
		return 0;
	}
	j = find_seen(&d->end[to], path->remote.ip);
	l = duo_link(d, e, i, to, j);
	p = calloc(1, sizeof(*p) + len);
	ck_assert_ptr_nonnull(p);
	p->from = e;
	p->from_addr = i;
	p->to = to;
	p->to_addr = j;
	p->path = duo_path(d, to, j, e, i);
	p->sent_at = d->now;
	p->at = d->now + l->delay;
	p->df = out->df;
	p->tos = out->tos;
	p->ttl = out->ttl;
	p->len = len;
	memcpy(p->data, data, len);
	if ((d->tap != NULL && d->tap(d, p, d->tap_arg) == DUO_DROP) ||
	    l->down || (l->mtu != 0 && len > l->mtu))
		free(p);
	else
		enqueue(d, p);
	return 0;
}

int
duo_transmit(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *data, size_t len)
{
	struct mp_out none = { .tos = -1, .ttl = -1 };

	return transmit(d, e, path, data, len, &none);
}

static void
transmit_out(struct duo *d, int e, const struct mp_out *out,
    const uint8_t *buf)
{
	int error = transmit(d, e, &out->path, buf, out->len, out);

	if (error != 0)
		mp_poll_failed(&d->end[e].mp, duo_time(d, e), out, error);
	else
		mp_poll_sent(&d->end[e].mp, duo_time(d, e), out);
}

/* As a program without mpshim sends it, from the end's first address. */
static int
transmit_plain(struct duo *d, int e, const struct mp_addr *dst,
    const uint8_t *data, size_t len)
{
	struct mp_out out = { .path = { .local = duo_addr(d, e, 0),
	    .remote = *dst }, .tos = -1, .ttl = -1 };

	return transmit(d, e, &out.path, data, len, &out);
}

static void
deliver(struct duo *d, int e, const struct mp_rx *rx, const uint8_t *data)
{
	struct duo_end *end = &d->end[e];
	struct duo_got *g;

	/* It doubles: the sanitizers copy all at each realloc(). */
	if ((end->n_got & (end->n_got - 1)) == 0)
		end->got = realloc(end->got,
		    (end->n_got == 0 ? 1 : end->n_got * 2) *
		    sizeof(*end->got));
	ck_assert_ptr_nonnull(end->got);
	g = &end->got[end->n_got++];
	g->at = d->now;
	g->slot = rx->slot;
	g->from = rx->from;
	g->len = rx->len;
	g->data = malloc(rx->len + 1);
	ck_assert_ptr_nonnull(g->data);
	memcpy(g->data, data + rx->off, rx->len);
	if (e == 1)
		end->peer = rx->from;
}

/* Puts something at the end of what waits for the program. */
static void
wait_for_program(struct duo_end *end, struct duo_packet *p)
{
	struct duo_packet **at = &end->unread;

	while (*at != NULL)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
}

/* The agent took a datagram in, and hands it on to the program. */
static void
hand_on(struct duo *d, int e, const struct mp_rx *rx, const uint8_t *data)
{
	struct duo_end *end = &d->end[e];
	struct duo_packet *p;

	if (end->asleep) {
		p = calloc(1, sizeof(*p) + rx->len);
		ck_assert_ptr_nonnull(p);
		p->handed = true;
		p->rx = *rx;
		p->rx.off = 0;
		memcpy(p->data, data + rx->off, rx->len);
		wait_for_program(end, p);
	} else if (mp_recv_copy(&end->mp, duo_time(d, e), &rx->copy, rx->len,
	    false)) {
		deliver(d, e, rx, data);
	}
	mp_recv_given(&end->mp);
}

static enum mp_verdict
receive(struct duo *d, int e, const struct mp_path *path, uint64_t arrival,
    const uint8_t *data, size_t len)
{
	static uint8_t opened[BUF];
	struct duo_end *end = &d->end[e];
	struct mp_rx rx = { .path = *path, .arrival = arrival };
	uint8_t answer[MP_CONTROL_MAX];
	const uint8_t *inner = data;
	struct mp_out out;
	enum mp_verdict v = mp_recv_begin(&end->mp, duo_time(d, e), &rx, data,
	    len);

	if (v == MP_SEALED) {
		rx.later = rx.control;
		v = mp_recv_commit(&end->mp, duo_time(d, e), &rx, opened,
		    mp_open(&rx, data, len, opened));
		if (v == MP_JOIN)
			v = mp_recv_join(&end->mp, &rx, opened,
			    sizeof(opened));
		inner = opened + rx.off;
		len = rx.len;
	}
	if (v == MP_HANDSHAKE && mp_handshake(&end->mp, &end->keys,
	    duo_time(d, e), &rx, inner, len, &out, answer) == 1)
		transmit_out(d, e, &out, answer);
	if (v == MP_DELIVER && rx.later)
		hand_on(d, e, &rx, opened);
	else if (v == MP_DELIVER)
		deliver(d, e, &rx, opened);
	return v;
}

enum mp_verdict
duo_inject(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *data, size_t len)
{
	return receive(d, e, path, duo_time(d, e), data, len);
}

/* A packet arrives: the agent reads control packets, the program reads data. */
static void
arrive(struct duo *d, struct duo_packet *p)
{
	struct duo_end *end = &d->end[p->to];
	bool data = p->len > 4 && (p->data[3] & WIRE_SID_C) == 0 &&
	    !wire_is_handshake(p->data, p->len);

	if (end->off || !end->addr[p->to_addr].there ||
	    end->addr[p->to_addr].local.down) {
		free(p);
	} else if (end->asleep && data) {
		wait_for_program(end, p);
	} else if (!data && !p->waited && end->read_us > 0) {
		p->waited = true;
		p->at = d->now + end->read_us;
		enqueue(d, p);
	} else {
		receive(d, p->to, &p->path, duo_time(d, p->to), p->data,
		    p->len);
		free(p);
	}
}

void
duo_wake(struct duo *d, int e)
{
	struct duo_packet *p;

	d->end[e].asleep = false;
	while ((p = d->end[e].unread) != NULL) {
		d->end[e].unread = p->next;
		if (p->handed)
			hand_on(d, e, &p->rx, p->data);
		else
			receive(d, e, &p->path, p->at + d->end[e].skew,
			    p->data, p->len);
		free(p);
	}
}

/* --- The agent ----------------------------------------------------------- */

/* Packets that were taken together, as preload/agent/pump.c does it. */
struct duo_round {
	uint64_t at; /* of the duo's clock: when the next step is due */
	bool sent;
	unsigned n;
	struct {
		struct mp_out out;
		int error;
		uint8_t bytes[2048];
	} packet[DUO_BATCH];
};

/* Did an earlier staged datagram of the same session not go? */
static bool
round_would_pass(const struct duo_round *r, unsigned i)
{
	unsigned j;

	for (j = 0; r->packet[i].out.staged && j < i; j++)
		if (r->packet[j].out.staged && r->packet[j].error != 0 &&
		    r->packet[j].out.session == r->packet[i].out.session)
			return true;
	return false;
}

static void
round_send(struct duo *d, int e, struct duo_round *r)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		r->packet[i].error = round_would_pass(r, i) ? MP_EAGAIN :
		    transmit(d, e, &r->packet[i].out.path, r->packet[i].bytes,
			r->packet[i].out.len, &r->packet[i].out);
	r->sent = true;
	r->at = d->now + d->end[e].tell_us;
}

static void
round_tell(struct duo *d, int e, struct duo_round *r)
{
	struct mp *m = &d->end[e].mp;
	unsigned i;

	for (i = 0; i < r->n; i++)
		if (r->packet[i].error != 0)
			mp_poll_failed(m, duo_time(d, e), &r->packet[i].out,
			    r->packet[i].error);
		else if (r->packet[i].out.staged)
			mp_poll_sent(m, duo_time(d, e), &r->packet[i].out);
}

static struct duo_round *
round_take(struct duo *d, int e)
{
	struct duo_end *end = &d->end[e];
	struct duo_round *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_le(end->batch, DUO_BATCH);
	while (r->n < end->batch && mp_poll(&end->mp, &end->keys,
	    duo_time(d, e), &r->packet[r->n].out, r->packet[r->n].bytes,
	    sizeof(r->packet[0].bytes)) == 1)
		r->n++;
	r->at = d->now + end->send_us;
	if (r->n > 0)
		return r;
	free(r);
	return NULL;
}

/* All steps of the agent's rounds that are due. */
static void
poll_rounds(struct duo *d, int e)
{
	struct duo_end *end = &d->end[e];
	struct duo_round *r;
	int i;

	for (i = 0; i < SPIN_MAX; i++) {
		if (end->round == NULL)
			end->round = round_take(d, e);
		r = end->round;
		if (r == NULL || r->at > d->now)
			return;
		if (!r->sent) {
			round_send(d, e, r);
			continue;
		}
		end->round = NULL;
		round_tell(d, e, r);
		free(r);
	}
	ck_abort_msg("end %d sends without end", e);
}

/* When the agent of an end has something to do, of the duo's clock. */
static uint64_t
end_due(const struct duo *d, int e)
{
	const struct duo_end *end = &d->end[e];
	uint64_t at = mp_deadline(&end->mp);

	if (end->off)
		return MP_NEVER;
	if (end->round != NULL)
		return end->round->at;
	return at == MP_NEVER ? MP_NEVER : at - end->skew;
}

/* Polls the engine of an end; `due': because its deadline has come. */
static void
poll_end(struct duo *d, int e, bool due)
{
	static uint8_t buf[BUF];
	struct duo_end *end = &d->end[e];
	struct mp_out out;
	int i;

	if (end->off)
		return;
	if (end->batch > 0) {
		poll_rounds(d, e);
		return;
	}
	for (i = 0; i < SPIN_MAX && mp_poll(&end->mp, &end->keys,
	    duo_time(d, e), &out, buf, sizeof(buf)) == 1; i++)
		transmit_out(d, e, &out, buf);
	ck_assert_msg(i < SPIN_MAX, "end %d sends without end", e);
	/* With very many sessions it does a part at a time. */
	for (; i < SPIN_MAX && mp_deadline(&end->mp) <= duo_time(d, e) &&
	    end->mp.limits.sessions > 512; i++)
		if (mp_poll(&end->mp, &end->keys, duo_time(d, e), &out, buf,
		    sizeof(buf)) == 1)
			transmit_out(d, e, &out, buf);
	end->idle_wakes += due && i == 0;
	ck_assert_msg(mp_deadline(&end->mp) > duo_time(d, e),
	    "end %d: mp_poll() is done, mp_deadline() says it is not", e);
}

void
duo_run(struct duo *d, uint64_t until)
{
	struct duo_packet *p;
	uint64_t next, at;
	bool due[DUO_ENDS] = { false };
	int e;

	for (;;) {
		for (e = 0; e < d->n_ends; e++)
			due[e] = mp_deadline(&d->end[e].mp) <= duo_time(d, e);
		while ((p = d->air) != NULL && p->at <= d->now) {
			d->air = p->next;
			arrive(d, p);
		}
		for (e = 0; e < d->n_ends; e++)
			poll_end(d, e, due[e]);
		next = d->air != NULL ? d->air->at : MP_NEVER;
		for (e = 0; e < d->n_ends; e++) {
			at = end_due(d, e);
			next = at < next ? at : next;
		}
		if (next > until)
			break;
		d->now = next > d->now ? next : d->now;
	}
	d->now = until;
}

void
duo_up(struct duo *d)
{
	ck_assert_int_eq(duo_say(d, 0, 0), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, 1, 0), 1);
	for (int e = 0; e < 2; e++) {
		ck_assert_ptr_nonnull(duo_session(d, e));
		ck_assert_int_eq(duo_session(d, e)->state, MP_S_UP);
	}
}

bool
duo_peek(struct duo *d, const struct duo_packet *p, struct wire_ad *ad,
    struct wire_msg *msg, uint8_t *body)
{
	static uint8_t opened[BUF];
	struct mp *m = &d->end[p->to].mp;
	const struct keys *k;
	struct table_ref r;
	int n;

	if (wire_is_handshake(p->data, p->len) ||
	    !wire_get_ad(p->data, p->len, ad) ||
	    !table_ref_of(m, table_find_sid(m, ad->sid), &r))
		return false;
	k = r.s != NULL ? &r.s->keys[r.slot] : &r.sh->keys;
	n = seal_open(opened, p->data, 0, p->len, k->suite, k->rx);
	if (n < 0 || wire_get_msg(opened, (size_t)n, ad->control, msg) !=
	    WIRE_OK)
		return false;
	if (body != NULL)
		memcpy(body, opened, (size_t)n);
	return true;
}

size_t
duo_make(struct duo *d, int e, uint16_t flow, uint64_t seq,
    const struct wire_msg *msg, const void *body, size_t len, uint8_t *out)
{
	struct session *s = duo_session(d, e);
	struct keys *k = state_keys(s);
	struct wire_ad ad = { .sid = k->sid_out, .control = msg->flags != 0,
		.dir = !s->initiator, .flow = flow, .seq = seq };
	size_t n;

	wire_put_ad(out, &ad);
	n = wire_put_msg(out + WIRE_AD, msg);
	if (len > 0)
		memcpy(out + WIRE_AD + n, body, len);
	return seal_packet(out, 0, n + len, k->suite, k->tx);
}

struct mp_path
duo_path(const struct duo *d, int e, int addr, int peer, int peer_addr)
{
	struct mp_path p;

	memset(&p, 0, sizeof(p));
	p.local = duo_addr(d, e, addr);
	p.remote = duo_addr(d, peer, peer_addr);
	if (d->end[peer].addr[peer_addr].nat)
		memcpy(p.remote.ip, d->end[peer].addr[peer_addr].seen, 16);
	p.ifindex = d->end[e].addr[addr].local.ifindex;
	return p;
}

/* --- Programs ------------------------------------------------------------ */

/* Sends what is staged, as a program's thread does. */
static int
send_staged(struct duo *d, int e, uint32_t slot, const struct mp_addr *dst)
{
	static uint8_t buf[BUF], data[BUF];
	struct mp *m = &d->end[e].mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_tx_option option;
	size_t len, size;
	int n, i;

	while ((n = mp_staged_begin(m, duo_time(d, e), slot, dst, tx, &option,
	    data, sizeof(data), &len)) > 0) {
		for (i = 0; i < n; i++) {
			size = mp_seal(&tx[i], data, len, buf);
			tx[i].error = transmit(d, e, &tx[i].path, buf, size,
			    &(struct mp_out) { .df = option.df,
				.tos = option.tos, .ttl = option.ttl });
		}
		if (mp_staged_commit(m, duo_time(d, e), tx, n, data, len) < 0)
			break;
	}
	return 0;
}

int
duo_send_to(struct duo *d, int e, uint32_t slot, const struct mp_addr *dst,
    const void *data, size_t len, enum mp_send_flag flags)
{
	static const struct mp_tx_option usual = { .tos = -1, .ttl = -1 };
	static uint8_t buf[BUF];
	const struct mp_tx_option *w = d->end[e].option;
	struct mp *m = &d->end[e].mp;
	struct mp_tx tx[MP_TX_MAX];
	size_t size;
	int n, i, tries, r;

	w = w != NULL ? w : &usual;
	for (tries = 0; tries < 100; tries++) {
		n = mp_send_begin(m, duo_time(d, e), slot, dst, 0, len, flags,
		    tx);
		if (n == MP_EAGAIN) {
			r = mp_stage(m, duo_time(d, e), slot, dst,
			    d->end[e].option, data, len);
			return r == 1 ? send_staged(d, e, slot, dst) : r;
		}
		if (n < 0)
			return n;
		if (n == 0)
			return transmit_plain(d, e, dst, data, len);
		for (i = 0; i < n; i++) {
			size = mp_seal(&tx[i], data, len, buf);
			tx[i].error = transmit(d, e, &tx[i].path, buf, size,
			    &(struct mp_out) { .df = (flags & MP_DF) != 0 ||
				w->df, .tos = w->tos, .ttl = w->ttl });
		}
		tx[0].tos = w->tos;
		tx[0].ttl = w->ttl;
		tx[0].df = w->df;
		r = mp_send_commit(m, duo_time(d, e), tx, n, data, len);
		if (r != 1)
			return r;
	}
	ck_abort_msg("mp_send_commit() asks to begin anew without end");
}

int
duo_send(struct duo *d, int e, const void *data, size_t len)
{
	ck_assert_uint_ne(d->end[e].peer.port, 0);
	return duo_send_to(d, e, 0, &d->end[e].peer, data, len,
	    (enum mp_send_flag)0);
}

int
duo_say(struct duo *d, int e, uint32_t n)
{
	uint8_t b[8] = "say";

	put32(b + 4, n);
	return duo_send(d, e, b, sizeof(b));
}

int
duo_heard(const struct duo *d, int e, uint32_t n)
{
	const struct duo_end *end = &d->end[e];
	int times = 0;

	for (size_t i = 0; i < end->n_got; i++)
		times += end->got[i].len == 8 &&
		    memcmp(end->got[i].data, "say", 4) == 0 &&
		    get32(end->got[i].data + 4) == n;
	return times;
}

void
duo_chat(struct duo *d, uint64_t until, uint64_t every, uint32_t *n)
{
	while (d->now < until) {
		if (*n % 2 == 0)
			(void)duo_say(d, 0, *n);
		if (++*n % 2 == 1 && d->end[1].peer.port != 0)
			(void)duo_say(d, 1, *n);
		++*n;
		duo_run(d, d->now + every < until ? d->now + every : until);
	}
}

int
duo_missing(const struct duo *d, uint32_t from, uint32_t to)
{
	int missing = 0;

	for (uint32_t n = from; n < to; n++)
		missing += duo_heard(d, n % 2 == 0, n) == 0;
	return missing;
}

int
duo_twice(const struct duo *d, uint32_t from, uint32_t to)
{
	int twice = 0;

	for (uint32_t n = from; n < to; n++)
		twice += duo_heard(d, n % 2 == 0, n) > 1;
	return twice;
}

void
duo_all_came(const struct duo *d, uint32_t from, uint32_t to)
{
	ck_assert_int_eq(duo_missing(d, from, to), 0);
	ck_assert_int_eq(duo_twice(d, from, to), 0);
}

uint64_t
duo_until_heard(struct duo *d, int e, uint32_t from, uint64_t most)
{
	uint64_t began = d->now;
	int to = e == 1 ? 0 : 1;
	uint32_t n, i;

	for (n = from; d->now < began + most; n++) {
		(void)duo_say(d, e, n);
		for (i = 0; i < 10; i++) {
			duo_run(d, d->now + 10 * MS);
			for (uint32_t k = from; k <= n; k++)
				if (duo_heard(d, to, k) > 0)
					return d->now - began;
		}
	}
	return MP_NEVER;
}

/* --- Links and addresses ------------------------------------------------- */

struct duo_link *
duo_link(struct duo *d, int from, int from_addr, int to, int to_addr)
{
	return &d->link[from][from_addr][to][to_addr];
}

void
duo_delay(struct duo *d, int client_addr, int server_addr, uint64_t us)
{
	duo_link(d, 0, client_addr, 1, server_addr)->delay = us;
	duo_link(d, 1, server_addr, 0, client_addr)->delay = us;
}

void
duo_cut(struct duo *d, int client_addr, int server_addr, bool down)
{
	duo_link(d, 0, client_addr, 1, server_addr)->down = down;
	duo_link(d, 1, server_addr, 0, client_addr)->down = down;
}

void
duo_cut_addr(struct duo *d, int e, int addr, bool down)
{
	for (int b = 0; b < DUO_ENDS; b++)
		for (int j = 0; j < DUO_ADDRS; j++) {
			duo_link(d, e, addr, b, j)->down = down;
			duo_link(d, b, j, e, addr)->down = down;
		}
}

void
duo_tell(struct duo *d, int e)
{
	struct duo_end *end = &d->end[e];
	struct mp_local list[DUO_ADDRS];
	size_t n = 0;

	for (int i = 0; i < end->n_addrs; i++)
		if (end->addr[i].there)
			list[n++] = end->addr[i].local;
	mp_locals(&end->mp, duo_time(d, e), list, n);
}

void
duo_addr_del(struct duo *d, int e, int addr)
{
	d->end[e].addr[addr].there = false;
	duo_tell(d, e);
}

void
duo_addr_add(struct duo *d, int e, int addr)
{
	d->end[e].addr[addr].there = true;
	duo_tell(d, e);
}

void
duo_carrier(struct duo *d, int e, int addr, bool down)
{
	d->end[e].addr[addr].local.down = down;
	duo_tell(d, e);
}

int
duo_addr_new(struct duo *d, int e, const uint8_t ip[16], uint32_t ifindex)
{
	struct duo_end *end = &d->end[e];
	int i = end->n_addrs++;

	ck_assert_int_lt(i, DUO_ADDRS);
	memcpy(end->addr[i].local.ip, ip, 16);
	end->addr[i].local.ifindex = ifindex;
	end->addr[i].local.mtu = 1500;
	duo_addr_add(d, e, i);
	return i;
}

struct mp_addr
duo_addr(const struct duo *d, int e, int addr)
{
	struct mp_addr a = { .port = d->end[e].port };

	memcpy(a.ip, d->end[e].addr[addr].local.ip, 16);
	return a;
}

/* --- Looking ------------------------------------------------------------- */

static bool
is_session(const struct session *s)
{
	return s->state != MP_S_FREE && s->state != MP_S_CLOSED;
}

struct session *
duo_session(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;

	for (uint32_t i = 0; i < m->limits.sessions; i++)
		if (is_session(&m->sessions[i]))
			return &m->sessions[i];
	return NULL;
}

int
duo_sessions(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	int n = 0;

	for (uint32_t i = 0; i < m->limits.sessions; i++)
		n += is_session(&m->sessions[i]);
	return n;
}

struct flow *
duo_flow(const struct duo *d, int e, int client_addr, int server_addr)
{
	const struct session *s = duo_session(d, e);
	struct mp_addr local = duo_addr(d, e, e == 0 ? client_addr :
	    server_addr);
	struct mp_addr remote = duo_addr(d, !e, e == 0 ? server_addr :
	    client_addr);
	struct flow *f, *found = NULL;

	for (uint32_t id = 0; s != NULL && id < state_nflows(s); id++) {
		f = state_flow(&d->end[e].mp, s, id);
		if (f != NULL && f->path.remote.port == remote.port &&
		    memcmp(f->path.local.ip, local.ip, 16) == 0 &&
		    memcmp(f->path.remote.ip, remote.ip, 16) == 0 &&
		    (found == NULL || found->gone))
			found = f;
	}
	return found;
}

struct flow *
duo_current(const struct duo *d, int e)
{
	const struct session *s = duo_session(d, e);

	return s != NULL ? state_flow(&d->end[e].mp, s, s->current) : NULL;
}

uint64_t
duo_count(const struct duo *d, int e, enum mp_counter c)
{
	return mp_counter_get(&d->end[e].mp, c);
}
