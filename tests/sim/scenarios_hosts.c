/* SPDX-License-Identifier: ISC */
/*
 * scenarios_hosts: random hosts, and random faults of their links, one trial
 * each (trial.h).  A host is told by its seed alone: sim --random 1 --seed N
 * shows one again.
 *
 * Hosts: 1 to 4 links of the client, 1 or 2 of the server, each with 1 to 3
 * addresses of both families, so that flows share links at either end; NATs
 * before some; delays of 1 to 100 ms; up to 1000 datagrams a second, up, down
 * or both ways.
 */
#include <stdio.h>

#include "scenarios.h"

#include <stdlib.h>
#include <string.h>

#include "hosts.h"
#include "net.h"
#include "rng.h"
#include "run.h"
#include "trial.h"
#include "watch.h"
#include "world.h"

enum {
	CLIENT_LINKS = 4,
	SERVER_LINKS = 2,
	LATE_US = 50000, /* of a noisy host */
	STEADY_US = 5000000,
	COUNT_FROM = 3000000, /* copies without a fault are counted from here */
};

struct texts {
	char iface[CLIENT_LINKS + SERVER_LINKS][8];
	char addrs[CLIENT_LINKS + SERVER_LINKS][96];
	char nat[CLIENT_LINKS][24];
};

/* --- A random host -------------------------------------------------------- */

static uint64_t
upto(struct run *r, uint64_t n)
{
	return rng_upto(&r->world.rng, n);
}

static bool
percent(struct run *r, unsigned n)
{
	return upto(r, 99) < n;
}

/* Low delays are as likely as high ones, so its logarithm is even. */
static uint64_t
random_delay(struct run *r)
{
	static const uint64_t least[] = { 200, 1000, 3000, 10000, 30000 };
	uint64_t us = least[upto(r, 4)];

	return us + upto(r, us * 2);
}

/* 1 to 3 addresses of link n (0..9): IPv4, IPv6, or both, or one more. */
static void
random_addrs(struct run *r, unsigned net, bool v4, char out[96])
{
	unsigned kind = (unsigned)upto(r, 9);
	char more[40] = "";

	if (v4 || kind < 2)
		snprintf(out, 96, "81.%u.0.2", net);
	else if (kind < 4)
		snprintf(out, 96, "2a01:%u::2", net);
	else
		snprintf(out, 96, "81.%u.0.2 2a01:%u::2", net, net);
	if (v4 && percent(r, 70))
		snprintf(more, sizeof(more), " 2a01:%u::2", net);
	strcat(out, more);
	if (kind == 8)
		snprintf(more, sizeof(more), " 2a01:%u::3", net);
	else if (kind == 9)
		snprintf(more, sizeof(more), " 81.%u.0.3", net);
	else
		return;
	strcat(out, more);
}

static void
random_side(struct run *r, const char *name)
{
	struct iface *i = run_iface(r, name);

	if (percent(r, 30))
		i->in.delay_us += (uint32_t)upto(r, i->out.delay_us);
	if (percent(r, 50))
		i->out.jitter_us = i->in.jitter_us = i->out.delay_us / 20;
}

static void
random_places(struct run *r, struct texts *t)
{
	struct place p[CLIENT_LINKS + SERVER_LINKS + 1];
	unsigned c = 1 + (unsigned)upto(r, CLIENT_LINKS - 1), i, k, n;
	unsigned s = 1 + (unsigned)upto(r, SERVER_LINKS - 1);

	memset(p, 0, sizeof(p));
	for (i = 0; i < c + s; i++) {
		k = i < c ? i : i - c;
		n = i < c ? 1 + k : 11 + k;
		snprintf(t->iface[i], sizeof(t->iface[i]), "%c.%c%u",
		    i < c ? 'c' : 's', i < c ? 'w' : 'e', k);
		random_addrs(r, n, i == c, t->addrs[i]);
		p[i].iface = t->iface[i];
		p[i].addrs = t->addrs[i];
		p[i].delay_us = i < c ? random_delay(r) : upto(r, 3000);
		if (i < c && percent(r, 30)) {
			snprintf(t->nat[k], sizeof(t->nat[k]), "82.%u.0.1", n);
			p[i].nat = t->nat[k];
		}
	}
	run_places(r, p);
	for (i = 0; i < c + s; i++)
		random_side(r, t->iface[i]);
}

static void
random_traffic(struct run *r)
{
	static const uint64_t every[] = { 1000, 2000, 5000, 10000, 20000,
		50000, 200000 };
	struct traffic_row row[4] = {
		{ .name = "hello", "c", "s", HELLO, NULL, SEC(1), 40 } };
	unsigned n = 1, dir = (unsigned)upto(r, 3); /* both ways: half */

	if (dir != 1)
		row[n++] = (struct traffic_row){ .name = "up", "c", "s", TIMER,
			NULL, every[upto(r, 6)], 40 + (size_t)upto(r, 100) };
	if (dir != 2)
		row[n++] = (struct traffic_row){ .name = "down", "s", "c",
			TIMER, NULL, every[upto(r, 6)],
			40 + (size_t)upto(r, 100) };
	run_traffic(r, row);
}

/* One fault, two at once, or two or three in a row, each of what is in use. */
static void
random_faults(struct run *r, struct trial *t)
{
	uint64_t at = 0, until = 3500000 + upto(r, 2000000);
	unsigned k;

	t->n = 1 + (percent(r, 50) ? (unsigned)upto(r, 2) : 0);
	for (k = 0; k < t->n; k++) {
		t->fault[k] = (struct fault){ .after_us = at,
			.for_us = until - at,
			.kind = percent(r, 50) ? FAULT_BOTH :
			    (enum fault_kind)upto(r, FAULT_KINDS - 1),
			.place = percent(r, 70) ? AT_CLIENT : AT_SERVER };
		at += percent(r, 30) ? 0 : upto(r, 1500000);
	}
}

static void
print_host(struct run *r)
{
	const struct iface *i;
	char text[64];
	unsigned k, a;

	for (k = 0; k < r->net.n_ifaces; k++) {
		i = r->net.iface[k];
		printf("    %s %.1f/%.1f ms%s:", i->name,
		    i->out.delay_us / 1e3, i->in.delay_us / 1e3,
		    i->nat != NULL ? " NAT" : "");
		for (a = 0; a < i->n_addrs; a++)
			printf(" %s", net_addr_text(&i->addrs[a], text));
		printf("\n");
	}
	for (k = 0; k < r->traffic.n; k++)
		printf("    %s: %zu bytes each %llu us\n",
		    r->traffic.stream[k]->name, r->traffic.stream[k]->size,
		    (unsigned long long)r->traffic.stream[k]->every_us);
}

/* --- Many of them --------------------------------------------------------- */

static void
count_calm(void *arg, struct iface *i, struct packet *p)
{
	struct run *r = arg;
	struct trial *t = r->arg;

	watch_sent(&r->watch, i, p);
	if (run_now(r) >= COUNT_FROM && run_now(r) < STEADY_US) {
		t->data += p->kind == P_DATA;
		t->copies += p->kind == P_COPY;
	}
}

static void
one_host(struct run *r, uint64_t seed, bool noisy, struct trial *t)
{
	struct texts texts;
	unsigned i;

	memset(t, 0, sizeof(*t));
	memset(&texts, 0, sizeof(texts));
	run_free(r);
	run_init(r, seed);
	r->arg = t;
	r->net.sent = count_calm;
	r->watch.packets = r->verbose;
	random_places(r, &texts);
	random_traffic(r);
	random_faults(r, t);
	for (i = 0; noisy && i < r->n_hosts; i++)
		r->host[i]->late_us = LATE_US;
	if (r->verbose)
		print_host(r);
	run_start(r);
	run_until(r, STEADY_US);
	trial_run(r, t);
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int64_t
percentile(int64_t *v, size_t n, unsigned permille)
{
	qsort(v, n, sizeof(*v), by_value);
	return n == 0 ? 0 : v[(n - 1) * permille / 1000];
}

void
hosts_run(struct run *r, uint64_t first, size_t n, bool noisy,
    struct hosts_tally *sum)
{
	int64_t *over = sim_alloc((n + 1) * sizeof(*over));
	int64_t *moves = sim_alloc((n + 1) * sizeof(*moves));
	struct trial t;
	size_t k, singles = 0;

	memset(sum, 0, sizeof(*sum));
	for (k = 0; k < n; k++) {
		one_host(r, first + k, noisy, &t);
		if (t.begun == 0)
			continue;
		if (r->verbose || (t.lost != 0 && sum->lossy < 20)) {
			printf("    host %llu%s\n",
			    (unsigned long long)(first + k),
			    noisy ? " noisy" : "");
			trial_print(&t);
		}
		if (t.begun == 1) /* in a row, gaps follow each other */
			over[singles++] = (int64_t)t.gap_us -
			    (int64_t)t.aim_us;
		moves[sum->hosts++] = (int64_t)t.switches;
		sum->faults += t.begun;
		sum->lossy += t.lost != 0;
		sum->lost += t.lost;
		sum->sent += t.sent;
		sum->data += t.data;
		sum->copies += t.copies;
		sum->twice += t.twice;
	}
	sum->over_us = percentile(over, singles, 990);
	sum->moves_half = (uint64_t)percentile(moves, sum->hosts, 500);
	sum->moves_most = (uint64_t)percentile(moves, sum->hosts, 990);
	free(over);
	free(moves);
}

void
hosts_print(const struct hosts_tally *t)
{
	printf("hosts %zu, faults %llu: hosts with a loss %llu, datagrams lost"
	    " %llu of %llu, twice %llu\n", t->hosts,
	    (unsigned long long)t->faults, (unsigned long long)t->lossy,
	    (unsigned long long)t->lost, (unsigned long long)t->sent,
	    (unsigned long long)t->twice);
	printf("gap over its aim, 99th percentile: %.1f ms; switches of both"
	    " ends: median %llu, 99th %llu; copies without a fault %.2f %%\n",
	    (double)t->over_us / 1e3, (unsigned long long)t->moves_half,
	    (unsigned long long)t->moves_most,
	    100.0 * (double)t->copies / (double)(t->data + 1));
}

enum { HOSTS = 1200 }; /* which have about 1050 faults */

static void
hosts(struct run *r, bool noisy, uint64_t lossy, uint64_t copies)
{
	struct hosts_tally t;

	hosts_run(r, r->seed, HOSTS, noisy, &t);
	if (r->verbose)
		hosts_print(&t);
	run_row(r, "hosts with a fault", COUNT, t.hosts, AT_LEAST, HOSTS / 2);
	run_row(r, "hosts that lost a datagram", COUNT, t.lossy, AT_MOST,
	    lossy);
	run_row(r, "copies without a fault", PERMILLE,
	    t.copies * 1000 / (t.data + 1), AT_MOST, copies);
	run_row(r, "switches of both ends, 99th percentile", COUNT,
	    t.moves_most, AT_MOST, 12);
	if (!noisy) /* doubt allows for late agents */
		run_row(r, "gap over its aim, 99th percentile", MSEC,
		    t.over_us < 0 ? 0 : (uint64_t)t.over_us, AT_MOST, 0);
	run_row(r, "delivered twice", COUNT, t.twice, AT_MOST, 0);
}

static void
hosts_quiet(struct run *r)
{
	hosts(r, false, 0, 10);
}

static void
hosts_noisy(struct run *r)
{
	hosts(r, true, 1, 10); /* of 1050: nothing is lost in 99.9 % */
}

const struct scenario scenarios_hosts[] = {
	{ .name = "hosts_quiet", .title = "1200 random hosts and faults",
	    .custom = hosts_quiet, .heavy = true },
	{ .name = "hosts_noisy", .title = "the same, agent and program late",
	    .custom = hosts_noisy, .heavy = true },
	{ 0 },
};
