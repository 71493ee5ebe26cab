/* SPDX-License-Identifier: ISC */
/* A socket that is bound to an interface uses no other. */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static int
bind_device(int fd, const char *name)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
	    (socklen_t)strlen(name)) == 0 ? 0 : -errno;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 2, PORT), source, self;
	int ours, theirs, error;
	unsigned second;

	links(2);
	second = index_of("v1");
	there();
	theirs = sock_at(w, &any);
	want_pktinfo(w, theirs);
	second = index_of("w1");
	here();
	ip("route add 10.10.0.0/16 via 10.9.0.2 dev v0 metric 100\n"
	    "route add 10.10.0.0/16 via 10.9.1.2 dev v1 metric 200\n"
	    "route add fd0a::/64 via fd09:0::2 dev v0 metric 100\n"
	    "route add fd0a::/64 via fd09:1::2 dev v1 metric 200\n");
	there();
	ip("addr add 10.10.0.9/32 dev lo\n");
	if (!w->v4)
		add_ipv6("fd0a::9", "lo");
	here();
	if (w->domain == AF_INET)
		to.sin.sin_addr.s_addr = htonl(0x0a0a0009);
	else
		inet_pton(AF_INET6, w->v4 ? "::ffff:10.10.0.9" : "fd0a::9",
		    &to.sin6.sin6_addr);
	powerless();
	ours = sock_at(w, &any);
	error = bind_device(ours, "v1");
	claim(error == 0, "anybody may bind a socket to an interface", "%s",
	    said(error));
	claim(get(ours, SOL_SOCKET, SO_BINDTOIFINDEX) ==
	    (int)index_of("v1"), "SO_BINDTOIFINDEX tells it", "%d",
	    get(ours, SOL_SOCKET, SO_BINDTOIFINDEX));
	source = at(w, 1, 1, 0);
	error = put_from(w, ours, &to, "x", &source, 0);
	claim(error == 0 && take_by(w, theirs, NULL) == second,
	    "its datagrams go by that interface, against the metric", "%s",
	    said(error));
	self = at_lo(w, PORT);
	(void)put(ours, &self, "to itself");
	claim(quiet(ours), "what it sends to itself over lo does not come",
	    "it came");
	error = bind_device(ours, "v0");
	claim(error == -EPERM, "one that is bound to an interface stays so",
	    "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K6",
		.holds = "SO_BINDTODEVICE is open to anybody once, strict, and "
		    "keeps lo out",
		.breaks = "sockets that a program bound to an interface: their "
		    "paths, and how the agent and they tell each other something",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
