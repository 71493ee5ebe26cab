/* SPDX-License-Identifier: ISC */
#include "net.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "rng.h"
#include "world.h"

static const size_t class_size[PACKET_CLASSES] = { 512, 2048, 66000 };
static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0xff };

void
net_init(struct net *n, struct world *w)
{
	memset(n, 0, sizeof(*n));
	n->w = w;
}

void
net_free(struct net *n)
{
	size_t i;

	for (i = 0; i < n->n_ifaces; i++)
		free(n->iface[i]);
	for (i = 0; i < n->n_nats; i++)
		free(n->nat[i]);
	for (i = 0; i < n->n_made; i++)
		free(n->made[i]);
	free(n->made);
	memset(n, 0, sizeof(*n));
}

/* --- Names and addresses ------------------------------------------------- */

struct mp_addr
net_addr(const char *text, uint16_t port)
{
	struct mp_addr a = { .port = port };

	memcpy(a.ip, v4_prefix, sizeof(v4_prefix));
	if (inet_pton(AF_INET, text, a.ip + 12) != 1 &&
	    inet_pton(AF_INET6, text, a.ip) != 1)
		errx(2, "not an address: %s", text);
	return a;
}

bool
net_addr_is_v4(const struct mp_addr *a)
{
	return memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool
net_addr_same_ip(const struct mp_addr *a, const struct mp_addr *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

const char *
net_addr_text(const struct mp_addr *a, char out[64])
{
	char ip[INET6_ADDRSTRLEN];

	if (net_addr_is_v4(a))
		inet_ntop(AF_INET, a->ip + 12, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(out, 64, net_addr_is_v4(a) ? "%s:%u" : "[%s]:%u", ip,
	    a->port);
	return out;
}

struct iface *
net_iface_add(struct net *n, struct host *h, const char *name)
{
	struct iface *i = sim_alloc(sizeof(*i));

	if (n->n_ifaces == NET_IFACES_MAX)
		errx(2, "too many interfaces");
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->host = h;
	i->mtu = 1500;
	n->iface[n->n_ifaces++] = i;
	i->ifindex = n->n_ifaces + 1; /* 1 is lo */
	return i;
}

struct iface *
net_iface(struct net *n, const char *name)
{
	unsigned i;

	for (i = 0; i < n->n_ifaces; i++)
		if (strcmp(n->iface[i]->name, name) == 0)
			return n->iface[i];
	return NULL;
}

struct side *
net_pair(struct net *n, struct iface *from, struct iface *to)
{
	struct pair *p;

	for (p = n->pair; p < n->pair + n->n_pairs; p++)
		if (p->from == from && p->to == to)
			return &p->side;
	if (n->n_pairs == NET_PAIRS_MAX)
		errx(2, "too many pairs");
	n->n_pairs++;
	*p = (struct pair){ .from = from, .to = to };
	return &p->side;
}

/* The one of these interfaces that has the address. */
static struct iface *
holder(struct iface *const *ifaces, unsigned n, const struct mp_addr *a)
{
	unsigned i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < ifaces[i]->n_addrs; k++)
			if (net_addr_same_ip(&ifaces[i]->addrs[k], a))
				return ifaces[i];
	return NULL;
}

struct iface *
net_owner(struct net *n, const struct mp_addr *a)
{
	return holder(n->iface, n->n_ifaces, a);
}

/* --- Packets ------------------------------------------------------------- */

struct packet *
net_packet(struct net *n, size_t size)
{
	struct packet *p;
	int c = 0;

	while (c < PACKET_CLASSES && size > class_size[c])
		c++;
	if (c == PACKET_CLASSES)
		errx(2, "packet of %zu bytes", size);
	p = n->spare[c];
	if (p != NULL)
		n->spare[c] = p->next;
	else {
		p = malloc(sizeof(*p) + class_size[c]);
		if (p == NULL)
			err(2, "malloc");
		n->made = sim_grow(n->made, n->n_made, &n->room_made,
		    sizeof(p));
		n->made[n->n_made++] = p;
	}
	memset(p, 0, sizeof(*p));
	p->size = class_size[c];
	p->stream = NO_STREAM;
	return p;
}

void
net_packet_free(struct net *n, struct packet *p)
{
	int c = 0;

	while (p->size > class_size[c])
		c++;
	p->next = n->spare[c];
	n->spare[c] = p;
}

static void
drop(struct net *n, struct packet *p, enum fate why)
{
	if (n->fate != NULL)
		n->fate(n->arg, p, why);
	net_packet_free(n, p);
}

/* --- A packet's way ------------------------------------------------------ */

static bool
is_black(const struct side *s, const struct packet *p)
{
	return s->black != 0 && (s->black &
	    (net_addr_is_v4(&p->src) ? BLACK_V4 : BLACK_V6)) != 0;
}

/* Takes a packet that enters at *at through; *at becomes when it leaves. */
static enum fate
side_pass(struct world *w, struct side *s, const struct packet *p,
    uint64_t *at)
{
	size_t bytes = p->len +
	    (net_addr_is_v4(&p->src) ? HEADERS_V4 : HEADERS_V6);
	uint64_t start = *at;

	if (is_black(s, p))
		return FATE_BLACK;
	if (s->eats != 0 && bytes > s->eats)
		return FATE_EATEN;
	if (rng_chance(&w->rng, s->loss_ppm))
		return FATE_RANDOM;
	if (s->rate_kbps != 0) {
		if (s->busy_until > start)
			start = s->busy_until;
		if ((start - *at) * s->rate_kbps / 8000 > s->queue)
			return FATE_RANDOM;
		s->busy_until = start + bytes * 8000 / s->rate_kbps;
		start = s->busy_until;
	}
	start += s->delay_us;
	if (s->jitter_us != 0)
		start += rng_upto(&w->rng, s->jitter_us);
	if (rng_chance(&w->rng, s->reorder_ppm))
		start += s->reorder_us;
	else if (start < s->last)
		start = s->last;
	else
		s->last = start;
	*at = start;
	return FATE_SENT;
}

/* It comes out of the `in' side: it was lost if that was cut meanwhile. */
static void
packet_arrive(void *arg, uint64_t ptr)
{
	struct net *n = arg;
	struct packet *p = (struct packet *)(uintptr_t)ptr;

	if (is_black(&p->to->in, p) || p->to->down)
		drop(n, p, FATE_BLACK);
	else if (holder(&p->to, 1, &p->dst) == NULL)
		drop(n, p, FATE_NOBODY);
	else
		n->arrived(p->to, p);
}

/* It has crossed the core: where to, and through the `in' side. */
static void
packet_cross(void *arg, uint64_t ptr)
{
	struct net *n = arg;
	struct packet *p = (struct packet *)(uintptr_t)ptr;
	uint64_t at = n->w->now;
	enum fate f;

	f = side_pass(n->w, &p->to->in, p, &at);
	if (f != FATE_SENT) {
		drop(n, p, f);
		return;
	}
	p->arrival = at;
	if (at == n->w->now)
		packet_arrive(n, ptr);
	else
		world_at(n->w, at, packet_arrive, n, ptr);
}

/* Where a packet with this destination goes; p->dst through a NAT. */
static struct iface *
find_way(struct net *n, struct packet *p, enum fate *why)
{
	struct iface *to;
	unsigned i;

	for (i = 0; i < n->n_nats; i++)
		if (net_addr_same_ip(&n->nat[i]->outside, &p->dst)) {
			*why = FATE_NAT;
			return nat_in(n->nat[i], p, n->w->now);
		}
	*why = FATE_NOBODY;
	to = net_owner(n, &p->dst);
	return to != NULL && (to->nat == NULL || !net_addr_is_v4(&p->dst)) ?
	    to : NULL;
}

static struct packet *
twin_of(struct net *n, const struct packet *p)
{
	struct packet *twin = net_packet(n, p->size);

	memcpy(twin, p, sizeof(*p));
	memcpy(twin->data, p->data, p->len);
	twin->twin = true;
	return twin;
}

void
net_launch(struct net *n, struct iface *from, struct packet *p)
{
	struct pair *pair;
	uint64_t at = n->w->now;
	enum fate f = FATE_SENT;
	unsigned i;

	f = side_pass(n->w, &from->out, p, &at);
	if (f == FATE_SENT && from->nat != NULL && net_addr_is_v4(&p->src) &&
	    !nat_out(from->nat, from, p, n->w->now))
		f = FATE_NAT;
	if (f == FATE_SENT)
		p->to = find_way(n, p, &f);
	if (p->to != NULL) {
		f = FATE_SENT;
		if (from->link != 0 && p->to->link != 0 &&
		    from->link != p->to->link)
			f = FATE_NOBODY;
	}
	for (i = 0; f == FATE_SENT && i < n->n_pairs; i++) {
		pair = &n->pair[i];
		if (pair->from == from && pair->to == p->to)
			f = side_pass(n->w, &pair->side, p, &at);
	}
	if (f != FATE_SENT) {
		drop(n, p, f);
		return;
	}
	if (rng_chance(&n->w->rng, from->out.dup_ppm))
		world_at(n->w, at + rng_upto(&n->w->rng, 2000), packet_cross,
		    n, (uint64_t)(uintptr_t)twin_of(n, p));
	world_at(n->w, at, packet_cross, n, (uint64_t)(uintptr_t)p);
}

/* As the kernel finds the interface and source of a packet. */
static int
find_source(struct iface *const *ifaces, unsigned n,
    const struct mp_path *path, struct packet *p, struct iface **from)
{
	static const struct mp_addr any;
	bool v4 = net_addr_is_v4(&path->remote);
	unsigned i, k;

	if (!net_addr_same_ip(&path->local, &any)) {
		*from = holder(ifaces, n, &path->local);
		if (*from == NULL)
			return v4 ? MP_ENETUNREACH : MP_EINVAL;
		if (path->ifindex != 0 && (*from)->ifindex != path->ifindex)
			return MP_ENETUNREACH;
		p->src = path->local;
		return (*from)->down ? MP_ENETUNREACH : 0;
	}
	for (i = 0; i < n; i++)
		for (k = 0; k < ifaces[i]->n_addrs; k++)
			if (!ifaces[i]->down &&
			    net_addr_is_v4(&ifaces[i]->addrs[k]) == v4 &&
			    (path->ifindex == 0 ||
			    path->ifindex == ifaces[i]->ifindex)) {
				*from = ifaces[i];
				p->src = ifaces[i]->addrs[k];
				return 0;
			}
	return MP_ENETUNREACH;
}

bool
net_source(struct iface *const *ifaces, unsigned n, const struct mp_addr *to,
    struct mp_addr *source)
{
	struct mp_path path = { .remote = *to };
	struct packet p;
	struct iface *from;

	if (find_source(ifaces, n, &path, &p, &from) != 0)
		return false;
	*source = p.src;
	return true;
}

int
net_send(struct net *n, struct iface *const *ifaces, unsigned n_ifaces,
    const struct mp_path *path, uint16_t port, struct packet *p, bool df)
{
	struct iface *from = NULL;
	size_t headers;
	int error;

	headers = net_addr_is_v4(&path->remote) ? HEADERS_V4 : HEADERS_V6;
	error = find_source(ifaces, n_ifaces, path, p, &from);
	if (error == 0 && df && p->len + headers > from->mtu)
		error = MP_EMSGSIZE;
	if (error != 0) {
		net_packet_free(n, p);
		return error;
	}
	p->src.port = port;
	p->dst = path->remote;
	p->from = from;
	if (n->sent != NULL)
		n->sent(n->arg, from, p);
	net_launch(n, from, p);
	return 0;
}
