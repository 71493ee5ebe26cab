/* SPDX-License-Identifier: ISC */
/* A socket that is bound to a device makes itself readable. */
#include "fact.h"

#include <arpa/inet.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = any;
	int ours, theirs, error;

	links(2);
	there();
	theirs = sock_at(w, &any);
	here();
	powerless();
	ours = sock(w);
	set(ours, SOL_SOCKET, SO_BINDTOIFINDEX, (int)index_of("v1"));
	if (bind_to(ours, &any) != 0)
		broken("bind");
	inet_pton(AF_INET6, "ff01::1", &to.sin6.sin6_addr);
	to.sin6.sin6_scope_id = index_of("v1");
	error = put(ours, &to, "wake");
	claim(error == 0 && readable(ours, 0), "a datagram to ff01::1 of the "
	    "device is there when the send returns", "%s", said(error));
	take(ours, NULL);
	claim(quiet(theirs), "no other host gets it", "one does");
	claim(quiet(ours), "it comes once", "twice");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K48",
		.holds = "a datagram to ff01::1 makes a socket readable that is "
		    "bound to a device, and does not leave the host",
		.breaks = "programs that bind their socket to a device lose "
		    "datagrams that came by a copy",
		.ways = IPV6, .net = true, .run = run });
}
