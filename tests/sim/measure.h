/* SPDX-License-Identifier: ISC */
/*
 * measure: what a scenario's expectations can measure, from `from' to `to'.
 *
 * `who' is a stream for the first part, a host for the second; where packets
 * are counted, NULL is all hosts.
 */
#ifndef SIM_MEASURE_H
#define SIM_MEASURE_H

#include <stdint.h>

struct expect;
struct run;

/* The slowest of the datagrams sent in the time; NEVER: one did not arrive. */
uint64_t m_worst_echo(struct run *, const struct expect *); /* us */
uint64_t m_worst_way(struct run *, const struct expect *);  /* us */
uint64_t m_worst_came(struct run *, const struct expect *);  /* us */
/* Datagrams that did not arrive; those of them that no live path lost. */
uint64_t m_lost(struct run *, const struct expect *);
uint64_t m_lost_beyond(struct run *, const struct expect *);
uint64_t m_no_echo(struct run *, const struct expect *);
uint64_t m_delivered(struct run *, const struct expect *);
uint64_t m_refused(struct run *, const struct expect *); /* sends with errors */
uint64_t m_gap(struct run *, const struct expect *); /* longest, us */

/*
 * When the host's data settled on interface `where' (of either end): the time
 * since `from' of the first packet after which all to `to' use it.
 */
uint64_t m_settled(struct run *, const struct expect *);
/* Share of its data packets on the interface, of those with over n bytes. */
uint64_t m_share(struct run *, const struct expect *);
uint64_t m_switches(struct run *, const struct expect *);
uint64_t m_copies(struct run *, const struct expect *);
/* COPYs per thousand data packets. */
uint64_t m_copy_share(struct run *, const struct expect *);
uint64_t m_doubts(struct run *, const struct expect *);
/* At time `from': flows of all sessions; SRTT of the best on `where', us. */
uint64_t m_flows(struct run *, const struct expect *);
uint64_t m_srtt(struct run *, const struct expect *);
/* Sessions that are up at the end. */
uint64_t m_sessions(struct run *, const struct expect *);
/* Bytes a second that it sent, on `where' or (NULL) all. */
uint64_t m_payload_rate(struct run *, const struct expect *);
uint64_t m_frame_rate(struct run *, const struct expect *); /* Ethernet */
uint64_t m_control_rate(struct run *, const struct expect *); /* but data */
/* The shortest time between two probes of a flow, there or all, us. */
uint64_t m_probe_spacing(struct run *, const struct expect *);
/* The longest time without a probe, there or all, us. */
uint64_t m_probe_gap(struct run *, const struct expect *);
/* Its answers for a thousand datagrams of the others, besides those to
 * probes. */
uint64_t m_answers(struct run *, const struct expect *);
/* Bytes sent to addresses that no host has. */
uint64_t m_astray(struct run *, const struct expect *);
/* A counter, named by `where', at the end. */
uint64_t m_counter(struct run *, const struct expect *);

#endif
