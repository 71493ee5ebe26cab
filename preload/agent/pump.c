/* SPDX-License-Identifier: ISC */
#include "pump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "refusal.h"
#include "events.h"
#include "steering.h"
#include "journal.h"
#include "shared/net.h"
#include "backlog.h"

enum {
	BATCH = 16,    /* packets taken under one lock */
	ROUNDS = 16,   /* batches of one turn */
	PACKET = 65536,
	POLL_US = 5000, /* the patience with acknowledgements */
};

/* What was taken under the lock.  Only one port is served at a time. */
static struct {
	struct mp_out out;
	int error;
	uint8_t bytes[PACKET];
} batch[BATCH];

/* --- One packet --------------------------------------------------------- */

/* Sets whether packets of the control socket may be fragmented. */
static void
set_df(struct port *p, bool df)
{
	int v4 = df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
	int v6 = df ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;

	if (p->df == (int)df)
		return;
	p->df = df;
	(void)setsockopt(p->control, IPPROTO_IP, IP_MTU_DISCOVER, &v4,
	    sizeof(v4));
	if (p->kernel != MP_INET)
		(void)setsockopt(p->control, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		    &v6, sizeof(v6));
}

int
port_send_packet(struct port *p, const struct mp_out *out,
    const uint8_t *packet)
{
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct sockaddr_in6 to;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)packet,
		.iov_len = out->len };
	struct msghdr msg = { .msg_name = &to, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = &control };

	if (out->len > PACKET)
		return 0;
	set_df(p, out->df);
	net_aim(&msg, p->kernel, &out->path);
	net_add_tos(&msg, net_is_v4(&out->path.remote), out->tos, out->ttl);
	if (sendmsg(p->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	    errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return 0;
	return -errno;
}

void
port_send_internal(struct port *p, const struct internal *in,
    const void *payload,
    size_t len)
{
	static uint8_t buf[PACKET + INTERNAL_OVERHEAD];
	int error;

	if (len > PACKET)
		return;
	error = internal_send(p->map.arena, p->control, in, payload, len, buf);
	/* To sockets that are bound to an interface there is no way. */
	if (error != 0 && error != -EAGAIN && p->device == 0)
		journal("port %u: to slot %u: %s", p->number, in->slot,
		    strerror(-error));
}

/* --- What the engine has to be told, and says --------------------------- */

/* [lock] */
static void
tell_engine(struct port *p, uint64_t now)
{
	unsigned i;

	if (p->locals_new)
		mp_locals(&p->map.mp, now, p->locals, p->nlocals);
	for (i = 0; i < p->nevents; i++)
		mp_link_event(&p->map.mp, now, p->event[i]);
	p->locals_new = false;
	p->nevents = 0;
}

/* The peers of connected sockets that never answered: who waits for a datagram
 * learns of it.  [lock] */
static int
find_unanswered(struct port *p, struct internal lost[MP_SLOTS_MAX])
{
	uint64_t count = mp_counter_get(&p->map.mp, MP_C_drop_unanswered);
	struct mp_session_info info;
	struct mp_addr peer;
	uint32_t i, session;
	int n = 0;

	if (count == p->unanswered)
		return 0;
	p->unanswered = count;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used || !p->slot[i].connected)
			continue;
		peer = p->map.arena->slot[i].peer;
		session = mp_session_find(&p->map.mp, i, &peer);
		if (session == MP_NONE || mp_session_get(&p->map.mp, session,
			&info) != 0 || info.state == MP_S_UP ||
		    p->slot[i].told == info.gen + UINT64_C(1))
			continue;
		p->slot[i].told = info.gen + UINT64_C(1);
		lost[n++] = (struct internal) { .kind = INTERNAL_ERROR, .slot =
		    i,
			.from = peer };
	}
	return n;
}

/*
 * When we look again: at the engine's deadline.  While datagrams come and go
 * that moves with each of them; then we look every POLL_US, and programs need
 * not wake us.  What was announced stays until it has passed.  [lock]
 */
static uint64_t
wake_at(struct port *p, uint64_t now)
{
	uint64_t at = mp_deadline(&p->map.mp);
	uint64_t told = atomic_load(&p->map.arena->wakeup_at);
	uint64_t traffic = mp_counter_get(&p->map.mp, MP_C_data_in) +
	    mp_counter_get(&p->map.mp, MP_C_data_out);

	if (traffic != p->traffic && at > now + POLL_US)
		at = now + POLL_US;
	p->traffic = traffic;
	if (p->backlog_n > 0 && at > now + BACKLOG_PAUSE_US)
		at = now + BACKLOG_PAUSE_US;
	return told > now && told < at ? told : at;
}

/* Takes what is due: how many packets, or -1: the lock is not to be had. */
static int
pump_take(struct port *p, struct internal lost[MP_SLOTS_MAX], int *nlost,
    uint32_t *idle)
{
	struct agent *a = p->agent;
	uint64_t now, at;
	bool fresh;
	int n = 0;

	if (!port_lock(p))
		return -1;
	now = arena_now();
	tell_engine(p, now);
	steering_note(p);
	fresh = arena_stir(&p->map); /* before an ephemeral key of an INIT */
	while (fresh && n < BATCH && mp_poll(&p->map.mp, p->keyring->keys, now,
	    &batch[n].out, batch[n].bytes, PACKET) == 1)
		n++;
	*nlost = find_unanswered(p, lost);
	*idle = refusal_idle(p);
	at = wake_at(p, now);
	atomic_store(&p->map.arena->wakeup_at, at);
	atomic_store(&p->map.arena->heartbeat_at, now);
	port_unlock(p);
	alarm_set(&a->loop, &p->alarm, at);
	return n;
}

static bool
pump_send_all(struct port *p, int n)
{
	bool failed = false;
	int i;

	for (i = 0; i < n; i++) {
		batch[i].error = port_send_packet(p, &batch[i].out,
		    batch[i].bytes);
		failed |= batch[i].error != 0;
	}
	return !failed;
}

static void
pump_tell_failed(struct port *p, int n)
{
	uint64_t now = arena_now();
	int i;

	if (!port_lock(p))
		return;
	for (i = 0; i < n; i++)
		if (batch[i].error != 0)
			mp_poll_failed(&p->map.mp, now, &batch[i].out,
			    batch[i].error);
	port_unlock(p);
}

static void
tell_lost(struct port *p, const struct internal *lost, int n)
{
	uint32_t error = htonl(EHOSTUNREACH);
	int i;

	for (i = 0; i < n; i++)
		port_send_internal(p, &lost[i], &error, sizeof(error));
}

void
pump_port(struct port *p)
{
	struct internal lost[MP_SLOTS_MAX];
	uint32_t idle;
	int n, nlost, round;
	bool ok;

	events_touch(p);
	for (round = 0; round < ROUNDS; round++) {
		n = pump_take(p, lost, &nlost, &idle);
		if (n < 0)
			return;
		refusal_close(p, idle);
		ok = pump_send_all(p, n);
		tell_lost(p, lost, nlost);
		if (p->connects_new)
			steering_update(p);
		else
			backlog_give(p);
		if (!ok)
			pump_tell_failed(p, n);
		else if (n < BATCH)
			return;
	}
}
