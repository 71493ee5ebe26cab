/* SPDX-License-Identifier: ISC */
/* What a dissolved connection leaves behind, and what it takes along. */
#include "fact.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static void
dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (connect(fd, &none, sizeof(none)) != 0)
		broken("connect to AF_UNSPEC");
}

/* Does it get a datagram of another peer than it was connected to? */
static bool
hears(const struct way *w, int fd)
{
	struct name to = at_lo(w, PORT);
	int sender = sock(w);

	return put(sender, &to, "x") == 0 && readable(fd, QUIET_MS);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), other = at(w, 0, 2, 9), to = other;
	int fd, lo = 1, error;

	links(1);
	fd = sock_at(w, &any);
	if (connect_to(fd, &other) != 0)
		broken("connect");
	dissolve(fd);
	claim(hears(w, fd) == w->v4, "only IPv6 packets of others stay away "
	    "after the connection", "%s", w->v4 ? "IPv4's, too" : "none does");
	fd = sock(w);
	set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, lo);
	dissolve(fd);
	claim(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX) == 0,
	    "the device goes with the connection", "it stays");
	if (w->domain == AF_INET)
		to.sin.sin_port = 0;
	else
		to.sin6.sin6_port = 0;
	error = put(fd, &to, "x");
	any = name_of(fd);
	claim(error != 0 && (w->domain == AF_INET ? any.sin.sin_port :
	    any.sin6.sin6_port) != 0, "a send that fails gives a port", "%s",
	    said(error));
	dissolve(fd);
	any = name_of(fd);
	claim((w->domain == AF_INET ? any.sin.sin_port :
	    any.sin6.sin6_port) == 0, "which a dissolved connection takes back",
	    "it stays");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K47",
		.holds = "connect to AF_UNSPEC unbinds the device, and leaves an "
		    "IPv6 peer's address; a send to port 0 gives a port",
		.breaks = "a second socket of a port misses IPv6 multicast, or "
		    "does not get the port",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
