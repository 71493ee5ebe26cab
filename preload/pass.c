/* SPDX-License-Identifier: ISC */
#include "pass.h"

#include "inner.h"
#include "wake.h"

enum { FRESH_US = 5000000 }; /* how long after a connect(2) others are missed */

static void
pass(struct in *in, const struct inner *inner, const uint8_t *payload,
    size_t len)
{
	(void)wake_inner(in->fd, in->s, inner, payload, len, in->buf->payload);
}

void
pass_to(struct in *in, uint32_t slot, const struct mp_addr *from,
    const uint8_t *payload, size_t len)
{
	struct inner inner = { .kind = slot == in->s->slot ? INNER_AGAIN :
		INNER_DATA, .slot = slot, .from = *from };

	pass(in, &inner, payload, len);
}

bool
pass_on(struct in *in)
{
	struct inner inner = { .kind = INNER_PARK, .slot = in->s->slot,
		.from = in->from };
	const struct arena *a = in->s->map.arena;

	if (arena_now() - a->slot[in->s->slot].since > FRESH_US)
		return false;
	pass(in, &inner, in->payload, in->len);
	return true;
}
