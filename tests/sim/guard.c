/* SPDX-License-Identifier: ISC */
/*
 * guard: what the network sees of a field, and which rules that breaks
 * (field.c).
 *
 * Nothing here asks the engine what it counts: bytes to third parties, numbers
 * under keys and the times of INITs are those of packets.
 */
#include "field.h"
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

enum {
	GUARD_TIMES = 3,
	GUARD_INIT = 172,  /* bytes of an INIT */
	GUARD_HEAD = 12,   /* sid4 nonce8; of an INIT: what is before e */
	GUARD_MUTE = 8, /* s that five unanswered handshakes take at least: 1 + 2 + 4
			 * + 8, less where a key was renewed */
	GUARD_SLACK = 2000, /* us: a late agent */
};

static bool
guard_is_handshake(const struct field *f, const struct packet *p)
{
	return f->net.magic_known && p->len >= 4 &&
	    memcmp(p->data, f->net.magic, 4) == 0;
}

static size_t
guard_wire(const struct packet *p)
{
	return p->len + (net_addr_is_v4(&p->dst) ? HEADERS_V4 : HEADERS_V6);
}

int
guard_victim(const struct mp_addr *a)
{
	struct mp_addr v = field_victim(0);
	unsigned n = (unsigned)a->ip[15] - v.ip[15];

	return memcmp(a->ip, v.ip, 15) == 0 && n < FIELD_VICTIMS ? (int)n :
	    -1;
}

/* --- Numbers -------------------------------------------------------------- */

static bool
guard_put(struct guard_set *s, uint64_t x)
{
	size_t at = (size_t)(x & (s->size - 1));

	for (; s->seen[at] != 0; at = (at + 1) & (s->size - 1))
		if (s->seen[at] == x)
			return false;
	s->seen[at] = x;
	s->n++;
	return true;
}

/* False: it is in there already. */
static bool
guard_add(struct guard_set *s, uint64_t x)
{
	struct guard_set old = *s;
	size_t i;

	if (s->n * 2 >= s->size) {
		s->size = old.size == 0 ? 1024 : old.size * 4;
		s->n = 0;
		s->seen = sim_alloc(s->size * sizeof(*s->seen));
		for (i = 0; i < old.size; i++)
			if (old.seen[i] != 0)
				(void)guard_put(s, old.seen[i]);
		free(old.seen);
	}
	return guard_put(s, x == 0 ? 1 : x);
}

static uint64_t
guard_mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	a = (a ^ a >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return a ^ a >> 32;
}

/* The same number of the same host under the same sid: a sid names one key. */
static void
guard_nonce(struct field *f, const struct host *h, const struct packet *p)
{
	uint64_t x, nonce;
	uint32_t sid;

	if (p->len < GUARD_HEAD)
		return;
	sid = (uint32_t)p->data[0] << 24 | (uint32_t)p->data[1] << 16 |
	    (uint32_t)p->data[2] << 8 | (p->data[3] & 0xfe);
	memcpy(&nonce, p->data + 4, sizeof(nonce));
	x = guard_mix(guard_mix(h->index * 1000 + h->lives, sid), nonce);
	if (!guard_add(&f->nonces, x))
		field_fail(f, "nonce", "%s has sent a number twice under sid"
		    " %08x", h->name, (unsigned)sid);
}

/* --- Handshakes ----------------------------------------------------------- */

static void
guard_handshake(struct field *f, const struct host *h, const struct packet *p)
{
	struct guard_init *g = &f->init[h->index];
	uint64_t now = host_now(h);

	if (p->len != GUARD_INIT || p->data[4] != 1 || h->index == LIST_S ||
	    (f->list->flags & LIST_FIRST) != 0)
		return;
	if (g->n != 0 && g->life == h->lives &&
	    memcmp(g->e, p->data + GUARD_HEAD, sizeof(g->e)) == 0)
		return;
	if (g->life != h->lives)
		g->n = 0;
	if (g->heard)
		g->mute = 0;
	/* One goes on with another ephemeral key after 5 s, whose first packets
	 * may not have gone out: so single gaps say nothing, but two do. */
	if (g->n >= 2 && now + GUARD_SLACK < g->at[(g->n - 2) % GUARD_INITS] +
	    SEC(2))
		field_fail(f, "distance", "%s begins a third handshake after"
		    " %llu ms", h->name, (unsigned long long)(now -
		    g->at[(g->n - 2) % GUARD_INITS]) / 1000);
	if (g->n >= 4 && g->mute >= 4 && now + GUARD_SLACK <
	    g->at[(g->n - 4) % GUARD_INITS] + SEC(GUARD_MUTE))
		field_fail(f, "distance", "%s begins a fifth handshake after"
		    " %llu ms, unanswered", h->name, (unsigned long long)(now -
		    g->at[(g->n - 4) % GUARD_INITS]) / 1000);
	g->mute++;
	g->heard = false;
	g->at[g->n++ % GUARD_INITS] = now;
	g->life = h->lives;
	memcpy(g->e, p->data + GUARD_HEAD, sizeof(g->e));
}

void
guard_forget(struct field *f, unsigned host)
{
	memset(&f->init[host], 0, sizeof(f->init[host]));
}

/* --- Packets -------------------------------------------------------------- */

/* Bytes to third parties: of those that named them, in their name. */
static void
guard_budget(struct field *f, const struct host *h, int victim)
{
	uint64_t in = f->forged_bytes[h->index], out = 0;
	unsigned k;

	if (f->liar[h->index])
		return;
	for (k = 0; k < f->n_hosts; k++)
		if (k != h->index && f->suspect[k])
			in += f->in_bytes[h->index][k];
	for (k = 0; k < FIELD_VICTIMS; k++)
		out += f->out_victim[h->index][k];
	if (out > GUARD_TIMES * in)
		field_fail(f, "budget", "%s has sent %llu bytes to third"
		    " parties (%d) for %llu", h->name, (unsigned long long)out,
		    victim, (unsigned long long)in);
}

static void
guard_tape(struct field *f, const struct packet *p)
{
	struct packet **t = &f->tape[f->taped++ % FIELD_TAPE];

	free(*t);
	*t = sim_alloc(sizeof(*p) + p->len);
	memcpy(*t, p, sizeof(*p));
	memcpy((*t)->data, p->data, p->len);
}

static void
guard_trace(const struct field *f, const struct host *h,
    const struct packet *p)
{
	static const char *const kind[] = { "data", "copy", "probe", "reply",
		"handshake", "?" };
	char from[64], to[64];

	if (f->trace)
		field_trace(f, "%s: %s -> %s %s flow %u, %zu bytes %02x%02x"
		    "%02x%02x", h->name, net_addr_text(&p->src, from),
		    net_addr_text(&p->dst, to), kind[p->kind],
		    (unsigned)p->flow, p->len, p->data[0], p->data[1],
		    p->data[2], p->data[3]);
}

void
guard_sent(struct field *f, struct iface *from, struct packet *p)
{
	struct host *h = from->host;
	int v = guard_victim(&p->dst);

	guard_trace(f, h, p);
	if (++f->packets > FIELD_PACKETS)
		return;
	if (guard_is_handshake(f, p))
		guard_handshake(f, h, p);
	else
		guard_nonce(f, h, p);
	if (v >= 0) {
		f->out_victim[h->index][v] += guard_wire(p);
		guard_budget(f, h, v);
	}
	guard_tape(f, p);
	if (f->divert[h->index] > 0) {
		f->divert[h->index]--;
		p->src = field_victim(FIELD_VICTIMS - 1 - h->index);
	}
}

void
guard_arrived(struct field *f, struct iface *to, const struct packet *p)
{
	unsigned h = to->host->index;

	if (p->from->host->index == h)
		return;
	if (guard_victim(&p->src) >= 0)
		f->forged_bytes[h] += guard_wire(p);
	else
		f->in_bytes[h][p->from->host->index] += guard_wire(p);
	if (!guard_is_handshake(f, p))
		f->init[h].heard = true;
}

/* --- Engines -------------------------------------------------------------- */

/* No two sids with one key. */
static void
guard_keys(struct field *f, const struct host *h)
{
	const struct session *s;
	const struct keys *k, *l;
	uint32_t i, j;

	for (i = 0; i < h->mp.sh->session_used * 2; i++)
		for (j = 0; j < i; j++) {
			s = &h->mp.sessions[i / 2];
			k = &s->keys[i & 1];
			l = &h->mp.sessions[j / 2].keys[j & 1];
			if (k->live && l->live &&
			    memcmp(k->rx, l->rx, sizeof(k->rx)) == 0)
				field_fail(f, "key", "%s has a key twice",
				    h->name);
		}
}

static void
guard_show(const struct field *f, const struct host *h)
{
	static const char *const state[] = { "free", "connecting", "up", "down",
		"closing", "closed" };
	const struct session *s;
	uint32_t i;

	for (i = 0; f->trace && i < h->mp.sh->session_used; i++) {
		s = &h->mp.sessions[i];
		field_trace(f, "%s: session %u %s %s, %u flows, %u staged",
		    h->name, (unsigned)i, state[s->state % 6], s->initiator ?
		    "initiator" : "responder", (unsigned)s->live_flows,
		    (unsigned)s->staged.n);
	}
}

void
guard_check(struct field *f)
{
	const struct host *h;
	const char *what;

	for (h = f->host; h < f->host + f->n_hosts; h++) {
		if (h->spins != 0)
			field_fail(f, "engine", "%s: awake, and nothing is"
			    " due", h->name);
		if (h->bad_out != 0)
			field_fail(f, "engine", "%s: a packet out of bounds",
			    h->name);
		if (!h->running)
			continue;
		guard_show(f, h);
		if (mp_counter_get(&h->mp, MP_C_corrupt) != 0)
			field_fail(f, "engine", "%s: corrupt", h->name);
		what = blockwalk(&h->mp);
		if (what != NULL)
			field_fail(f, "block", "%s: %s", h->name, what);
		guard_keys(f, h);
	}
}

void
guard_check_empty(struct field *f)
{
	const struct host *h;
	const char *what;

	for (h = f->host; h < f->host + f->n_hosts; h++) {
		what = h->running ? blockwalk_empty(&h->mp) : NULL;
		if (what != NULL)
			field_fail(f, "memory", "%s: %s", h->name, what);
	}
}
