/* SPDX-License-Identifier: ISC */
/* A socket that takes another's descriptor is in no epoll set. */
#include "fact.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void
run(const struct way *w)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct name lo = at_lo(w, 0);
	int set_of = epoll_create1(EPOLL_CLOEXEC), fd = sock_at(w, &lo),
	    other = sock_at(w, &lo), n, error;

	if (epoll_ctl(set_of, EPOLL_CTL_ADD, fd, &e) != 0)
		broken("epoll_ctl");
	lo = name_of(other);
	if (dup2(other, fd) != fd || put(fd, &lo, "x") != 0)
		broken("dup2");
	n = epoll_wait(set_of, &e, 1, QUIET_MS);
	claim(n == 0, "epoll_wait says nothing of the new socket", "%d", n);
	error = epoll_ctl(set_of, EPOLL_CTL_MOD, fd, &e) == 0 ? 0 : -errno;
	claim(error == -ENOENT, "EPOLL_CTL_MOD gives ENOENT", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K30",
		.holds = "dup2 over a descriptor loses its epoll registration",
		.breaks = "nothing; the kernel's socket behind a descriptor could "
		    "be replaced after the program has seen it",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
