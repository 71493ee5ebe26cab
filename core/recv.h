/* SPDX-License-Identifier: ISC */
/* Packets that arrived and opened: what each kind does. */
#ifndef RECV_H
#define RECV_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"
#include "wire.h"

struct flow;
struct session;
struct table_ref;

/* A packet that opened, on its way through recv.c. */
struct recv {
	struct session *s;
	struct flow *f;
	struct mp_rx *rx;
	struct wire_msg msg;
	const uint8_t *in; /* opened bytes */
	uint64_t now, arrival;
	bool old;      /* it lay unread too long to tell anything of times */
	bool former;   /* it came under the session's former key */
	bool in_order; /* above all earlier ones of its flow and C bit */
	bool fresh;    /* its sequence number is new */
	bool first;    /* it began its session */
};

/* Fills in what a packet's head names: the keys of a session or handshake. */
void recv_keys(const struct mp *, const struct wire_ad *, struct mp_rx *,
    const struct table_ref *);
/* Fills in whose packet it is, of which `rx' and `now' are known.  False: it is
 * forged, or what it named is no more; it is counted. */
bool recv_whose(struct mp *, struct recv *, bool opened);
/* Takes an opened packet in; `ref' is what its head named at first. */
enum mp_verdict recv_opened(struct mp *, struct recv *, size_t opened,
    uint32_t ref);

/* Acts on a control packet that is no COPY. */
enum mp_verdict recv_control(struct mp *, struct recv *);
/* A COPY: delivers its datagram, unless that has arrived already. */
enum mp_verdict recv_copy(struct mp *, struct recv *);
/* Sets when a packet in order is answered at the latest. */
void recv_acknowledge(struct mp *, struct recv *);
/* The program gets the payload: now, and it counts; or later. */
enum mp_verdict recv_deliver(struct mp *, struct recv *);
enum mp_verdict recv_hand_on(const struct recv *);
/* A datagram of so many bytes that the program gets counts. */
void recv_count(struct mp *, struct session *, uint64_t now, size_t len);

#endif
