/* SPDX-License-Identifier: ISC */
/* For IPv6 the interface in the control message is a wish, unless the source
 * is left to the kernel. */
#include "fact.h"

#include <arpa/inet.h>

static const struct way *way;
static struct name target;
static int theirs;
static unsigned in[2];

static void
set_up(const struct way *w)
{
	struct name any = at_any(w, PORT);

	way = w;
	links(2);
	there();
	add_ipv6("fd0a::9", "lo");
	in[0] = index_of("w0");
	in[1] = index_of("w1");
	theirs = sock_at(w, &any);
	want_pktinfo(w, theirs);
	here();
	ip("route add ::/0 via fd09:0::2 dev v0 metric 100\n"
	    "route add ::/0 via fd09:1::2 dev v1 metric 200\n");
	target = at(w, 0, 9, PORT);
	inet_pton(AF_INET6, "fd0a::9", &target.sin6.sin6_addr);
}

/* Which link a datagram goes by: 0, or 1. */
static int
by(int fd, const struct name *source, unsigned ifindex)
{
	int error = put_from(way, fd, &target, "x", source, ifindex);

	if (error != 0)
		broken("send: %s", said(error));
	return take_by(way, theirs, NULL) == in[1];
}

static void
run(const struct way *w)
{
	struct name source, any = at_any(w, 0);
	unsigned out;
	int fd;

	set_up(w);
	out = index_of("v1");
	source = at(w, 1, 1, 0);
	fd = sock_at(w, &any);
	claim(by(fd, &source, 0) == 0,
	    "the source alone chooses no route", "it did");
	claim(by(fd, &source, out) == 0, "with a source address the default "
	    "route of the lower metric wins over the index",
	    "the index was obeyed");
	claim(by(fd, NULL, out) == 1, "with the source :: the index is strict",
	    "it was not obeyed");
	set(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, (int)htonl(out));
	claim(by(fd, NULL, 0) == 1, "IPV6_UNICAST_IF chooses the interface where "
	    "there is no source", "it did not");
	claim(by(fd, &source, 0) == 0, "with a source it is a wish, too",
	    "it was obeyed");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K5",
		.holds = "the interface index of PKTINFO is a wish for IPv6 when "
		    "the message has a source, and strict when it has none",
		.breaks = "if it is strict now, nothing, and doc/design.md can "
		    "promise more; if the source :: is not, IPv6 cannot be sent "
		    "by an interface at all",
		.ways = IPV6, .net = true, .run = run });
}
