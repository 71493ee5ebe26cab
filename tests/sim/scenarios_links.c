/* SPDX-License-Identifier: ISC */
/*
 * scenarios_links: links that several flows share, and that die: what real
 * laptops and offices have.  Each case is tried ROUNDS times, at any moment of
 * a call of 100 datagrams a second each way; quiet, and on loaded hosts.
 */
#include "scenarios.h"

#include <string.h>

#include "rng.h"
#include "run.h"
#include "trial.h"
#include "world.h"

enum {
	ROUNDS = 25,
	BEGIN_US = 5000000,
	LOADED_LOST = 24, /* of 24000 datagrams, 0.1 %, where hosts are loaded */
	REST_US = 3000000, /* between two rounds, and up to 0.5 s more */
	LOADED_US = 50000,
};

static const struct place laptop4[] = {
	{ .iface = "c.wifi", "81.1.0.2 2a01:1::2", MS(10) },
	{ .iface = "c.cell", "81.2.0.2 2a01:2::2", MS(30) },
	{ .iface = "s.e", "81.9.0.1 2a01:9::1", MS(1) },
	{ 0 },
};

static const struct place laptop8[] = {
	{ .iface = "c.a", "81.1.0.2 2a01:1::2", MS(10) },
	{ .iface = "c.b", "81.2.0.2 2a01:2::2", MS(30) },
	{ .iface = "s.c", "81.8.0.1 2a01:8::1", 0 },
	{ .iface = "s.d", "81.9.0.1 2a01:9::1", 0 },
	{ 0 },
};

static const struct place office[] = {
	{ .iface = "c.a", "81.1.0.2", MS(5) },
	{ .iface = "c.b", "81.2.0.2", MS(8) },
	{ .iface = "s.c", "81.8.0.1", MS(1) },
	{ .iface = "s.d", "81.9.0.1", MS(2) },
	{ 0 },
};

static const struct place three[] = {
	{ .iface = "c.a", "81.1.0.2 2a01:1::2", MS(5) },
	{ .iface = "c.b", "81.2.0.2 2a01:2::2", MS(15) },
	{ .iface = "c.c", "81.3.0.2 2a01:3::2", MS(40) },
	{ .iface = "s.e", "81.9.0.1 2a01:9::1", MS(1) },
	{ 0 },
};

static const struct place natted[] = {
	{ .iface = "c.a", "10.1.0.2 2a01:1::2", MS(5), .nat = "81.1.0.1" },
	{ .iface = "c.b", "10.2.0.2 2a01:2::2", MS(15), .nat = "81.2.0.1" },
	{ .iface = "s.e", "81.9.0.1 2a01:9::1", MS(1) },
	{ 0 },
};

static const struct traffic_row call100[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(10), 160 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(10), 160 },
	{ 0 },
};

#define FAULT(at, length, what, where) \
	{ .after_us = MS(at), .for_us = MS(length), .kind = what, \
	    .iface = where }

struct link_case {
	const struct place *places;
	struct fault fault[FAULTS_MAX];
	unsigned n;
	uint64_t switches; /* of both ends a round, at most */
	uint64_t loaded;   /* lost on loaded hosts, at most */
};

static void
play(struct run *r, const struct link_case *c, uint64_t late_us)
{
	struct trial t;
	uint64_t lost = 0, twice = 0, most = 0;
	unsigned k, i;
	int64_t over, worst = INT64_MIN;

	run_places(r, c->places);
	run_traffic(r, call100);
	r->watch.packets = r->watch.flows = false;
	for (i = 0; i < r->n_hosts; i++)
		r->host[i]->late_us = late_us;
	run_start(r);
	run_until(r, BEGIN_US);
	for (k = 0; k < ROUNDS; k++) {
		memset(&t, 0, sizeof(t));
		memcpy(t.fault, c->fault, sizeof(t.fault));
		t.n = c->n;
		trial_run(r, &t);
		if (r->verbose)
			trial_print(&t);
		lost += t.lost;
		twice = t.twice;
		over = (int64_t)t.gap_us - (int64_t)t.aim_us;
		worst = over > worst ? over : worst;
		most = t.switches > most ? t.switches : most;
		run_until(r, run_now(r) + REST_US +
		    rng_upto(&r->world.rng, 500000));
	}
	run_row(r, late_us == 0 ? "lost" : "lost, hosts loaded", COUNT, lost,
	    AT_MOST, late_us == 0 ? 0 : c->loaded);
	if (late_us == 0) {
		/* Of several faults each has a gap: they may follow closely. */
		run_row(r, "gap over its aim, worst", MSEC, worst < 0 ? 0 :
		    (uint64_t)worst, AT_MOST, c->n == 1 ? MS(5) : MS(60));
		run_row(r, "switches of both ends in a round, most", COUNT,
		    most, AT_MOST, c->switches);
	}
	run_row(r, "delivered twice", COUNT, twice, AT_MOST, 0);
}

static void
play_both(struct run *r, const struct link_case *c)
{
	uint64_t seed = r->seed;

	play(r, c, 0);
	run_free(r);
	run_init(r, seed);
	play(r, c, LOADED_US);
}

#define CASE(fn, where, most, count, ...)                                  \
	CASE_LOADED(fn, where, most, LOADED_LOST, count, __VA_ARGS__)
#define CASE_LOADED(fn, where, most, loaded, count, ...)                   \
	static void fn(struct run *r)                                      \
	{                                                                  \
		static const struct link_case c = { where,                 \
			{ __VA_ARGS__ }, count, most, loaded };            \
                                                                           \
		play_both(r, &c);                                          \
	}

CASE(links_laptop4, laptop4, 4, 1, FAULT(0, 3000, FAULT_BOTH, "c.wifi"))
CASE(links_laptop8, laptop8, 4, 1, FAULT(0, 3000, FAULT_BOTH, "c.a"))
CASE(links_office, office, 4, 1, FAULT(0, 3000, FAULT_BOTH, "c.a"))
CASE(links_office_s, office, 4, 1, FAULT(0, 3000, FAULT_BOTH, "s.c"))
CASE(links_two_of_3, three, 4, 2, FAULT(0, 3000, FAULT_BOTH, "c.a"),
    FAULT(0, 3000, FAULT_BOTH, "c.b"))
CASE(links_rescuer, three, 8, 2, FAULT(0, 3000, FAULT_BOTH, "c.a"),
    FAULT(120, 2880, FAULT_BOTH, "c.b"))
CASE(links_v4_dies, laptop4, 4, 1, FAULT(0, 3000, FAULT_V4, "c.wifi"))
CASE(links_c_then_a, laptop8, 8, 2, FAULT(0, 3000, FAULT_BOTH, "s.c"),
    FAULT(300, 2700, FAULT_BOTH, "c.a"))
CASE(links_nat, natted, 4, 1, FAULT(0, 3000, FAULT_BOTH, "c.a"))
CASE(links_carrier, laptop8, 4, 1, FAULT(0, 3000, FAULT_CARRIER, "c.a"))
CASE(links_out, laptop8, 6, 1, FAULT(0, 3000, FAULT_OUT, "c.a"))
CASE(links_in, laptop8, 4, 1, FAULT(0, 3000, FAULT_IN, "c.a"))
/* Over before loaded hosts notice the fault: it is loss, not a failure. */
CASE_LOADED(links_burst1, laptop8, 4, 250, 1, FAULT(0, 100, FAULT_BOTH, "c.a"))
CASE(links_burst3, laptop8, 4, 1, FAULT(0, 300, FAULT_BOTH, "c.a"))
CASE(links_flap, laptop8, 20, 5, FAULT(0, 1000, FAULT_BOTH, "c.a"),
    FAULT(2000, 1000, FAULT_BOTH, "c.a"),
    FAULT(4000, 1000, FAULT_BOTH, "c.a"),
    FAULT(6000, 1000, FAULT_BOTH, "c.a"),
    FAULT(8000, 1000, FAULT_BOTH, "c.a"))

#define ROW(fn, heading) \
	{ .name = #fn, .title = heading, .custom = fn }

const struct scenario scenarios_links[] = {
	ROW(links_laptop4, "dual-stack laptop, 4 flows: Wi-Fi dies"),
	ROW(links_laptop8, "8 flows: the client's first link dies"),
	ROW(links_office, "office 2x2: the client's link dies"),
	ROW(links_office_s, "office 2x2: the server's link dies"),
	ROW(links_two_of_3, "three links, two die at once"),
	ROW(links_rescuer, "three links, the rescuer dies 120 ms later"),
	ROW(links_v4_dies, "laptop: IPv4 of the Wi-Fi dies"),
	ROW(links_c_then_a, "server's link, then the client's, 300 ms later"),
	ROW(links_nat, "a NAT on each link: the first dies"),
	ROW(links_carrier, "8 flows: carrier of the first link"),
	ROW(links_out, "8 flows: the first link, client to server only"),
	ROW(links_in, "8 flows: the first link, server to client only"),
	ROW(links_burst1, "8 flows: silence of 100 ms"),
	ROW(links_burst3, "8 flows: silence of 300 ms"),
	ROW(links_flap, "8 flows: the first link flaps each 2 s"),
	{ 0 },
};
