/* SPDX-License-Identifier: ISC */
#include "traffic.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "world.h"

enum {
	DATAGRAM_MAX = 9000,
	COPY_SEEK_US = 1000000, /* a COPY is never of an older one */
};

struct header {
	uint64_t sent_at;
	uint32_t seq, origin;
	uint16_t stream, len;
};

void
traffic_init(struct traffic *t, struct world *w)
{
	memset(t, 0, sizeof(*t));
	t->w = w;
}

void
traffic_free(struct traffic *t)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		free(t->stream[i]->rec);
		free(t->stream[i]->orphan);
		free(t->stream[i]);
	}
	t->n = 0;
}

void
traffic_introduce(struct traffic *t, struct host *from, struct host *to,
    const struct mp_addr *a)
{
	t->peer[from->index][to->index] = *a;
}

void
traffic_forget(struct traffic *t, struct host *h)
{
	memset(t->peer[h->index], 0, sizeof(t->peer[h->index]));
}

struct stream *
stream_new(struct traffic *t, const char *name, struct host *from,
    struct host *to, size_t size)
{
	struct stream *s = sim_alloc(sizeof(*s));

	if (t->n == STREAMS_MAX || size < PAYLOAD_MIN || size > DATAGRAM_MAX)
		errx(2, "stream %s: too many, or its size", name);
	s->traffic = t;
	s->name = name;
	s->id = (uint16_t)t->n;
	s->from = from;
	s->to = to;
	s->size = size;
	t->stream[t->n++] = s;
	return s;
}

struct stream *
stream_find(struct traffic *t, const char *name)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->stream[i]->name, name) == 0)
			return t->stream[i];
	return NULL;
}

static size_t
stream_len(const struct stream *s, uint32_t seq)
{
	uint32_t turn = s->bundle > 1 ? seq / s->bundle : seq;

	return s->size + (s->sizes != 0 ? turn % s->sizes : 0);
}

/* Writes down the next datagram of a stream: its bytes. */
static void
stream_next(struct stream *s, uint32_t origin, uint8_t *payload)
{
	uint64_t now = s->traffic->w->now;
	uint32_t seq = (uint32_t)s->n;
	size_t len = stream_len(s, seq);
	struct header h = { now, seq, origin, s->id, (uint16_t)len };

	s->rec = sim_grow(s->rec, s->n, &s->room, sizeof(*s->rec));
	s->rec[s->n++] = (struct record){ .sent_at = now, .flags = R_SENT };
	memset(payload, (uint8_t)seq, len);
	memcpy(payload, &h, PAYLOAD_MIN);
}

static void
stream_send_bundle(struct stream *s, const struct mp_addr *dst)
{
	static uint8_t payload[BUNDLE_MOST * DATAGRAM_MAX];
	int result[BUNDLE_MOST] = { 0 };
	uint32_t seq = (uint32_t)s->n, i;
	size_t len = stream_len(s, seq);

	for (i = 0; i < s->bundle; i++)
		stream_next(s, 0, payload + i * len);
	bundle_send(s->from, dst, payload, len, s->bundle, s->id, seq, result);
	for (i = 0; i < s->bundle; i++)
		if (result[i] != 0)
			s->rec[seq + i].flags |= R_REFUSED;
}

/* One more datagram, in answer to `origin' if it is an echo; or a bundle. */
static void
stream_send(struct stream *s, uint32_t origin)
{
	struct traffic *t = s->traffic;
	const struct mp_addr *dst = &t->peer[s->from->index][s->to->index];
	uint32_t seq = (uint32_t)s->n;
	uint8_t payload[DATAGRAM_MAX];

	if (dst->port == 0 || !s->from->running)
		return;
	if (s->bundle > 1) {
		stream_send_bundle(s, dst);
		return;
	}
	stream_next(s, origin, payload);
	if (host_send(s->from, dst, payload, stream_len(s, seq), s->id,
	    seq) != 0)
		s->rec[seq].flags |= R_REFUSED;
}

static void
stream_late(void *arg, uint64_t n)
{
	struct stream *s = arg;

	(void)n;
	stream_send(s, 0);
}

static void
stream_tick(void *arg, uint64_t n)
{
	struct stream *s = arg;
	struct world *w = s->traffic->w;
	uint64_t phase, heard;

	(void)n;
	if (w->now >= s->stop)
		return;
	world_at(w, w->now + s->every_us, stream_tick, s, 0);
	heard = s->traffic->heard_at[s->from->index][s->to->index];
	if (s->quiet_us != 0 && heard != 0 && heard + s->quiet_us > w->now)
		return;
	if (s->pause_us != 0) {
		phase = (w->now - s->start) % (s->burst_us + s->pause_us);
		if (phase >= s->burst_us)
			return;
	}
	if (s->from->late_us != 0)
		world_at(w, w->now + host_late(s->from), stream_late, s, 0);
	else
		stream_send(s, 0);
}

void
stream_run(struct stream *s)
{
	world_at(s->traffic->w, s->start, stream_tick, s, 0);
}

/* The stream of a datagram that arrived unchanged; NULL: it is altered. */
static struct stream *
recognise(struct traffic *t, struct host *h, const uint8_t *p, size_t len,
    struct header *head)
{
	struct stream *s;
	size_t i;

	if (len < PAYLOAD_MIN)
		return NULL;
	memcpy(head, p, PAYLOAD_MIN);
	if (head->stream >= t->n || head->len != len)
		return NULL;
	s = t->stream[head->stream];
	if (s->to != h || head->seq >= s->n ||
	    len != stream_len(s, head->seq) ||
	    s->rec[head->seq].sent_at != head->sent_at)
		return NULL;
	for (i = PAYLOAD_MIN; i < len; i++)
		if (p[i] != (uint8_t)head->seq)
			return NULL;
	return s;
}

static void
echo(struct stream *s, const struct header *head)
{
	struct traffic *t = s->traffic;
	struct record *r;
	unsigned i;

	if (s->echo_of != NULL && head->origin < s->echo_of->n) {
		r = &s->echo_of->rec[head->origin];
		if (r->back_us == 0)
			r->back_us = (uint32_t)(t->w->now - r->sent_at);
	}
	for (i = 0; i < t->n; i++)
		if (t->stream[i]->echo_of == s)
			stream_send(t->stream[i], head->seq);
}

void
traffic_deliver(void *arg, struct host *h, const struct mp_addr *from,
    const uint8_t *p, size_t len)
{
	struct traffic *t = arg;
	struct header head;
	struct stream *s = recognise(t, h, p, len, &head);
	struct record *r;

	if (s == NULL) {
		t->altered++;
		return;
	}
	t->peer[h->index][s->from->index] = *from;
	t->heard_at[h->index][s->from->index] = t->w->now;
	r = &s->rec[head.seq];
	if (r->came++ > 0) {
		s->twice++;
		return;
	}
	r->way_us = (uint32_t)(t->w->now - r->sent_at);
	s->delivered++;
	if (head.seq < s->highest)
		s->late++;
	else
		s->highest = head.seq;
	if (s->last_new != 0 && t->w->now - s->last_new > s->gap_us)
		s->gap_us = t->w->now - s->last_new;
	s->last_new = t->w->now;
	echo(s, &head);
}

static void
copy_lost(struct stream *s, size_t len)
{
	if (s->sizes == 0 || len < s->size || len >= s->size + s->sizes)
		return;
	s->orphan = sim_grow(s->orphan, s->n_orphans, &s->room_orphans,
	    sizeof(*s->orphan));
	s->orphan[s->n_orphans++] = (struct orphan){ s->traffic->w->now, len };
}

static void
settle_one(struct stream *s, const struct orphan *o)
{
	struct record *r, *oldest = NULL;
	size_t i;

	for (i = s->n; i-- > 0;) {
		r = &s->rec[i];
		if (r->sent_at + COPY_SEEK_US < o->at)
			break;
		if (r->sent_at <= o->at && r->came == 0 &&
		    (r->flags & R_OWN) == 0 &&
		    stream_len(s, (uint32_t)i) == o->len)
			oldest = r;
	}
	if (oldest != NULL)
		oldest->flags |= R_OWN;
}

void
stream_settle(struct stream *s)
{
	size_t i;

	for (i = 0; i < s->n_orphans; i++)
		settle_one(s, &s->orphan[i]);
	s->n_orphans = 0;
}

void
traffic_fate(struct traffic *t, const struct packet *p, enum fate f)
{
	unsigned i;

	if (f != FATE_RANDOM && f != FATE_OVERRUN)
		return;
	if (p->stream != NO_STREAM)
		t->stream[p->stream]->rec[p->seq].flags |= R_OWN;
	else if (p->kind == P_COPY)
		for (i = 0; i < t->n; i++)
			if (t->stream[i]->from == p->from->host)
				copy_lost(t->stream[i],
				    p->len - MP_COPY_OVERHEAD);
}
