/* SPDX-License-Identifier: ISC */
/* talk: the programs of a field: what they send and what they get. */
#include "field.h"

#include <string.h>

#include "bundle.h"
#include "world.h"

enum {
	TALK_HEAD = 16,
	TALK_MOST = 9000, /* bytes of a datagram */
	TALK_PARTS = 2302, /* that two parts of 1200 carry at most */
	TALK_WHOLE = 64,
	TALK_KEY = 60,	  /* of a key that is to be answered */
	TALK_EVERY = 200000,
	TALK_ROW = 5, /* answered keys in a row: it is back */
};

struct talk_head {
	uint32_t seq, origin;
	uint16_t len;
	uint8_t from, to, wants, answers, zero[2];
};

static uint8_t
talk_byte(const struct talk_head *h)
{
	return (uint8_t)(h->seq * 31 + h->from * 7 + h->to);
}

/* Writes the next datagram down. */
static void
talk_next(struct field *f, struct talk_head *h, uint8_t *payload)
{
	struct talk_pair *p = &f->pair[h->from][h->to];

	p->note = sim_grow(p->note, p->n, &p->room, sizeof(*p->note));
	h->seq = (uint32_t)p->n;
	p->note[p->n++] = (struct note){ .sent_at = f->w.now, .len = h->len };
	memset(payload, talk_byte(h), h->len);
	memcpy(payload, h, sizeof(*h));
}

/* n datagrams of `size' bytes, or an answer to `origin'. */
static void
talk_give(struct field *f, struct talk_head h, uint32_t n)
{
	static uint8_t payload[BUNDLE_MOST * TALK_MOST];
	const struct mp_addr *dst = &f->peer[h.from][h.to];
	struct host *host = &f->host[h.from];
	int result[BUNDLE_MOST];
	struct talk_pair *p = &f->pair[h.from][h.to];
	uint64_t staged;
	uint32_t k, i;

	if (dst->port == 0 || !host->running)
		return;
	for (; n > 0; n -= k) {
		k = !host->bundles ? 1 : n < BUNDLE_MOST ? n : BUNDLE_MOST;
		for (i = 0; i < k; i++)
			talk_next(f, &h, payload + (size_t)i * h.len);
		staged = mp_counter_get(&host->mp, MP_C_staged);
		if (k > 1)
			bundle_send(host, dst, payload, h.len, k, h.to,
			    h.seq + 1 - k, result);
		else
			(void)host_send(host, dst, payload, h.len, h.to,
			    h.seq);
		for (i = 0; i < k; i++)
			p->note[p->n - 1 - i].staged = staged !=
			    mp_counter_get(&host->mp, MP_C_staged);
	}
}

void
talk_send(struct field *f, unsigned from, unsigned to, uint32_t n,
    uint32_t size)
{
	struct talk_head h = { .from = (uint8_t)from, .to = (uint8_t)to,
		.len = (uint16_t)(size < TALK_HEAD ? TALK_HEAD :
		size > TALK_MOST ? TALK_MOST : size) };

	talk_give(f, h, n);
}

static void
talk_tick(void *arg, uint64_t which)
{
	struct field *f = arg;
	struct talk_job *j = &f->job[which];

	if (j->left == 0)
		return;
	j->left--;
	talk_send(f, j->from, j->to, 1, j->size);
	if (j->left > 0)
		world_at(&f->w, f->w.now + j->every_us, talk_tick, f, which);
}

void
talk_job(struct field *f, unsigned from, unsigned to, uint32_t n,
    uint32_t size, uint32_t every_us)
{
	struct talk_job *j;

	if (every_us == 0) {
		talk_send(f, from, to, n, size);
		return;
	}
	for (j = f->job; j < f->job + FIELD_JOBS; j++)
		if (j->left == 0 && j->every_us == 0)
			break;
	if (j == f->job + FIELD_JOBS)
		return;
	*j = (struct talk_job){ from, to, n, size, every_us };
	talk_tick(f, (uint64_t)(j - f->job));
}

void
talk_stop(struct field *f)
{
	struct talk_job *j;

	for (j = f->job; j < f->job + FIELD_JOBS; j++)
		j->left = 0;
}

/* --- In ------------------------------------------------------------------- */

/* The record of a datagram that somebody sent so; NULL: nobody did. */
static struct note *
talk_recognise(struct field *f, const struct host *to, const uint8_t *data,
    size_t len, struct talk_head *h)
{
	struct talk_pair *p;
	size_t i;

	if (len < TALK_HEAD)
		return NULL;
	memcpy(h, data, sizeof(*h));
	if (h->from >= f->n_hosts || h->to != to->index)
		return NULL;
	p = &f->pair[h->from][h->to];
	if (h->seq >= p->n || h->len != len || p->note[h->seq].len != len)
		return NULL;
	for (i = TALK_HEAD; i < len; i++)
		if (data[i] != talk_byte(h))
			return NULL;
	return &p->note[h->seq];
}

static bool
talk_same(const struct mp_addr *a, const struct mp_addr *b)
{
	return a->port == b->port && net_addr_same_ip(a, b);
}

/*
 * May it pass those before it, on a host that is late?  The program has what is
 * whole at once, and what came in parts when the agent has joined it.  What is
 * too long for two parts is always whole, and so may be what comes after 64
 * that need no parts (core/part_order.c).
 */
static bool
talk_may_pass(const struct field *f, const struct talk_head *h)
{
	return f->late && (h->len > TALK_PARTS || h->seq >= TALK_WHOLE);
}

/* Is it as it should be?  The sender may be one who lies. */
static void
talk_judge(struct field *f, const struct talk_head *h, struct note *n,
    const struct mp_addr *from)
{
	struct talk_pair *p = &f->pair[h->from][h->to];
	const char *a = field_name(h->from), *b = field_name(h->to);
	uint64_t revoked = f->revoked_at[h->to][h->from];

	if (n->came++ > 0 && n->life == f->host[h->to].lives)
		field_fail(f, "twice", "datagram %u of %s came to %s twice",
		    (unsigned)h->seq, a, b);
	n->life = f->host[h->to].lives;
	if (revoked != 0 && n->sent_at > revoked)
		field_fail(f, "revoked", "%s was given datagram %u of %s", b,
		    (unsigned)h->seq, a);
	if (h->seq + 1 < p->highest && !f->unordered && !n->lost)
		field_fail(f, "order", "datagram %u of %s came to %s after %u",
		    (unsigned)h->seq, a, b, (unsigned)p->highest - 1);
	if (h->seq >= p->highest && !talk_may_pass(f, h))
		p->highest = h->seq + 1;
	/* Where s has one address.  It may begin, too: after CLOSE. */
	if (h->to != LIST_S && !f->unordered &&
	    (f->list->flags & LIST_FIRST) == 0 &&
	    !talk_same(from, &f->peer[h->to][h->from]))
		field_fail(f, "altered", "%s sees %s at another address", b, a);
}

void
talk_deliver(void *arg, struct host *to, const struct mp_addr *from,
    const uint8_t *data, size_t len)
{
	struct field *f = arg;
	struct talk_head h;
	struct note *n = talk_recognise(f, to, data, len, &h);
	bool lies = f->liar[LIST_C] || f->liar[LIST_S] || f->liar[LIST_D];

	if (n == NULL) {
		if (!lies)
			field_fail(f, "altered", "%s got %zu bytes that nobody"
			    " sent", to->name, len);
		return;
	}
	field_trace(f, "%s < %s %u", field_name(h.to), field_name(h.from),
	    (unsigned)h.seq);
	if (!f->liar[h.from] && !f->liar[h.to])
		talk_judge(f, &h, n, from);
	if (h.to == LIST_S || (f->list->flags & LIST_FIRST) != 0)
		f->peer[h.to][h.from] = *from;
	if (h.answers && h.origin < f->pair[h.to][h.from].n)
		f->pair[h.to][h.from].note[h.origin].back = true;
	if (h.wants)
		talk_give(f, (struct talk_head){ .from = h.to, .to = h.from,
		    .answers = 1, .origin = h.seq, .len = TALK_KEY }, 1);
}

/* One that was staged: it is not known which. */
static void
talk_staged_lost(struct talk_pair *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->note[i].staged && p->note[i].came == 0)
			p->note[i].lost = true;
}

void
talk_lost(void *arg, struct packet *p, enum fate fate)
{
	struct field *f = arg;
	unsigned from = p->from->host->index, k;

	(void)fate;
	for (k = 0; p->staged && !p->twin && k < f->n_hosts; k++)
		talk_staged_lost(&f->pair[from][k]);
	if (p->kind == P_DATA && p->stream < f->n_hosts && !p->twin &&
	    p->seq < f->pair[from][p->stream].n)
		f->pair[from][p->stream].note[p->seq].lost = true;
}

void
talk_forget(struct field *f, unsigned host)
{
	unsigned k;

	memset(f->peer[host], 0, sizeof(f->peer[host]));
	for (k = 0; k < f->n_hosts; k++)
		if (host == LIST_S ? (f->list->flags & LIST_FIRST) != 0 :
		    k == LIST_S)
			f->peer[host][k] = field_addr(k, 0, 0);
}

uint64_t
talk_until_back(struct field *f, unsigned client, uint64_t most)
{
	struct talk_pair *p = &f->pair[client][LIST_S];
	struct talk_head h = { .from = (uint8_t)client, .to = LIST_S,
		.wants = 1, .len = TALK_KEY };
	uint64_t begin = f->w.now;
	unsigned row = 0;
	size_t i, first = p->n;

	while (f->w.now < begin + most + TALK_ROW * TALK_EVERY &&
	    f->fault[0] == '\0') {
		talk_give(f, h, 1);
		if ((f->list->flags & LIST_FIRST) != 0)
			talk_send(f, LIST_S, client, 1, TALK_KEY);
		world_run(&f->w, f->w.now + TALK_EVERY);
		for (row = 0, i = p->n; i-- > first && p->note[i].back; row++)
			;
		if (row >= TALK_ROW)
			return f->w.now - begin - TALK_ROW * TALK_EVERY;
	}
	return most + 1;
}
