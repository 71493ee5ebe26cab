/* SPDX-License-Identifier: ISC */
#include "talk.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
/* after <time.h> */
#include <linux/errqueue.h>

#include "exam.h"
#include "host.h"
#include "mp.h"
#include "agent/rtnl.h"
#include "shared/arena.h"
#include "shared/icmp_error.h"
#include "shared/net.h"

enum {
	PACKET = 65536,
	ALIGN = 64,
	/* From when the session is up: for all pairs to answer; and a little,
	 * for more samples, where all have answered. */
	PROBE_US = 2500000,
	EARLY_US = 400000,
};

static uint8_t packet[PACKET];

static void
talk_open_socket(struct talk *t)
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
talk_locals(const struct exam *x, enum mp_family family,
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

bool
talk_begin(struct talk *t, const struct exam *x, uint64_t now)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 256,
		.pool = 4096, .staged = 4096 } };
	size_t size = mp_size(&setup.limits);
	struct mp_local local[MP_LOCALS_MAX];
	struct mp_tx tx[MP_TX_MAX];

	talk_open_socket(t);
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
	mp_locals(&t->mp, now, local, talk_locals(x, t->family, local));
	return mp_send_begin(&t->mp, now, 0, x->peer, 0, 1, (enum
	    mp_send_flag)0, tx) == MP_EAGAIN;
}

static bool
talk_has_pair(const struct exam *x, const struct mp_path *path)
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
talk_add_pair(struct exam *x, const struct mp_path *path,
    const uint32_t *rtt_us)
{
	if (x->npairs == MP_FLOWS_MAX || talk_has_pair(x, path))
		return;
	x->pair[x->npairs++] = (struct exam_pair) { .path = *path,
		.answered = rtt_us != NULL,
		.rtt_us = rtt_us != NULL ? *rtt_us : 0 };
}

static void
talk_send_packet(struct talk *t, const struct mp_out *out, const uint8_t *bytes)
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

/* Asks by which interface IPv6 flows leave, as the agent does. */
static void
talk_ask_routes(struct talk *t, const struct host *h)
{
	struct mp_route r;
	uint32_t by;
	bool any_source;

	while (mp_route_wanted(&t->mp, &r)) {
		by = rtnl_leaves_by(h->fd, &r.path, 0, &any_source);
		mp_route_set(&t->mp, arena_now(), &r, by, any_source);
	}
}

void
talk_send_due(struct talk *t, struct exam *x)
{
	struct mp_out out;
	int i;

	if (x != NULL)
		talk_ask_routes(t, &x->host);
	for (i = 0; i < 256 && mp_poll(&t->mp, &t->keyring, arena_now(), &out,
	    packet, sizeof(packet)) == 1; i++) {
		if (t->up_at == 0 && x != NULL)
			talk_add_pair(x, &out.path, NULL);
		talk_send_packet(t, &out, packet);
	}
}

static void
talk_take_packet(struct talk *t, struct mp_rx *rx, size_t len)
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
	if (v == MP_HANDSHAKE && mp_handshake(&t->mp, &t->keyring, now, rx,
	    shake,
	    len, &out, answer) == 1)
		talk_send_packet(t, &out, answer);
}

/* Is it an error of ICMP that a firewall sends?  RFC 1812, section 5.2.7.1: 9,
 * 10 and 13; RFC 4443, section 3.1: 1 and 5. */
static bool
talk_is_prohibition(const struct icmp_error *e)
{
	if (e->origin == SO_EE_ORIGIN_ICMP)
		return e->type == ICMP_DEST_UNREACH && (e->code == 9 ||
		    e->code == 10 || e->code == 13);
	return e->origin == SO_EE_ORIGIN_ICMP6 &&
	    e->type == ICMP6_DST_UNREACH && (e->code == 1 || e->code == 5);
}

/* Each error is reported once by recvmsg(), and once more in the error queue,
 * which is emptied. */
static void
talk_take_error(struct talk *t)
{
	union {
		struct cmsghdr head;
		char room[512];
	} control;
	struct sockaddr_in6 name;
	struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof(name),
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct icmp_error e;

	if (recvmsg(t->fd, &msg, MSG_ERRQUEUE) < 0 ||
	    !icmp_error_read(&e, &msg, packet, 0, 0) ||
	    !talk_is_prohibition(&e))
		return;
	t->prohibited = true;
	t->prohibited_by = e.offender;
}

void
talk_receive(struct talk *t)
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
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			t->closed |= errno == ECONNREFUSED;
			talk_take_error(t);
			continue;
		}
		memset(&rx, 0, sizeof(rx));
		if (!net_get(&rx.path.remote, msg.msg_name, msg.msg_namelen))
			continue;
		net_info_read(&msg, &info);
		rx.path.local = info.local;
		rx.path.ifindex = info.ifindex;
		rx.arrival = info.arrival;
		rx.later = false; /* there is no program besides */
		talk_take_packet(t, &rx, (size_t)n);
	}
}

void
talk_update(struct talk *t, const struct exam *x, uint64_t now)
{
	struct mp_session_info s;
	struct mp_flow_info f;
	uint32_t id, session = mp_session_find(&t->mp, 0, x->peer);
	bool all = true;

	if (session == MP_NONE || mp_session_get(&t->mp, session, &s) != 0 ||
	    s.state != MP_S_UP) {
		t->done = t->up_at != 0; /* the peer has closed it */
		return;
	}
	if (t->up_at == 0)
		t->up_at = now;
	for (id = 0; id < MP_FLOWS_MAX; id++)
		if (mp_flow_get(&t->mp, now, session, id, &f) == 0)
			all &= f.srtt_us != 0;
	t->done = now - t->up_at > (all ? EARLY_US : PROBE_US);
}

void
talk_note_pairs(const struct talk *t, struct exam *x)
{
	uint32_t id, session = mp_session_find(&t->mp, 0, x->peer);
	struct mp_flow_info f;

	x->npairs = 0;
	for (id = 0; id < MP_FLOWS_MAX; id++) {
		if (mp_flow_get(&t->mp, arena_now(), session, id, &f) != 0)
			continue;
		f.path.ifindex = f.leaves_by;
		talk_add_pair(x, &f.path, f.srtt_us != 0 ? &f.srtt_us : NULL);
	}
}

void
talk_end(struct talk *t)
{
	if (t->up_at != 0) {
		mp_slot_close(&t->mp, arena_now(), 0);
		talk_send_due(t, NULL);
	}
	if (t->fd >= 0)
		close(t->fd);
	if (t->block != NULL)
		sodium_memzero(t->block, mp_size(&t->mp.limits));
	free(t->block);
	mp_keyring_wipe(&t->keyring);
}
