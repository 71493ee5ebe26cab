/* SPDX-License-Identifier: ISC */
#include "askers.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { ASKERS_LEN = 100 };

/* --- The client's agent: parents and tickets, as preload/agent/parent.c ----- */

/* Takes what the sessions of a socket know. */
static void
parent_take(struct askers *k, struct asker *a)
{
	struct mp *m = &a->host.mp;
	uint64_t now = host_now(&a->host);
	uint32_t i = mp_peer_next(m, 0);
	struct mp_session_info info;
	struct mp_parent of;

	for (; i != MP_NONE; i = mp_peer_next(m, i + 1)) {
		if (mp_session_get(m, i, &info) != 0)
			continue;
		if (info.parent && mp_parent_take(m, now, i, &of,
		    k->has_parent ? &k->parent : NULL) == 0) {
			k->parent = of;
			k->has_parent = a->secret = true;
			k->parent_of = a;
			k->parent_session = i;
		} else if (k->has_parent) {
			mp_parent_learn(m, now, i, &k->parent);
		}
	}
}

static void
parent_give(struct askers *k, struct asker *a)
{
	struct mp_ticket t;

	if (!k->has_parent)
		return;
	if (k->parent_of->host.running)
		mp_parent_learn(&k->parent_of->host.mp, host_now(&a->host),
		    k->parent_session, &k->parent);
	/* One without a number still tells the peer's addresses. */
	if (mp_parent_ticket(&k->parent, host_now(&a->host), &t) != 0 &&
	    t.number != 0)
		errx(2, "a ticket with a number, and an error");
	mp_ticket_put(&a->host.mp, &t);
	mp_ticket_wipe(&t);
}

static void
look(void *arg, uint64_t n)
{
	struct askers *k = arg;
	struct world *w = &k->run->world;
	size_t i;

	for (i = k->n > 600 ? k->n - 600 : 0; i < k->n; i++)
		if (k->asker[i]->host.running && !k->asker[i]->secret &&
		    mp_counter_get(&k->asker[i]->host.mp,
			MP_C_handshake_out) > 0)
			parent_take(k, k->asker[i]);
	if (w->now < k->stop)
		world_at(w, w->now + ASKERS_LOOK, look, k, n);
}

/* --- A socket -------------------------------------------------------------- */

static void
gone(void *arg, uint64_t n)
{
	struct asker *a = arg;

	(void)n;
	host_leave(&a->host, a->all->client);
	host_stop(&a->host);
}

/* Are there datagrams that are staged, or that wait for a handshake? */
static bool
undelivered(const struct asker *a)
{
	struct mp_session_info info;
	uint32_t i, end = mp_session_end(&a->host.mp);

	for (i = 0; i < end; i++)
		if (mp_session_get(&a->host.mp, i, &info) == 0 &&
		    (info.staged > 0 || info.waits))
			return true;
	return false;
}

/* The socket is gone, but not what of it waits: as preload/agent/slots.c. */
static void
parting(void *arg, uint64_t until)
{
	struct asker *a = arg;
	struct world *w = a->host.w;

	if (w->now < until && undelivered(a)) {
		world_at(w, w->now + ASKERS_LOOK, parting, a, until);
		return;
	}
	parent_take(a->all, a);
	mp_slot_close(&a->host.mp, host_now(&a->host), 0);
	host_rearm(&a->host, false);
}

static void
part(void *arg, uint64_t n)
{
	struct asker *a = arg;
	struct world *w = a->host.w;

	if (a->parting)
		return;
	a->parting = true;
	parent_take(a->all, a);
	if (undelivered(a))
		mp_slot_part(&a->host.mp, host_now(&a->host), 0);
	parting(a, w->now + ASKERS_PART);
	world_at(w, w->now + ASKERS_GONE, gone, a, n);
}

static void
answered(void *arg, struct host *h, const struct mp_addr *from,
    const uint8_t *data, size_t len)
{
	struct asker *a = arg;
	struct world *w = h->w;
	uint64_t number;

	(void)from;
	if (len != ASKERS_LEN)
		errx(2, "an answer of %zu bytes", len);
	memcpy(&number, data, sizeof(number));
	if (a->parting)
		return;
	if (number >= a->all->n || a->all->asker[number] != a)
		errx(2, "an answer of another's question");
	if (a->heard++ > 0)
		return;
	a->answered_at = w->now;
	world_at(w, w->now + 1 + rng_upto(&w->rng, 2000), part, a, 0);
}

static void
ask(void *arg, uint64_t n)
{
	struct askers *k = arg;
	struct world *w = &k->run->world;
	struct asker *a = sim_alloc(sizeof(*a));
	uint64_t number = k->n;
	uint8_t question[ASKERS_LEN] = { 0 };

	k->asker = sim_grow(k->asker, k->n, &k->room, sizeof(a));
	k->asker[k->n++] = a;
	a->all = k;
	host_init(&a->host, &k->run->net, "c", 'A', rng_next(&w->rng));
	a->host.skew = k->client->skew;
	a->host.index = k->client->index;
	a->host.limits = (struct mp_limits){ .sessions = 4, .flows = 64,
		.flows_each = 16, .staged = 64 << 10 };
	a->host.deliver = answered;
	a->host.arg = a;
	host_join(&a->host, k->client, (uint16_t)(ASKERS_PORT + number));
	host_start(&a->host);
	parent_give(k, a);
	memcpy(question, &number, sizeof(number));
	a->sent_at = w->now;
	if (host_send(&a->host, &k->peer, question, sizeof(question),
	    NO_STREAM, 0) != 0)
		errx(2, "a question is refused");
	world_at(w, w->now + ASKERS_WAIT, part, a, 0);
	if (w->now + k->every_us < k->stop)
		world_at(w, w->now + k->every_us, ask, k, n);
}

/* --- The server ------------------------------------------------------------ */

static void
echo(void *arg, struct host *h, const struct mp_addr *from,
    const uint8_t *data, size_t len)
{
	struct askers *k = arg;
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	if (len != ASKERS_LEN || number >= k->n)
		errx(2, "a question that nobody asked");
	k->asker[number]->asked_there = true;
	(void)host_send(h, from, data, len, NO_STREAM, 0);
}

struct askers *
askers_run(struct run *r, uint64_t every_us, uint64_t stop)
{
	struct askers *k = sim_alloc(sizeof(*k));

	k->run = r;
	k->client = run_host(r, "c");
	k->server = run_host(r, "s");
	k->server->deliver = echo;
	k->server->arg = k;
	k->peer = k->server->iface[0]->addrs[0];
	k->every_us = every_us;
	k->stop = stop;
	world_at(&r->world, r->world.now, ask, k, 0);
	world_at(&r->world, r->world.now, look, k, 0);
	return k;
}

void
askers_tally(struct askers *k)
{
	uint64_t took;
	size_t i;

	for (i = 0; i < k->n; i++) {
		const struct asker *a = k->asker[i];

		k->lost += a->heard == 0;
		k->twice += a->heard > 1 ? a->heard - 1 : 0;
		took = a->heard > 0 ? a->answered_at - a->sent_at : 0;
		k->slowest_us = took > k->slowest_us ? took : k->slowest_us;
		if (a->heard == 0 && k->run->verbose)
			printf("    %zu, asked at %.1f ms: no answer, %s\n", i,
			    (double)(a->sent_at - k->run->base) / 1000,
			    a->asked_there ? "but it was asked" :
			    "nor was it asked");
	}
}

void
askers_free(struct askers *k)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		host_free(&k->asker[i]->host);
		free(k->asker[i]);
	}
	free(k->asker);
	mp_parent_wipe(&k->parent);
	free(k);
}
