/* SPDX-License-Identifier: ISC */
/* A socket with a group of its own joins no other until it gave that up. */
#include "fact.h"

#include <errno.h>
#include <linux/filter.h>

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), lo = at_lo(w, 9), name;
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int first = sock(w), second = sock(w), error;

	set(first, SOL_SOCKET, SO_REUSEPORT, 1);
	if (bind_to(first, &any) != 0)
		broken("bind");
	set(second, SOL_SOCKET, SO_REUSEPORT, 1);
	error = ATTACH(second, SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_RET | BPF_K, 0));
	if (error != 0)
		broken("attach: %s", said(error));
	error = bind_to(second, &any);
	claim(error == -EADDRINUSE, "one with a steering program of its own "
	    "cannot join", "%s", said(error));
	error = connect_to(second, &lo);
	if (error != 0 || connect(second, &none, sizeof(none)) != 0)
		broken("connect: %s", said(error));
	name = name_of(second);
	claim((w->domain == AF_INET ? name.sin.sin_port :
	    name.sin6.sin6_port) == 0, "connect to AF_UNSPEC takes back the "
	    "port that connect chose", "port %d", ntohs(name.sin.sin_port));
	set(second, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(second, &any);
	claim(error == 0, "after it had a port and lost it, it joins", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K13",
		.holds = "a steering program of its own keeps a socket out of "
		    "other groups, and goes with a port that it loses",
		.breaks = "a second socket of the program on its port gets "
		    "EADDRINUSE: iperf3 -s, socat and openssl serve nobody",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
