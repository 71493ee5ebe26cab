/* SPDX-License-Identifier: ISC */
/* nat: the NATs of a net. */
#include "net.h"

#include <err.h>
#include <string.h>

#include "mp.h"
#include "world.h"

struct nat *
net_nat(struct net *n, const char *outside)
{
	struct mp_addr a = net_addr(outside, 0);
	unsigned i;

	for (i = 0; i < n->n_nats; i++)
		if (net_addr_same_ip(&n->nat[i]->outside, &a))
			return n->nat[i];
	if (n->n_nats == NET_NATS_MAX)
		errx(2, "too many NATs");
	n->nat[i] = sim_alloc(sizeof(struct nat));
	n->nat[i]->outside = a;
	n->nat[i]->forget_us = SEC(120);
	n->nat[i]->next_port = 20000;
	return n->nat[n->n_nats++];
}

static bool
same(const struct mp_addr *a, const struct mp_addr *b)
{
	return a->port == b->port && net_addr_same_ip(a, b);
}

/* Has the NAT forgotten the mapping? */
static bool
forgotten(const struct nat *t, const struct nat_map *m, uint64_t now)
{
	return m->used_at + t->forget_us < now ||
	    (t->life_us != 0 && m->made_at + t->life_us < now);
}

bool
nat_out(struct nat *t, struct iface *from, struct packet *p, uint64_t now)
{
	struct nat_map *m, *use = NULL;

	t->odd = t->balances && !t->odd;
	for (m = t->map; m < t->map + NAT_MAPS_MAX; m++) {
		if (m->port != 0 && forgotten(t, m, now))
			m->port = 0;
		if (m->port == 0 && use == NULL)
			use = m;
		if (m->port != 0 && same(&m->inside, &p->src) &&
		    same(&m->remote, &p->dst) && m->odd == t->odd) {
			use = m;
			break;
		}
	}
	if (use == NULL)
		return false;
	if (use->port == 0)
		*use = (struct nat_map){ .iface = from, .inside = p->src,
			.remote = p->dst, .port = t->next_port++,
			.odd = t->odd, .made_at = now };
	use->used_at = now;
	p->src = t->outside;
	p->src.port = use->port;
	return true;
}

struct iface *
nat_in(struct nat *t, struct packet *p, uint64_t now)
{
	struct nat_map *m;

	for (m = t->map; m < t->map + NAT_MAPS_MAX; m++) {
		if (m->port == 0 || m->port != p->dst.port ||
		    !same(&m->remote, &p->src) || forgotten(t, m, now))
			continue;
		m->used_at = now;
		p->dst = m->inside;
		return m->iface;
	}
	return NULL;
}

void
nat_flush(struct nat *t)
{
	memset(t->map, 0, sizeof(t->map));
}
