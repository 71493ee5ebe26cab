/* SPDX-License-Identifier: ISC */
#include "../keys.h"
#include "world.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

const struct world_suite world_suites[WORLD_SUITES] = {
	{ "ChaCha20-Poly1305", true, crypto_aead_chacha20poly1305_ietf_encrypt,
	    crypto_aead_chacha20poly1305_ietf_decrypt },
	{ "AES-256-GCM", false, crypto_aead_aes256gcm_encrypt,
	    crypto_aead_aes256gcm_decrypt },
};

enum { FIFO = 1 << 16 /* packets in flight, a power of two */ };

void
world_want(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "bench: this should hold: %s\n", what);
	exit(1);
}

uint64_t
world_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
world_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static void *
map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	world_want(p != MAP_FAILED, "memory for a block");
	return p;
}

static struct mp_addr
address(unsigned net, uint32_t host, uint16_t port)
{
	struct mp_addr a = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	a.ip[13] = (uint8_t)net;
	a.ip[14] = (uint8_t)(host >> 8);
	a.ip[15] = (uint8_t)host;
	a.port = port;
	return a;
}

static void
end_new(struct end *e, const struct mp_setup *like, const struct mp_addr a[2])
{
	struct mp_setup setup = *like;
	struct mp_local local[2] = { { .ifindex = 1, .mtu = 1500 },
		{ .ifindex = 2, .mtu = 1500 } };

	e->size = mp_size(&setup.limits);
	world_want(e->size != 0, "limits in range");
	e->block = map(e->size);
	randombytes_buf(setup.seed, sizeof(setup.seed));
	setup.port = a[0].port;
	world_want(mp_create(&e->mp, e->block, e->size, &setup, 1) == 0,
	    "mp_create");
	world_want(mp_slot_open(&e->mp, 0, MP_DUAL) == 0, "mp_slot_open");
	for (int i = 0; i < 2; i++)
		memcpy(local[i].ip, a[i].ip, sizeof(local[i].ip));
	mp_locals(&e->mp, 1, local, 2);
	e->deadline = mp_deadline(&e->mp);
}

static void
client_new(struct world *w, uint32_t i, const struct mp_setup *like)
{
	struct mp_addr a[2] = { address(2, i, WORLD_CLIENT_PORT),
		address(3, i, WORLD_CLIENT_PORT) };
	struct mp_setup setup = *like;
	struct end *e = &w->client[i];

	setup.limits = (struct mp_limits){ .sessions = 1,
		.flows = 2 * WORLD_FLOWS,
		.flows_each = 2 * WORLD_FLOWS,
		.pool = 1 << 16,
		.pool_each = 1 << 16,
		.staged = 1 << 16 };
	end_new(e, &setup, a);
	e->keys = &w->client_keys;
	e->index = i;
	e->peer = address(0, 1, WORLD_SERVER_PORT);
}

struct world *
world_new(uint32_t clients, uint32_t keys, bool chacha_only)
{
	struct mp_addr a[2] = { address(0, 1, WORLD_SERVER_PORT),
		address(1, 1, WORLD_SERVER_PORT) };
	struct mp_setup setup = { .chacha_only = chacha_only,
		.no_aes_hardware = !crypto_aead_aes256gcm_is_available() };
	struct world *w = calloc(1, sizeof(*w));
	uint8_t secret[32];
	char name[16];

	world_want(w != NULL, "memory for the world");
	w->now = 1000000;
	w->n = clients;
	w->client = calloc(clients, sizeof(*w->client));
	w->shown = calloc(clients, sizeof(*w->shown));
	w->fifo = map(FIFO * sizeof(*w->fifo));
	world_want(w->client != NULL && w->shown != NULL, "memory for clients");
	for (uint32_t i = 0; i < keys; i++) {
		randombytes_buf(secret, sizeof(secret));
		snprintf(name, sizeof(name), "key%u", i);
		world_want(test_keys_add(&w->server_keys, name, 'B', secret) ==
		    0, "the server's key");
	}
	world_want(test_keys_add(&w->client_keys, "key", 'A', secret) == 0,
	    "the clients' key");
	end_new(&w->server, &setup, a);
	w->server.server = true;
	w->server.keys = &w->server_keys;
	for (uint32_t i = 0; i < clients; i++)
		client_new(w, i, &setup);
	return w;
}

void
world_free(struct world *w)
{
	munmap(w->server.block, w->server.size);
	for (uint32_t i = 0; i < w->n; i++)
		munmap(w->client[i].block, w->client[i].size);
	munmap(w->fifo, FIFO * sizeof(*w->fifo));
	free(w->client);
	free(w->shown);
	free(w);
}

void
world_cross(const struct end *from, const struct mp_path *path,
    struct packet *p)
{
	p->path.local = path->remote;
	p->path.remote = path->local;
	p->path.remote.port = from->server ? WORLD_SERVER_PORT :
					     WORLD_CLIENT_PORT;
	p->to_server = !from->server;
	/* The interface of the receiver that has this address: 1 or 2. */
	p->path.ifindex = 1 + (path->remote.ip[13] & 1);
	p->client = from->server ? (uint32_t)path->remote.ip[14] << 8 |
		path->remote.ip[15] : from->index;
}

void
world_post(struct world *w, struct packet *p)
{
	world_want(w->used < FIFO, "room for packets in flight");
	p->due = w->now + WORLD_DELAY;
	w->fifo[(w->head + w->used++) % FIFO] = *p;
}

static void
end_send(struct world *w, const struct end *e, const struct mp_out *out,
    const uint8_t *bytes)
{
	struct packet p;

	if (out->len > WORLD_PACKET)
		return;
	world_cross(e, &out->path, &p);
	p.len = (uint16_t)out->len;
	memcpy(p.bytes, bytes, out->len);
	world_post(w, &p);
}

static void
end_receive(struct world *w, struct end *e, const struct packet *p)
{
	uint8_t opened[WORLD_PACKET], answer[MP_CONTROL_MAX];
	struct mp_rx rx = { .path = p->path, .arrival = w->now };
	const uint8_t *inner = p->bytes;
	size_t len = p->len;
	struct mp_out out;
	enum mp_verdict v = mp_recv_begin(&e->mp, w->now, &rx, p->bytes, len);

	if (v == MP_SEALED) {
		v = mp_recv_commit(&e->mp, w->now, &rx, opened,
		    mp_open(&rx, p->bytes, len, opened));
		inner = opened + rx.off;
		len = rx.len;
	}
	if (v == MP_HANDSHAKE && mp_handshake(&e->mp, e->keys, w->now, &rx,
	    inner, len, &out, answer) == 1)
		end_send(w, e, &out, answer);
	if (v == MP_DELIVER) {
		w->delivered++;
		if (e->server)
			w->shown[p->client] = rx.from;
	}
}

static void
end_poll(struct world *w, struct end *e)
{
	static uint8_t buf[65536];
	struct mp_out out;

	while (e->deadline <= w->now) {
		while (mp_poll(&e->mp, e->keys, w->now, &out, buf,
		    sizeof(buf)) == 1) {
			end_send(w, e, &out, buf);
			mp_poll_sent(&e->mp, w->now, &out);
		}
		e->deadline = mp_deadline(&e->mp);
		world_want(e->deadline > w->now, "mp_poll() does what is due");
	}
}

/* One end receives a packet, if any, and does what is due; times the server. */
static void
end_step(struct world *w, struct end *e, const struct packet *p)
{
	uint64_t t0 = w->timed && e->server ? world_clock() : 0;

	if (p != NULL)
		end_receive(w, e, p);
	e->deadline = mp_deadline(&e->mp);
	end_poll(w, e);
	if (t0 != 0)
		w->server_ns += world_clock() - t0;
}

void
world_run(struct world *w, uint64_t us)
{
	enum { TICK = 1000 }; /* us; deadlines are met that precisely */
	uint64_t end = w->now + us;

	for (;;) {
		while (w->used > 0 && w->fifo[w->head].due <= w->now) {
			struct packet p = w->fifo[w->head];

			w->head = (w->head + 1) % FIFO;
			w->used--;
			end_step(w, p.to_server ? &w->server :
			    &w->client[p.client], &p);
		}
		if (w->server.deadline <= w->now)
			end_step(w, &w->server, NULL);
		for (uint32_t i = 0; i < w->n; i++)
			if (w->client[i].deadline <= w->now)
				end_step(w, &w->client[i], NULL);
		if (w->now >= end)
			return;
		w->now += end - w->now < TICK ? end - w->now : TICK;
	}
}

void
world_first(struct world *w, uint32_t i)
{
	struct end *e = &w->client[i];
	struct mp_tx tx[MP_TX_MAX];

	world_want(mp_send_begin(&e->mp, w->now, 0, &e->peer, 0, 5, 0, tx) ==
	    MP_EAGAIN, "no session before the first datagram");
	world_want(mp_stage(&e->mp, w->now, 0, &e->peer, NULL, "first",
	    5) == 0,
	    "the first datagram is staged");
	e->deadline = mp_deadline(&e->mp);
}

void
world_client_seal(struct world *w, uint32_t i, const uint8_t *payload,
    size_t len, struct packet *p)
{
	struct end *e = &w->client[i];
	struct mp_tx tx[MP_TX_MAX];
	int n = mp_send_begin(&e->mp, w->now, 0, &e->peer, 0, len, 0, tx);

	world_want(n >= 1, "a client can send");
	p->len = (uint16_t)mp_seal(&tx[0], payload, len, p->bytes);
	world_cross(e, &tx[0].path, p);
	for (int k = 0; k < n; k++)
		tx[k].error = 0;
	world_want(mp_send_commit(&e->mp, w->now, tx, n, payload, len) == 0,
	    "a client has sent");
	e->deadline = mp_deadline(&e->mp);
}

static void
check_flows(const struct world *w, const struct end *e, uint32_t session)
{
	struct mp_session_info s;
	struct mp_flow_info f;
	int validated = 0;

	world_want(mp_session_get(&e->mp, session, &s) == 0, "a session");
	world_want(s.state == MP_S_UP, "a session that is up");
	world_want(s.flows == WORLD_FLOWS, "4 flows");
	for (uint32_t id = 0; id < MP_FLOWS_MAX; id++)
		if (mp_flow_get(&e->mp, w->now, session, id, &f) == 0)
			validated += f.validated;
	world_want(validated == WORLD_FLOWS, "4 validated flows");
}

/* Proves the sizes that the longest datagrams need, so that none goes in two
 * packets. */
static void
prove_sizes(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		mp_session_probe_mtu(&w->client[i].mp, w->now, 0);
		mp_session_probe_mtu(&w->server.mp, w->now, i);
		w->client[i].deadline = mp_deadline(&w->client[i].mp);
		w->server.deadline = mp_deadline(&w->server.mp);
		world_run(w, 2000);
	}
	world_run(w, 1000000);
}

void
world_meet(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		world_first(w, i);
		world_run(w, 6000); /* us: under 200 handshakes per second */
	}
	world_run(w, 3000000);
	world_want(w->delivered >= w->n, "every first datagram");
	prove_sizes(w);
	for (uint32_t i = 0; i < w->n; i++) {
		struct end *c = &w->client[i];

		check_flows(w, c, mp_session_find(&c->mp, 0, &c->peer));
		check_flows(w, &w->server, mp_session_find(&w->server.mp, 0,
		    &w->shown[i]));
	}
}
