/* SPDX-License-Identifier: ISC */
#include "icmp_judge.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
/* after <time.h> */
#include <linux/errqueue.h>

#include "mp.h"
#include "loop.h"
#include "port.h"
#include "port_send.h"
#include "shared/arena.h"
#include "shared/icmp_error.h"
#include "shared/internal.h"
#include "shared/net.h"

enum {
	WAITING = 32,	   /* errors of all ports; the oldest go */
	BATCH = 16,	   /* entries read at a time */
	STAY_US = 5000000, /* then one is dropped */
	QUOTED = 64,	   /* bytes of a packet that are passed on */
};

/* --- Hearing -------------------------------------------------------------- */

/* Reads one entry, with n bytes of the packet; false: it is no ICMP error about
 * a datagram's packet. */
static bool
icmp_judge_read(struct msghdr *got, const uint8_t *packet, size_t n,
    struct icmp_error *e)
{
	static const uint8_t magic[] = { MP_HANDSHAKE_MAGIC >> 24,
		MP_HANDSHAKE_MAGIC >> 16 & 255, MP_HANDSHAKE_MAGIC >> 8 & 255,
		MP_HANDSHAKE_MAGIC & 255 };

	/* Not about control packets (PROTOCOL.md 1: the C bit), but for
	 * handshakes. */
	if (n < ICMP_ERROR_LEAST || packet[0] == 0 || ((packet[3] & 1) != 0 &&
	    memcmp(packet, magic, sizeof(magic)) != 0))
		return false;
	memset(e, 0, sizeof(*e)); /* all of it is passed on */
	return icmp_error_read(e, got, packet, n, QUOTED) &&
	    (e->origin == SO_EE_ORIGIN_ICMP ||
		e->origin == SO_EE_ORIGIN_ICMP6);
}

/* To each socket that wants errors: one of them knows the packet. */
static void
icmp_judge_pass_on(struct port *p, const struct icmp_error *e)
{
	struct internal inner = { .kind = INTERNAL_ICMP, .from = e->to };
	uint32_t i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used &&
		    port_read_bool(&p->map.arena->slot[i].errors)) {
			inner.slot = i;
			port_send_internal(p, &inner, e, sizeof(*e));
		}
}

void
icmp_judge_hear(struct port *p)
{
	static uint8_t packet[ICMP_ERROR_DATA];
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct sockaddr_in6 name;
	struct iovec iov = { .iov_base = packet, .iov_len = sizeof(packet) };
	struct icmp_error e;
	struct msghdr m;
	ssize_t n;
	int i;

	for (i = 0; i < BATCH; i++) {
		m = (struct msghdr) { .msg_name = &name,
			.msg_namelen = sizeof(name), .msg_iov = &iov,
			.msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control) };
		n = recvmsg(p->control, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			return;
		if (icmp_judge_read(&m, packet, (size_t)n, &e))
			icmp_judge_pass_on(p, &e);
	}
}

/* --- Judging -------------------------------------------------------------- */

static struct icmp_judge_case {
	uint64_t port; /* its id; 0: the place is free */
	uint32_t slot;
	uint64_t since;
	struct icmp_error error;
} waiting[WAITING];

enum verdict { WAIT, TELL, DROP };

void
icmp_judge_put(struct port *p, const struct internal *in, const uint8_t *error,
    size_t len)
{
	struct icmp_judge_case *c, *oldest = waiting;

	if (len != sizeof(c->error) || in->slot >= MP_SLOTS_MAX)
		return;
	for (c = waiting; c < waiting + WAITING && oldest->port != 0; c++)
		if (c->port == 0 || c->since < oldest->since)
			oldest = c;
	*oldest = (struct icmp_judge_case) { .port = p->id, .slot = in->slot,
		.since = arena_now() };
	memcpy(&oldest->error, error, len);
	port_due(p);
}

bool
icmp_judge_waits(const struct port *p)
{
	const struct icmp_judge_case *c;

	for (c = waiting; c < waiting + WAITING; c++)
		if (c->port == p->id)
			return true;
	return false;
}

/* Has the peer answered by any path since the datagram was sent, or may it
 * still?  [lock] */
static enum verdict
icmp_judge_decide(const struct port *p, const struct icmp_judge_case *c,
    uint64_t now)
{
	const struct mp *m = &p->map.mp;
	uint32_t session = mp_session_find(m, c->slot, &c->error.to), i;
	struct mp_session_info info;
	struct mp_flow_info flow;
	enum verdict v = TELL;

	if (now - c->since > STAY_US)
		return DROP;
	if (session == MP_NONE || mp_session_get(m, session, &info) != 0 ||
	    info.state != MP_S_UP)
		return TELL;
	for (i = 0; i < MP_FLOWS_MAX; i++) {
		if (mp_flow_get(m, now, session, i, &flow) != 0 ||
		    !flow.validated)
			continue;
		if (flow.answer_at > c->error.sent_at)
			return DROP;
		if (!flow.failed && !flow.doubt)
			v = WAIT;
	}
	return v;
}

void
icmp_judge_run(struct port *p)
{
	struct internal inner = { .kind = INTERNAL_ICMP_TOLD };
	enum verdict verdict[WAITING];
	uint64_t now;
	int i;

	if (!icmp_judge_waits(p) || !port_lock(p))
		return;
	now = arena_now();
	for (i = 0; i < WAITING; i++)
		verdict[i] = waiting[i].port != p->id ? WAIT :
		    icmp_judge_decide(p, &waiting[i], now);
	port_unlock(p);
	for (i = 0; i < WAITING; i++) {
		if (verdict[i] == WAIT)
			continue;
		waiting[i].port = 0;
		inner.slot = waiting[i].slot;
		inner.from = waiting[i].error.to;
		if (verdict[i] == TELL)
			port_send_internal(p, &inner, &waiting[i].error,
			    sizeof(waiting[i].error));
	}
}
