/* SPDX-License-Identifier: ISC */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "world.h"

const char *
packet_kind_name(enum packet_kind k)
{
	static const char *const name[] = { "data", "copy", "probe", "reply",
		"handshake", "other" };

	return name[k];
}

const char *
fate_name(enum fate f)
{
	static const char *const name[] = { "sent", "lost", "black", "eaten",
		"nobody", "nat", "overrun" };

	return name[f];
}

void
watch_init(struct watch *w, struct net *n, struct host **host, unsigned count)
{
	memset(w, 0, sizeof(*w));
	w->net = n;
	w->host = host;
	w->n_hosts = count;
	w->last = sim_alloc(count * WATCH_SESSIONS * sizeof(*w->last));
	w->last_flow = sim_alloc((size_t)count * WATCH_SESSIONS *
	    MP_FLOWS_MAX * sizeof(*w->last_flow));
}

void
watch_free(struct watch *w)
{
	free(w->sent);
	free(w->sight);
	free(w->flow_sight);
	free(w->last);
	free(w->last_flow);
	memset(w, 0, sizeof(*w));
}

/* --- Hosts --------------------------------------------------------------- */

static struct iface *
own_iface(const struct host *h, const struct mp_addr *local)
{
	unsigned i, a;

	for (i = 0; i < h->n_ifaces; i++)
		for (a = 0; a < h->iface[i]->n_addrs; a++)
			if (net_addr_same_ip(&h->iface[i]->addrs[a], local))
				return h->iface[i];
	return NULL;
}

static void
keep_flow(struct watch *w, unsigned index, uint32_t session, uint32_t flow,
    const struct mp_flow_info *info)
{
	struct host *h = w->host[index];
	struct flow_sight *last = &w->last_flow[(index * WATCH_SESSIONS +
	    session) * MP_FLOWS_MAX + flow];
	struct flow_sight s = { .at = w->net->w->now, .host = h,
		.session = session, .flow = flow, .srtt_us = info->srtt_us,
		.idle_us = info->idle_us, .path = info->path,
		.validated = info->validated, .doubt = info->doubt,
		.in_use = info->in_use };

	if (last->host == h && last->srtt_us == s.srtt_us &&
	    last->idle_us == s.idle_us && last->validated == s.validated &&
	    last->doubt == s.doubt && last->in_use == s.in_use &&
	    net_addr_same_ip(&last->path.local, &s.path.local))
		return;
	s.iface = own_iface(h, &s.path.local);
	*last = s;
	w->flow_sight = sim_grow(w->flow_sight, w->n_flow_sights,
	    &w->room_flow_sights, sizeof(s));
	w->flow_sight[w->n_flow_sights++] = s;
}

static void
look_at_session(struct watch *w, unsigned index, uint32_t session,
    const struct mp_session_info *info)
{
	struct host *h = w->host[index];
	struct sight *last = &w->last[index * WATCH_SESSIONS + session];
	struct sight s = { .at = w->net->w->now, .host = h,
		.session = session, .flows = info->flows,
		.current = info->current, .choice = info->choice,
		.state = info->state, .why = info->why };
	struct mp_flow_info flow;
	uint32_t f;

	s.copies = mp_counter_get(&h->mp, MP_C_copy_out);
	s.switches = mp_counter_get(&h->mp, MP_C_flow_switch);
	if (info->current < MP_FLOWS_MAX && mp_flow_get(&h->mp, host_now(h),
	    session, info->current, &flow) == 0)
		s.doubt = flow.doubt;
	for (f = 0; w->flows && f < MP_FLOWS_MAX; f++)
		if (mp_flow_get(&h->mp, host_now(h), session, f, &flow) == 0)
			keep_flow(w, index, session, f, &flow);
	if (last->host == h && last->flows == s.flows &&
	    last->current == s.current && last->choice == s.choice &&
	    last->state == s.state &&
	    last->doubt == s.doubt && last->copies == s.copies &&
	    last->switches == s.switches)
		return;
	*last = s;
	w->sight = sim_grow(w->sight, w->n_sights, &w->room_sights, sizeof(s));
	w->sight[w->n_sights++] = s;
}

static void
watch_tick(void *arg, uint64_t n)
{
	struct watch *w = arg;
	struct mp_session_info info;
	uint32_t session;
	unsigned i;

	(void)n;
	for (i = 0; i < w->n_hosts; i++) {
		if (!w->host[i]->running)
			continue;
		for (session = 0; session < w->host[i]->limits.sessions &&
		    session < WATCH_SESSIONS; session++)
			if (mp_session_get(&w->host[i]->mp, session,
			    &info) == 0)
				look_at_session(w, i, session, &info);
	}
	world_at(w->net->w, w->net->w->now + WATCH_US, watch_tick, w, 0);
}

void
watch_run(struct watch *w)
{
	watch_tick(w, 0);
}

/* --- Packets ------------------------------------------------------------- */

void
watch_sent(struct watch *w, struct iface *from, struct packet *p)
{
	struct sent *s;

	if (!w->packets)
		return;
	w->sent = sim_grow(w->sent, w->n_sent, &w->room_sent, sizeof(*s));
	p->log = w->n_sent;
	s = &w->sent[w->n_sent++];
	*s = (struct sent){ .at = w->net->w->now, .from = from,
		.to = net_owner(w->net, &p->dst), .dst = p->dst,
		.len = (uint16_t)p->len, .flow = p->flow, .stream = p->stream,
		.kind = (uint8_t)p->kind, .fate = FATE_SENT, .seq = p->seq };
}

void
watch_fate(struct watch *w, const struct packet *p, enum fate f)
{
	if (w->packets)
		w->sent[p->log].fate = (uint8_t)f;
}

/* --- CSV ----------------------------------------------------------------- */

static FILE *
csv_open(const char *dir, const char *name, const char *what)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s-%s.csv", dir, name, what);
	return fopen(path, "w");
}

static bool
csv_packets(const struct watch *w, const char *dir, const char *name)
{
	FILE *f = csv_open(dir, name, "packets");
	const struct sent *s;
	char dst[64];

	if (f == NULL)
		return false;
	fputs("time_us,from,to,remote,flow,kind,bytes,stream,seq,fate\n", f);
	for (s = w->sent; s < w->sent + w->n_sent; s++) {
		fprintf(f, "%llu,%s,%s,%s,%u,%s,%u,",
		    (unsigned long long)(s->at - w->base), s->from->name,
		    s->to == NULL ? "" : s->to->name,
		    net_addr_text(&s->dst, dst), s->flow,
		    packet_kind_name((enum packet_kind)s->kind), s->len);
		if (s->stream != NO_STREAM)
			fprintf(f, "%u,%u", s->stream, s->seq);
		else
			fputs(",", f);
		fprintf(f, ",%s\n", fate_name((enum fate)s->fate));
	}
	return fclose(f) == 0;
}

static bool
csv_flows(const struct watch *w, const char *dir, const char *name)
{
	FILE *f = csv_open(dir, name, "flows");
	const struct flow_sight *s;
	char local[64], remote[64];

	if (f == NULL)
		return false;
	fputs("time_us,host,session,flow,iface,local,remote,srtt_us,idle_us,"
	    "validated,doubt,in_use\n", f);
	for (s = w->flow_sight; s < w->flow_sight + w->n_flow_sights; s++)
		fprintf(f, "%llu,%s,%u,%u,%s,%s,%s,%u,%llu,%d,%d,%d\n",
		    (unsigned long long)(s->at - w->base), s->host->name,
		    s->session, s->flow,
		    s->iface == NULL ? "" : s->iface->name,
		    net_addr_text(&s->path.local, local),
		    net_addr_text(&s->path.remote, remote), s->srtt_us,
		    (unsigned long long)s->idle_us, s->validated, s->doubt,
		    s->in_use);
	return fclose(f) == 0;
}

static bool
csv_sessions(const struct watch *w, const char *dir, const char *name)
{
	FILE *f = csv_open(dir, name, "sessions");
	const struct sight *s;

	if (f == NULL)
		return false;
	fputs("time_us,host,session,state,flows,current,why,choice,doubt,"
	    "copies,switches\n", f);
	for (s = w->sight; s < w->sight + w->n_sights; s++)
		fprintf(f, "%llu,%s,%u,%d,%u,%d,%s,%u,%d,%llu,%llu\n",
		    (unsigned long long)(s->at - w->base), s->host->name,
		    s->session, s->state, s->flows, (int)s->current,
		    mp_reason_name(s->why), s->choice, s->doubt,
		    (unsigned long long)s->copies,
		    (unsigned long long)s->switches);
	return fclose(f) == 0;
}

bool
watch_csv(const struct watch *w, const char *dir, const char *name)
{
	return csv_packets(w, dir, name) && csv_flows(w, dir, name) &&
	    csv_sessions(w, dir, name);
}
