/* SPDX-License-Identifier: ISC */
/*
 * One flow: what it waits for, whether it is in doubt, and the timestamps
 * that it carries (PROTOCOL.md 1, 4, 5).
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay.h"

struct flow;
struct mp_path;
struct replay;

enum flow_limit {
	FLOW_COPY_SEEN = 1000 * 1000,	/* us that the peer's doubt counts */
	FLOW_CARRIER = 2000 * 1000,	/* us after a COPY or a datagram that
					 * these may still depend on it */
	FLOW_PROBE2 = 25 * 1000,	/* us between first and second probe */
	FLOW_WAIT = 1000 * 1000,	/* us between probes of a silent flow */
	FLOW_WAIT_LATER = 10 * 1000 * 1000, /* us, after a minute of silence */
	FLOW_HELD_MAX = 4 * 1000 * 1000, /* us that a timestamp is echoed */
	FLOW_FAILED = 500 * 1000, /* us of silence after which what is missing
				   * was a failure, and counts as no loss */
	FLOW_FEW = 16, /* datagrams ... */
	FLOW_PROBES_FEW = 4, /* ... and probes that were loss, not a failure */
	FLOW_SUSPECT = 32,	/* quick probes after a lost one, to measure
				 * the loss */
	FLOW_LINK_TRIES = 3,	/* challenges to learn the peer's link */
	FLOW_ALT_TRIES = 2,	/* challenges to where the peer may be */
	FLOW_MOVE_GAP = 250 * 1000, /* us between two moves; doubles ... */
	FLOW_MOVE_GAP_MAX = 32 * 1000 * 1000,	/* ... up to this, ... */
	FLOW_MOVE_QUIET = 8,	/* ... until it did not move for 8 of them */
	FLOW_UNHEARD = 1000 * 1000, /* us without a packet from where it is,
				     * after which it may move at once */
	FLOW_PROBES_LOST = 3,	/* unanswered probes that end a validation */
};

/* Begins a new pair on this record; its sequence numbers go on. */
void flow_begin(struct flow *, const struct mp_path *, uint64_t now);
/* Resets the estimates, for another path. */
void flow_forget(struct flow *);

/* May the flow be asked whether its peer is elsewhere?  Two sources in turn must
 * not move it with each packet. */
bool flow_may_move(const struct flow *, uint64_t now);
/* The peer has moved from `path' to `alt': `former' is where it was. */
void flow_moved(struct flow *, uint64_t now);

/* Prefetches the memory that a datagram of the flow touches. */
void flow_fetch(const struct flow *);
/* And what a packet of that number touches of its replay window. */
void flow_fetch_seen(const struct replay *, bool control, uint64_t seq);
/* The session has a new key: sequence numbers begin again; marks and window of
 * the former key are kept apart. */
void flow_new_key(struct flow *, struct replay *);
/* The session got a key as its former one: nothing has arrived under it. */
void flow_former_key(struct flow *, struct replay *);
/* Asks, and moves, the replay window of the present or the former key, for
 * packets with that C bit: datagrams may wait long for their program, while
 * the agent reads control packets at once, which then do not make them old. */
enum replay_says flow_seen(const struct replay *, bool former, bool control,
    uint64_t seq);
void flow_take(struct replay *, bool former, bool control, uint64_t seq);
/* Is the number above all earlier ones in order, with that C bit? */
bool flow_in_order(const struct flow *, bool former, bool control,
    uint64_t seq);
void flow_mark(struct flow *, bool former, bool control, uint64_t seq);

/* The interface that its packets leave by, as far as is known; 0: the kernel
 * chooses. */
uint32_t flow_leaves_by(const struct flow *);
bool flow_usable(const struct flow *); /* can carry datagrams */
/* May `len' more bytes, headers included, go to an address that is not proven?
 * At most 3 times those that came from it. */
bool flow_may_send(const struct flow *, size_t len);
/* In doubt: a probe is unanswered for too long, or the peer makes copies. */
bool flow_in_doubt(const struct flow *, uint64_t now);
/* In doubt by our own probes alone. */
bool flow_own_doubt(const struct flow *, uint64_t now);
/* us between regular probes: at most what the paper's cost on IPv4, a packet of
 * IPv6 being 20 bytes longer. */
uint64_t flow_interval(const struct flow *);
/* How long the answer to a probe may take. */
uint64_t flow_patience(const struct flow *);
/* Another flow's answer to a probe sent at `sent' arrived: if this flow's probe
 * was sent before that, it is no longer late because of the agents. */
void flow_others_answer(struct flow *, const struct flow *other, uint64_t sent,
    uint64_t arrival);
/* When it comes into doubt without an answer; MP_NEVER. */
uint64_t flow_doubt_at(const struct flow *);
/* Is a second probe in a row unanswered for too long?  And when will it be?
 * MP_NEVER: there is none. */
bool flow_lost(const struct flow *, uint64_t now);
uint64_t flow_lost_at(const struct flow *);

/* When it will have been silent for max(3 (SRTT + 4 RTTVAR), 1 s), idle_time
 * not counted, so that the path counts as lost; MP_NEVER. */
uint64_t flow_silent_at(const struct flow *);

/* A packet that wants an answer goes out. */
void flow_data_sent(struct flow *, uint64_t now);
/* The same for a COPY, which the peer's agent answers as it does a probe. */
void flow_copy_sent(struct flow *, uint64_t now);
void flow_probe_sent(struct flow *, uint64_t now, uint16_t number);
/* An answer to the probe of that number arrived: when that was sent; 0: it is
 * none of the last ones, or was answered before. */
uint64_t flow_probe_answered(struct flow *, uint16_t number);
/* The wait ran out: idle_time grows by an RTO, or by the wait if that was
 * shorter, and a probe is due at once. */
void flow_missed(struct flow *, uint64_t now);
/* When the wait that runs will have run out; MP_NEVER. */
uint64_t flow_wait_end(const struct flow *, uint64_t now);
/* An answer arrived.  True: the flow had been silent, so a review is due. */
bool flow_answered(struct flow *, uint64_t arrival);
/* It has just shown to work: what it waited for until now counts no more. */
void flow_wait_anew(struct flow *);
/* A packet sent on it at `at' or later is known to have arrived; what was sent
 * after `rest' has no answer yet, and waits for one: the first datagram since
 * `next'; MP_NEVER: that is not known, the last one counts. */
void flow_proved(struct flow *, uint64_t at, uint64_t rest, uint64_t next);
/* Is it known that something sent on it at `at' or later has arrived? */
bool flow_arrived(const struct flow *, uint64_t at);
/* How much later the answer to a datagram may come because the peer answers
 * only every second one of a stream. */
uint64_t flow_ack_gap(const struct flow *);
/* When the wait that runs on it will have taken longer than an answer does;
 * MP_NEVER: none runs. */
uint64_t flow_overdue_at(const struct flow *);
/* Did a COPY go out on it lately, or a datagram that is not answered, so that
 * datagrams may depend on it? */
bool flow_carries(const struct flow *, uint64_t now);

/* The timestamps of a packet sent now.  It does not return one that came in that
 * turn (state_turn()); the agent's own packets may: 0. */
void flow_stamp(struct flow *, uint64_t now, uint8_t turn, uint16_t *ts,
    uint16_t *tsreply);
/* For how long a tsreply sent now was held: n, for less than 2^n units of
 * WIRE_TS_US. */
uint8_t flow_held(const struct flow *, uint64_t now);
/* The earliest, or the latest, time at which the packet can have been sent
 * whose timestamp this tsreply returns: it was held for 2^(held - 1) to
 * 2^held - 1 units of WIRE_TS_US. */
uint64_t flow_sent_at(uint64_t arrival, uint16_t tsreply, uint8_t held,
    bool latest);
/* A packet in order brought a timestamp; `turn': what it brings besides is
 * handed on when that is over, 0: at once. */
void flow_stamped(struct flow *, uint64_t arrival, uint8_t turn, uint16_t ts);
/* The round-trip time that a tsreply shows, us. */
uint32_t flow_rtt(uint64_t arrival, uint16_t tsreply);

#endif
