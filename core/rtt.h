/* SPDX-License-Identifier: ISC */
/*
 * Round-trip time, its variance and the idle time of a flow: sections 2 and 3.4
 * of the paper (RFC 6298 with idle_time).
 */
#ifndef RTT_H
#define RTT_H

#include <stdbool.h>
#include <stdint.h>

enum rtt_limit { /* microseconds */
	RTT_RTO_MIN = 50 * 1000,
	RTT_MAX_DELACK = 25 * 1000, /* until a peer acknowledges, most */
	RTT_DELACK = 5 * 1000, /* until we acknowledge data: less than
				* RTT_DOUBT_MIN, so that one-way data does not
				* put the flow in doubt at its sender */
	RTT_ACK_GAP = 22 * 1000, /* a datagram of a stream waits so long for
				  * the next, to be answered with it ... */
	RTT_SEND_GAP = 30 * 1000, /* ... and its sender for that answer; the
				   * datagrams of a stream are no farther
				   * apart */
	RTT_PROBE_MIN = 560 * 1000, /* costs what the paper's probes do each
					* 500 ms */
	RTT_PROBE_MIN6 = 700 * 1000, /* on IPv6 */
	RTT_PROBE_MAX = 10 * 1000 * 1000,
	RTT_DOUBT_MIN = 10 * 1000,
	RTT_SAMPLE_MAX = 5 * 1000 * 1000,
	RTT_LATE_MIN = 1000, /* less is within the clocks' error */
	RTT_LATE_MAX = 100 * 1000,
	RTT_INITIAL = 250 * 1000, /* SRTT of a flow without a sample */
};

#define RTT_IDLE_MAX (UINT64_C(3600) * 1000 * 1000)

struct rtt {
	uint32_t srtt_us;   /* 0: no sample yet */
	uint32_t rttvar_us;
	uint64_t idle_us;   /* idle_time; at most RTT_IDLE_MAX */
};

/* How late agents answer, and read answers, because of their hosts and not of
 * the path: smoothed as a round-trip time is. */
struct rtt_late {
	uint32_t late_us, latevar_us;
};

void rtt_init(struct rtt *);
/* Takes a sample; one over RTT_SAMPLE_MAX counts as that. */
void rtt_sample(struct rtt *, uint32_t us);
/* A dRTO, or a shorter wait, passed without an answer: idle_time grows by RTO,
 * or by `waited' us where that is less. */
void rtt_miss(struct rtt *, uint64_t waited);
/* An answer arrived: idle_time is 0. */
void rtt_answer(struct rtt *);

uint32_t rtt_smoothed(const struct rtt *);  /* SRTT, or RTT_INITIAL */
uint64_t rtt_rto(const struct rtt *);	    /* (SRTT + idle) + 4 RTTVAR */
uint64_t rtt_drto(const struct rtt *);	    /* RTO + max_delack */
uint64_t rtt_interval(const struct rtt *);  /* between regular probes */
uint64_t rtt_cost(const struct rtt *);	    /* SRTT + idle_time */
/* Age at which an unanswered probe puts the flow in doubt: SRTT + max(4 RTTVAR,
 * 10 ms). */
uint64_t rtt_doubt(const struct rtt *);
/* When all flows are asked, which costs little: SRTT + max(2 RTTVAR, 10 ms). */
uint64_t rtt_overdue(const struct rtt *);

/* The answer to a probe took so much longer than its path: either end's agent
 * had no turn. */
void rtt_late_sample(struct rtt_late *, uint32_t us);
/* How late an answer may be, us: mean + 4 deviations; 0: under RTT_LATE_MIN. */
uint64_t rtt_lateness(const struct rtt_late *);

#endif
