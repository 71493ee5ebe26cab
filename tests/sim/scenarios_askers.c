/* SPDX-License-Identifier: ISC */
/* New sockets, one for each question, while one path dies, then the other. */
#include <stdio.h>

#include "askers.h"
#include "scenarios.h"

enum { WORLDS = 40 };

struct askers_how {
	uint64_t every_us, late_us;
	uint64_t dead_us; /* each path, one after the other */
	uint64_t slowest_us; /* of the answers */
};

static const struct place two_cables[] = {
	{ "c.a", "10.0.1.1 fd00:1::1", 100, 'a', NULL },
	{ "s.a", "10.0.1.2 fd00:1::2", 100, 'a', NULL },
	{ "c.b", "10.0.2.1 fd00:2::1", 100, 'b', NULL },
	{ "s.b", "10.0.2.2 fd00:2::2", 100, 'b', NULL },
	{ 0 },
};

static void
black(struct run *r, const char *where, unsigned what)
{
	struct iface *i = run_iface(r, where);

	i->out.black = i->in.black = what;
}

/* One world; adds to the tally. */
static void
one_world(struct run *r, uint64_t seed, const struct askers_how *how,
    struct askers *sum)
{
	struct run one = { .scenario = r->scenario, .verbose = r->verbose,
		.aes = r->aes };
	struct askers *k;
	struct host *s;
	uint64_t at = SEC(1);

	run_init(&one, seed);
	run_places(&one, two_cables);
	one.watch.packets = one.watch.flows = false;
	s = run_host(&one, "s");
	s->limits = (struct mp_limits){ .sessions = 4096, .flows = 16384,
		.flows_each = 16, .staged = 4 << 20 };
	s->late_us = run_host(&one, "c")->late_us = how->late_us;
	run_start(&one);
	k = askers_run(&one, how->every_us, one.base + SEC(5));
	at += rng_upto(&one.world.rng, MS(200));
	run_until(&one, at);
	black(&one, "c.a", BLACK_ALL);
	run_until(&one, at += how->dead_us);
	black(&one, "c.a", 0);
	run_until(&one, at += MS(300));
	black(&one, "c.b", BLACK_ALL);
	run_until(&one, at += how->dead_us);
	black(&one, "c.b", 0);
	run_until(&one, SEC(17));
	askers_tally(k);
	if (r->verbose)
		printf("    world %llu: %llu lost\n", (unsigned long long)seed,
		    (unsigned long long)k->lost);
	sum->n += k->n;
	sum->lost += k->lost;
	sum->twice += k->twice;
	if (k->slowest_us > sum->slowest_us)
		sum->slowest_us = k->slowest_us;
	r->failed += one.failed;
	run_sanity(&one);
	askers_free(k);
	run_free(&one);
}

static void
worlds(struct run *r, const struct askers_how *how)
{
	struct askers sum = { .run = r };
	unsigned i;

	for (i = 0; i < WORLDS; i++)
		one_world(r, r->seed * 1000 + i, how, &sum);
	run_row(r, "sockets", COUNT, sum.n, AT_LEAST, 1000);
	run_row(r, "without an answer", COUNT, sum.lost, AT_MOST, 0);
	run_row(r, "answers that came twice", COUNT, sum.twice, AT_MOST, 0);
	run_row(r, "slowest answer", MSEC, sum.slowest_us, AT_MOST,
	    how->slowest_us);
}

static void
askers_prompt(struct run *r)
{
	worlds(r, &(struct askers_how){ MS(7), 0, SEC(1), MS(150) });
}

static void
askers_late(struct run *r)
{
	worlds(r, &(struct askers_how){ MS(7), MS(60), SEC(1), SEC(1) });
}

const struct scenario scenarios_askers[] = {
	{ .name = "askers", .title = "a socket for each question, paths die",
	    .custom = askers_prompt, .heavy = true },
	{ .name = "askers_late", .title = "the same on loaded hosts",
	    .custom = askers_late, .heavy = true },
	{ 0 },
};
