/* SPDX-License-Identifier: ISC */
/*
 * mpctl doctor PEER: a real handshake with the peer, then a probe on every pair
 * of addresses, as a program under mpshim would have them: an engine of its own
 * for each key, behind a socket of its own.  The session is closed again.
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "ctl_exam.h"
#include "net.h"

enum {
	TALKS = 16,	   /* keys that are tried */
	PACKET = 65536,
	ALIGN = 64,
	SHAKE_US = 3000000, /* four rounds of a handshake */
	PROBE_US = 2500000, /* and of probes */
	EARLY_US = 400000, /* when all have answered */
};

struct talk {
	struct mp mp;
	struct mp_keyring ring;
	void *block;
	enum mp_family family;
	int fd;
	uint64_t up_at; /* or 0 */
	bool done;
};

static uint8_t packet[PACKET];
static bool closed; /* the peer's host said that nobody has the port */

/* --- One talk ----------------------------------------------------------------- */

static void
open_socket(struct talk *t)
{
	int off = 0, on = 1;

	t->family = MP_DUAL;
	t->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd >= 0) {
		(void)setsockopt(t->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
		(void)setsockopt(t->fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
		    sizeof(on));
	} else {
		t->family = MP_INET;
		t->fd = socket(AF_INET,
		    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	if (t->fd < 0)
		return;
	(void)setsockopt(t->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	net_options(t->fd, t->family);
}

static size_t
locals(const struct exam *x, enum mp_family family,
    struct mp_local local[MP_LOCALS_MAX])
{
	const struct host_addr *a;
	size_t i, n = 0;

	for (i = 0; i < x->host.naddrs && n < MP_LOCALS_MAX; i++) {
		a = &x->host.addr[i];
		if (a->state != HOST_USABLE || !a->link->up ||
		    a->link->excluded || (family == MP_INET &&
			host_family(&a->is) != HOST_V4))
			continue;
		local[n] = (struct mp_local) { .ifindex = a->link->ifindex,
			.mtu = a->link->mtu };
		memcpy(local[n++].ip, a->is.ip, 16);
	}
	return n;
}

/* False: it cannot be. */
static bool
talk_begin(struct talk *t, const struct exam *x, uint64_t now)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 256,
		.pool = 4096, .held = 4096 } };
	size_t size = mp_size(&setup.limits);
	struct mp_local local[MP_LOCALS_MAX];
	struct mp_tx tx[2];

	open_socket(t);
	if (t->fd < 0)
		return false;
	t->block = aligned_alloc(ALIGN, (size + ALIGN - 1) / ALIGN * ALIGN);
	if (t->block == NULL)
		return false;
	memset(t->block, 0, size);
	randombytes_buf(setup.seed, sizeof(setup.seed));
	if (mp_create(&t->mp, t->block, size, &setup, now) != 0 ||
	    mp_slot_open(&t->mp, 0, t->family) != 0)
		return false;
	mp_locals(&t->mp, now, local, locals(x, t->family, local));
	return mp_send_begin(&t->mp, now, 0, x->peer, 0, 1, (enum
	    mp_send_flag)0, tx) == MP_EAGAIN;
}

static bool
has_pair(const struct exam *x, const struct mp_path *path)
{
	size_t i;

	for (i = 0; i < x->npairs; i++)
		if (net_equal(&x->pair[i].path.remote, &path->remote) &&
		    x->pair[i].path.ifindex == path->ifindex &&
		    memcmp(x->pair[i].path.local.ip, path->local.ip, 16) == 0)
			return true;
	return false;
}

static void
add_pair(struct exam *x, const struct mp_path *path, const uint32_t *rtt_us)
{
	if (x->npairs == MP_FLOWS_MAX || has_pair(x, path))
		return;
	x->pair[x->npairs++] = (struct exam_pair) { .path = *path,
		.answered = rtt_us != NULL,
		.rtt_us = rtt_us != NULL ? *rtt_us : 0 };
}

static void
talk_send(struct talk *t, const struct mp_out *out, const uint8_t *bytes)
{
	struct sockaddr_in6 name;
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
		.iov_len = out->len };
	struct msghdr msg = { .msg_name = &name, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = &control };

	memset(&control, 0, sizeof(control));
	net_aim(&msg, t->family, &out->path);
	if (sendmsg(t->fd, &msg, MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
	    errno != ECONNREFUSED)
		mp_poll_failed(&t->mp, arena_now(), out, -errno);
}

/* Sends what is due; before a session is up, each is a pair that is tried. */
static void
talk_say(struct talk *t, struct exam *x)
{
	struct mp_out out;
	int i;

	for (i = 0; i < 256 && mp_poll(&t->mp, &t->ring, arena_now(), &out,
	    packet, sizeof(packet)) == 1; i++) {
		if (t->up_at == 0 && x != NULL)
			add_pair(x, &out.path, NULL);
		talk_send(t, &out, packet);
	}
}

static void
take(struct talk *t, struct mp_rx *rx, size_t len)
{
	static uint8_t opened[PACKET], answer[MP_CONTROL_MAX];
	uint64_t now = arena_now();
	enum mp_verdict v = mp_recv_begin(&t->mp, now, rx, packet, len);
	const uint8_t *shake = packet;
	struct mp_out out;

	if (v == MP_SEALED) {
		v = mp_recv_commit(&t->mp, now, rx, opened,
		    mp_open(rx, packet, len, opened));
		if (v == MP_HANDSHAKE) {
			shake = opened + rx->off;
			len = rx->len;
		}
	}
	if (v == MP_HANDSHAKE && mp_handshake(&t->mp, &t->ring, now, rx, shake,
	    len, &out, answer) == 1)
		talk_send(t, &out, answer);
}

/* Takes what came; ICMP says in the error queue that a port is closed. */
static void
talk_hear(struct talk *t)
{
	struct sockaddr_in6 name;
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = sizeof(packet) };
	struct msghdr msg;
	struct net_info info;
	struct mp_rx rx;
	ssize_t n;
	int i;

	for (i = 0; i < 256; i++) {
		msg = (struct msghdr) { .msg_name = &name,
			.msg_namelen = sizeof(name), .msg_iov = &iov,
			.msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control) };
		n = recvmsg(t->fd, &msg, 0);
		if (n < 0 && errno == ECONNREFUSED) {
			closed = true;
			(void)recvmsg(t->fd, &msg, MSG_ERRQUEUE);
			continue;
		}
		if (n < 0)
			return;
		memset(&rx, 0, sizeof(rx));
		if (!net_get(&rx.path.remote, msg.msg_name, msg.msg_namelen))
			continue;
		net_info(&msg, &info);
		rx.path.local = info.local;
		rx.path.ifindex = info.ifindex;
		rx.arrival = info.arrival;
		take(t, &rx, (size_t)n);
	}
}

/* Is the session up; have all its pairs answered? */
static void
talk_look(struct talk *t, const struct exam *x, uint64_t now)
{
	struct mp_session_info s;
	struct mp_flow_info f;
	uint32_t id, session = mp_session_find(&t->mp, 0, x->peer);
	bool all = true;

	if (session == MP_NONE || mp_session_info(&t->mp, session, &s) != 0 ||
	    s.state != MP_S_UP)
		return;
	if (t->up_at == 0)
		t->up_at = now;
	for (id = 0; id < MP_FLOWS_MAX; id++)
		if (mp_flow_info(&t->mp, now, session, id, &f) == 0)
			all &= f.srtt_us != 0;
	t->done = now - t->up_at > (all ? EARLY_US : PROBE_US);
}

/* Takes the pairs over from the engine that got through. */
static void
talk_pairs(const struct talk *t, struct exam *x)
{
	uint32_t id, session = mp_session_find(&t->mp, 0, x->peer);
	struct mp_flow_info f;

	x->npairs = 0;
	for (id = 0; id < MP_FLOWS_MAX; id++)
		if (mp_flow_info(&t->mp, arena_now(), session, id, &f) == 0)
			add_pair(x, &f.path, f.srtt_us != 0 ? &f.srtt_us :
							      NULL);
}

static void
talk_end(struct talk *t)
{
	if (t->up_at != 0) {
		mp_slot_close(&t->mp, arena_now(), 0);
		talk_say(t, NULL);
	}
	if (t->fd >= 0)
		close(t->fd);
	if (t->block != NULL)
		sodium_memzero(t->block, mp_size(&t->mp.limits));
	free(t->block);
	mp_keyring_wipe(&t->ring);
}

/* --- All of them ------------------------------------------------------------ */

/* Waits for what comes first. */
static void
wait_any(const struct talk *t, int n, uint64_t until)
{
	struct pollfd p[TALKS];
	uint64_t now = arena_now(), at;
	int i;

	for (i = 0; i < n; i++) {
		p[i] = (struct pollfd) { .fd = t[i].fd, .events = POLLIN };
		at = mp_deadline(&t[i].mp);
		until = at < until ? at : until;
	}
	at = now + 20000;
	until = until < at ? until : at;
	(void)poll(p, (nfds_t)n, until > now ?
	    (int)((until - now + 999) / 1000) : 0);
}

/* Until one got through and has heard of its pairs, or nobody did. */
static struct talk *
converse(struct talk *t, int n, struct exam *x)
{
	uint64_t until = arena_now() + SHAKE_US, now;
	struct talk *up = NULL;
	int i;

	while ((now = arena_now()) < until || up != NULL) {
		for (i = 0; i < n; i++) {
			talk_hear(&t[i]);
			talk_look(&t[i], x, now);
			talk_say(&t[i], x);
			if (t[i].up_at != 0)
				up = &t[i];
		}
		if (up != NULL && up->done)
			break;
		wait_any(t, n, up != NULL ? MP_NEVER : until);
	}
	return up;
}

/* Tries all keys, with our ends or with the others: the one that got through,
 * by its name in x->key. */
static bool
try_keys(struct exam *x, bool other_end)
{
	static struct talk talk[TALKS];
	struct talk *up;
	size_t i;
	int n = 0, k;

	memset(talk, 0, sizeof(talk));
	for (i = 0; i < exam_keys() && n < TALKS; i++) {
		talk[n].fd = -1;
		if (exam_ring(x, i, other_end, &talk[n].ring) &&
		    talk_begin(&talk[n], x, arena_now()))
			n++;
		else
			talk_end(&talk[n]);
	}
	up = converse(talk, n, x);
	if (up != NULL && !other_end)
		talk_pairs(up, x);
	if (up != NULL)
		snprintf(x->key, sizeof(x->key), "%s", up->ring.key[0].name);
	for (k = 0; k < n; k++)
		talk_end(&talk[k]);
	return up != NULL;
}

/* --- What becomes of it ------------------------------------------------------ */

static bool through, same_half, ours;

/* Comes first: the others look at what it brought. */
static void
look_closed(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++)
		ours |= memcmp(x->host.addr[i].is.ip, x->peer->ip, 16) == 0;
	if (ours) /* which was found already */
		return;
	through = sodium_init() >= 0 && try_keys(x, false);
	if (!through && closed)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
	else if (!through && try_keys(x, true))
		same_half = true;
}

static void
look_same_half(struct exam *x, const struct check *c)
{
	if (same_half)
		exam_found(x, c, x->key, NULL, NULL);
}

static void
look_silent(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (!through && !closed && !same_half && !ours)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* A fault of it was found, which tells why. */
static bool
explained(const struct exam *x, const struct host_link *l)
{
	size_t i;

	for (i = 0; i < x->nfound; i++)
		if (strcmp(x->found[i].about, l->name) == 0)
			return true;
	return false;
}

/* An uplink none of whose pairs answered, though others do. */
static void
look_pairs(struct exam *x, const struct check *c)
{
	const struct host_link *l;
	size_t i, k, tried, answered;

	for (i = 0; through && i < x->host.nlinks; i++) {
		l = &x->host.link[i];
		tried = answered = 0;
		for (k = 0; k < x->npairs; k++)
			if (x->pair[k].path.ifindex == l->ifindex) {
				tried++;
				answered += x->pair[k].answered;
			}
		if (host_leads_on(&x->host, l) && tried > 0 &&
		    answered == 0 && !explained(x, l))
			exam_found(x, c, l->name, NULL, NULL);
	}
}

const struct check exam_peer[] = {
	{ "closed", look_closed, EXAM_FAULT,
	    "%1: no program has that port there (ICMP)", NULL },
	{ "same-half", look_same_half, EXAM_FAULT,
	    "the other end has the same half of key %1: give it the other "
	    "one, %1.peer.key, or make a new key", "mpctl keygen %1-new" },
	{ "silent", look_silent, EXAM_FAULT,
	    "%1 does not answer: no program there, or not under mpshim, or "
	    "with another key, or a firewall is between",
	    "mpctl doctor" },
	{ "pairs", look_pairs, EXAM_FAULT,
	    "%1 leads out, but gets no answer: a firewall, or no route back",
	    NULL },
	{ .name = NULL },
};
