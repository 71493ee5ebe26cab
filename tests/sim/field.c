/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A list (list.h) is run on a field: a client c, a server s and perhaps a second
 * client d with another key, each the engine with its agent and its program
 * (host.c), in a network of the simulator (net.c).  All chance comes of the
 * list's seed, and each operation has a generator of its own, so that a list
 * does the same again, and a shorter one nearly the same.
 *
 * After each operation, and for each packet, these rules hold (in brackets the
 * kind of fault that is shown):
 *
 * - A datagram is given to a program at most once [twice] (what a peer may have
 *   taken in the moment when it ended can come to its next one as well), as it was
 *   sent [altered], by whom it was sent to; not if it was sent after the receiver had
 *   revoked the sender's key [revoked].  Where there is one path that keeps the
 *   order, they come in order [order], but for one whose packet was lost: a COPY, or
 *   a second packet that the network made of it, may bring it later than others.
 * - A host that did not answer gets at most 3 times the bytes, with headers, that
 *   came from those who named its address, or in its name [budget].  The net
 *   counts, not the engine.
 * - Of handshakes of one association three take 2 s at least, and five 8 s while
 *   the peer says nothing else [distance].
 * - No number goes out twice under one key [nonce]; no key has two sids [key].
 * - The engine's records fit together (blockwalk.c) [block]; it finds nothing
 *   corrupt, is not awake for nothing, gives no packet out of bounds [engine].
 * - Once all works again, each honest client that knows the server has its keys
 *   answered within FIELD_BACK [alive].
 * - Once all sockets are closed, no record is in use after FIELD_END [memory].
 *
 * Whoever lies is not owed an answer, nor datagrams as they were sent; all others
 * are, of those who lie as well.
 */
#include "field.h"

#include <err.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "mp.h"
#include "rng.h"
#include "verbs.h"

enum {
	FIELD_BEGIN = 10000000, /* of the world's clock, us */
	FIELD_BACK = 90000000, /* us: a peer is lost after 3 (SRTT + 4 RTTVAR),
				* of 5 s each at most */
	FIELD_END = 400000000, /* longer than any key and session lives */
	FIELD_DELAY = 5000,    /* each way, of the first link; us */
};

static const char field_nat[LIST_LINKS][16] = { "198.51.100.1",
	"198.51.100.2", "198.51.100.3" };

void
field_fail(struct field *f, const char *kind, const char *format, ...)
{
	size_t at;
	va_list ap;

	if (f->fault[0] != '\0')
		return;
	at = (size_t)snprintf(f->fault, sizeof(f->fault), "%s: ", kind);
	va_start(ap, format);
	vsnprintf(f->fault + at, sizeof(f->fault) - at, format, ap);
	va_end(ap);
}

void
field_trace(const struct field *f, const char *format, ...)
{
	va_list ap;

	if (!f->trace)
		return;
	printf("%12.3f ms  ", (double)(f->w.now - FIELD_BEGIN) / 1000);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

/* --- Names ---------------------------------------------------------------- */

const char *
field_name(unsigned host)
{
	static const char name[LIST_HOSTS][2] = { "c", "s", "d" };

	return name[host % LIST_HOSTS];
}

struct host *
field_host(struct field *f, uint32_t arg)
{
	return arg < f->n_hosts ? &f->host[arg] : NULL;
}

struct iface *
field_link(struct field *f, uint32_t arg)
{
	struct host *h = field_host(f, arg / LIST_LINKS);

	return h != NULL && arg % LIST_LINKS < h->n_ifaces ?
	    h->iface[arg % LIST_LINKS] : NULL;
}

struct mp_addr
field_addr(unsigned host, unsigned link, unsigned k)
{
	char text[64];

	snprintf(text, sizeof(text), (k & 1) != 0 ? "fd00:%u:%u::%u" :
	    "10.%u.%u.%u", host + 1, link + 1, k / 2 + 1);
	return net_addr(text, HOST_PORT);
}

struct mp_addr
field_victim(unsigned n)
{
	char text[64];

	snprintf(text, sizeof(text), "81.66.0.%u", n % FIELD_VICTIMS + 1);
	return net_addr(text, HOST_PORT);
}

/* --- The begin ------------------------------------------------------------ */

/* Keyrings of all three, made once: d has another key, which s knows. */
static const struct mp_keyring *
field_ring(unsigned host, unsigned without)
{
	static const uint8_t one[32] = "the key of c and s",
		other[32] = "the key of d and s";
	static struct mp_keyring ring[LIST_HOSTS][1 << LIST_HOSTS];
	struct mp_keyring *r = &ring[host][without];
	struct mp_addr d = field_addr(LIST_D, 0, 0);
	int e = 0;

	if (r->n_own != 0 || r->rest != 0)
		return r;
	if (host != LIST_S && (without >> LIST_S & 1) == 0)
		e = test_keys_add(r, "s", 'A', host == LIST_C ? one : other);
	if (host == LIST_S && (without >> LIST_C & 1) == 0)
		e = test_keys_add(r, "c", 'B', one);
	if (host == LIST_S && (without >> LIST_D & 1) == 0)
		e = test_keys_add(r, "d", 'B', other) != 0 ? -1 :
		    mp_keyring_reach(r, d.ip, 112);
	if (e != 0)
		errx(2, "mp_keyring_add");
	mp_keyring_rest(r, false);
	return r;
}

void
field_keys(const struct field *f, unsigned host, struct mp_keyring *out)
{
	unsigned without = 0, k;

	for (k = 0; k < LIST_HOSTS; k++)
		if (f->revoked_at[host][k] != 0)
			without |= 1U << k;
	*out = *field_ring(host, without);
}

static void
field_links(struct field *f, unsigned host, unsigned n)
{
	struct host *h = &f->host[host];
	struct iface *i;
	char name[16];
	unsigned k;

	for (k = 0; k < n; k++) {
		snprintf(name, sizeof(name), "%s%u", field_name(host), k);
		i = h->iface[h->n_ifaces++] = net_iface_add(&f->net, h, name);
		if (host == LIST_C && (f->list->flags & LIST_NAT) != 0)
			i->nat = net_nat(&f->net, field_nat[k]);
	}
}

static void
field_host_init(struct field *f, unsigned host, unsigned links)
{
	struct host *h = &f->host[host];

	host_init_keys(h, &f->net, field_name(host), host == LIST_S ? 'B' :
	    'A', f->list->seed, field_ring(host, 0));
	h->index = host;
	h->aes = (f->list->flags & LIST_AES) != 0 &&
	    crypto_aead_aes256gcm_is_available() != 0;
	h->says_source = true;
	h->bundles = (f->list->flags & LIST_BUNDLE) != 0;
	h->deliver = talk_deliver;
	h->arg = f;
	if ((f->list->flags & LIST_SMALL) != 0)
		h->limits = (struct mp_limits){ .sessions = 4, .flows = 40,
			.flows_each = 16, .pool = 16 << 10,
			.pool_each = 8 << 10, .staged = 16 << 10 };
	field_links(f, host, links);
}

static void
field_arrived(struct iface *i, struct packet *p)
{
	struct field *f = i->host->arg;

	guard_arrived(f, i, p);
	host_arrived(i, p);
}

static void
field_sent(void *arg, struct iface *i, struct packet *p)
{
	guard_sent(arg, i, p);
}

void
field_init(struct field *f, const struct list *l)
{
	unsigned i;

	memset(f, 0, sizeof(*f));
	f->list = l;
	world_init(&f->w, l->seed);
	f->w.now = FIELD_BEGIN;
	net_init(&f->net, &f->w);
	f->net.arrived = field_arrived;
	f->net.sent = field_sent;
	f->net.fate = talk_lost;
	f->net.arg = f;
	f->n_hosts = (l->flags & LIST_THIRD) != 0 ? 3 : 2;
	for (i = 0; i < f->n_hosts; i++)
		field_host_init(f, i, i == LIST_D ? 1 : l->links[i]);
	f->late = (l->flags & LIST_LATE) != 0;
	f->unordered = l->links[0] > 1 || l->links[1] > 1 ||
	    (l->flags & LIST_V6) != 0;
	field_mend(f);
	for (i = 0; i < f->n_hosts; i++)
		talk_forget(f, i);
}

void
field_free(struct field *f)
{
	unsigned i, k;

	for (i = 0; i < FIELD_TAPE; i++)
		free(f->tape[i]);
	for (i = 0; i < LIST_HOSTS; i++)
		for (k = 0; k < LIST_HOSTS; k++)
			free(f->pair[i][k].note);
	free(f->nonces.seen);
	for (i = 0; i < f->n_hosts; i++)
		host_free(&f->host[i]);
	net_free(&f->net);
	world_free(&f->w);
}

/* --- The end -------------------------------------------------------------- */

/* What is on its way keeps its order. */
static void
field_mend_side(struct side *s, uint32_t delay_us)
{
	*s = (struct side){ .delay_us = delay_us, .last = s->last };
}

static void
field_mend_host(struct field *f, unsigned host)
{
	struct host *h = &f->host[host];
	struct iface *i;
	unsigned k;

	for (k = 0; k < h->n_ifaces; k++) {
		i = h->iface[k];
		field_mend_side(&i->out, FIELD_DELAY * (k + 1));
		field_mend_side(&i->in, FIELD_DELAY * (k + 1));
		i->down = false;
		i->n_addrs = 0;
		i->addrs[i->n_addrs++] = field_addr(host, k, 0);
		if ((f->list->flags & LIST_V6) != 0)
			i->addrs[i->n_addrs++] = field_addr(host, k, 1);
		if (i->nat != NULL)
			i->nat->balances = false;
	}
	f->divert[host] = 0;
	h->n_bogus = 0;
	h->stampless = false;
	h->late_us = (f->list->flags & LIST_LATE) != 0 ? MS(5) : 0;
	if (!h->running)
		host_start(h);
	host_agent_back(h);
	host_read_pause(h, 0);
	host_addrs_changed(h);
	for (k = 0; k < h->n_ifaces; k++)
		host_link_event(h, h->iface[k]->ifindex);
}

void
field_mend(struct field *f)
{
	unsigned i;

	for (i = 0; i < f->n_hosts; i++)
		field_mend_host(f, i);
}

static void
field_close(struct field *f)
{
	struct host *h;

	field_trace(f, "close");
	talk_stop(f);
	for (h = f->host; h < f->host + f->n_hosts; h++)
		if (h->running) {
			host_agent_back(h);
			mp_slot_close(&h->mp, host_now(h), 0);
			host_rearm(h, false);
		}
	guard_check(f);
	world_run(&f->w, f->w.now + FIELD_END);
	guard_check(f);
	guard_check_empty(f);
}

void
field_run(struct field *f, const struct list *l, bool trace)
{
	const struct op *o;
	size_t i;

	field_init(f, l);
	f->trace = trace;
	for (i = 0; i < l->n && f->fault[0] == '\0'; i++) {
		o = &l->op[i];
		rng_seed(&f->rng, rng_mix(l->seed, verbs[o->verb].name) +
		    o->arg[2]);
		field_trace(f, "%s %u %u %u %u %u", verbs[o->verb].name,
		    o->arg[0], o->arg[1], o->arg[2], o->arg[3], o->arg[4]);
		verbs[o->verb].act(f, o->arg);
		world_run(&f->w, f->w.now);
		guard_check(f);
	}
	if (f->fault[0] == '\0')
		op_heal(f, NULL);
	if (f->fault[0] == '\0')
		field_close(f);
}

/* A client is owed answers, where all is honest and both know each other. */
static bool
field_owes(const struct field *f, unsigned client)
{
	return !f->liar[client] && !f->liar[LIST_S] &&
	    f->revoked_at[client][LIST_S] == 0 &&
	    f->revoked_at[LIST_S][client] == 0;
}

void
op_heal(struct field *f, const uint32_t *arg)
{
	uint64_t took;
	unsigned i;

	(void)arg;
	field_trace(f, "heal");
	talk_stop(f);
	field_mend(f);
	for (i = 0; i < f->n_hosts; i++) {
		if (i == LIST_S || !field_owes(f, i) || f->fault[0] != '\0')
			continue;
		took = talk_until_back(f, i, FIELD_BACK);
		if (took > FIELD_BACK)
			field_fail(f, "alive", "%s has no answer for %u s",
			    field_name(i), FIELD_BACK / 1000000);
		else if (took > f->back_us)
			f->back_us = took;
	}
	guard_check(f);
}
