/* SPDX-License-Identifier: ISC */
/* An ICMP error of one socket's packet is told to the others of its port. */
#include "fact.h"

#include <errno.h>
#include <poll.h>

enum { TRIES = 32 }; /* to as many ports: by hash, 2^-32 had all at one */

static void
set_recverr(const struct way *w, int fd, int on)
{
	if (w->v4)
		set(fd, IPPROTO_IP, IP_RECVERR, on);
	else
		set(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

/* Sends to closed ports: how often did `data' say POLLERR? */
static int
count(const struct way *w, int control, int data)
{
	struct pollfd p = { .fd = data, .events = POLLIN };
	struct name to;
	char text[64];
	int i, n = 0;

	for (i = 0; i < TRIES; i++) {
		to = at_lo(w, PORT + 1 + i);
		if (put(control, &to, "x") != 0)
			broken("send");
		n += poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
		while (recv(data, text, sizeof(text),
		    MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
			continue;
		(void)get(data, SOL_SOCKET, SO_ERROR);
	}
	return n;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int data = sock_at(w, &any), control = sock(w), n;

	powerless();
	set(data, SOL_SOCKET, SO_REUSEPORT, 1);
	set(control, SOL_SOCKET, SO_REUSEPORT, 1);
	if (bind_to(control, &any) != 0)
		broken("bind");
	n = count(w, control, data);
	claim(n == 0, "a socket without IP_RECVERR hears no ICMP errors",
	    "%d of %d", n, TRIES);
	set_recverr(w, data, 1);
	n = count(w, control, data);
	claim(n > 0, "one with it says POLLERR for what another socket of its "
	    "group sent", "%d of %d", n, TRIES);
	claim(n < TRIES, "but not for all: the socket is looked up by hash",
	    "%d of %d", n, TRIES);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K26",
		.holds = "ICMP errors go to any socket of the group, by hash, "
		    "and raise POLLERR where IP_RECVERR is on",
		.breaks = "if not, nothing; if without IP_RECVERR, too, the "
		    "agent's probes wake programs for nothing",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
