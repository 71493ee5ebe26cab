/* SPDX-License-Identifier: ISC */
#include "../keys.h"
#include "host.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bundle.h"
#include "rng.h"
#include "world.h"

enum {
	POLL_MAX = 100000, /* packets at one time; more is a loop */
	SEND_TRIES = 70,   /* as many flows as there can be, and some */
	SPIN_US = 1000,
	INIT_LEN = 172,
};

static const enum mp_counter kind_counter[P_OTHER] = {
	[P_DATA] = MP_C_data_out,
	[P_COPY] = MP_C_copy_out,
	[P_PROBE] = MP_C_probe_out,
	[P_REPLY] = MP_C_reply_out,
	[P_HANDSHAKE] = MP_C_handshake_out,
};

static void host_wake(void *, uint64_t);
static void agent_later(struct host *);

uint64_t
host_now(const struct host *h)
{
	return h->w->now + h->skew;
}

/* late_us times the cube of an even random number from 0 to 1: the median is
 * 1/8 of late_us. */
uint64_t
host_late(const struct host *h)
{
	uint64_t x;

	if (h->late_us == 0)
		return 0;
	x = rng_upto(&h->w->rng, 1000);
	return h->late_us * (x * x * x / 1000) / 1000000;
}

/* --- Life ---------------------------------------------------------------- */

void
host_init_keys(struct host *h, struct net *n, const char *name, char end,
    uint64_t seed, const struct mp_keyring *keys)
{
	memset(h, 0, sizeof(*h));
	h->net = n;
	h->w = n->w;
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->end = end;
	h->port = HOST_PORT;
	h->seed = rng_mix(seed, name);
	h->skew = SEC(1000) + h->seed % SEC(100000);
	h->limits = (struct mp_limits){ .sessions = 16, .flows = 512,
		.flows_each = 64, .staged = 256 << 10 };
	h->last = &h->first;
	h->control_last = &h->control;
	h->keys = *keys;
}

void
host_init(struct host *h, struct net *n, const char *name, char end,
    uint64_t seed)
{
	static const uint8_t secret[32] = "the key of all the world's hosts";
	struct mp_keyring keys;

	memset(&keys, 0, sizeof(keys));
	if (test_keys_add(&keys, "home", end, secret) != 0)
		errx(2, "mp_keyring_add");
	host_init_keys(h, n, name, end, seed, &keys);
	mp_keyring_wipe(&keys);
}

static void
queue_flush(struct host *h)
{
	struct packet *p;

	while ((p = h->first) != NULL) {
		h->first = p->next;
		net_packet_free(h->net, p);
	}
	while ((p = h->control) != NULL) {
		h->control = p->next;
		net_packet_free(h->net, p);
	}
	h->last = &h->first;
	h->control_last = &h->control;
	h->queued = 0;
	h->agent_due = h->reader_due = false;
}

void
host_stop(struct host *h)
{
	queue_flush(h);
	if (h->block != NULL)
		munmap(h->block, mp_size(&h->limits));
	h->block = NULL;
	h->running = false;
}

void
host_free(struct host *h)
{
	host_stop(h);
	mp_keyring_wipe(&h->keys);
}

void
host_join(struct host *h, struct host *first, uint16_t port)
{
	memcpy(h->iface, first->iface, sizeof(h->iface));
	h->n_ifaces = first->n_ifaces;
	h->port = port;
	h->aes = first->aes;
	h->late_us = first->late_us;
	h->next = first->next;
	first->next = h;
}

void
host_leave(struct host *h, struct host *first)
{
	while (first->next != h)
		first = first->next;
	first->next = h->next;
}

static void
tell_locals(struct host *h)
{
	struct mp_local l[MP_LOCALS_MAX];
	struct iface *i;
	size_t n = 0;
	unsigned k, a;

	memset(l, 0, sizeof(l));
	for (k = 0; k < h->n_ifaces; k++)
		for (i = h->iface[k], a = 0; a < i->n_addrs; a++) {
			memcpy(l[n].ip, i->addrs[a].ip, sizeof(l[n].ip));
			l[n].ifindex = i->ifindex;
			l[n].mtu = i->mtu;
			l[n++].down = i->down;
		}
	for (k = 0; k < h->n_bogus && n < MP_LOCALS_MAX; k++)
		l[n++] = h->bogus[k];
	mp_locals(&h->mp, host_now(h), l, n);
}

void
host_start(struct host *h)
{
	struct mp_setup setup = { .limits = h->limits, .port = h->port,
		.resend_us = h->resend_us,
		.no_aes_hardware = !h->aes };
	size_t size = mp_size(&h->limits);
	struct dice r;
	uint64_t x;
	int i;

	if (h->running)
		host_stop(h);
	rng_seed(&r, h->seed + h->lives++);
	for (i = 0; i < 4; i++) {
		x = rng_next(&r);
		memcpy(setup.seed + i * 8, &x, sizeof(x));
	}
	/* Zeros, and memory only where it is touched. */
	h->block = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (h->block == MAP_FAILED)
		err(2, "mmap");
	if (mp_create(&h->mp, h->block, size, &setup, host_now(h)) != 0)
		errx(2, "mp_create");
	if (mp_slot_open(&h->mp, 0, MP_DUAL) != 0)
		errx(2, "mp_slot_open");
	memset(h->seen, 0, sizeof(h->seen));
	h->wake_at = MP_NEVER;
	h->running = true;
	h->agent_gone = false;
	tell_locals(h);
	world_at(h->w, h->w->now, host_wake, h, MP_NEVER);
}

/* --- The agent ----------------------------------------------------------- */

void
host_rearm(struct host *h, bool polled)
{
	uint64_t at = mp_deadline(&h->mp);

	if (at == MP_NEVER)
		return;
	at = at < host_now(h) ? h->w->now : at - h->skew;
	if (polled && at <= h->w->now) {
		h->spins++;
		at = h->w->now + SPIN_US;
	}
	if (at < h->wake_at) {
		h->wake_at = at;
		world_at(h->w, at, host_wake, h, at);
	}
}

/* The first packet of all is an INIT, and tells what handshakes begin with. */
static bool
is_handshake(struct net *n, const struct packet *p)
{
	if (!n->magic_known && p->len == INIT_LEN) {
		n->magic_known = true;
		memcpy(n->magic, p->data, sizeof(n->magic));
	}
	return n->magic_known && p->len >= sizeof(n->magic) &&
	    memcmp(p->data, n->magic, sizeof(n->magic)) == 0;
}

/* The kind of the packet that mp_poll() gave, by the counter that rose. */
static enum packet_kind
kind_of(struct host *h)
{
	enum packet_kind kind = P_OTHER;
	uint64_t n;
	int k;

	for (k = P_DATA; k < P_OTHER; k++) {
		n = mp_counter_get(&h->mp, kind_counter[k]);
		if (n != h->seen[k])
			kind = (enum packet_kind)k;
		h->seen[k] = n;
	}
	return kind;
}

static void
emit(struct host *h, const struct mp_out *out, const uint8_t *buf)
{
	struct packet *p;
	int error;

	if (out->len == 0 || out->len > sizeof(h->net->scratch) - 28) {
		h->bad_out++;
		return;
	}
	p = net_packet(h->net, out->len);
	memcpy(p->data, buf, out->len);
	p->len = out->len;
	p->flow = out->flow;
	p->kind = kind_of(h);
	p->staged = out->staged;
	if (is_handshake(h->net, p))
		p->kind = P_HANDSHAKE;
	error = net_send(h->net, h->iface, h->n_ifaces, &out->path, h->port,
	    p, out->df);
	if (error != 0)
		mp_poll_failed(&h->mp, host_now(h), out, error);
	else
		mp_poll_sent(&h->mp, host_now(h), out);
}

static void
host_agent(struct host *h)
{
	struct mp_out out;
	int n;

	if (h->agent_gone)
		return;
	(void)kind_of(h);
	for (n = 0; n < POLL_MAX; n++) {
		memset(&out, 0, sizeof(out));
		if (mp_poll(&h->mp, &h->keys, host_now(h), &out,
		    h->net->scratch, sizeof(h->net->scratch)) != 1)
			break;
		emit(h, &out, h->net->scratch);
	}
	if (n == POLL_MAX)
		errx(2, "%s: mp_poll() never ends", h->name);
	host_rearm(h, true);
}

static void
host_wake(void *arg, uint64_t n)
{
	struct host *h = arg;

	if (!h->running || (n != h->wake_at && n != MP_NEVER))
		return;
	h->wake_at = MP_NEVER;
	if (h->late_us != 0)
		agent_later(h);
	else
		host_agent(h);
}

static void
locals_event(void *arg, uint64_t life)
{
	struct host *h = arg;

	if (!h->running || h->agent_gone || life != h->lives)
		return;
	tell_locals(h);
	host_agent(h);
}

void
host_agent_dies(struct host *h)
{
	h->agent_gone = h->running;
}

void
host_agent_back(struct host *h)
{
	if (!h->agent_gone)
		return;
	h->agent_gone = false;
	if (mp_attach(&h->mp, h->block, mp_size(&h->limits)) != 0)
		errx(2, "%s: mp_attach", h->name);
	h->wake_at = MP_NEVER;
	tell_locals(h);
	host_agent(h);
}

void
host_addrs_changed(struct host *h)
{
	world_at(h->w, h->w->now + HOST_TELL_US, locals_event, h, h->lives);
}

void
host_link_event(struct host *h, uint32_t ifindex)
{
	if (!h->running || h->agent_gone)
		return;
	mp_link_event(&h->mp, host_now(h), ifindex);
	host_agent(h);
}

static void
handshake(struct host *h, const struct mp_rx *rx, const uint8_t *packet,
    size_t len)
{
	uint8_t buf[MP_CONTROL_MAX];
	struct mp_out out;

	memset(&out, 0, sizeof(out));
	(void)kind_of(h);
	if (mp_handshake(&h->mp, &h->keys, host_now(h), rx, packet, len, &out,
	    buf) == 1)
		emit(h, &out, buf);
}

/* --- A packet in --------------------------------------------------------- */

static void drain(struct host *);

static void
late_reader(void *arg, uint64_t life)
{
	struct host *h = arg;

	if (!h->running || life != h->lives)
		return;
	h->reader_due = false;
	if (h->w->now >= h->read_after)
		drain(h);
}

static void
enqueue(struct host *h, struct packet *p)
{
	if (h->late_us != 0 && h->read_every == 0 && !h->reader_due) {
		h->reader_due = true;
		world_at(h->w, h->w->now + host_late(h), late_reader, h,
		    h->lives);
	}
	if (h->queued + p->len + HOST_SKB > HOST_RCVBUF) {
		if (h->net->fate != NULL)
			h->net->fate(h->net->arg, p, FATE_OVERRUN);
		net_packet_free(h->net, p);
		return;
	}
	h->queued += p->len + HOST_SKB;
	p->next = NULL;
	*h->last = p;
	h->last = &p->next;
}

static bool
reads_now(const struct host *h)
{
	return h->read_every == 0 && h->late_us == 0 &&
	    h->w->now >= h->read_after;
}

/* The packet becomes one with room for all of the datagram. */
static enum mp_verdict
take_parts(struct host *h, struct packet **p, struct mp_rx *rx)
{
	struct packet *whole = net_packet(h->net, MP_PAYLOAD_MAX);
	size_t size = whole->size;

	memcpy(whole, *p, sizeof(**p));
	whole->size = size;
	memcpy(whole->data, (*p)->data, (*p)->len);
	net_packet_free(h->net, *p);
	*p = whole;
	return mp_recv_join(&h->mp, rx, whole->data, size);
}

/* Takes the packet in, as the agent or as the program reads it. */
static void
take(struct host *h, struct packet *p, bool agent)
{
	struct mp_rx rx;
	enum mp_verdict v;
	size_t off = 0;
	int opened;

	memset(&rx, 0, sizeof(rx));
	rx.path.local = p->dst;
	rx.path.remote = p->src;
	rx.path.ifindex = p->to->ifindex;
	rx.arrival = h->stampless ? MP_NEVER : p->arrival + h->skew;
	v = mp_recv_begin(&h->mp, host_now(h), &rx, p->data, p->len);
	rx.len = v == MP_HANDSHAKE ? p->len : rx.len;
	if (v == MP_SEALED) {
		opened = mp_open(&rx, p->data, p->len, p->data);
		v = mp_recv_commit(&h->mp, host_now(h), &rx, p->data, opened);
		if (v == MP_JOIN)
			v = take_parts(h, &p, &rx);
		off = rx.off;
	}
	if (v == MP_HANDSHAKE)
		handshake(h, &rx, p->data + off, rx.len);
	if (v == MP_DELIVER) {
		p->opened = true;
		p->off = rx.off;
		p->len = rx.len;
		p->sender = rx.from;
		if (agent && (!reads_now(h) || h->first != NULL)) {
			enqueue(h, p);
			return;
		}
		h->deliver(h->arg, h, &rx.from, p->data + rx.off, rx.len);
	}
	net_packet_free(h->net, p);
}

/* As the steering program of the kernel would tell. */
static bool
is_control(struct net *n, const struct packet *p)
{
	return is_handshake(n, p) || p->len < 4 || (p->data[3] & 1) != 0;
}

void
host_arrived(struct iface *i, struct packet *p)
{
	struct host *h = i->host;
	struct net *n = h->net;

	while (h != NULL && (!h->running || p->dst.port != h->port))
		h = h->next;
	if (h == NULL || (h->agent_gone && is_control(n, p))) {
		if (n->fate != NULL)
			n->fate(n->arg, p, FATE_NOBODY);
		net_packet_free(n, p);
	} else if (is_control(h->net, p) && h->late_us != 0) {
		p->next = NULL;
		*h->control_last = p;
		h->control_last = &p->next;
		agent_later(h);
	} else if (is_control(h->net, p)) {
		take(h, p, true);
		host_agent(h);
	} else if (reads_now(h) && h->first == NULL) {
		take(h, p, false);
		host_rearm(h, false);
	} else
		enqueue(h, p);
}

/* A loaded host's agent has its turn: all that came, then what is due. */
static void
late_agent(void *arg, uint64_t life)
{
	struct host *h = arg;
	struct packet *p;

	if (!h->running || life != h->lives)
		return;
	h->agent_due = false;
	while ((p = h->control) != NULL) {
		h->control = p->next;
		if (h->control == NULL)
			h->control_last = &h->control;
		take(h, p, true);
	}
	host_agent(h);
}

static void
agent_later(struct host *h)
{
	if (h->agent_due)
		return;
	h->agent_due = true;
	world_at(h->w, h->w->now + host_late(h), late_agent, h, h->lives);
}

/* The program reads all that there is. */
static void
drain(struct host *h)
{
	struct packet *p;

	while (h->running && (p = h->first) != NULL) {
		if (h->bundles && bundle_take(h))
			continue;
		h->first = p->next;
		if (h->first == NULL)
			h->last = &h->first;
		h->queued -= p->len + HOST_SKB;
		if (!p->opened) {
			take(h, p, false);
			continue;
		}
		h->deliver(h->arg, h, &p->sender, p->data + p->off, p->len);
		net_packet_free(h->net, p);
	}
	if (h->running)
		host_rearm(h, false);
}

static void
read_tick(void *arg, uint64_t every)
{
	struct host *h = arg;

	if (h->read_every != every)
		return;
	if (h->w->now >= h->read_after)
		drain(h);
	if (every != 0)
		world_at(h->w, h->w->now + every, read_tick, h, every);
}

void
host_read_pause(struct host *h, uint64_t us)
{
	h->read_after = h->w->now + us;
	if (h->read_every == 0)
		world_at(h->w, h->read_after, read_tick, h, 0);
}

void
host_read_every(struct host *h, uint64_t us)
{
	h->read_every = us;
	world_at(h->w, h->w->now, read_tick, h, us);
}

/* --- A datagram out ------------------------------------------------------ */

static int
transmit(struct host *h, struct mp_tx *tx, int n, const uint8_t *payload,
    size_t len, uint16_t stream, uint32_t seq)
{
	struct packet *p;
	int i;

	for (i = 0; i < n; i++) {
		p = net_packet(h->net, len + MP_SEAL_OVERHEAD);
		p->len = mp_seal(&tx[i], payload, len, p->data);
		if (p->len > len + MP_SEAL_OVERHEAD)
			errx(2, "mp_seal() wrote %zu bytes", p->len);
		p->kind = tx[i].copy ? P_COPY : P_DATA;
		p->flow = tx[i].flow;
		p->stream = stream;
		p->seq = seq;
		tx[i].error = net_send(h->net, h->iface, h->n_ifaces,
		    &tx[i].path, h->port, p, false);
	}
	return mp_send_commit(&h->mp, host_now(h), tx, n, payload, len);
}

/* The agent sends it. */
static int
stage(struct host *h, const struct mp_addr *dst, const uint8_t *payload,
    size_t len)
{
	struct mp_tx_option o = { .tos = -1, .ttl = -1 };
	struct mp_addr source;
	int r;

	if (h->says_source && net_source(h->iface, h->n_ifaces, dst, &source))
		memcpy(o.source, source.ip, sizeof(o.source));
	r = mp_stage(&h->mp, host_now(h), 0, dst, &o, payload, len);
	return r == 1 ? 0 : r;
}

int
host_send(struct host *h, const struct mp_addr *dst, const uint8_t *payload,
    size_t len, uint16_t stream, uint32_t seq)
{
	struct mp_tx tx[MP_TX_MAX];
	int n, r = 1, tries;

	if (!h->running)
		return 0;
	for (tries = 0; r == 1 && tries < SEND_TRIES; tries++) {
		memset(tx, 0, sizeof(tx));
		n = mp_send_begin(&h->mp, host_now(h), 0, dst, 0, len,
		    (enum mp_send_flag)0, tx);
		if (n == MP_EAGAIN)
			r = stage(h, dst, payload, len);
		else if (n < 1 || n > MP_TX_MAX)
			r = n == 0 ? MP_EINVAL : n;
		else
			r = transmit(h, tx, n, payload, len, stream, seq);
	}
	if (r == 1)
		h->spins++;
	host_rearm(h, false);
	return r;
}
