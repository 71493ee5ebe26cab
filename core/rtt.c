/* SPDX-License-Identifier: ISC */
#include "rtt.h"

void
rtt_init(struct rtt *r)
{
	r->srtt_us = 0;
	r->rttvar_us = 0;
	r->idle_us = 0;
}

void
rtt_sample(struct rtt *r, uint32_t us)
{
	uint32_t diff;

	if (us > RTT_SAMPLE_MAX)
		us = RTT_SAMPLE_MAX; /* as bad as it gets */
	if (r->srtt_us == 0) {
		r->srtt_us = us;
		r->rttvar_us = us / 2;
	} else {
		diff = us > r->srtt_us ? us - r->srtt_us : r->srtt_us - us;
		r->rttvar_us = (3 * r->rttvar_us + diff) / 4;
		r->srtt_us = (7 * r->srtt_us + us) / 8;
	}
	if (r->srtt_us == 0)
		r->srtt_us = 1; /* 0 means no sample */
}

void
rtt_miss(struct rtt *r, uint64_t waited)
{
	uint64_t rto = rtt_rto(r);

	rto = rto < waited ? rto : waited;
	if (r->idle_us > RTT_IDLE_MAX || rto > RTT_IDLE_MAX - r->idle_us)
		r->idle_us = RTT_IDLE_MAX;
	else
		r->idle_us += rto;
}

void
rtt_answer(struct rtt *r)
{
	r->idle_us = 0;
}

uint32_t
rtt_smoothed(const struct rtt *r)
{
	return r->srtt_us != 0 ? r->srtt_us : RTT_INITIAL;
}

/* 4 RTTVAR; without a sample, as if RTT_INITIAL were the first one. */
static uint64_t
rtt_spread(const struct rtt *r)
{
	uint32_t var = r->srtt_us != 0 ? r->rttvar_us : RTT_INITIAL / 2;

	return 4 * (uint64_t)var;
}

uint64_t
rtt_rto(const struct rtt *r)
{
	uint64_t rto = rtt_cost(r) + rtt_spread(r);

	return rto > RTT_RTO_MIN ? rto : RTT_RTO_MIN;
}

uint64_t
rtt_drto(const struct rtt *r)
{
	return rtt_rto(r) + RTT_MAX_DELACK;
}

uint64_t
rtt_interval(const struct rtt *r)
{
	uint64_t us = rtt_drto(r);

	if (us < RTT_PROBE_MIN)
		return RTT_PROBE_MIN;
	return us < RTT_PROBE_MAX ? us : RTT_PROBE_MAX;
}

uint64_t
rtt_cost(const struct rtt *r)
{
	return rtt_smoothed(r) + r->idle_us;
}

uint64_t
rtt_doubt(const struct rtt *r)
{
	uint64_t spread = rtt_spread(r);

	return rtt_smoothed(r) +
	    (spread > RTT_DOUBT_MIN ? spread : RTT_DOUBT_MIN);
}

uint64_t
rtt_overdue(const struct rtt *r)
{
	uint64_t spread = rtt_spread(r) / 2;

	return rtt_smoothed(r) +
	    (spread > RTT_DOUBT_MIN ? spread : RTT_DOUBT_MIN);
}

void
rtt_late_sample(struct rtt_late *r, uint32_t us)
{
	uint32_t diff;

	if (us > RTT_LATE_MAX)
		us = RTT_LATE_MAX;
	diff = us > r->late_us ? us - r->late_us : r->late_us - us;
	r->latevar_us = (3 * r->latevar_us + diff) / 4;
	r->late_us = (7 * r->late_us + us) / 8;
}

uint64_t
rtt_lateness(const struct rtt_late *r)
{
	uint64_t us = r->late_us + 4 * (uint64_t)r->latevar_us;

	if (us < RTT_LATE_MIN)
		return 0;
	return us < RTT_LATE_MAX ? us : RTT_LATE_MAX;
}
