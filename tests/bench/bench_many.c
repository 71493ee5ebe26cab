/* SPDX-License-Identifier: ISC */
/*
 * The engine with many sessions: what a datagram costs where 1, 4096 and 100000
 * sessions of 4 flows take turns, what memory they take, and what the engine
 * does for those that are idle.
 *
 * Handshakes of 100000 clients would take minutes, so two engines are made whose
 * sessions are each other's peers, with keys as if they had shaken hands: that of
 * a server, which is measured, and one with the clients' ends.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "addr.h"
#include "crypto.h"
#include "mp.h"
#include "path.h"
#include "path_choice.h"
#include "rtt.h"
#include "seal.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"
#include "world.h"

enum {
	BATCH = 128, /* datagrams between two readings of the clock */
	ROUNDS = 101,
	FLOWS = 4,
	LENGTH = 100, /* of a datagram, bytes */
	MOST = 100000,
};

#define AIM 1.3 /* a datagram of many sessions : of one, at most */

static bool huge; /* the block is to be in pages of 2 MiB */

struct engine {
	struct mp mp;
	size_t size;
};

struct city {
	struct engine server, clients;
	struct mp_keyring ring; /* empty: nobody shakes hands */
	uint32_t n;
	uint64_t now;
};

static uint8_t payload[LENGTH];
static struct packet batch[BATCH];
static uint32_t whose[BATCH], flow_of[BATCH];
static struct mp_addr to[BATCH]; /* as the program has them */

/* --- Making it ------------------------------------------------------------- */

static struct mp_addr
address(unsigned net, uint32_t host)
{
	struct mp_addr a = { .ip = { [10] = 0xff, [11] = 0xff },
		.port = 4433 };

	a.ip[12] = (uint8_t)net;
	a.ip[13] = (uint8_t)(host >> 16);
	a.ip[14] = (uint8_t)(host >> 8);
	a.ip[15] = (uint8_t)host;
	return a;
}

static void
engine_new(struct engine *e, uint32_t n, unsigned net)
{
	struct mp_setup setup = { .limits = { .sessions = n,
		.flows = n * FLOWS + 64 }, .port = 4433,
		.chacha_only = true };
	struct mp_local local[FLOWS];
	void *block;

	e->size = mp_size(&setup.limits);
	block = mmap(NULL, e->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	world_want(e->size != 0 && block != MAP_FAILED, "memory");
	if (huge)
		madvise(block, e->size, MADV_HUGEPAGE);
	randombytes_buf(setup.seed, sizeof(setup.seed));
	world_want(mp_create(&e->mp, block, e->size, &setup, 1) == 0 &&
	    mp_slot_open(&e->mp, 0, MP_DUAL) == 0, "an engine");
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct mp_addr a = address(net, i + 1);

		local[i] = (struct mp_local) { .ifindex = i + 1, .mtu = 1500 };
		memcpy(local[i].ip, a.ip, 16);
	}
	mp_locals(&e->mp, 1, local, FLOWS);
}

/* One end of session i. */
static void
end_new(struct city *c, struct engine *e, uint32_t i, struct keys *k)
{
	bool client = e == &c->clients;
	struct mp_addr peer = address(client ? 30 : 20, i);
	uint8_t assoc[8] = { 0 };
	struct session *s;
	struct flow *f;

	memcpy(assoc, &i, sizeof(i));
	/* Peers have one session each. */
	s = session_new(&e->mp, c->now, 0, &peer, i + 1, assoc, client);
	world_want(s != NULL && s == &e->mp.sessions[i], "a session");
	session_install(&e->mp, s, c->now, k, FLOWS);
	for (uint32_t id = 0; id < FLOWS; id++) {
		struct mp_path path = { .local = address(client ? 20 : 30,
		    id + 1), .remote = peer, .ifindex = id + 1 };

		f = path_flow(&e->mp, s, id, c->now);
		world_want(f != NULL, "a flow");
		path.remote.port = (uint16_t)(5000 + id);
		path_begin(&e->mp, s, f, &path, c->now);
		rtt_sample(&f->rtt, 20000 + 1000 * id);
		f->validated = f->proven_once = true;
		f->answer_at = f->probe_at = f->proof_at = c->now;
		f->route_wanted = false;
	}
	s->last_valid = 0;
	path_choice_begin(&e->mp, s, state_flow(&e->mp, s, 0), c->now);
	s->select_acked = true;
	s->push_at = s->addr_at = MP_NEVER;
	s->last_data = c->now - 10 * SEC; /* soon it is idle */
	table_set_deadline(&e->mp, s, c->now + SEC);
}

static void
session_pair(struct city *c, uint32_t i)
{
	struct keys k[2] = { { .suite = 0 }, { .suite = 0 } };

	randombytes_buf(k[0].tx, sizeof(k[0].tx));
	randombytes_buf(k[0].rx, sizeof(k[0].rx));
	memcpy(k[1].tx, k[0].rx, sizeof(k[1].tx));
	memcpy(k[1].rx, k[0].tx, sizeof(k[1].rx));
	k[0].sid_in = k[1].sid_out = table_new_sid(&c->server.mp, 0);
	k[1].sid_in = k[0].sid_out = table_new_sid(&c->clients.mp, 0);
	end_new(c, &c->server, i, &k[0]);
	end_new(c, &c->clients, i, &k[1]);
}

static struct city *
city_new(uint32_t n)
{
	struct city *c = calloc(1, sizeof(*c));

	world_want(c != NULL, "memory");
	c->n = n;
	c->now = 1000 * SEC;
	engine_new(&c->server, n, 30);
	engine_new(&c->clients, n, 20);
	for (uint32_t i = 0; i < n; i++)
		session_pair(c, i);
	return c;
}

static void
city_free(struct city *c)
{
	munmap(c->server.mp.sh, c->server.size);
	munmap(c->clients.mp.sh, c->clients.size);
	free(c);
}

/* --- Running it ------------------------------------------------------------ */

/* A packet arrives at that end of a session, by that flow. */
static bool
deliver(struct city *c, struct engine *e, uint32_t i, uint32_t flow,
    const uint8_t *bytes, size_t len)
{
	struct mp_rx rx = { .path = state_flow(&e->mp, &e->mp.sessions[i],
	    flow)->path, .arrival = c->now };
	uint8_t opened[WORLD_PACKET];

	return mp_recv_begin(&e->mp, c->now, &rx, bytes, len) == MP_SEALED &&
	    mp_recv_commit(&e->mp, c->now, &rx, opened, mp_open(&rx, bytes,
		len, opened)) == MP_DELIVER;
}

/* What an end has to send arrives at the other one: how many packets. */
static unsigned
poll_end(struct city *c, struct engine *e)
{
	struct engine *other = e == &c->server ? &c->clients : &c->server;
	static uint8_t buf[65536];
	struct mp_out out;
	unsigned n = 0;

	while (mp_deadline(&e->mp) <= c->now)
		while (mp_poll(&e->mp, &c->ring, c->now, &out, buf,
		    sizeof(buf)) == 1) {
			if (out.session < c->n)
				deliver(c, other, out.session, out.flow, buf,
				    out.len);
			n++;
		}
	return n;
}

static unsigned
pass(struct city *c, uint64_t us)
{
	uint64_t end = c->now + us;
	unsigned n = 0;

	for (; c->now < end; c->now += 1000)
		n += poll_end(c, &c->clients) + poll_end(c, &c->server);
	return n;
}

static uint32_t
turn(const struct city *c)
{
	return c->n == 1 ? 0 : randombytes_uniform(c->n);
}

/* One datagram from that end, into a packet. */
static void
seal_one(struct city *c, struct engine *e, const struct mp_addr *dst,
    struct packet *p)
{
	struct mp_tx tx[MP_TX_MAX];
	int n = mp_send_begin(&e->mp, ++c->now, 0, dst, 0, LENGTH, 0, tx);

	world_want(n >= 1, "an end can send");
	p->len = (uint16_t)mp_seal(&tx[0], payload, LENGTH, p->bytes);
	p->client = tx[0].flow;
	for (int k = 0; k < n; k++)
		tx[k].error = 0;
	world_want(mp_send_commit(&e->mp, c->now, tx, n, payload, LENGTH) == 0,
	    "an end has sent");
}

static void
take_turns(struct city *c, const struct engine *e)
{
	for (unsigned i = 0; i < BATCH; i++) {
		whose[i] = turn(c);
		to[i] = e->mp.sessions[whose[i]].shown;
	}
}

/* `ahead': the engine is told of the next ones, MP_AHEAD at a time. */
static double
send_batch(struct city *c, bool ahead)
{
	uint64_t t0;
	double ns;

	take_turns(c, &c->server);
	t0 = world_clock();
	for (unsigned i = 0; i < BATCH; i++) {
		if (ahead && i % MP_AHEAD == 0)
			mp_ahead_send(&c->server.mp, 0, &to[i], BATCH - i);
		seal_one(c, &c->server, &to[i], &batch[i]);
	}
	ns = (double)(world_clock() - t0) / BATCH;
	for (unsigned i = 0; i < BATCH; i++)
		deliver(c, &c->clients, whose[i], batch[i].client,
		    batch[i].bytes, batch[i].len);
	pass(c, 8000);
	return ns;
}

static double
receive_batch(struct city *c, bool ahead)
{
	static struct mp_ahead next[BATCH];
	unsigned delivered = 0;
	uint64_t t0;
	double ns;

	take_turns(c, &c->clients);
	for (unsigned i = 0; i < BATCH; i++) {
		seal_one(c, &c->clients, &to[i], &batch[i]);
		next[i] = (struct mp_ahead) { batch[i].bytes, batch[i].len };
		flow_of[i] = batch[i].client;
		batch[i].path = state_flow(&c->server.mp,
		    &c->server.mp.sessions[whose[i]], flow_of[i])->path;
	}
	t0 = world_clock();
	for (unsigned i = 0; i < BATCH; i++) {
		struct packet *p = &batch[i];
		struct mp_rx rx = { .path = p->path, .arrival = ++c->now };
		uint8_t opened[WORLD_PACKET];

		if (ahead && i % MP_AHEAD == 0)
			mp_ahead_recv(&c->server.mp, &next[i], BATCH - i);
		if (mp_recv_begin(&c->server.mp, c->now, &rx, p->bytes,
			p->len) != MP_SEALED)
			continue;
		delivered += mp_recv_commit(&c->server.mp, c->now, &rx, opened,
		    mp_open(&rx, p->bytes, p->len, opened)) == MP_DELIVER;
	}
	ns = (double)(world_clock() - t0) / BATCH;
	world_want(delivered == BATCH, "the server gets every datagram");
	pass(c, 8000);
	return ns;
}

/* Resident bytes of an engine's block. */
static size_t
resident(const struct engine *e)
{
	size_t pages = (e->size + 4095) / 4096, n = 0;
	unsigned char *vec = malloc(pages);

	world_want(vec != NULL && mincore(e->mp.sh, e->size, vec) == 0,
	    "mincore");
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	free(vec);
	return n * 4096;
}

/* What the engine does for sessions that say nothing. */
static void
idle(struct city *c)
{
	unsigned packets;
	uint64_t t0;

	pass(c, 30 * SEC); /* flows learn their links, sizes */
	t0 = world_clock();
	packets = pass(c, 30 * SEC);
	printf("%24s %.1f ms of both ends and %.0f packets a second\n", "idle",
	    (double)(world_clock() - t0) / 30e6, packets / 30.0);
	printf("%24s %6.0f\n", "send after a pause", send_batch(c, false));
}

/* How long the lock is held by what is done to all sessions at once. */
static void
walks(struct city *c)
{
	static struct mp_keyring none;
	uint64_t t[4];

	world_want(mp_slot_open(&c->server.mp, 1, MP_DUAL) == 0, "a slot");
	t[0] = world_clock();
	mp_slot_move(&c->server.mp, c->now, 0, 1, NULL);
	t[1] = world_clock();
	mp_slot_close(&c->server.mp, c->now, 1);
	t[2] = world_clock();
	mp_revoke(&c->clients.mp, &none, c->now);
	t[3] = world_clock();
	printf("%24s %.1f ms to move all to another slot, %.1f to close it, "
	    "%.1f to end those of a key\n", "lock held",
	    (double)(t[1] - t[0]) / 1e6, (double)(t[2] - t[1]) / 1e6,
	    (double)(t[3] - t[2]) / 1e6);
}

enum { SEND, RECEIVE, SEND_AHEAD, RECEIVE_AHEAD, KINDS };

static void
measure(uint32_t n, double one[KINDS])
{
	static const char *const name[KINDS] = { "send", "receive",
		"send many", "receive many" };
	static double ns[KINDS][ROUNDS];
	struct city *c = city_new(n);
	size_t fresh = resident(&c->server);

	for (int r = -20; r < ROUNDS; r++)
		for (int k = 0; k < KINDS; k++) {
			bool ahead = k >= SEND_AHEAD;
			double t = k % 2 == SEND ? send_batch(c, ahead) :
			    receive_batch(c, ahead);

			if (r >= 0)
				ns[k][r] = t;
		}
	printf("%8u sessions, %.0f bytes each\n", n, (double)fresh / n);
	for (int k = 0; k < KINDS; k++) {
		double t = world_median(ns[k], ROUNDS);

		one[k] = one[k] == 0 ? t : one[k];
		printf("%24s %6.0f %5.2f %s\n", name[k], t, t / one[k],
		    t <= AIM * one[k] ? "met" : "missed");
	}
	if (n == MOST)
		idle(c);
	if (n > 1)
		walks(c);
	city_free(c);
}

/* --- Which lines a datagram touches ----------------------------------------- */

/* Written before and after each datagram: tests/bench/lines reads a record of
 * the memory that the program touches, and looks for it. */
static volatile uint32_t mark;

static void
say_part(const char *name, const void *begin, size_t n, size_t size)
{
	printf("part %s %#lx %zu %zu\n", name, (unsigned long)begin, n, size);
}

static void
say_block(const struct mp *m)
{
	uint32_t n = m->limits.sessions;

	printf("mark %#lx\n", (unsigned long)&mark);
	say_part("shared", m->sh, 1, sizeof(*m->sh));
	say_part("session", m->sessions, n, sizeof(*m->sessions));
	say_part("flow", m->flows, m->limits.flows, sizeof(*m->flows));
	say_part("replay", m->replay, m->limits.flows, sizeof(*m->replay));
	say_part("sid_heads", m->sid_heads, m->buckets, 4);
	say_part("addr_heads", m->addr_heads, m->buckets, 4);
	say_part("heap", m->heap, n, sizeof(*m->heap));
	say_part("heap_pos", m->heap_pos, n, 4);
	say_part("pool_link", m->pool_link, m->limits.pool / 512, 4);
	say_part("pool", m->pool, m->limits.pool / 512, 512);
}

/* Datagrams of many sessions in turn, out and in, each between two marks. */
static void
lines(uint32_t n)
{
	struct city *c = city_new(n);

	say_block(&c->server.mp);
	for (unsigned i = 0; i < 8; i++) {
		send_batch(c, false);
		receive_batch(c, false);
	}
	take_turns(c, &c->server);
	for (unsigned i = 0; i < BATCH; i++) {
		mark = 1;
		seal_one(c, &c->server, &to[i], &batch[i]);
		mark = 2;
	}
	for (unsigned i = 0; i < BATCH; i++)
		deliver(c, &c->clients, whose[i], batch[i].client,
		    batch[i].bytes, batch[i].len);
	pass(c, 8000);
	take_turns(c, &c->clients);
	for (unsigned i = 0; i < BATCH; i++)
		seal_one(c, &c->clients, &to[i], &batch[i]);
	for (unsigned i = 0; i < BATCH; i++) {
		c->now++;
		mark = 3;
		deliver(c, &c->server, whose[i], batch[i].client,
		    batch[i].bytes, batch[i].len);
		mark = 4;
	}
	city_free(c);
}

int
main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1, 4096, MOST };
	double one[KINDS] = { 0 };

	world_want(sodium_init() >= 0, "libsodium starts");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "lines") == 0) {
		lines((uint32_t)atoi(argv[2]));
		return 0;
	}
	huge = argc == 2 && strcmp(argv[1], "huge") == 0;
	printf("ns per datagram of %d bytes, ChaCha20-Poly1305; ratio to one "
	    "session, aim %.1f\n", LENGTH, AIM);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(sizes[i], one);
	return 0;
}
