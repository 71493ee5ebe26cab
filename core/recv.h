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
};

/* Acts on a control packet that is no COPY. */
enum mp_verdict recv_control(struct mp *, struct recv *);
/* A COPY: delivers its datagram, unless that has arrived already. */
enum mp_verdict recv_copy(struct mp *, struct recv *);
/* Sets when a packet in order is answered at the latest. */
void recv_acknowledge(struct mp *, struct recv *);
/* The program gets the payload. */
enum mp_verdict recv_deliver(struct mp *, struct recv *);

#endif
