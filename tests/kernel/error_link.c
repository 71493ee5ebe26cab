/* SPDX-License-Identifier: ISC */
/* What a send says where the link is down, or carries nothing. */
#include "fact.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>

/* What comes from rtnetlink within WAIT_MS on the link: does it say that it is
 * up and does not run? */
static bool
told_no_carrier(int nl, int ifindex)
{
	union {
		struct nlmsghdr head;
		char room[16384];
	} buf;
	const struct ifinfomsg *info;
	struct nlmsghdr *h;
	ssize_t n;
	unsigned left;

	while (readable(nl, WAIT_MS) && (n = recv(nl, &buf, sizeof(buf), 0)) > 0)
		for (h = &buf.head, left = (unsigned)n; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			info = NLMSG_DATA(h);
			if (h->nlmsg_type == RTM_NEWLINK &&
			    info->ifi_index == ifindex &&
			    (info->ifi_flags & IFF_UP) != 0 &&
			    (info->ifi_flags & IFF_RUNNING) == 0)
				return true;
		}
	return false;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 2, PORT),
	    source = at(w, 0, 1, 0);
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK };
	int fd, nl, error;
	unsigned out;

	links(1);
	out = index_of("v0");
	fd = sock_at(w, &any);
	nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (nl < 0 || bind(nl, (struct sockaddr *)&groups, sizeof(groups)) != 0)
		broken("netlink");
	there();
	ip("link set w0 down\n");
	here();
	claim(told_no_carrier(nl, (int)out), "rtnetlink says of a link without "
	    "carrier that it is up and does not run", "it does not");
	error = put_from(w, fd, &to, "x", &source, out);
	claim(error == 0, "a send by it gives no error", "%s", said(error));
	ip("link set v0 down\n");
	error = put_from(w, fd, &to, "x", &source, out);
	claim(error == (w->v4 ? -ENETUNREACH : -EINVAL), w->v4 ?
	    "by one that is down it gives ENETUNREACH" :
	    "by one that is down, and so lost its addresses, EINVAL", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K25",
		.holds = "a send by a link that is down gives an error, by one "
		    "without carrier none: only rtnetlink tells",
		.breaks = "an unplugged cable is found by silence only, after a "
		    "round trip and more, instead of at once",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
