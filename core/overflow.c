/* SPDX-License-Identifier: ISC */
#include "overflow.h"

#include "loss.h"
#include "mp.h"
#include "state.h"

#define OVERFLOW_LAG (1 * MS)
#define OVERFLOW_KEEP (200 * MS)

void
overflow_read(struct mp *m, const struct session *s, const struct flow *f,
    uint64_t arrival, uint64_t now)
{
	struct overflow *o = &m->sh->overflow[s->slot % MP_SLOTS_MAX];

	if (now >= arrival + OVERFLOW_LAG)
		o->late_at = now;
	if (loss_found(f) > 0)
		o->flow = (uint32_t)(f - m->flows) + 1;
}

bool
mp_recv_missed(const struct mp *m, uint32_t slot)
{
	return m->sh->overflow[slot % MP_SLOTS_MAX].flow != 0;
}

void
mp_recv_dropped(struct mp *m, uint64_t now, uint32_t slot, uint32_t drops,
    uint32_t each)
{
	struct overflow *o = &m->sh->overflow[slot % MP_SLOTS_MAX];
	uint32_t flow = o->flow - 1, new = drops - o->drops;
	uint64_t left = now < o->left_at + OVERFLOW_KEEP ? o->left : 0;

	o->drops = drops;
	o->flow = 0;
	if (new > INT32_MAX) /* another socket's count, or less than was ours */
		new = 0;
	if (new > 0)
		o->left_at = now;
	left += (uint64_t)new * each;
	if (o->late_at == 0 || now >= o->late_at + OVERFLOW_KEEP)
		left = 0;
	if (flow < m->limits.flows)
		left -= loss_excuse(&m->flows[flow], left < UINT16_MAX ?
		    (uint16_t)left : UINT16_MAX, now);
	o->left = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}
