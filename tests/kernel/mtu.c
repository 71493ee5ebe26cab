/* SPDX-License-Identifier: ISC */
/* Whether a datagram that is too long for its path is cut into fragments. */
#include "fact.h"

#include <errno.h>
#include <string.h>

static void
set_discover(const struct way *w, int fd, int v4, int v6)
{
	if (w->v4)
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, v4);
	else
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, v6);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 2, PORT);
	char longer[1600];
	int ours, theirs, error, mtu;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	links(1);
	ours = sock_at(w, &any);
	there();
	theirs = sock_at(w, &any);
	here();
	powerless();
	set_discover(w, ours, IP_PMTUDISC_PROBE, IPV6_PMTUDISC_PROBE);
	error = put(ours, &to, longer);
	claim(error == -EMSGSIZE, "PMTUDISC_PROBE: what is longer than the "
	    "link's MTU gives EMSGSIZE", "%s", said(error));
	set_discover(w, ours, IP_PMTUDISC_DONT, IPV6_PMTUDISC_DONT);
	error = put(ours, &to, longer);
	claim(error == 0 && arrives(theirs, longer),
	    "PMTUDISC_DONT: it arrives, in fragments", "%s", said(error));
	error = connect_to(ours, &to);
	if (error != 0)
		broken("connect: %s", said(error));
	mtu = w->v4 ? get(ours, IPPROTO_IP, IP_MTU) :
		      get(ours, IPPROTO_IPV6, IPV6_MTU);
	claim(mtu == 1500, "IP_MTU of a connected socket is the way's", "%d",
	    mtu);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K8",
		.holds = "MTU_DISCOVER of the packet's family decides between "
		    "EMSGSIZE and fragments, and IP_MTU tells the way's MTU",
		.breaks = "padded probes prove no size, and long datagrams get "
		    "lost or refused wrongly",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
