/* SPDX-License-Identifier: ISC */
#include "emu.h"

#include <errno.h>
#include <stdlib.h>

static bool
before(const struct due *a, const struct due *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static int
heap_grow(struct heap *h)
{
	size_t room = h->room == 0 ? 1024 : 2 * h->room;
	struct due *due = realloc(h->due, room * sizeof(*due));

	if (due == NULL)
		return -ENOMEM;
	h->due = due;
	h->room = room;
	return 0;
}

int
heap_add(struct heap *h, uint64_t at, struct flight *f)
{
	struct due d = { at, h->order++, f };
	size_t i;

	if (h->len == h->room && heap_grow(h) != 0)
		return -ENOMEM;
	for (i = h->len++; i > 0; i = (i - 1) / 2) {
		if (!before(&d, &h->due[(i - 1) / 2]))
			break;
		h->due[i] = h->due[(i - 1) / 2];
	}
	h->due[i] = d;
	return 0;
}

uint64_t
heap_next(const struct heap *h)
{
	return h->len == 0 ? UINT64_MAX : h->due[0].at;
}

struct flight *
heap_take(struct heap *h)
{
	struct flight *f = h->due[0].flight;
	struct due last = h->due[--h->len];
	size_t i, child;

	for (i = 0; (child = 2 * i + 1) < h->len; i = child) {
		if (child + 1 < h->len &&
		    before(&h->due[child + 1], &h->due[child]))
			child++;
		if (!before(&h->due[child], &last))
			break;
		h->due[i] = h->due[child];
	}
	h->due[i] = last;
	return f;
}
