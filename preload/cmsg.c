/* SPDX-License-Identifier: ISC */
#include "cmsg.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

/* Where the next message goes. */
struct room {
	char *at;
	size_t left, used;
	bool cut;
};

static void
put(struct room *r, int level, int type, const void *data, size_t len)
{
	struct cmsghdr c;
	size_t whole = CMSG_LEN(len), take = CMSG_SPACE(len);

	if (r->left < sizeof(c)) {
		r->cut = true;
		return;
	}
	if (whole > r->left) {
		r->cut = true;
		whole = r->left;
	}
	memset(&c, 0, sizeof(c));
	c.cmsg_len = whole;
	c.cmsg_level = level;
	c.cmsg_type = type;
	memcpy(r->at, &c, sizeof(c));
	memcpy(r->at + CMSG_LEN(0), data, whole - CMSG_LEN(0));
	if (take > r->left)
		take = r->left;
	r->at += take;
	r->left -= take;
	r->used += take;
}

static void
put_times(struct room *r, const struct sock *s, const struct net_info *info)
{
	struct timespec real, boot, ts;
	int64_t ns;

	if ((!s->wants.timestamp && !s->wants.timestampns) ||
	    info->arrival == MP_NEVER)
		return;
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	ns = ((int64_t)real.tv_sec - boot.tv_sec) * 1000000000 + real.tv_nsec -
	    boot.tv_nsec + (int64_t)info->arrival * 1000;
	ts.tv_sec = (time_t)(ns / 1000000000);
	ts.tv_nsec = (long)(ns % 1000000000);
	if (s->wants.timestampns)
		put(r, SOL_SOCKET, SO_TIMESTAMPNS, &ts, sizeof(ts));
	else {
		ts.tv_nsec /= 1000; /* a struct timeval */
		put(r, SOL_SOCKET, SO_TIMESTAMP, &ts, sizeof(ts));
	}
}

/* The address that the datagram came to, as the program shall see it. */
static void
put_pktinfo(struct room *r, const struct sock *s, const struct net_info *info)
{
	const struct mp_addr *to = s->wide || s->connected ? &s->local :
							     &info->local;
	struct in_pktinfo pi = { .ipi_ifindex = (int)info->ifindex };
	struct in6_pktinfo pi6 = { .ipi6_ifindex = info->ifindex };

	if (s->wants.pktinfo && net_is_v4(to)) {
		memcpy(&pi.ipi_addr, to->ip + 12, 4);
		pi.ipi_spec_dst = pi.ipi_addr;
		put(r, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
	}
	if (s->wants.pktinfo6 && s->family == AF_INET6) {
		memcpy(&pi6.ipi6_addr, to->ip, 16);
		put(r, IPPROTO_IPV6, IPV6_PKTINFO, &pi6, sizeof(pi6));
	}
}

static void
put_header(struct room *r, const struct sock *s, const struct net_info *info)
{
	uint8_t tos = (uint8_t)info->tos;

	if (s->wants.ttl && info->ttl >= 0)
		put(r, IPPROTO_IP, IP_TTL, &info->ttl, sizeof(info->ttl));
	if (s->wants.tos && info->tos >= 0)
		put(r, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (s->wants.hoplimit && info->ttl >= 0)
		put(r, IPPROTO_IPV6, IPV6_HOPLIMIT, &info->ttl,
		    sizeof(info->ttl));
	if (s->wants.tclass && info->tos >= 0)
		put(r, IPPROTO_IPV6, IPV6_TCLASS, &info->tos,
		    sizeof(info->tos));
}

bool
cmsg_give(const struct sock *s, const struct net_info *info, struct msghdr *msg)
{
	struct room r = { .at = msg->msg_control,
		.left = msg->msg_control != NULL ? msg->msg_controllen : 0 };

	if (r.left == 0) {
		msg->msg_controllen = 0;
		return false;
	}
	put_times(&r, s, info);
	put_pktinfo(&r, s, info);
	put_header(&r, s, info);
	msg->msg_controllen = r.used;
	return r.cut;
}
