/* SPDX-License-Identifier: ISC */
#include "control.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "agent.h"
#include "backlog.h"
#include "icmp_judge.h"
#include "keyring.h"
#include "loop.h"
#include "port.h"
#include "port_send.h"
#include "socket_scan.h"
#include "steering.h"
#include "uplink.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "shared/net.h"

enum {
	BATCH = 16,
	TURNS = 4, /* batches, before other ports have their turn */
	PACKET = 65536, /* bytes */
};

/* One packet, and what became of it. */
struct control_item {
	struct mp_rx rx;
	enum mp_verdict verdict;
	struct internal inner;
	int16_t tos, ttl; /* -1: unknown */
	bool is_inner;
	int opened;	  /* what mp_open() returned */
	bool joined;	  /* of two parts: longer than its packet */
	bool steered;	  /* data, which the steering sent to the agent */
	uint8_t named;	  /* the slot that its sid names */
	bool answer;	  /* `out' and `packet' answer a handshake */
	struct mp_out out;
	int error;	  /* of sending the answer */
	uint8_t packet[MP_CONTROL_MAX];
};

/* One batch.  One is enough: no function that this module calls receives. */
static struct {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in6 name[BATCH];
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control[BATCH];
	struct control_item item[BATCH];
	bool stirred; /* the port's generator, since the lock was taken */
	uint8_t bytes[BATCH][PACKET];
} in;

static int
control_receive(int fd)
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

/* Reads the path and time of a packet; false: it is cut short, or has no
 * address. */
static bool
control_describe(const struct mmsghdr *m, struct control_item *c)
{
	struct net_info info;

	memset(c, 0, offsetof(struct control_item, packet));
	c->verdict = MP_DROPPED;
	if ((m->msg_hdr.msg_flags & MSG_TRUNC) != 0 ||
	    !net_get(&c->rx.path.remote, m->msg_hdr.msg_name,
		m->msg_hdr.msg_namelen))
		return false;
	net_info_read(&m->msg_hdr, &info);
	c->rx.path.local = info.local;
	c->rx.path.ifindex = info.ifindex;
	c->rx.arrival = info.arrival;
	c->rx.later = true;
	c->tos = (int16_t)info.tos;
	c->ttl = (int16_t)info.ttl;
	return true;
}

/* --- The four steps of a batch ------------------------------------------ */

/* What packets from number i on will touch is asked for together.  [lock] */
static void
control_look_ahead(const struct port *p, int i, int n)
{
	struct mp_ahead next[MP_AHEAD];
	int k;

	for (k = 0; k < MP_AHEAD && i + k < n; k++)
		next[k] = (struct mp_ahead) { in.bytes[i + k],
			in.msg[i + k].msg_len };
	mp_ahead_recv(&p->map.mp, next, (unsigned)k);
}

/* Looks the sessions up; false: the lock is not available. */
static bool
control_look_up(struct port *p, int n)
{
	uint64_t now;
	int i;

	if (!port_lock(p))
		return false;
	now = arena_now();
	for (i = 0; i < n; i++) {
		struct control_item *c = &in.item[i];

		if (i % MP_AHEAD == 0 && n > 1)
			control_look_ahead(p, i, n);
		if (!control_describe(&in.msg[i], c))
			continue;
		c->is_inner = internal_is(p->map.arena, in.bytes[i],
		    in.msg[i].msg_len);
		c->steered = !c->is_inner && (in.bytes[i][3] & 1) == 0;
		c->named = in.bytes[i][1] >> 3;
		if (!c->is_inner)
			c->verdict = mp_recv_begin(&p->map.mp, now, &c->rx,
			    in.bytes[i], in.msg[i].msg_len);
	}
	port_unlock(p);
	return true;
}

static void
control_open_all(const struct port *p, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct control_item *c = &in.item[i];

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
control_commit_one(struct port *p, struct control_item *c, uint8_t *bytes,
    size_t len, uint64_t now)
{
	bool inside = c->verdict == MP_SEALED;

	if (inside && c->rx.child && p->nslots > 1)
		steering_accept(p, &c->rx.path);
	if (inside)
		c->verdict = mp_recv_commit(&p->map.mp, now, &c->rx, bytes,
		    c->opened);
	if (c->verdict == MP_JOIN) {
		c->joined = true;
		c->verdict = mp_recv_join(&p->map.mp, &c->rx, bytes, PACKET);
	}
	if (c->rx.child)
		steering_note_keys(p);
	if (c->verdict != MP_HANDSHAKE)
		return;
	if (inside && (c->rx.off > len || c->rx.len > len - c->rx.off))
		return;
	if (p->nslots > 1)
		steering_accept(p, &c->rx.path);
	/* Before the session id of a RESP; once under one lock. */
	in.stirred = in.stirred || arena_stir(&p->map);
	c->answer = in.stirred && mp_handshake(&p->map.mp, p->keyring->keys,
	    now, &c->rx, bytes + (inside ? c->rx.off : 0),
	    inside ? c->rx.len : len, &c->out, c->packet) == 1;
	steering_note_keys(p);
}

static bool
control_commit_all(struct port *p, int n)
{
	uint64_t now;
	int i;

	if (!port_lock(p))
		return false;
	now = arena_now();
	in.stirred = false;
	for (i = 0; i < n; i++)
		if (!in.item[i].is_inner)
			control_commit_one(p, &in.item[i], in.bytes[i],
			    in.msg[i].msg_len, now);
	port_unlock(p);
	return true;
}

/* It was not steered to its socket, which may be closed: looks for that, also
 * where the kernel tells of closed sockets, since it waits for the scan. */
static void
control_astray(const struct port *p, struct internal *inner)
{
	inner->kind = INTERNAL_ASTRAY;
	socket_scan_next(p->agent->scan);
}

/* Passes a datagram on: one out of a control packet (a copy of a datagram whose
 * own packet was lost, or its second part) goes to its slot; data that the
 * steering sent to the agent waits for the socket that is to have it. */
static void
control_deliver(struct port *p, const struct control_item *c,
    const uint8_t *bytes, size_t len)
{
	struct internal inner = { .kind = INTERNAL_DATA, .slot = c->rx.slot,
		.from = c->rx.from, .tos = c->tos, .ttl = c->ttl,
		.copy = c->rx.copy };
	_Atomic uint64_t *copied =
	    &p->map.arena->slot[c->rx.slot % MP_SLOTS_MAX].rx.copied;

	if (c->rx.slot >= MP_SLOTS_MAX || !p->slot[c->rx.slot].used ||
	    c->rx.off > len || c->rx.len > len - c->rx.off)
		return;
	if (c->steered) {
		if (c->rx.slot == c->named || p->slot[c->rx.slot].connected)
			control_astray(p, &inner);
		backlog_put(p, &inner, bytes + c->rx.off, c->rx.len);
		return;
	}
	if (inner.copy.seq != 0)
		atomic_store(copied, arena_now());
	port_send_internal(p, &inner, bytes + c->rx.off, c->rx.len);
	/* Again: the program may have found its queue empty in between. */
	if (inner.copy.seq != 0)
		atomic_store(copied, arena_now());
}

/* INTERNAL_WAKE has done its work: the port is due.  Datagrams for slots come
 * here where the steering is out of date, or knows no index: then the kernel
 * chooses by hash, and INTERNAL_LAST would come back by the same hash.  At a port
 * that is bound to a device they come to all sockets (K48). */
static void
control_take_internal(struct port *p, struct internal *inner,
    const uint8_t *bytes)
{
	if (inner->kind == INTERNAL_CLOSING)
		socket_scan_soon(p->agent->scan);
	if (inner->kind == INTERNAL_ICMP_JUDGE)
		icmp_judge_put(p, inner, bytes + inner->off, inner->len);
	if (inner->kind == INTERNAL_ASTRAY ||
	    (inner->kind == INTERNAL_DATA && p->device == 0))
		control_astray(p, inner);
	if (inner->kind == INTERNAL_BACKLOG || inner->kind == INTERNAL_ASTRAY)
		backlog_put(p, inner, bytes + inner->off, inner->len);
}

/* Acts on the packets; true: the engine is to be told. */
static bool
control_act(struct port *p, int n)
{
	bool tell = false;
	int i;

	for (i = 0; i < n; i++) {
		struct control_item *c = &in.item[i];

		if (c->is_inner)
			control_take_internal(p, &c->inner, in.bytes[i]);
		else if (c->verdict == MP_DELIVER) {
			tell = true;
			control_deliver(p, c, in.bytes[i], c->joined ?
			    (size_t)PACKET : in.msg[i].msg_len);
		}
		if (c->answer) {
			uplink_aim(p, &c->out.path);
			c->error = port_send_packet(p, &c->out, c->packet);
		}
		tell |= c->error != 0;
	}
	return tell;
}

/* Datagrams were handed on: so the program's answers may say that they were
 * read.  And some answers to handshakes did not go. */
static void
control_tell(struct port *p, int n)
{
	uint64_t now = arena_now();
	int i;

	if (!port_lock(p))
		return;
	mp_recv_given(&p->map.mp);
	for (i = 0; i < n; i++)
		if (in.item[i].answer && in.item[i].error != 0)
			mp_poll_failed(&p->map.mp, now, &in.item[i].out,
			    in.item[i].error);
	port_unlock(p);
}

bool
control_take(struct port *p, int fd)
{
	int n, turn;

	port_due(p);
	for (turn = 0; turn < TURNS; turn++) {
		/* Without the lock the packets are better off in the kernel's
		 * queue. */
		if (!port_lock(p))
			return false;
		port_unlock(p);
		n = control_receive(fd);
		if (n <= 0)
			break;
		if (!control_look_up(p, n))
			return false;
		control_open_all(p, n);
		if (!control_commit_all(p, n))
			return false;
		if (control_act(p, n))
			control_tell(p, n);
		if (n < BATCH)
			break;
	}
	return true;
}

void
control_ready(struct watch *w, uint32_t events)
{
	struct port *p = OWNER(w, struct port, control_watch);

	if ((events & EPOLLERR) != 0)
		icmp_judge_hear(p);
	(void)control_take(p, p->control);
}
