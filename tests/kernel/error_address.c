/* SPDX-License-Identifier: ISC */
/* What a send says when the address that it is to go from was removed. */
#include "fact.h"

#include <errno.h>

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 2, PORT),
	    source = at(w, 0, 3, 0);
	int fd, error, expected = w->v4 ? -ENETUNREACH : -EINVAL;
	unsigned out;

	links(1);
	out = index_of("v0");
	fd = sock_at(w, &any);
	ip("addr add 10.9.0.3/24 dev v0\n");
	if (!w->v4)
		add_ipv6("fd09:0::3", "v0");
	error = put_from(w, fd, &to, "x", &source, out);
	if (error != 0)
		broken("send: %s", said(error));
	ip(w->v4 ? "addr del 10.9.0.3/24 dev v0\n" :
		   "addr del fd09:0::3/128 dev v0\n");
	error = put_from(w, fd, &to, "x", &source, out);
	claim(error == expected, w->v4 ? "ENETUNREACH" : "EINVAL", "%s",
	    said(error));
	error = put_from(w, fd, &to, "x", &source, 0);
	claim(error == expected, w->v4 ? "ENETUNREACH, without an interface, too"
	    : "EINVAL, without an interface, too", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K22",
		.holds = "a source address that was removed gives ENETUNREACH for "
		    "IPv4 and EINVAL for IPv6",
		.breaks = "a datagram is lost or its error told to the program "
		    "instead of going by the next flow",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
