/* SPDX-License-Identifier: ISC */
#include "run.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "rng.h"

/* --- The world ----------------------------------------------------------- */

static void
on_arrived(struct iface *i, struct packet *p)
{
	host_arrived(i, p);
}

static void
on_sent(void *arg, struct iface *i, struct packet *p)
{
	struct run *r = arg;

	if (getenv("TP") && (p->src.port == atoi(getenv("TP")) || p->dst.port == atoi(getenv("TP")))) {
		char a[64], b[64];
		static const char *kn[] = {"data","copy","probe","reply","handshake","other"};
		fprintf(stderr, "%9.2f %s -> %s flow %u %s len %zu d3 %02x\n", (double)(r->world.now - r->base)/1000, net_addr_text(&p->src,a), net_addr_text(&p->dst,b), p->flow, kn[p->kind], p->len, p->data[3]);
	}
	watch_sent(&r->watch, i, p);
}

static void
on_fate(void *arg, struct packet *p, enum fate f)
{
	struct run *r = arg;

	if (getenv("TP") && (p->src.port == atoi(getenv("TP")) || p->dst.port == atoi(getenv("TP"))))
		fprintf(stderr, "          fate %d of flow %u len %zu\n", f, p->flow, p->len);
	watch_fate(&r->watch, p, f);
	traffic_fate(&r->traffic, p, f);
}

void
run_init(struct run *r, uint64_t seed)
{
	world_init(&r->world, seed);
	r->seed = seed;
	r->base = r->world.now = SEC(10);
	net_init(&r->net, &r->world);
	traffic_init(&r->traffic, &r->world);
	r->net.arrived = on_arrived;
	r->net.sent = on_sent;
	r->net.fate = on_fate;
	r->net.arg = r;
	r->n_hosts = 0;
	watch_init(&r->watch, &r->net, r->host, HOSTS_MAX);
	r->watch.n_hosts = 0;
	r->watch.base = r->base;
}

void
run_free(struct run *r)
{
	unsigned i;

	watch_free(&r->watch);
	traffic_free(&r->traffic);
	for (i = 0; i < r->n_hosts; i++) {
		host_free(r->host[i]);
		free(r->host[i]);
	}
	net_free(&r->net);
	world_free(&r->world);
	r->n_hosts = 0;
}

uint64_t
run_now(const struct run *r)
{
	return r->world.now - r->base;
}

void
run_until(struct run *r, uint64_t at)
{
	world_run(&r->world, r->base + at);
}

struct host *
run_host(struct run *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->n_hosts; i++)
		if (strcmp(r->host[i]->name, name) == 0)
			return r->host[i];
	errx(2, "%s: no host %s", r->scenario->name, name);
}

struct iface *
run_iface(struct run *r, const char *name)
{
	struct iface *i = net_iface(&r->net, name);

	if (i == NULL)
		errx(2, "%s: no interface %s", r->scenario->name, name);
	return i;
}

struct stream *
run_stream(struct run *r, const char *name)
{
	struct stream *s = stream_find(&r->traffic, name);

	if (s == NULL)
		errx(2, "%s: no stream %s", r->scenario->name, name);
	return s;
}

/* --- Tables -------------------------------------------------------------- */

/* The host of "host.iface", made when it is new; those named s* hold end B. */
static struct host *
place_host(struct run *r, const char *iface)
{
	size_t len = strcspn(iface, ".");
	char name[8] = "";
	struct host *h;
	unsigned i;

	if (len >= sizeof(name) || r->n_hosts == HOSTS_MAX)
		errx(2, "%s: too long, or too many hosts", iface);
	memcpy(name, iface, len);
	for (i = 0; i < r->n_hosts; i++)
		if (strcmp(r->host[i]->name, name) == 0)
			return r->host[i];
	h = sim_alloc(sizeof(*h));
	host_init(h, &r->net, name, name[0] == 's' ? 'B' : 'A', r->seed);
	h->index = r->n_hosts;
	h->aes = r->aes;
	h->deliver = traffic_deliver;
	h->arg = &r->traffic;
	r->host[r->n_hosts++] = h;
	r->watch.n_hosts = r->n_hosts;
	return h;
}

void
run_places(struct run *r, const struct place *p)
{
	struct iface *i;
	struct host *h;
	char addrs[256], *a, *rest;

	for (; p->iface != NULL; p++) {
		h = place_host(r, p->iface);
		if (h->n_ifaces == HOST_IFACES_MAX)
			errx(2, "%s: too many interfaces", p->iface);
		i = net_iface_add(&r->net, h, p->iface);
		h->iface[h->n_ifaces++] = i;
		i->out.delay_us = i->in.delay_us = (uint32_t)p->delay_us;
		i->link = p->link;
		i->nat = p->nat == NULL ? NULL : net_nat(&r->net, p->nat);
		snprintf(addrs, sizeof(addrs), "%s", p->addrs);
		for (a = strtok_r(addrs, " ", &rest); a != NULL;
		    a = strtok_r(NULL, " ", &rest)) {
			if (i->n_addrs == IFACE_ADDRS_MAX)
				errx(2, "%s: too many addresses", p->iface);
			i->addrs[i->n_addrs++] = net_addr(a, HOST_PORT);
		}
	}
}

/* A program that sends first knows the first address of the other host. */
static void
introduce(struct run *r, struct host *from, struct host *to)
{
	unsigned i;

	for (i = 0; i < to->n_ifaces; i++)
		if (to->iface[i]->n_addrs > 0) {
			traffic_introduce(&r->traffic, from, to,
			    &to->iface[i]->addrs[0]);
			return;
		}
}

void
run_traffic(struct run *r, const struct traffic_row *t)
{
	struct stream *s;

	for (; t->name != NULL; t++) {
		s = stream_new(&r->traffic, t->name, run_host(r, t->from),
		    run_host(r, t->to), t->size);
		s->start = r->base + t->start;
		s->stop = t->stop == 0 ? MP_NEVER : r->base + t->stop;
		s->every_us = t->every_us;
		s->burst_us = t->burst_us;
		s->pause_us = t->pause_us;
		if (t->pattern == HELLO)
			s->quiet_us = t->every_us;
		if (t->pattern == ECHO)
			s->echo_of = run_stream(r, t->of);
		else if (s->from->end == 'A' || t->pattern == FIRST)
			introduce(r, s->from, s->to);
		if (t->pattern != ECHO)
			stream_run(s);
	}
}

static void
step_event(void *arg, uint64_t step)
{
	const struct step *s = (const struct step *)(uintptr_t)step;

	s->act(arg, s);
}

void
run_steps(struct run *r, const struct step *s)
{
	for (; s->act != NULL; s++)
		world_at(&r->world, r->base + s->at, step_event, r,
		    (uint64_t)(uintptr_t)s);
}

void
run_start(struct run *r)
{
	unsigned i;

	for (i = 0; i < r->n_hosts; i++)
		host_start(r->host[i]);
	watch_run(&r->watch);
}

/* --- Rows ---------------------------------------------------------------- */

static const char *
value_text(enum unit u, uint64_t v, char out[32])
{
	if (v == NEVER)
		snprintf(out, 32, "never");
	else if (u == MSEC)
		snprintf(out, 32, "%.1f ms", (double)v / 1000);
	else if (u == PERMILLE)
		snprintf(out, 32, "%.1f %%", (double)v / 10);
	else
		snprintf(out, 32, "%llu%s", (unsigned long long)v,
		    u == RATE ? " B/s" : "");
	return out;
}

void
run_row(struct run *r, const char *what, enum unit u, uint64_t value,
    enum direction d, uint64_t limit)
{
	bool ok = d == AT_MOST ? value <= limit : value >= limit;
	char is[32], than[32];

	if (d == AT_LEAST && value == NEVER)
		ok = false;
	printf("%-15s %-46s %10s %s %-10s %s\n", r->scenario->name, what,
	    value_text(u, value, is), d == AT_MOST ? "<=" : ">=",
	    value_text(u, limit, than), ok ? "ok" : "FAIL");
	r->rows++;
	r->failed += !ok;
}

void
run_sanity(struct run *r)
{
	uint64_t twice = 0, astray = 0, corrupt = 0;
	unsigned i;

	for (i = 0; i < r->traffic.n; i++)
		twice += r->traffic.stream[i]->twice;
	for (i = 0; i < r->n_hosts; i++) {
		astray += r->host[i]->spins + r->host[i]->bad_out;
		if (r->host[i]->running)
			corrupt += mp_counter_get(&r->host[i]->mp,
			    MP_C_corrupt);
	}
	if (twice != 0)
		run_row(r, "delivered twice", COUNT, twice, AT_MOST, 0);
	if (r->traffic.altered != 0)
		run_row(r, "delivered altered", COUNT, r->traffic.altered,
		    AT_MOST, 0);
	if (astray != 0)
		run_row(r, "deadline passed, nothing due", COUNT, astray,
		    AT_MOST, 0);
	if (corrupt != 0)
		run_row(r, "corrupt block", COUNT, corrupt, AT_MOST, 0);
}

/* What each engine counted, to find the reason of a failure. */
static void
print_counters(const struct run *r)
{
	uint64_t n;
	unsigned i;
	int c;

	for (i = 0; i < r->n_hosts; i++) {
		if (!r->host[i]->running)
			continue;
		printf("    %s:", r->host[i]->name);
		for (c = 0; c < MP_C_MAX; c++) {
			n = mp_counter_get(&r->host[i]->mp, (enum mp_counter)c);
			if (n != 0)
				printf(" %s %llu",
				    mp_counter_name((enum mp_counter)c),
				    (unsigned long long)n);
		}
		printf("\n");
	}
}

unsigned
run_scenario(struct run *r, const struct scenario *sc, const char *csv_dir)
{
	const struct expect *e;

	r->scenario = sc;
	r->rows = r->failed = 0;
	run_init(r, rng_mix(r->seed, sc->name));
	r->watch.packets = r->watch.flows = true;
	if (sc->places != NULL) {
		run_places(r, sc->places);
		run_traffic(r, sc->traffic);
		if (sc->steps != NULL)
			run_steps(r, sc->steps);
		run_start(r);
		run_until(r, sc->length);
	}
	for (e = sc->expects; e != NULL && e->what != NULL; e++)
		run_row(r, e->what, e->unit, e->measure(r, e), e->direction,
		    e->limit);
	if (sc->custom != NULL)
		sc->custom(r);
	run_sanity(r);
	if (r->verbose)
		print_counters(r);
	if (csv_dir != NULL && r->watch.n_sent > 0 &&
	    !watch_csv(&r->watch, csv_dir, sc->name))
		err(2, "%s", csv_dir);
	run_free(r);
	return r->failed;
}
