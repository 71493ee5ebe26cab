/* SPDX-License-Identifier: ISC */
/* RTM_GETROUTE finds the interface that has an address of this host. */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const struct way *way;
static int asks;

static void
add(struct nlmsghdr *h, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)h +
	    NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + (unsigned)RTA_SPACE(len);
}

/* The interface of the route that makes an address this host's; 0: there is
 * none. */
static unsigned
owner(const char *address)
{
	static uint64_t message[1024];
	struct nlmsghdr *h = (void *)message;
	struct rtmsg *info = NLMSG_DATA(h);
	struct rtattr *a;
	unsigned left, oif = 0;
	uint8_t ip[16];
	int family = way->v4 ? AF_INET : AF_INET6;

	*h = (struct nlmsghdr) { .nlmsg_len = NLMSG_LENGTH(sizeof(*info)),
		.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST };
	*info = (struct rtmsg) { .rtm_family = (uint8_t)family,
		.rtm_dst_len = way->v4 ? 32 : 128,
		.rtm_flags = RTM_F_FIB_MATCH };
	if (inet_pton(family, address, ip) != 1)
		broken("%s is no address", address);
	add(h, RTA_DST, ip, way->v4 ? 4 : 16);
	if (send(asks, h, h->nlmsg_len, 0) < 0 ||
	    recv(asks, message, sizeof(message), MSG_DONTWAIT) < 0)
		broken("rtnetlink: %s", said(-errno));
	if (h->nlmsg_type != RTM_NEWROUTE || info->rtm_type != RTN_LOCAL)
		return 0;
	left = (unsigned)RTM_PAYLOAD(h);
	for (a = RTM_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_OIF)
			memcpy(&oif, RTA_DATA(a), sizeof(oif));
	return oif;
}

static void
run(const struct way *w)
{
	unsigned by;

	way = w;
	links(2);
	asks = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (asks < 0)
		broken("netlink: %s", said(-errno));
	if (way->v4)
		ip("addr add 10.7.0.1/32 dev lo\n");
	else
		add_ipv6("fd07::1", "lo");
	by = owner(way->v4 ? "10.9.1.1" : "fd09:1::1");
	claim(by == index_of("v1"), "the answer to RTM_F_FIB_MATCH names the "
	    "interface that has the address", "it named %u", by);
	by = owner(way->v4 ? "10.7.0.1" : "fd07::1");
	claim(by == 1, "it names lo for an address of lo", "it named %u", by);
	by = owner(way->v4 ? "10.9.1.2" : "fd09:1::2");
	claim(by == 0, "another host's address is not RTN_LOCAL",
	    "it is, on %u", by);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K45",
		.holds = "RTM_GETROUTE with RTM_F_FIB_MATCH names the "
		    "interface that has an address",
		.breaks = "IP_PKTINFO and IPV6_PKTINFO of a session's "
		    "datagrams name lo, or the path's interface",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
