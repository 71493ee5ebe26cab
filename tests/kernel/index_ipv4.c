/* SPDX-License-Identifier: ISC */
/* For IPv4 the interface in the control message decides. */
#include "fact.h"

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to, source;
	int ours, theirs, i, error;
	unsigned by, out[2], in[2];

	links(2);
	there();
	ip("addr add 10.10.0.9/32 dev lo\n");
	in[0] = index_of("w0");
	in[1] = index_of("w1");
	theirs = sock_at(w, &any);
	want_pktinfo(w, theirs);
	here();
	ip("route add default via 10.9.0.2 dev v0 metric 100\n"
	    "route add default via 10.9.1.2 dev v1 metric 200\n");
	out[0] = index_of("v0");
	out[1] = index_of("v1");
	ours = sock_at(w, &any);
	powerless();
	to = at(w, 0, 9, PORT);
	if (w->domain == AF_INET)
		to.sin.sin_addr.s_addr = htonl(0x0a0a0009);
	else
		to.sin6.sin6_addr.s6_addr[13] = 10;
	for (i = 0; i < 2; i++) {
		source = at(w, i, 1, 0);
		error = put_from(w, ours, &to, "x", &source, out[i]);
		claim(error == 0, "each interface is taken", "%s", said(error));
		by = take_by(w, theirs, NULL);
		claim(by == in[i], "the datagram goes by the interface in the "
		    "message, by its own default route", "by another one");
	}
	source = at(w, 1, 1, 0);
	error = put_from(w, ours, &to, "x", &source, 0);
	if (error != 0)
		broken("send: %s", said(error));
	by = take_by(w, theirs, NULL);
	claim(by == in[0], "without one the route of the lower metric decides, "
	    "whatever the source", "another interface");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K4",
		.holds = "the interface index of PKTINFO is strict for IPv4: two "
		    "default routes need no policy routing",
		.breaks = "all IPv4 paths of a host with two uplinks go by the "
		    "first one",
		.ways = IPV4 | MAPPED, .net = true, .run = run });
}
