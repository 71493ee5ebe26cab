/* SPDX-License-Identifier: ISC */
#include "port_send.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "port.h"
#include "journal.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/uapi.h"

enum { TRIES = 4 }; /* to send a packet */

/* Sets whether packets of the control socket may be fragmented. */
static void
port_send_set_df(struct port *p, bool df)
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

/* Sends a packet by a path: 0, or a negative errno. */
static int
port_send_by(struct port *p, const struct mp_path *path,
    const struct mp_out *out, const uint8_t *packet)
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
	int i;

	net_aim(&msg, p->kernel, path);
	net_add_tos(&msg, net_is_v4(&out->path.remote), out->tos, out->ttl);
	/* The error may be what ICMP said of an earlier packet, which the
	 * kernel reports once. */
	for (i = 0; i < TRIES; i++)
		if (sendmsg(p->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >=
		    0 || errno == ENOBUFS || errno == EINTR ||
		    (errno == EAGAIN && !out->staged))
			return 0;
	return -errno;
}

int
port_send_together(struct port *p, const struct mp_out *first,
    struct iovec *packets, unsigned n)
{
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct sockaddr_in6 to;
	struct msghdr msg = { .msg_name = &to, .msg_iov = packets,
		.msg_iovlen = n, .msg_control = &control };
	uint16_t size = (uint16_t)first->len;
	size_t used;

	port_send_set_df(p, first->df);
	net_aim(&msg, p->kernel, &first->path);
	net_add_tos(&msg, net_is_v4(&first->path.remote), first->tos,
	    first->ttl);
	used = msg.msg_controllen;
	net_add(&msg, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	if (msg.msg_controllen == used)
		return -ENOBUFS;
	return sendmsg(p->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
	    -errno : 0;
}

int
port_send_packet(struct port *p, const struct mp_out *out,
    const uint8_t *packet)
{
	struct mp_path path = out->path;
	int error;

	if (out->len > PORT_SEND_MAX)
		return 0;
	port_send_set_df(p, out->df);
	error = port_send_by(p, &path, out, packet);
	/* The answer to a handshake: the link that it came by may have no way
	 * back.  (Of sessions the engine decides that.) */
	if (error != 0 && out->session == MP_NONE && path.ifindex != 0) {
		path.ifindex = 0;
		error = port_send_by(p, &path, out, packet);
	}
	return error;
}

unsigned
port_send_many(struct port *p, const struct mp_out *const out[],
    struct iovec *packets, unsigned n)
{
	static union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control[PORT_SEND_MANY];
	struct mmsghdr msg[PORT_SEND_MANY];
	struct sockaddr_in6 to[PORT_SEND_MANY];
	unsigned i;
	int sent;

	n = n < PORT_SEND_MANY ? n : PORT_SEND_MANY;
	for (i = 0; i < n; i++) {
		msg[i].msg_hdr = (struct msghdr) { .msg_name = &to[i],
			.msg_iov = &packets[i], .msg_iovlen = 1,
			.msg_control = &control[i] };
		net_aim(&msg[i].msg_hdr, p->kernel, &out[i]->path);
		net_add_tos(&msg[i].msg_hdr, net_is_v4(&out[i]->path.remote),
		    out[i]->tos, out[i]->ttl);
	}
	port_send_set_df(p, out[0]->df);
	sent = sendmmsg(p->control, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent > 0 ? (unsigned)sent : 0;
}

void
port_send_internal(struct port *p, const struct internal *in,
    const void *payload, size_t len)
{
	static uint8_t buf[PORT_SEND_MAX + INTERNAL_OVERHEAD];
	int error;

	if (len > PORT_SEND_MAX)
		return;
	if (p->device != 0) /* a link has another MTU than loopback */
		port_send_set_df(p, false);
	error = internal_send(p->map.arena, p->control, in, payload, len, buf);
	/* The device may have no IPv6, and so no group. */
	if (error != 0 && error != -EAGAIN && p->device == 0)
		journal("port %u: to slot %u: %s", p->number, in->slot,
		    strerror(-error));
}
