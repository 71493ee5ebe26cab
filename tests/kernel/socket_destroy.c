/* SPDX-License-Identifier: ISC */
/* The agent hears from the kernel which socket is gone. */
#include "fact.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/* A socket that hears of the end of others. */
static int
listener(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups =
	    1 << (SKNLGRP_INET_UDP_DESTROY - 1) |
	    1 << (SKNLGRP_INET6_UDP_DESTROY - 1) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);

	if (fd < 0)
		skip("this kernel has no sock_diag: %s", said(-errno));
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) != 0)
		skip("this kernel does not tell: %s", said(-errno));
	return fd;
}

/* Is the next that is heard within `ms' the end of this socket of PORT? */
static bool
hears(int fd, uint64_t cookie, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct {
		struct nlmsghdr head;
		struct inet_diag_msg is;
		char rest[512];
	} m;

	if (poll(&p, 1, ms) != 1 || recv(fd, &m, sizeof(m), 0) <
	    (ssize_t)(sizeof(m.head) + sizeof(m.is)))
		return false;
	return m.head.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	    ntohs(m.is.id.idiag_sport) == PORT &&
	    ((uint64_t)m.is.id.idiag_cookie[1] << 32 |
	    m.is.id.idiag_cookie[0]) == cookie;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int fd, copy, ears;
	uint64_t cookie;
	pid_t child;

	if (is_root() && setuid(NOBODY) != 0)
		broken("setuid");
	powerless();
	ears = listener();
	fd = sock_at(w, &any);
	cookie = cookie_of(fd);
	copy = dup(fd);
	child = fork();
	if (child == 0) {
		end_with_parent();
		for (;;)
			pause();
	}
	close(fd);
	close(copy);
	claim(!hears(ears, cookie, QUIET_MS), "nothing is heard while another "
	    "process has the socket", "its end is");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	claim(hears(ears, cookie, WAIT_MS), "its end is heard, with port and "
	    "cookie, by who has no rights", "it is not");
	fd = sock_at(w, &any);
	cookie = cookie_of(fd);
	close(fd);
	fd = sock_at(w, &any);
	claim(hears(ears, cookie, WAIT_MS), "the port is free when it is heard",
	    "nothing is heard");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K50",
		.holds = "sock_diag tells anybody which UDP socket is gone, by "
		    "port and SO_COOKIE, when its last descriptor is closed",
		.breaks = "the agent looks through /proc/net/udp each second "
		    "and after each close, which costs with many sockets",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
