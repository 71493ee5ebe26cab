/* SPDX-License-Identifier: ISC */
/* A second socket hears that the peer's port is closed. */
#include "fact.h"

#include <errno.h>
#include <poll.h>

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), own = at(w, 0, 1, PORT),
	    peer = at(w, 0, 2, PORT);
	struct pollfd p;
	int data, ear, error;

	links(1);
	powerless();
	data = sock_at(w, &any);
	set(data, SOL_SOCKET, SO_REUSEPORT, 1);
	ear = sock(w);
	set(ear, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(ear, &own);
	claim(error == 0, "one more can be bound to one address of the port",
	    "%s", said(error));
	error = connect_to(ear, &peer);
	claim(error == 0, "and connected to the peer", "%s", said(error));
	error = put(data, &peer, "x");
	if (error != 0)
		broken("send: %s", said(error));
	p = (struct pollfd) { .fd = ear, .events = POLLIN };
	claim(poll(&p, 1, WAIT_MS) == 1 && (p.revents & POLLERR) != 0,
	    "what the port's other socket sent to a closed port raises POLLERR "
	    "there", "%#x", (unsigned)p.revents);
	error = -get(ear, SOL_SOCKET, SO_ERROR);
	claim(error == -ECONNREFUSED, "SO_ERROR says ECONNREFUSED", "%s",
	    said(error));
	error = -get(data, SOL_SOCKET, SO_ERROR);
	claim(error == 0, "the socket that sent hears nothing", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K21",
		.holds = "an ICMP error goes to the socket that is bound and "
		    "connected most narrowly, whoever sent",
		.breaks = "connected programs do not get ECONNREFUSED any more, "
		    "and wait for their timeout",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
