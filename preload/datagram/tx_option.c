/* SPDX-License-Identifier: ISC */
#include "tx_option.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "mp.h"
#include "process/iov.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"

/* --- Reading -------------------------------------------------------------- */

/*
 * Reads the control message at offset *at and moves *at behind it: 1; 0 at the
 * end; or -EINVAL where the kernel says so.  Unlike CMSG_NXTHDR() it does not
 * skip a message that is cut short.
 */
static int
tx_option_next(const struct msghdr *msg, size_t *at, struct cmsghdr *c,
    const uint8_t **data)
{
	const uint8_t *p = msg->msg_control;
	size_t left;

	if (p == NULL || *at > msg->msg_controllen ||
	    (left = msg->msg_controllen - *at) < sizeof(*c))
		return 0;
	memcpy(c, p + *at, sizeof(*c));
	if (c->cmsg_len < sizeof(*c) || c->cmsg_len > left)
		return -EINVAL;
	*data = p + *at + CMSG_LEN(0);
	*at += CMSG_ALIGN(c->cmsg_len);
	return 1;
}

/* Reads an int from low to high: 0; or -EINVAL, also for another length. */
static int
tx_option_read_int(const struct cmsghdr *c, const uint8_t *data, int low,
    int high, int *n)
{
	if (c->cmsg_len != CMSG_LEN(sizeof(*n)))
		return -EINVAL;
	memcpy(n, data, sizeof(*n));
	return *n < low || *n > high ? -EINVAL : 0;
}

static int
tx_option_read_udp(
    struct tx_option *ask, const struct cmsghdr *c, const uint8_t *data)
{
	uint16_t size;

	if (c->cmsg_type != UDP_SEGMENT ||
	    c->cmsg_len != CMSG_LEN(sizeof(size)))
		return -EINVAL;
	memcpy(&size, data, sizeof(size));
	ask->segment = size;
	return 0;
}

/* Reads the source that a PKTINFO chooses: 1, as tx_option_read_ip(). */
static int
tx_option_read_source(
    struct tx_option *ask, const struct cmsghdr *c, const uint8_t *data)
{
	struct in_pktinfo pi;
	struct in6_pktinfo pi6;
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (c->cmsg_level == IPPROTO_IP) {
		if (c->cmsg_len != CMSG_LEN(sizeof(pi)))
			return -EINVAL;
		memcpy(&pi, data, sizeof(pi));
		sin.sin_addr = pi.ipi_spec_dst;
		net_get(&ask->source, (struct sockaddr *)&sin, sizeof(sin));
	} else if (c->cmsg_len >= CMSG_LEN(sizeof(pi6))) {
		memcpy(&pi6, data, sizeof(pi6));
		memcpy(ask->source.ip, &pi6.ipi6_addr, 16);
	}
	return 1;
}

/* Reads a message of IPPROTO_IP: 0; a negative errno; or 1, only the kernel can
 * check it. */
static int
tx_option_read_ip(
    struct tx_option *ask, const struct cmsghdr *c, const uint8_t *data)
{
	switch (c->cmsg_type) {
	case IP_TTL:
		return tx_option_read_int(c, data, 1, 255, &ask->ttl);
	case IP_TOS:
		if (c->cmsg_len != CMSG_LEN(1))
			return tx_option_read_int(c, data, 0, 255, &ask->tos);
		ask->tos = *data;
		return 0;
	case IP_PKTINFO:
		return tx_option_read_source(ask, c, data);
	default:
		return 1;
	}
}

/* The same of IPPROTO_IPV6. */
static int
tx_option_read_ipv6(
    struct tx_option *ask, const struct cmsghdr *c, const uint8_t *data)
{
	int n, error;

	switch (c->cmsg_type) {
	case IPV6_HOPLIMIT:
		return tx_option_read_int(c, data, -1, 255, &ask->ttl);
	case IPV6_TCLASS:
		error = tx_option_read_int(c, data, -1, 255, &ask->tos);
		if (error == 0 && ask->tos == -1)
			ask->tos = NET_MINUS;
		return error;
	case IPV6_DONTFRAG:
		error = tx_option_read_int(c, data, 0, 1, &n);
		ask->df |= error == 0 && n == 1;
		return error;
	case IPV6_PKTINFO:
		return tx_option_read_source(ask, c, data);
	default:
		return 1;
	}
}

/* The same of any level, for a datagram to an address of that family. */
static int
tx_option_read_one(struct tx_option *ask, const struct cmsghdr *c,
    const uint8_t *data, bool v4)
{
	uint32_t stamps;

	if (c->cmsg_level == IPPROTO_UDP)
		return tx_option_read_udp(ask, c, data);
	if (c->cmsg_level == SOL_SOCKET) {
		if (c->cmsg_len == CMSG_LEN(sizeof(stamps)) &&
		    (c->cmsg_type == SO_TIMESTAMPING ||
		    c->cmsg_type == SO_TIMESTAMPING_NEW)) {
			memcpy(&stamps, data, sizeof(stamps));
			ask->stamps = stamps;
		}
		return 1;
	}
	if (c->cmsg_level == IPPROTO_IP)
		return v4 ? tx_option_read_ip(ask, c, data) : 0;
	if (c->cmsg_level != IPPROTO_IPV6)
		return 0;
	if (v4)
		return c->cmsg_type == IPV6_PKTINFO ?
		    tx_option_read_source(ask, c, data) : 0;
	return tx_option_read_ipv6(ask, c, data);
}

int
tx_option_probe(int fd, const struct sock *s, const struct mp_addr *to,
    const struct msghdr *with)
{
	struct sockaddr_in6 name;
	struct msghdr msg = { .msg_name = &name };
	int saved = errno, error = 0;

	if (with != NULL) {
		msg.msg_control = with->msg_control;
		msg.msg_controllen = with->msg_controllen;
	}
	msg.msg_namelen = net_put(to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&name, sizeof(name));
	if (seccomp_sendmsg(fd, &msg, MSG_PROBE | MSG_DONTWAIT) < 0)
		error = -errno;
	errno = saved;
	return error;
}

/* Does the kernel accept these control messages?  An error that comes without
 * them as well is about the route, and does not count: the engine has other
 * paths. */
static int
tx_option_ask_kernel(int fd, const struct sock *s, const struct mp_addr *to,
    const struct msghdr *with)
{
	int error = tx_option_probe(fd, s, to, with);

	if (error == 0 || error == -EINVAL || error == -ENODEV ||
	    error == -EPERM || error == -EFAULT)
		return error;
	return tx_option_probe(fd, s, to, NULL) == 0 ? error : 0;
}

enum { TX_OPTION_TTL = 64 }; /* RFC 1700; Linux's default */

/* What a packet of the other family needs: the value of the datagram's own
 * family; where the program set that of the other one only, the default, since
 * the kernel would take the other one's.  Both count from 1, 0: not set. */
static int
tx_option_far(int own, int other, int usual)
{
	return own == 0 && other != 0 ? usual : own - 1;
}

/* Starts with what the socket's options say. */
static void
tx_option_preset(struct tx_option *ask, const struct sock *s, bool v4)
{
	const struct sock_options *w = &s->options;

	*ask = (struct tx_option) { .tos = -1, .ttl = -1, .segment = -1,
	    .stamps = -1, .v4 = v4 };
	ask->df = v4 ? s->df : w->df6 || w->dontfrag;
	ask->far_tos = tx_option_far(v4 ? w->set_tos : w->set_tclass,
	    v4 ? w->set_tclass : w->set_tos, 0);
	ask->far_ttl = tx_option_far(v4 ? w->set_ttl : w->set_hops,
	    v4 ? w->set_hops : w->set_ttl, TX_OPTION_TTL);
}

int
tx_option_read(struct tx_option *ask, int fd, struct sock *s,
    const struct mp_addr *to,
    const struct msghdr *msg)
{
	struct cmsghdr c;
	const uint8_t *data;
	size_t at = 0;
	uint64_t others = 0;
	int error;

	tx_option_preset(ask, s, net_is_v4(to));
	if (msg->msg_controllen == 0)
		return 0;
	if (iov_bad(msg->msg_control, msg->msg_controllen))
		return -EFAULT;
	while ((error = tx_option_next(msg, &at, &c, &data)) > 0) {
		error = tx_option_read_one(ask, &c, data, net_is_v4(to));
		if (error < 0)
			return error;
		if (error == 0)
			continue;
		if (c.cmsg_level == SOL_SOCKET)
			ask->socket = msg;
		others = others * 31 + net_hash(data - CMSG_LEN(0), c.cmsg_len);
	}
	if (error < 0 || others == 0 || (ask->socket == NULL &&
	    atomic_load(&s->options.source) == others))
		return error;
	error = tx_option_ask_kernel(fd, s, to, msg);
	if (error == 0)
		atomic_store(&s->options.source, others);
	return error;
}

void
tx_option_engine(const struct tx_option *ask, const struct sock *s,
    struct mp_tx_option *wish)
{
	const struct sock_options *w = &s->options;
	int tos = (ask->v4 ? w->set_tos : w->set_tclass) - 1;
	int ttl = (ask->v4 ? w->set_ttl : w->set_hops) - 1;

	wish->tos = (int16_t)(ask->tos != -1 ? ask->tos : tos);
	wish->ttl = (int16_t)(ask->ttl >= 0 ? ask->ttl : ttl);
	wish->df = ask->df;
}

void
tx_option_keep(const struct tx_option *ask, const struct sock *s,
    struct mp_tx *tx)
{
	struct mp_tx_option wish;

	tx_option_engine(ask, s, &wish);
	tx->tos = wish.tos;
	tx->ttl = wish.ttl;
	tx->df = wish.df;
}

struct tx_option
tx_option_of_staged(const struct sock *s, const struct mp_tx_option *wish,
    bool v4)
{
	const struct sock_options *w = &s->options;
	struct tx_option ask = { .v4 = v4, .tos = wish->tos, .ttl = wish->ttl,
		.far_tos = -1, .far_ttl = -1 };

	if (ask.tos == -1 && (w->set_tos != 0 || w->set_tclass != 0))
		ask.tos = 0;
	if (ask.ttl == -1 && (w->set_ttl != 0 || w->set_hops != 0))
		ask.ttl = TX_OPTION_TTL;
	return ask;
}

int
tx_option_segment(const struct msghdr *msg)
{
	struct tx_option ask = { .segment = -1 };
	struct cmsghdr c;
	const uint8_t *data;
	size_t at = 0;

	if (iov_bad(msg->msg_control, msg->msg_controllen))
		return -1;
	while (tx_option_next(msg, &at, &c, &data) > 0)
		if (c.cmsg_level == IPPROTO_UDP)
			(void)tx_option_read_udp(&ask, &c, data);
	return ask.segment;
}

bool
tx_option_has_source(const struct msghdr *msg, bool v4)
{
	struct tx_option ask = { .segment = -1 };
	struct cmsghdr c;
	const uint8_t *data;
	size_t at = 0;
	bool found = false;

	if (iov_bad(msg->msg_control, msg->msg_controllen))
		return true; /* the kernel says what is wrong */
	while (tx_option_next(msg, &at, &c, &data) > 0) {
		if (c.cmsg_level == IPPROTO_IP && c.cmsg_type == IP_PKTINFO)
			found |= v4;
		if (c.cmsg_level != IPPROTO_IPV6 ||
		    c.cmsg_type != IPV6_PKTINFO)
			continue;
		(void)tx_option_read_source(&ask, &c, data);
		found |= v4 || !net_is_any(&ask.source);
	}
	return found;
}

/* --- Writing -------------------------------------------------------------- */

/* Messages of SOL_SOCKET, such as SO_MARK and SCM_TXTIME.  Time stamps are
 * tx_stamp.c's. */
static void
tx_option_add_socket(const struct tx_option *ask, struct msghdr *packet)
{
	struct cmsghdr c;
	const uint8_t *data;
	size_t at = 0;

	while (tx_option_next(ask->socket, &at, &c, &data) > 0)
		if (c.cmsg_level == SOL_SOCKET &&
		    c.cmsg_type != SO_TIMESTAMPING &&
		    c.cmsg_type != SO_TIMESTAMPING_NEW &&
		    c.cmsg_type != SCM_RIGHTS)
			net_add(packet, SOL_SOCKET, c.cmsg_type, data,
			    c.cmsg_len - CMSG_LEN(0));
}

void
tx_option_add(const struct tx_option *ask, struct msghdr *packet,
    const struct mp_addr *to)
{
	bool v4 = net_is_v4(to);
	int tos = ask->tos, ttl = ask->ttl;

	if (v4 != ask->v4) {
		tos = tos < 0 ? ask->far_tos : tos;
		ttl = ttl < 0 ? ask->far_ttl : ttl;
	}
	net_add_tos(packet, v4, tos, ttl);
	if (ask->socket != NULL)
		tx_option_add_socket(ask, packet);
}
