/* SPDX-License-Identifier: ISC */
#include "control.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "steering.h"
#include "shared/internal.h"
#include "socket_scan.h"
#include "shared/net.h"
#include "pump.h"
#include "backlog.h"

enum {
	BATCH = 16,
	TURNS = 4, /* batches, before other ports have their turn */
	PACKET = 65536,
};

/* What became of one packet. */
struct rx_item {
	struct mp_rx rx;
	enum mp_verdict verdict;
	struct internal inner;
	bool is_inner;
	int opened;	  /* of mp_open() */
	bool steered;	  /* data, by sockfilter_steer.only */
	bool answer;	  /* there is one: */
	struct mp_out out;
	int error;	  /* of sending it */
	uint8_t packet[MP_CONTROL_MAX];
};

/* One batch.  Only one port is served at a time. */
static struct {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in6 name[BATCH];
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control[BATCH];
	struct rx_item came[BATCH];
	bool stirred; /* the port's generator, since the lock was taken */
	uint8_t bytes[BATCH][PACKET];
} in;

void
control_pause(struct port *p)
{
	if (p->control_watch.ready != NULL)
		watch_change(&p->agent->loop, &p->control_watch, 0);
}

void
control_resume(struct port *p)
{
	if (p->control_watch.ready != NULL && p->shut_us > 0)
		watch_change(&p->agent->loop, &p->control_watch, EPOLLIN);
}

static int
receive(int fd)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		in.iov[i] = (struct iovec) { .iov_base = in.bytes[i],
			.iov_len = PACKET };
		in.msg[i].msg_hdr = (struct msghdr) { .msg_name = &in.name[i],
			.msg_namelen = sizeof(in.name[i]),
			.msg_iov = &in.iov[i], .msg_iovlen = 1,
			.msg_control = &in.control[i],
			.msg_controllen = sizeof(in.control[i]) };
	}
	return recvmmsg(fd, in.msg, BATCH, MSG_DONTWAIT, NULL);
}

/* Where a packet came from, and when; false: of no use. */
static bool
control_describe(const struct mmsghdr *m, struct rx_item *c)
{
	struct net_info info;

	memset(c, 0, offsetof(struct rx_item, packet));
	c->verdict = MP_DROPPED;
	if ((m->msg_hdr.msg_flags & MSG_TRUNC) != 0 ||
	    !net_get(&c->rx.path.remote, m->msg_hdr.msg_name,
		m->msg_hdr.msg_namelen))
		return false;
	net_info_read(&m->msg_hdr, &info);
	c->rx.path.local = info.local;
	c->rx.path.ifindex = info.ifindex;
	c->rx.arrival = info.arrival;
	return true;
}

/* --- The four steps of a batch ------------------------------------------ */

/* Looks the sessions up: false, the lock is not to be had. */
static bool
look_up(struct port *p, int n)
{
	uint64_t now;
	int i;

	if (!port_lock(p))
		return false;
	now = arena_now();
	for (i = 0; i < n; i++) {
		struct rx_item *c = &in.came[i];

		if (!control_describe(&in.msg[i], c))
			continue;
		c->is_inner = internal_is(p->map.arena, in.bytes[i],
		    in.msg[i].msg_len);
		c->steered = !c->is_inner && (in.bytes[i][3] & 1) == 0;
		if (!c->is_inner)
			c->verdict = mp_recv_begin(&p->map.mp, now, &c->rx,
			    in.bytes[i], in.msg[i].msg_len);
	}
	port_unlock(p);
	return true;
}

static void
open_all(const struct port *p, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct rx_item *c = &in.came[i];

		if (c->is_inner)
			c->is_inner = internal_open(p->map.arena, &c->inner,
			    in.bytes[i], in.msg[i].msg_len);
		else if (c->verdict == MP_SEALED)
			c->opened = mp_open(&c->rx, in.bytes[i],
			    in.msg[i].msg_len, in.bytes[i]);
	}
}

/* [lock] */
static void
take_one(struct port *p, struct rx_item *c, const uint8_t *bytes, size_t len,
    uint64_t now)
{
	bool inside = c->verdict == MP_SEALED;

	if (inside)
		c->verdict = mp_recv_commit(&p->map.mp, now, &c->rx, bytes,
		    c->opened);
	if (c->verdict != MP_HANDSHAKE)
		return;
	if (inside && (c->rx.off > len || c->rx.len > len - c->rx.off))
		return;
	if (p->nslots > 1)
		steering_expect(p, &c->rx.path);
	/* Before the ephemeral key of a RESP; once under one lock. */
	in.stirred = in.stirred || arena_stir(&p->map);
	c->answer = in.stirred && mp_handshake(&p->map.mp, p->keyring->keys,
	    now, &c->rx, bytes + (inside ? c->rx.off : 0),
	    inside ? c->rx.len : len, &c->out, c->packet) == 1;
	steering_rekeyed(p);
}

static bool
control_take_in(struct port *p, int n)
{
	uint64_t now;
	int i;

	if (!port_lock(p))
		return false;
	now = arena_now();
	in.stirred = false;
	for (i = 0; i < n; i++)
		if (!in.came[i].is_inner)
			take_one(p, &in.came[i], in.bytes[i],
			    in.msg[i].msg_len, now);
	port_unlock(p);
	return true;
}

/* A datagram whose own packet was lost, or that the socket of its slot is not
 * to have. */
static void
deliver(struct port *p, const struct rx_item *c, const uint8_t *bytes,
    size_t len)
{
	struct internal inner = { .kind = INTERNAL_DATA, .slot = c->rx.slot,
		.from = c->rx.from };

	if (c->rx.slot >= MP_SLOTS_MAX || !p->slot[c->rx.slot].used ||
	    c->rx.off > len || c->rx.len > len - c->rx.off)
		return;
	if (c->steered)
		backlog_put(p, &inner, bytes + c->rx.off, c->rx.len);
	else
		port_send_internal(p, &inner, bytes + c->rx.off, c->rx.len);
}

static void
control_told(struct port *p, const struct internal *inner, const uint8_t *bytes)
{
	/* Anything else is not for us: it came by hash, and would again. */
	if (inner->kind == INTERNAL_CLOSING)
		socket_scan_soon(p->agent);
	else if (inner->kind == INTERNAL_BACKLOG)
		backlog_put(p, inner, bytes + inner->off, inner->len);
}

static bool
control_act(struct port *p, int n)
{
	bool failed = false;
	int i;

	for (i = 0; i < n; i++) {
		struct rx_item *c = &in.came[i];

		if (c->is_inner)
			control_told(p, &c->inner, in.bytes[i]);
		else if (c->verdict == MP_DELIVER)
			deliver(p, c, in.bytes[i], in.msg[i].msg_len);
		if (c->answer)
			c->error = port_send_packet(p, &c->out, c->packet);
		failed |= c->error != 0;
	}
	return !failed;
}

static void
control_tell_failed(struct port *p, int n)
{
	uint64_t now = arena_now();
	int i;

	if (!port_lock(p))
		return;
	for (i = 0; i < n; i++)
		if (in.came[i].answer && in.came[i].error != 0)
			mp_poll_failed(&p->map.mp, now, &in.came[i].out,
			    in.came[i].error);
	port_unlock(p);
}

bool
control_take(struct port *p, int fd)
{
	int n, turn;

	for (turn = 0; turn < TURNS; turn++) {
		/* Not to be had: the packets are better off in the kernel. */
		if (!port_lock(p))
			return false;
		port_unlock(p);
		n = receive(fd);
		if (n <= 0)
			break;
		if (!look_up(p, n))
			return false;
		open_all(p, n);
		if (!control_take_in(p, n))
			return false;
		if (!control_act(p, n))
			control_tell_failed(p, n);
		if (n < BATCH)
			break;
	}
	return true;
}

void
control_ready(struct watch *w, uint32_t events)
{
	struct port *p = OWNER(w, struct port, control_watch);

	(void)events;
	if (control_take(p, p->control))
		pump_port(p);
}
