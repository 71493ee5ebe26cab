/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ARITY = 4 }; /* children of a node of the heap */

void *
sim_alloc(size_t len)
{
	void *p = calloc(1, len);

	if (p == NULL)
		err(2, "calloc");
	return p;
}

void *
sim_grow(void *p, size_t n, size_t *size, size_t item)
{
	size_t more = *size == 0 ? 64 : *size * 2;

	if (n < *size)
		return p;
	p = realloc(p, more * item);
	if (p == NULL)
		err(2, "realloc");
	memset((char *)p + *size * item, 0, (more - *size) * item);
	*size = more;
	return p;
}

void
world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	rng_seed(&w->rng, seed);
}

void
world_free(struct world *w)
{
	free(w->heap);
	w->heap = NULL;
	w->len = w->size = 0;
}

static bool
before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void
world_at(struct world *w, uint64_t at, void (*run)(void *, uint64_t),
    void *arg, uint64_t n)
{
	struct event e = { at < w->now ? w->now : at, w->made++, run, arg, n };
	size_t i, up;

	w->heap = sim_grow(w->heap, w->len, &w->size, sizeof(e));
	for (i = w->len++; i > 0; i = up) {
		up = (i - 1) / ARITY;
		if (!before(&e, &w->heap[up]))
			break;
		w->heap[i] = w->heap[up];
	}
	w->heap[i] = e;
}

static struct event
world_pop(struct world *w)
{
	struct event first = w->heap[0], *h = w->heap, last;
	size_t i = 0, c, k, best;

	last = h[--w->len];
	while ((c = i * ARITY + 1) < w->len) {
		best = c;
		for (k = c + 1; k < c + ARITY && k < w->len; k++)
			if (before(&h[k], &h[best]))
				best = k;
		if (!before(&h[best], &last))
			break;
		h[i] = h[best];
		i = best;
	}
	h[i] = last;
	return first;
}

void
world_run(struct world *w, uint64_t until)
{
	struct event e;

	while (w->len > 0 && w->heap[0].at <= until) {
		e = world_pop(w);
		w->now = e.at;
		e.run(e.arg, e.n);
	}
	if (w->now < until)
		w->now = until;
}
