/* SPDX-License-Identifier: ISC */
/* RTM_GETROUTE answers what sendmsg does with an IPv6 source and interface. */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* Addresses of v1: so many that both of two routes of one metric are taken, and
 * the host part of the first. */
enum { SOURCES = 16, FIRST = 10 };

static const struct way *way;
static struct name target;
static int ours, theirs, asks;
static unsigned in[2], out[2];

/* The answer of the kernel. */
struct route {
	unsigned oif;
	struct in6_addr prefsrc;
};

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

static struct route
read_route(const struct nlmsghdr *h)
{
	struct rtmsg *info = NLMSG_DATA(h);
	struct rtattr *a = RTM_RTA(info);
	unsigned len = (unsigned)RTM_PAYLOAD(h);
	struct route r = { .oif = 0 };

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == RTA_OIF)
			memcpy(&r.oif, RTA_DATA(a), sizeof(r.oif));
		if (a->rta_type == RTA_PREFSRC)
			memcpy(&r.prefsrc, RTA_DATA(a), sizeof(r.prefsrc));
	}
	return r;
}

/* The route to the target; `source' may be NULL. */
static struct route
ask(const struct name *source, unsigned ifindex)
{
	static uint64_t message[1024];
	struct nlmsghdr *h = (void *)message;
	struct rtmsg *info = NLMSG_DATA(h);
	uint8_t udp = IPPROTO_UDP;
	in_port_t from = name_of(ours).sin6.sin6_port;

	*h = (struct nlmsghdr) { .nlmsg_len = NLMSG_LENGTH(sizeof(*info)),
		.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST };
	*info = (struct rtmsg) { .rtm_family = AF_INET6, .rtm_dst_len = 128,
		.rtm_src_len = source != NULL ? 128 : 0 };
	add(h, RTA_DST, &target.sin6.sin6_addr, 16);
	add(h, RTA_OIF, &ifindex, sizeof(ifindex));
	add(h, RTA_IP_PROTO, &udp, sizeof(udp));
	add(h, RTA_SPORT, &from, sizeof(from));
	add(h, RTA_DPORT, &target.sin6.sin6_port, sizeof(in_port_t));
	if (source != NULL)
		add(h, RTA_SRC, &source->sin6.sin6_addr, 16);
	if (send(asks, h, h->nlmsg_len, 0) < 0 ||
	    recv(asks, message, sizeof(message), 0) < 0)
		broken("rtnetlink: %s", said(-errno));
	if (h->nlmsg_type != RTM_NEWROUTE)
		broken("RTM_GETROUTE: %s",
		    said(((struct nlmsgerr *)NLMSG_DATA(h))->error));
	return read_route(h);
}

/* Which link a datagram leaves by: 0 or 1. */
static int
left_by(const struct name *source, unsigned ifindex)
{
	int error = put_from(way, ours, &target, "x", source, ifindex);

	if (error != 0)
		broken("send: %s", said(error));
	return take_by(way, theirs, NULL) == in[1];
}

/* The interface is that of link 1: returns which link is taken. */
static int
claim_same(const char *routes, const struct name *source)
{
	struct route r = ask(source, out[1]);
	int by = left_by(source, out[1]);

	claim(r.oif == out[by], "RTM_GETROUTE with RTA_SRC and RTA_OIF names "
	    "the interface that the datagram leaves by",
	    "%s: %u, but it left by %u", routes, r.oif, out[by]);
	return by;
}

/* Without a source the interface is strict, and the answer has the source. */
static void
claim_source(const char *expected)
{
	struct route r = ask(NULL, out[1]);
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char bytes[8], text[INET6_ADDRSTRLEN];
	int error;

	claim(r.oif == out[1], "RTM_GETROUTE with RTA_OIF alone is strict",
	    "it named %u, not %u", r.oif, out[1]);
	error = put_from(way, ours, &target, "x", NULL, out[1]);
	if (error != 0 || !readable(theirs, WAIT_MS) || recvfrom(theirs, bytes,
	    sizeof(bytes), 0, (struct sockaddr *)&from, &len) != 1)
		broken("send by an interface: %s", said(error));
	claim(memcmp(&from.sin6_addr, &r.prefsrc, 16) == 0,
	    "RTA_PREFSRC is the source that the datagram has", "it is not");
	inet_ntop(AF_INET6, &r.prefsrc, text, sizeof(text));
	claim(strcmp(text, expected) == 0, "of two addresses of an interface "
	    "the one that is not deprecated is the source", "%s is", text);
}

static void
set_up(const struct way *w)
{
	struct name any = at_any(w, PORT), free_port = at_any(w, 0);
	char address[INET6_ADDRSTRLEN];
	int i;

	way = w;
	links(2);
	there();
	add_ipv6("fd0a::9", "lo");
	in[0] = index_of("w0");
	in[1] = index_of("w1");
	theirs = sock_at(w, &any);
	want_pktinfo(w, theirs);
	here();
	for (i = 0; i < SOURCES; i++) {
		snprintf(address, sizeof(address), "fd09:1::%d", FIRST + i);
		add_ipv6(address, "v1");
		ip("addr change %s/128 dev v1 preferred_lft 0\n", address);
	}
	out[0] = index_of("v0");
	out[1] = index_of("v1");
	ours = sock_at(w, &free_port);
	target = at(w, 0, 9, PORT);
	inet_pton(AF_INET6, "fd0a::9", &target.sin6.sin6_addr);
	asks = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (asks < 0)
		broken("netlink: %s", said(-errno));
}

static void
run(const struct way *w)
{
	struct name source;
	int i, by[2] = { 0, 0 };

	set_up(w);
	source = at(w, 1, 1, 0);
	ip("route add ::/0 via fd09:0::2 dev v0 metric 100\n"
	    "route add ::/0 via fd09:1::2 dev v1 metric 101\n");
	claim(claim_same("metrics 100 and 101", &source) == 0,
	    "the interface is a wish (K5)", "it was obeyed");
	claim_source("fd09:1::1");
	ip("addr change fd09:1::1/64 dev v1 preferred_lft 0\n"
	    "addr change fd09:1::10/128 dev v1 preferred_lft forever\n");
	claim_source("fd09:1::10");
	ip("route del ::/0 dev v1\n"
	    "route append ::/0 via fd09:1::2 dev v1 metric 100\n");
	for (i = 0; i < SOURCES; i++) {
		source = at(w, 1, FIRST + i, 0);
		by[claim_same("equal metrics", &source)]++;
	}
	claim(by[0] > 0 && by[1] > 0, "of equal metrics both are taken, by the "
	    "hash of addresses", "%d and %d sources", by[0], by[1]);
	ip("route add ::/0 from fd09:1::/64 via fd09:1::2 dev v1 metric 99\n");
	claim(claim_same("a route by source", &source) == 1,
	    "a route by source is taken (K7)", "it is not");
	claim_source("fd09:1::10");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K39",
		.holds = "RTM_GETROUTE with RTA_SRC and RTA_OIF names the "
		    "interface of an IPv6 datagram, and without RTA_SRC its "
		    "source",
		.breaks = "flows of a second IPv6 uplink: the agent takes them "
		    "for flows of another link than they are",
		.ways = IPV6, .net = true, .run = run });
}
