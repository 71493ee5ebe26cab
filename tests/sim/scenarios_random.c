/* SPDX-License-Identifier: ISC */
/*
 * scenarios_random: many random failures of the path in use, one after the
 * other in some long-lived worlds, and what they cost.
 *
 *	tf: cut		    mend	      all well	      next tf
 *	|--- 0.8..1.2 s ----|--- wait, 3 s ---|-- 0.3..0.6 s --|
 *	[------ the failure's window -----]    copies here are outside
 */
#include "scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "measure.h"
#include "mp.h"
#include "net.h"
#include "rng.h"
#include "run.h"
#include "traffic.h"
#include "world.h"

enum {
	PATHS_MAX = 4,
	WORLDS = 20,
	FAILURES = 50,	   /* of each world */
	RTT_LEAST = 5000,  /* us */
	RTT_MOST = 200000, /* us */
	LOSS = PPM / 100,
	JITTER_PART = 20,  /* of the delay each way, 1/20 */
	DEAD_US = 800000,  /* and up to DEAD_MORE_US more */
	DEAD_MORE_US = 400000,
	AFTER_US = 500000, /* of a failure's window, after the repair */
	WELL_US = 3000000, /* both ends know of the repair, at most */
	CALM_US = 300000,  /* before the next failure, and up to twice */
	DOUBT_LEAST = 10000, /* PROTOCOL.md 5 */
	BUNDLE_READ_US = 200, /* a program reads what has come since */
};

struct tally {
	uint64_t gap[WORLDS * FAILURES];
	uint64_t aim[WORLDS * FAILURES];
	uint64_t lost[WORLDS * FAILURES];
	size_t n;
	bool inside; /* a failure's window */
	uint64_t data, copies; /* outside of them */
	uint64_t stuck, unknown, twice;
	uint64_t all, bundled_out, bundled_in; /* datagrams */
};

struct campaign {
	unsigned paths;
	uint64_t every_us;
	uint64_t lost_p99; /* limit */
	uint32_t bundle; /* datagrams at a time, in bundles; 0: one */
};

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
part(uint64_t *v, size_t n, unsigned permille)
{
	qsort(v, n, sizeof(*v), by_size);
	return n == 0 ? NEVER : v[(n - 1) * permille / 1000];
}

static void
count_sent(void *arg, struct iface *i, struct packet *p)
{
	struct run *r = arg;
	struct tally *t = r->arg;

	(void)i;
	if (!t->inside) {
		t->data += p->kind == P_DATA;
		t->copies += p->kind == P_COPY;
	}
}

/* The path in use is the client's interface of the sender's flow. */
static struct iface *
path_in_use(struct run *r, struct host *h)
{
	struct mp_session_info s;
	struct mp_flow_info f;
	struct iface *i;
	uint32_t k;

	for (k = 0; k < h->limits.sessions; k++) {
		if (mp_session_get(&h->mp, k, &s) != 0 ||
		    s.current == MP_NONE || mp_flow_get(&h->mp, host_now(h),
		    k, s.current, &f) != 0)
			continue;
		i = net_owner(&r->net, h->name[0] == 'c' ? &f.path.local :
		    &f.path.remote);
		if (i != NULL)
			return i;
	}
	return NULL;
}

/* What the gap should be: doubt, and the way of the best other path. */
static uint64_t
aim_of(const struct iface *dead)
{
	const struct host *c = dead->host;
	uint64_t best = NEVER, way;
	unsigned i;

	for (i = 0; i < c->n_ifaces; i++) {
		way = c->iface[i]->out.delay_us + c->iface[i]->out.jitter_us;
		if (c->iface[i] != dead && way < best)
			best = way;
	}
	return best + 2 * (2ull * dead->out.delay_us + DOUBT_LEAST);
}

static uint64_t
lost_since(const struct stream *s, uint64_t from, uint64_t to)
{
	uint64_t n = 0;
	size_t i;

	for (i = s->n; i-- > 0 && s->rec[i].sent_at >= from;)
		n += s->rec[i].sent_at < to && s->rec[i].came == 0 &&
		    (s->rec[i].flags & R_OWN) == 0;
	return n;
}

/* Both ends use the path that is best again, and doubt none. */
static bool
is_well(struct run *r)
{
	struct mp_flow_info f;
	struct host *h;
	uint32_t id;
	unsigned i;

	for (i = 0; i < r->n_hosts; i++)
		for (h = r->host[i], id = 0; id < MP_FLOWS_MAX; id++)
			if (mp_flow_get(&h->mp, host_now(h), 0, id, &f) ==
			    0 && (!f.validated || f.failed || f.doubt ||
			    f.idle_us != 0))
				return false;
	return true;
}

static void
await_well(struct run *r, struct tally *t)
{
	struct world *w = &r->world;
	uint64_t until = w->now + WELL_US - AFTER_US;

	while (!is_well(r) && w->now < until)
		world_run(w, w->now + MS(10));
	if (w->now >= until)
		t->unknown++;
	world_run(w, w->now + CALM_US + rng_upto(&w->rng, CALM_US));
}

static void
one_failure(struct run *r, struct tally *t, struct stream *s)
{
	struct world *w = &r->world;
	struct iface *dead = path_in_use(r, s->from);
	uint64_t tf = w->now, mended, late;

	if (dead == NULL) {
		world_run(w, tf + WELL_US);
		return;
	}
	t->inside = true;
	s->gap_us = 0;
	dead->out.black = dead->in.black = BLACK_ALL;
	world_run(w, tf + DEAD_US + rng_upto(&w->rng, DEAD_MORE_US));
	dead->out.black = dead->in.black = 0;
	mended = w->now;
	late = mended - s->last_new;
	t->stuck += late > MS(300);
	world_run(w, mended + AFTER_US);
	t->inside = false;
	t->aim[t->n] = aim_of(dead);
	t->gap[t->n] = s->gap_us > late ? s->gap_us : late;
	await_well(r, t);
	stream_settle(s);
	t->lost[t->n] = lost_since(s, tf - MS(300), mended + AFTER_US);
	if (r->verbose)
		printf("    at %.3f s %s: gap %.1f ms, aim %.1f, lost %llu\n",
		    (double)(tf - r->base) / 1e6, dead->name,
		    (double)t->gap[t->n] / 1e3, (double)t->aim[t->n] / 1e3,
		    (unsigned long long)t->lost[t->n]);
	t->n++;
}

static void
make_world(struct run *r, const struct campaign *c, bool down)
{
	static const char *const name[PATHS_MAX] = { "c.p0", "c.p1", "c.p2",
		"c.p3" };
	static const char *const addr[PATHS_MAX] = { "10.1.0.2", "10.2.0.2",
		"10.3.0.2", "10.4.0.2" };
	struct place place[PATHS_MAX + 2];
	struct traffic_row row[] = {
		{ .name = "hello", "c", "s", HELLO, NULL, SEC(1), 40 },
		{ .name = "stream", "c", "s", TIMER, NULL, c->every_us, 64 },
		{ 0 },
	};
	struct iface *iface;
	unsigned i;

	memset(place, 0, sizeof(place));
	for (i = 0; i < c->paths; i++) {
		place[i].iface = name[i];
		place[i].addrs = addr[i];
		place[i].delay_us = (RTT_LEAST + rng_upto(&r->world.rng,
		    RTT_MOST - RTT_LEAST)) / 2;
	}
	place[i].iface = "s.s";
	place[i].addrs = "10.9.0.1";
	if (down) {
		row[1].from = "s";
		row[1].to = "c";
	}
	run_places(r, place);
	run_traffic(r, row);
	run_stream(r, "stream")->sizes = 256;
	run_stream(r, "stream")->bundle = c->bundle;
	for (i = 0; c->bundle > 0 && i < r->n_hosts; i++) {
		r->host[i]->bundles = true;
		host_read_every(r->host[i], BUNDLE_READ_US);
	}
	for (i = 0; i < c->paths; i++) {
		iface = run_iface(r, name[i]);
		iface->out.loss_ppm = iface->in.loss_ppm = LOSS;
		iface->out.jitter_us = iface->in.jitter_us =
		    iface->out.delay_us / JITTER_PART;
	}
}

static void
print_tally(struct run *r, struct tally *t, const struct campaign *c)
{
	uint64_t half = part(t->aim, t->n, 500), most = part(t->aim, t->n, 990);

	run_row(r, "failures", COUNT, t->n, AT_LEAST, WORLDS * FAILURES);
	run_row(r, "gap, median (limit: aim + 25 ms)", MSEC,
	    part(t->gap, t->n, 500), AT_MOST, half + MS(25) + c->every_us);
	run_row(r, "gap, 99th percentile (limit: aim + 150 ms)", MSEC,
	    part(t->gap, t->n, 990), AT_MOST, most + MS(150) + c->every_us);
	run_row(r, "lost beyond the paths' own loss, median", COUNT,
	    part(t->lost, t->n, 500), AT_MOST, 0);
	run_row(r, "the same, 99th percentile", COUNT,
	    part(t->lost, t->n, 990), AT_MOST, c->lost_p99);
	run_row(r, "copies outside failures", PERMILLE,
	    t->copies * 1000 / (t->data + 1), AT_MOST, 10);
	run_row(r, "failures not overcome before the repair", COUNT, t->stuck,
	    AT_MOST, WORLDS * FAILURES / 100);
	run_row(r, "repairs not known to both ends within 3 s", COUNT,
	    t->unknown, AT_MOST, WORLDS * FAILURES / 100);
	run_row(r, "delivered twice", COUNT, t->twice, AT_MOST, 0);
	if (c->bundle == 0)
		return;
	run_row(r, "went in bundles", PERMILLE, t->bundled_out * 1000 / t->all,
	    AT_LEAST, 600);
	run_row(r, "came in bundles", PERMILLE, t->bundled_in * 1000 / t->all,
	    AT_LEAST, 300);
}

static void
campaign(struct run *r, const struct campaign *c)
{
	struct tally *t = sim_alloc(sizeof(*t));
	uint64_t seed = r->seed;
	struct stream *s;
	unsigned k, i;

	r->arg = t;
	for (k = 0; k < WORLDS; k++) {
		run_free(r);
		run_init(r, seed + k);
		if (r->verbose)
			printf("    world %u\n", k);
		r->net.sent = count_sent;
		make_world(r, c, k % 2 != 0);
		s = run_stream(r, "stream");
		t->inside = true;
		run_start(r);
		run_until(r, SEC(5));
		t->inside = false;
		for (i = 0; i < FAILURES; i++)
			one_failure(r, t, s);
		t->twice += s->twice;
		t->all += s->n;
		t->bundled_out += s->from->bundled_out;
		t->bundled_in += s->to->bundled_in;
		if (r->verbose)
			printf("    %s; copies outside so far %llu of %llu\n",
			    k % 2 != 0 ? "down" : "up",
			    (unsigned long long)t->copies,
			    (unsigned long long)t->data);
	}
	print_tally(r, t, c);
	free(t);
}

#define CAMPAIGN(fn, n_paths, every, most, bundle)                      \
	static void fn(struct run *r)                                   \
	{                                                               \
		static const struct campaign c = { n_paths, every, most, \
			bundle };                                       \
                                                                        \
		campaign(r, &c);                                        \
	}

CAMPAIGN(random_50_2, 2, MS(20), 5, 0)
CAMPAIGN(random_50_3, 3, MS(20), 5, 0)
CAMPAIGN(random_50_4, 4, MS(20), 5, 0)
CAMPAIGN(random_2000_2, 2, 500, 50, 0)
CAMPAIGN(random_2000_3, 3, 500, 50, 0)
CAMPAIGN(random_2000_4, 4, 500, 50, 0)
CAMPAIGN(random_bundle_2, 2, MS(10), 50, 20)
CAMPAIGN(random_bundle_3, 3, MS(10), 50, 20)

/* --- Keys: the best path dies at any moment of typing -------------------- */

enum { KEY_FAILURES = 200 };

static void
random_keys(struct run *r)
{
	uint64_t worst[KEY_FAILURES], tf;
	struct expect e = { .who = "key" };
	struct iface *a;
	unsigned i;

	run_places(r, places_links);
	run_traffic(r, traffic_keys);
	r->watch.packets = r->watch.flows = false;
	run_start(r);
	a = run_iface(r, "c.a");
	for (i = 0; i < KEY_FAILURES; i++) {
		run_until(r, run_now(r) + SEC(5) +
		    rng_upto(&r->world.rng, SEC(1)));
		tf = run_now(r);
		a->out.black = a->in.black = BLACK_ALL;
		run_until(r, tf + SEC(3));
		a->out.black = a->in.black = 0;
		e.from = tf - MS(200);
		e.to = tf + SEC(2);
		worst[i] = m_worst_echo(r, &e);
	}
	run_row(r, "worst key of a failure, median", MSEC,
	    part(worst, KEY_FAILURES, 500), AT_MOST, MS(150));
	run_row(r, "worst key of all (paper's code 330-417 ms)", MSEC,
	    part(worst, KEY_FAILURES, 1000), AT_MOST, MS(330));
}

#define ROW(fn, heading) \
	{ .name = #fn, .title = heading, .custom = fn, .heavy = true }

const struct scenario scenarios_random[] = {
	ROW(random_keys, "200 failures while typing"),
	ROW(random_50_2, "1000 failures, best of 2 paths, 50 packets/s"),
	ROW(random_50_3, "1000 failures, best of 3 paths, 50 packets/s"),
	ROW(random_50_4, "1000 failures, best of 4 paths, 50 packets/s"),
	ROW(random_2000_2, "1000 failures, best of 2 paths, 2000 packets/s"),
	ROW(random_2000_3, "1000 failures, best of 3 paths, 2000 packets/s"),
	ROW(random_2000_4, "1000 failures, best of 4 paths, 2000 packets/s"),
	ROW(random_bundle_2, "1000 failures, best of 2 paths, bundles of 20"),
	ROW(random_bundle_3, "1000 failures, best of 3 paths, bundles of 20"),
	{ 0 },
};
