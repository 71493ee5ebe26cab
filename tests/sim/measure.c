/* SPDX-License-Identifier: ISC */
#include "measure.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "mp.h"
#include "net.h"
#include "run.h"
#include "traffic.h"
#include "watch.h"
#include "world.h"

enum {
	ETHERNET = 14, /* bytes of header */
};

/* --- Streams ------------------------------------------------------------- */

/* The records of the stream in the time: *n of them from the one returned. */
static const struct record *
records(struct run *r, const struct expect *e, size_t *n)
{
	const struct stream *s = run_stream(r, e->who);
	size_t first = 0, last = s->n;

	while (first < last && s->rec[first].sent_at < r->base + e->from)
		first++;
	while (last > first && s->rec[last - 1].sent_at >= r->base + e->to)
		last--;
	*n = last - first;
	return s->rec + first;
}

uint64_t
m_worst_echo(struct run *r, const struct expect *e)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t worst = 0;

	if (n == 0)
		return NEVER;
	for (; rec < end; rec++) {
		if (rec->back_us == 0)
			return NEVER;
		if (rec->back_us > worst)
			worst = rec->back_us;
	}
	return worst;
}

uint64_t
m_worst_way(struct run *r, const struct expect *e)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t worst = 0;

	if (n == 0)
		return NEVER;
	for (; rec < end; rec++) {
		if (rec->came == 0)
			return NEVER;
		if (rec->way_us > worst)
			worst = rec->way_us;
	}
	return worst;
}

/* Counts the records that came, or did not, but none with a flag of `but'. */
static uint64_t
count(struct run *r, const struct expect *e, bool came, unsigned but)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t found = 0;

	for (; rec < end; rec++)
		found += (rec->came != 0) == came && (rec->flags & but) == 0;
	return found;
}

uint64_t
m_worst_came(struct run *r, const struct expect *e)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t worst = 0;

	for (; rec < end; rec++)
		if (rec->came != 0 && rec->way_us > worst)
			worst = rec->way_us;
	return worst;
}

uint64_t
m_lost(struct run *r, const struct expect *e)
{
	return count(r, e, false, 0);
}

uint64_t
m_lost_beyond(struct run *r, const struct expect *e)
{
	stream_settle(run_stream(r, e->who));
	return count(r, e, false, R_OWN);
}

uint64_t
m_delivered(struct run *r, const struct expect *e)
{
	return count(r, e, true, 0);
}

uint64_t
m_no_echo(struct run *r, const struct expect *e)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t found = 0;

	for (; rec < end; rec++)
		found += rec->back_us == 0;
	return found;
}

uint64_t
m_refused(struct run *r, const struct expect *e)
{
	size_t n;
	const struct record *rec = records(r, e, &n), *end = rec + n;
	uint64_t found = 0;

	for (; rec < end; rec++)
		found += (rec->flags & R_REFUSED) != 0;
	return found;
}

static int
by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t
m_gap(struct run *r, const struct expect *e)
{
	size_t n, k = 0, i;
	const struct record *rec = records(r, e, &n);
	uint64_t *at = sim_alloc((n + 1) * sizeof(*at)), gap = 0;

	for (i = 0; i < n; i++)
		if (rec[i].came != 0)
			at[k++] = rec[i].sent_at + rec[i].way_us;
	qsort(at, k, sizeof(*at), by_time);
	for (i = 1; i < k; i++)
		if (at[i] - at[i - 1] > gap)
			gap = at[i] - at[i - 1];
	free(at);
	return k < 2 ? NEVER : gap;
}

/* --- Packets ------------------------------------------------------------- */

/* The next packet after *s (NULL: first) that the host sent in the time. */
static const struct sent *
next_sent(struct run *r, const struct expect *e, const struct sent *s)
{
	const struct sent *end = r->watch.sent + r->watch.n_sent;

	for (s = s == NULL ? r->watch.sent : s + 1; s < end; s++)
		if (s->at >= r->base + e->from && s->at < r->base + e->to &&
		    (e->who == NULL ||
		    strcmp(s->from->host->name, e->who) == 0))
			return s;
	return NULL;
}

static bool
is_on(const struct sent *s, const char *iface)
{
	return iface == NULL || strcmp(s->from->name, iface) == 0 ||
	    (s->to != NULL && strcmp(s->to->name, iface) == 0);
}

uint64_t
m_settled(struct run *r, const struct expect *e)
{
	const struct sent *s = NULL;
	uint64_t since = NEVER;

	while ((s = next_sent(r, e, s)) != NULL) {
		if (s->kind != P_DATA)
			continue;
		if (!is_on(s, e->where))
			since = NEVER;
		else if (since == NEVER)
			since = s->at - r->base - e->from;
	}
	return since;
}

uint64_t
m_share(struct run *r, const struct expect *e)
{
	const struct sent *s = NULL;
	uint64_t on = 0, all = 0;

	while ((s = next_sent(r, e, s)) != NULL)
		if (s->kind == P_DATA) {
			on += is_on(s, e->where);
			all++;
		}
	return all == 0 ? NEVER : on * 1000 / all;
}

uint64_t
m_copy_share(struct run *r, const struct expect *e)
{
	const struct sent *s = NULL;
	uint64_t data = 0, copies = 0;

	while ((s = next_sent(r, e, s)) != NULL) {
		data += s->kind == P_DATA;
		copies += s->kind == P_COPY;
	}
	return data == 0 ? NEVER : copies * 1000 / data;
}

static uint64_t
sent_rate(struct run *r, const struct expect *e, bool frames, bool data)
{
	const struct sent *s = NULL;
	uint64_t bytes = 0;

	while ((s = next_sent(r, e, s)) != NULL) {
		if (!is_on(s, e->where) || (s->kind == P_DATA && !data))
			continue;
		bytes += s->len;
		if (frames)
			bytes += ETHERNET + (net_addr_is_v4(&s->dst) ?
			    HEADERS_V4 : HEADERS_V6);
	}
	return (bytes * 1000000 + (e->to - e->from) / 2) / (e->to - e->from);
}

uint64_t
m_payload_rate(struct run *r, const struct expect *e)
{
	return sent_rate(r, e, false, true);
}

uint64_t
m_frame_rate(struct run *r, const struct expect *e)
{
	return sent_rate(r, e, true, true);
}

uint64_t
m_control_rate(struct run *r, const struct expect *e)
{
	return sent_rate(r, e, true, false);
}

uint64_t
m_probe_spacing(struct run *r, const struct expect *e)
{
	uint64_t last[MP_FLOWS_MAX] = { 0 }, least = e->to - e->from;
	const struct sent *s = NULL;

	while ((s = next_sent(r, e, s)) != NULL) {
		if (s->kind != P_PROBE || s->flow >= MP_FLOWS_MAX ||
		    !is_on(s, e->where))
			continue;
		if (last[s->flow] != 0 && s->at - last[s->flow] < least)
			least = s->at - last[s->flow];
		last[s->flow] = s->at;
	}
	return least;
}

uint64_t
m_probe_gap(struct run *r, const struct expect *e)
{
	uint64_t last = r->base + e->from, most = 0;
	const struct sent *s = NULL;

	while ((s = next_sent(r, e, s)) != NULL) {
		if (s->kind != P_PROBE || !is_on(s, e->where))
			continue;
		most = s->at - last > most ? s->at - last : most;
		last = s->at;
	}
	return r->base + e->to - last > most ? r->base + e->to - last : most;
}

uint64_t
m_answers(struct run *r, const struct expect *e)
{
	struct expect all = *e;
	const struct sent *s = NULL;
	uint64_t data = 0, probes = 0, replies = 0;

	all.who = NULL;
	while ((s = next_sent(r, &all, s)) != NULL) {
		if (strcmp(s->from->host->name, e->who) == 0) {
			replies += s->kind == P_REPLY;
			continue;
		}
		data += s->kind == P_DATA;
		probes += s->kind == P_PROBE;
	}
	if (data == 0 || replies < probes)
		return NEVER;
	return ((replies - probes) * 1000 + data - 1) / data;
}

uint64_t
m_astray(struct run *r, const struct expect *e)
{
	const struct sent *s = NULL;
	uint64_t bytes = 0;

	while ((s = next_sent(r, e, s)) != NULL)
		if (s->to == NULL)
			bytes += s->len;
	return bytes;
}

/* --- Hosts --------------------------------------------------------------- */

/* What was last seen of the host before a time; NULL: nothing. */
static const struct sight *
last_sight(struct run *r, const char *who, uint64_t at)
{
	const struct sight *s, *found = NULL;

	for (s = r->watch.sight; s < r->watch.sight + r->watch.n_sights; s++)
		if (s->at <= r->base + at && strcmp(s->host->name, who) == 0)
			found = s;
	return found;
}

static uint64_t
since_sight(struct run *r, const struct expect *e, bool copies)
{
	const struct sight *a = last_sight(r, e->who, e->from),
	    *b = last_sight(r, e->who, e->to);

	if (b == NULL)
		return NEVER;
	if (copies)
		return b->copies - (a == NULL ? 0 : a->copies);
	return b->switches - (a == NULL ? 0 : a->switches);
}

uint64_t
m_switches(struct run *r, const struct expect *e)
{
	return since_sight(r, e, false);
}

uint64_t
m_copies(struct run *r, const struct expect *e)
{
	return since_sight(r, e, true);
}

uint64_t
m_doubts(struct run *r, const struct expect *e)
{
	const struct sight *s;
	uint64_t n = 0;
	bool before = false;

	for (s = r->watch.sight; s < r->watch.sight + r->watch.n_sights; s++) {
		if (strcmp(s->host->name, e->who) != 0)
			continue;
		if (s->at >= r->base + e->from && s->at < r->base + e->to)
			n += s->doubt && !before;
		before = s->doubt;
	}
	return n;
}

uint64_t
m_flows(struct run *r, const struct expect *e)
{
	uint32_t flows[WATCH_SESSIONS] = { 0 };
	const struct sight *s;
	uint64_t n = 0;
	unsigned i;

	for (s = r->watch.sight; s < r->watch.sight + r->watch.n_sights; s++)
		if (s->at <= r->base + e->from &&
		    strcmp(s->host->name, e->who) == 0)
			flows[s->session] = s->flows;
	for (i = 0; i < WATCH_SESSIONS; i++)
		n += flows[i];
	return n;
}

uint64_t
m_srtt(struct run *r, const struct expect *e)
{
	const struct flow_sight *s = r->watch.flow_sight,
	    *end = s + r->watch.n_flow_sights;
	uint64_t srtt = NEVER;

	for (; s < end; s++)
		if (s->at <= r->base + e->from && s->iface != NULL &&
		    s->srtt_us != 0 &&
		    strcmp(s->host->name, e->who) == 0 &&
		    strcmp(s->iface->name, e->where) == 0)
			srtt = s->srtt_us;
	return srtt;
}

uint64_t
m_sessions(struct run *r, const struct expect *e)
{
	struct host *h = run_host(r, e->who);
	struct mp_session_info info;
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; h->running && i < h->limits.sessions; i++)
		n += mp_session_get(&h->mp, i, &info) == 0 &&
		    info.state == MP_S_UP;
	return n;
}

uint64_t
m_counter(struct run *r, const struct expect *e)
{
	struct host *h = run_host(r, e->who);
	int c;

	for (c = 0; c < MP_C_MAX; c++)
		if (strcmp(mp_counter_name((enum mp_counter)c), e->where) == 0)
			return mp_counter_get(&h->mp, (enum mp_counter)c);
	errx(2, "no counter %s", e->where);
}
