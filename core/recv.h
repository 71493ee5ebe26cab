/* SPDX-License-Identifier: ISC */
/* Packets that came and opened: what each kind does. */
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
	bool former;   /* under the session's former key */
	bool in_order; /* above all of its flow and C bit before */
	bool fresh;    /* its sequence number was not seen */
};

/* What a control packet does, but for COPY and the times it carries. */
enum mp_verdict recv_control(struct mp *, struct recv *);
/* A COPY: of a datagram that did not come, or not. */
enum mp_verdict recv_copy(struct mp *, struct recv *);
/* The program gets the payload. */
enum mp_verdict recv_deliver(struct mp *, struct recv *);

#endif
