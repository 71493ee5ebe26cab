/* SPDX-License-Identifier: ISC */
/* A socket makes itself readable by a datagram to its own port. */
#include "fact.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int fd = sock_at(w, &any), set_of = epoll_create1(EPOLL_CLOEXEC),
	    n = -1, error;

	powerless();
	if (w->domain == AF_INET)
		to.sin.sin_addr.s_addr = htonl(0x7f6d7001);
	else
		inet_pton(AF_INET6, "::ffff:127.109.112.1", &to.sin6.sin6_addr);
	if (epoll_ctl(set_of, EPOLL_CTL_ADD, fd, &e) != 0)
		broken("epoll_ctl");
	(void)ioctl(fd, FIONREAD, &n);
	claim(n == 0 && !readable(fd, 0), "FIONREAD of an empty socket is 0",
	    "%d", n);
	error = put(fd, &to, "wake");
	claim(error == 0 && readable(fd, 0), "a datagram from it to its own "
	    "port at 127.109.112.1 is there when the send returns", "%s",
	    said(error));
	n = epoll_wait(set_of, &e, 1, 0);
	claim(n == 1, "epoll, edge-triggered, tells of it", "%d", n);
	(void)ioctl(fd, FIONREAD, &n);
	claim(n == 4, "FIONREAD is its length", "%d", n);
	(void)take(fd, NULL);
	(void)put(fd, &to, "again");
	n = epoll_wait(set_of, &e, 1, 0);
	claim(n == 1, "the next one makes an edge again", "%d", n);
	(void)take(fd, NULL);
	claim(!readable(fd, 0), "then it is not readable", "it is");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K32",
		.holds = "a datagram to 127.109.112.1 and its own port makes a "
		    "socket readable before the send returns",
		.breaks = "programs are not woken for datagrams that came by a "
		    "copy or on another socket, and cannot wake the agent",
		.ways = IPV4 | MAPPED, .net = true, .run = run });
}
