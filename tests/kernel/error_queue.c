/* SPDX-License-Identifier: ISC */
/* A datagram that is longer than the way's MTU puts EMSGSIZE into the queue of
 * errors. */
#include "fact.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <string.h>

static void
set_recverr(const struct way *w, int fd, int on)
{
	if (w->v4)
		set(fd, IPPROTO_IP, IP_RECVERR, on);
	else
		set(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

static bool
poll_error(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

/* The error of the queue, or one of errno 0. */
static struct sock_extended_err
take_error(int fd)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control = { .room = { 0 } };
	struct sock_extended_err ee = { .ee_errno = 0 };
	struct msghdr msg = { .msg_control = &control,
		.msg_controllen = sizeof(control) };

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0 &&
	    CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(&ee, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(ee));
	return ee;
}

static void
run(const struct way *w)
{
	struct name to = at(w, 0, 2, PORT);
	struct sock_extended_err ee;
	static char longer[4000];
	int fd, error;

	memset(longer, 'x', sizeof(longer) - 1);
	links(1);
	fd = sock(w);
	powerless();
	if (w->v4)
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	else
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	set_recverr(w, fd, 1);
	error = put(fd, &to, longer);
	claim(error == -EMSGSIZE && poll_error(fd),
	    "the send gives EMSGSIZE, and poll says POLLERR", "%s",
	    said(error));
	ee = take_error(fd);
	claim(ee.ee_errno == EMSGSIZE && ee.ee_origin == SO_EE_ORIGIN_LOCAL &&
	    ee.ee_info == 1500, "MSG_ERRQUEUE gives EMSGSIZE, of local origin, "
	    "with the MTU", "%s, origin %d, %u", said(-(int)ee.ee_errno),
	    ee.ee_origin, ee.ee_info);
	(void)put(fd, &to, longer);
	(void)get(fd, SOL_SOCKET, SO_ERROR);
	set_recverr(w, fd, 0);
	claim(take_error(fd).ee_errno == 0, "turning IP_RECVERR off empties the "
	    "queue", "it does not");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K27",
		.holds = "with IP_RECVERR and DF a datagram that is too long "
		    "leaves EMSGSIZE in the error queue, and POLLERR",
		.breaks = "programs that learn their MTU by the error queue wait "
		    "for it in vain",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
