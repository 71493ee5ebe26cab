/* SPDX-License-Identifier: ISC */
/* One socket of IPv6 carries IPv4 as well, under both kinds of names. */
#include "fact.h"

static void
run(const struct way *w)
{
	static const struct way ipv4 = { IPV4, "ipv4", AF_INET, true };
	struct name any = at_any(w, PORT), mapped = at_lo(w, 0), from;
	struct name plain = at_lo(&ipv4, 0);
	int dual = sock_at(w, &any), inet = sock_at(&ipv4, &plain), error;

	plain = name_of(inet);
	error = put(dual, &plain, "sockaddr_in");
	claim(error == 0 && arrives(inet, "sockaddr_in"),
	    "sendto takes a sockaddr_in", "%s", said(error));
	plain = at_lo(&ipv4, PORT);
	error = put(inet, &plain, "to the dual one");
	claim(error == 0 && arrives(dual, "to the dual one"),
	    "a socket bound to :: gets IPv4", "%s", said(error));
	put(inet, &plain, "again");
	take(dual, &from);
	claim(same_address(&from, &mapped),
	    "recvfrom names an IPv4 peer ::ffff:a.b.c.d", "another name");
	plain = name_of(inet);
	error = connect_to(dual, &plain);
	claim(error == 0, "connect takes a sockaddr_in", "%s", said(error));
	from = name_of(dual);
	claim(same_address(&from, &mapped),
	    "getsockname names its address ::ffff:a.b.c.d", "another name");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K1",
		.holds = "an AF_INET6 socket without V6ONLY is one of IPv4, too, "
		    "and takes sockaddr_in in sendto and connect",
		.breaks = "the library makes this socket for every program, "
		    "IPv4 ones too: those lose their network",
		.ways = MAPPED, .net = true, .run = run });
}
