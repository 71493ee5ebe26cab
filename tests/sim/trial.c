/* SPDX-License-Identifier: ISC */
#include "trial.h"

#include <stdio.h>
#include <string.h>

#include "host.h"
#include "mp.h"
#include "net.h"
#include "traffic.h"
#include "world.h"

enum {
	DOUBT_LEAST = 10000, /* us, PROTOCOL.md 5 */
	AIM_MORE = 20000,    /* us that a gap may be longer */
};

const char *
fault_name(enum fault_kind k)
{
	static const char *const name[] = { "dead", "dead out", "dead in",
		"IPv4 dead", "IPv6 dead", "no carrier", "address gone" };

	return name[k];
}

/* --- Which paths are alive ----------------------------------------------- */

static bool
fault_hits(const struct fault *f, const struct iface *i,
    const struct mp_addr *a)
{
	bool v4 = net_addr_is_v4(a);

	if (f->hit != i || f->skipped)
		return false;
	switch (f->kind) {
	case FAULT_V4:
		return v4;
	case FAULT_V6:
		return !v4;
	case FAULT_ADDR:
		return net_addr_same_ip(&f->addr, a);
	default:
		return true;
	}
}

static bool
trial_hits(const struct trial *t, const struct iface *i,
    const struct mp_addr *a)
{
	unsigned k;

	for (k = 0; k < t->n; k++)
		if (fault_hits(&t->fault[k], i, a))
			return true;
	return false;
}

/* The shortest way, us, from the stream's sender to its receiver by a path that
 * no fault of the trial touches; NEVER: there is none.  An address that is gone
 * by now does not count. */
static uint64_t
best_way(const struct trial *t, const struct host *from, const struct host *to)
{
	uint64_t best = NEVER, way;
	unsigned i, k, a, b;

	for (i = 0; i < from->n_ifaces; i++)
		for (k = 0; k < to->n_ifaces; k++)
			for (a = 0; a < from->iface[i]->n_addrs; a++)
				for (b = 0; b < to->iface[k]->n_addrs; b++) {
					const struct mp_addr *x =
					    &from->iface[i]->addrs[a];
					const struct mp_addr *y =
					    &to->iface[k]->addrs[b];

					if (net_addr_is_v4(x) !=
					    net_addr_is_v4(y) ||
					    trial_hits(t, from->iface[i], x) ||
					    trial_hits(t, to->iface[k], y))
						continue;
					way = from->iface[i]->out.delay_us +
					    from->iface[i]->out.jitter_us +
					    to->iface[k]->in.delay_us +
					    to->iface[k]->in.jitter_us;
					best = way < best ? way : best;
				}
	return best;
}

/* The host's flow in use: its interface there, and its round-trip time. */
static struct iface *
in_use(struct run *r, struct host *h, bool remote, struct mp_addr *addr,
    uint64_t *rtt)
{
	struct mp_session_info s;
	struct mp_flow_info f;
	struct iface *i, *o;

	if (mp_session_get(&h->mp, 0, &s) != 0 || s.current == MP_NONE ||
	    mp_flow_get(&h->mp, host_now(h), 0, s.current, &f) != 0)
		return NULL;
	*addr = remote ? f.path.remote : f.path.local;
	i = net_owner(&r->net, addr);
	o = net_owner(&r->net, remote ? &f.path.local : &f.path.remote);
	if (i == NULL || o == NULL)
		return NULL;
	*rtt = (uint64_t)i->out.delay_us + i->in.delay_us + o->out.delay_us +
	    o->in.delay_us + i->out.jitter_us + i->in.jitter_us;
	return i;
}

/* --- Faults --------------------------------------------------------------- */

static void
addr_del(struct iface *i, const struct mp_addr *a)
{
	unsigned k;

	for (k = 0; k < i->n_addrs; k++)
		if (net_addr_same_ip(&i->addrs[k], a))
			break;
	if (k == i->n_addrs)
		return;
	i->n_addrs--;
	memmove(&i->addrs[k], &i->addrs[k + 1], (i->n_addrs - k) * sizeof(*a));
	host_addrs_changed(i->host);
}

static void
fault_set(const struct fault *f, bool on)
{
	struct iface *i = f->hit;
	unsigned out = f->kind == FAULT_V4 ? BLACK_V4 : f->kind == FAULT_V6 ?
	    BLACK_V6 : f->kind == FAULT_IN ? 0 : BLACK_ALL;
	unsigned in = f->kind == FAULT_OUT ? 0 : f->kind == FAULT_IN ?
	    BLACK_ALL : out;

	if (f->kind == FAULT_CARRIER) {
		i->down = on;
		host_addrs_changed(i->host);
		host_link_event(i->host, i->ifindex);
	} else if (f->kind == FAULT_ADDR) {
		if (on)
			addr_del(i, &f->addr);
		else {
			i->addrs[i->n_addrs++] = f->addr;
			host_addrs_changed(i->host);
		}
	} else {
		i->out.black = on ? i->out.black | out : i->out.black & ~out;
		i->in.black = on ? i->in.black | in : i->in.black & ~in;
	}
}

/* Where the fault shall be; the client's own choice tells what is in use. */
static void
fault_aim(struct trial *t, struct fault *f)
{
	struct run *r = t->run;
	struct host *c = run_host(r, "c");
	uint64_t rtt = 0;

	if (f->place == AT_IFACE)
		f->hit = run_iface(r, f->iface);
	else
		f->hit = in_use(r, c, f->place == AT_SERVER, &f->addr, &rtt);
	if (f->hit != NULL && f->place == AT_IFACE && f->hit->n_addrs > 0)
		f->addr = f->hit->addrs[0];
}

static void
fault_begin(void *arg, uint64_t k)
{
	struct trial *t = arg;
	struct fault *f = &t->fault[k];
	struct host *c = run_host(t->run, "c"), *s = run_host(t->run, "s");
	struct mp_addr a;
	uint64_t rtt = 0;
	unsigned i;

	fault_aim(t, f);
	for (i = 0; i < t->n; i++) /* nothing is broken twice at a time */
		if (i != k && t->fault[i].hit == f->hit &&
		    !t->fault[i].skipped && t->fault[i].after_us +
		    t->fault[i].for_us > f->after_us)
			f->skipped = true;
	if (f->hit == NULL || f->skipped || best_way(t, c, s) == NEVER) {
		f->skipped = true;
		return;
	}
	t->begun++;
	in_use(t->run, c, false, &a, &rtt);
	t->dead_rtt_us = rtt > t->dead_rtt_us ? rtt : t->dead_rtt_us;
	fault_set(f, true);
}

static void
fault_end(void *arg, uint64_t k)
{
	struct trial *t = arg;

	if (!t->fault[k].skipped)
		fault_set(&t->fault[k], false);
}

/* --- The trial ------------------------------------------------------------ */

static uint64_t
switches(const struct run *r)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < r->n_hosts; i++)
		n += mp_counter_get(&r->host[i]->mp, MP_C_flow_switch);
	return n;
}

static void
count_lost(struct trial *t, uint64_t from, uint64_t to)
{
	struct traffic *all = &t->run->traffic;
	struct stream *s;
	unsigned i;
	size_t k;

	for (i = 0; i < all->n; i++) {
		s = all->stream[i];
		stream_settle(s);
		for (k = s->n; k-- > 0 && s->rec[k].sent_at >= from;) {
			if (s->rec[k].sent_at >= to)
				continue;
			t->sent++;
			if (s->rec[k].came != 0 ||
			    (s->rec[k].flags & R_OWN) != 0)
				continue;
			t->lost++;
			if (t->run->verbose)
				printf("    lost: %s %zu of %.3f ms\n",
				    s->name, k, ((double)s->rec[k].sent_at -
				    (double)(from + TRIAL_LEAD)) / 1e3);
		}
	}
}

/* How much longer than its usual gap a stream paused at most, and what that
 * should be. */
static void
count_gap(struct trial *t)
{
	struct traffic *all = &t->run->traffic;
	struct stream *s;
	uint64_t gap, way;
	unsigned i;

	for (i = 0; i < all->n; i++) {
		s = all->stream[i];
		gap = t->run->world.now - s->last_new;
		gap = s->gap_us > gap ? s->gap_us : gap;
		gap = gap > s->every_us ? gap - s->every_us : 0;
		way = best_way(t, s->from, s->to);
		if (s->quiet_us != 0 || way == NEVER || gap < t->gap_us)
			continue;
		t->gap_us = gap;
		t->aim_us = 2 * (t->dead_rtt_us + DOUBT_LEAST) + way + AIM_MORE;
	}
}

void
trial_run(struct run *r, struct trial *t)
{
	struct world *w = &r->world;
	uint64_t tf = w->now, end = 0, before = switches(r);
	unsigned i, k;

	t->run = r;
	t->dead_rtt_us = 0;
	for (i = 0; i < r->traffic.n; i++)
		r->traffic.stream[i]->gap_us = 0;
	for (k = 0; k < t->n; k++) {
		t->fault[k].hit = NULL;
		t->fault[k].skipped = false;
		uint64_t from = t->fault[k].after_us,
		    to = from + t->fault[k].for_us;

		world_at(w, tf + from, fault_begin, t, k);
		world_at(w, tf + to, fault_end, t, k);
		end = to > end ? to : end;
	}
	world_run(w, tf + end);
	count_gap(t);
	world_run(w, tf + end + TRIAL_SETTLE + TRIAL_FLIGHT);
	t->switches += switches(r) - before;
	count_lost(t, tf - TRIAL_LEAD, tf + end + TRIAL_SETTLE);
	for (i = 0; i < r->traffic.n; i++)
		t->twice += r->traffic.stream[i]->twice;
}

void
trial_print(const struct trial *t)
{
	const struct fault *f;

	for (f = t->fault; f < t->fault + t->n; f++)
		printf("    at %4llu ms for %4llu ms: %s %s%s\n",
		    (unsigned long long)f->after_us / 1000,
		    (unsigned long long)f->for_us / 1000,
		    f->hit != NULL ? f->hit->name : "nothing",
		    fault_name(f->kind), f->skipped ? " (skipped)" : "");
	printf("    lost %llu of %llu, gap %.1f ms (aim %.1f), switches %llu\n",
	    (unsigned long long)t->lost, (unsigned long long)t->sent,
	    (double)t->gap_us / 1e3, (double)t->aim_us / 1e3,
	    (unsigned long long)t->switches);
}
