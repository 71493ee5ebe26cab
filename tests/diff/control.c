/* SPDX-License-Identifier: ISC */
#include "control.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "trace.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static const char *
device(unsigned index, char name[IF_NAMESIZE])
{
	if (if_indextoname(index, name) == NULL)
		snprintf(name, IF_NAMESIZE, "#%u", index);
	return name;
}

static void
say_pktinfo(const void *data)
{
	char name[IF_NAMESIZE], spec[INET_ADDRSTRLEN], addr[INET_ADDRSTRLEN];
	struct in_pktinfo pi;

	memcpy(&pi, data, sizeof(pi));
	say("%s spec %s to %s", device((unsigned)pi.ipi_ifindex, name),
	    inet_ntop(AF_INET, &pi.ipi_spec_dst, spec, sizeof(spec)),
	    inet_ntop(AF_INET, &pi.ipi_addr, addr, sizeof(addr)));
}

static void
say_pktinfo6(const void *data)
{
	char name[IF_NAMESIZE], addr[INET6_ADDRSTRLEN];
	struct in6_pktinfo pi;

	memcpy(&pi, data, sizeof(pi));
	say("%s to %s", device(pi.ipi6_ifindex, name),
	    inet_ntop(AF_INET6, &pi.ipi6_addr, addr, sizeof(addr)));
}

static void
say_int(const void *data)
{
	int n;

	memcpy(&n, data, sizeof(n));
	say("%d", n);
}

static void
say_byte(const void *data)
{
	say("%u", *(const uint8_t *)data);
}

/* Says only whether a time is about now, since it differs in each run. */
static void
say_near(int64_t seconds, int64_t fraction, int64_t whole)
{
	int64_t off = (int64_t)time(NULL) - seconds;

	say("%s", off >= -1 && off < 60 && fraction >= 0 && fraction < whole ?
	    "now" : "ANOTHER TIME");
}

static void
say_ns(const void *data)
{
	struct timespec ts;

	memcpy(&ts, data, sizeof(ts));
	say_near(ts.tv_sec, ts.tv_nsec, 1000000000);
}

static void
say_us(const void *data)
{
	struct timeval tv;

	memcpy(&tv, data, sizeof(tv));
	say_near(tv.tv_sec, tv.tv_usec, 1000000);
}

static void
say_name_of(const void *data)
{
	sa_family_t family;

	memcpy(&family, data, sizeof(family));
	say_sockaddr(data, family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6));
}

static void
say_error(const void *data)
{
	struct sock_extended_err e;

	memcpy(&e, data, sizeof(e));
	say("%s origin %u type %u code %u info %u data %u", strerrorname_np(
	    (int)e.ee_errno), e.ee_origin, e.ee_type, e.ee_code, e.ee_info,
	    e.ee_data);
}

/* And who sent the error; of a time stamp, who sent the packet. */
static void
say_error4(const void *data)
{
	say_error(data);
	say("of");
	say_sockaddr((const struct sockaddr *)((const char *)data +
	    sizeof(struct sock_extended_err)), sizeof(struct sockaddr_in));
}

static void
say_error6(const void *data)
{
	say_error(data);
	say("of");
	say_sockaddr((const struct sockaddr *)((const char *)data +
	    sizeof(struct sock_extended_err)), sizeof(struct sockaddr_in6));
}

static const struct row {
	int level, type;
	size_t least;
	const char *name;
	void (*say)(const void *);
} rows[] = {
	{ IPPROTO_IP, IP_PKTINFO, 12, "IP_PKTINFO", say_pktinfo },
	{ IPPROTO_IP, IP_TOS, 1, "IP_TOS", say_byte },
	{ IPPROTO_IP, IP_TTL, 4, "IP_TTL", say_int },
	{ IPPROTO_IP, IP_RECVERR, 32, "IP_RECVERR", say_error4 },
	{ IPPROTO_IP, IP_ORIGDSTADDR, 16, "IP_ORIGDSTADDR", say_name_of },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 20, "IPV6_PKTINFO", say_pktinfo6 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 4, "IPV6_TCLASS", say_int },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 4, "IPV6_HOPLIMIT", say_int },
	{ IPPROTO_IPV6, IPV6_RECVERR, 44, "IPV6_RECVERR", say_error6 },
	{ IPPROTO_IPV6, IPV6_ORIGDSTADDR, 28, "IPV6_ORIGDSTADDR",
	    say_name_of },
	{ IPPROTO_UDP, UDP_GRO, 2, "UDP_GRO", say_int },
	{ SOL_SOCKET, SO_TIMESTAMPING, 48, "SO_TIMESTAMPING", say_ns },
	{ SOL_SOCKET, SO_TIMESTAMP, 16, "SO_TIMESTAMP", say_us },
	{ SOL_SOCKET, SO_TIMESTAMPNS, 16, "SO_TIMESTAMPNS", say_ns },
};

void
say_control(const struct cmsghdr *c)
{
	const struct row *r, *end = rows + sizeof(rows) / sizeof(rows[0]);
	size_t len = c->cmsg_len - CMSG_LEN(0);

	for (r = rows; r < end; r++)
		if (r->level == c->cmsg_level && r->type == c->cmsg_type)
			break;
	if (r == end) {
		say("{%d/%d len %zu}", c->cmsg_level, c->cmsg_type, len);
		return;
	}
	say("{%s len %zu", r->name, len);
	if (len >= r->least)
		r->say(CMSG_DATA(c));
	printf("}");
}

void
control_add(struct msghdr *hdr, int level, int type, const void *data,
    size_t len)
{
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level,
		.cmsg_type = type };
	char *at = (char *)hdr->msg_control + hdr->msg_controllen;

	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &c, sizeof(c));
	memcpy(at + CMSG_LEN(0), data, len);
	hdr->msg_controllen += CMSG_SPACE(len);
}
