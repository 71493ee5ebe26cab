/* SPDX-License-Identifier: ISC */
#include "fib.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/syscall.h>

#include "mp.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"

enum { ROOM = 1024 }; /* bytes; an answer about one route has some 100 */

struct fib_ask {
	struct nlmsghdr head;
	struct rtmsg info;
	char room[2 * RTA_SPACE(16) + RTA_SPACE(4)];
};

static void
fib_add(struct fib_ask *ask, unsigned short type, const void *data, size_t len)
{
	struct rtattr a = { .rta_type = type,
		.rta_len = (unsigned short)RTA_LENGTH(len) };
	char *at = (char *)ask + NLMSG_ALIGN(ask->head.nlmsg_len);

	memcpy(at, &a, sizeof(a));
	memcpy(at + RTA_LENGTH(0), data, len);
	ask->head.nlmsg_len = NLMSG_ALIGN(ask->head.nlmsg_len) +
	    (uint32_t)RTA_SPACE(len);
}

static bool
fib_may_ask(void)
{
	return SECCOMP_ALLOWS(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE) && SECCOMP_ALLOWS(SYS_sendto) &&
	    SECCOMP_ALLOWS(SYS_recvfrom) && SECCOMP_ALLOWS(SYS_close);
}

/* Asks on a socket of its own.  The kernel has answered when the send returns:
 * the answer's length, bytes, or a negative value. */
static ssize_t
fib_talk(const struct fib_ask *ask, uint64_t answer[ROOM / sizeof(uint64_t)])
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd;
	ssize_t n;

	fd = real_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	n = real_sendto(fd, ask, ask->head.nlmsg_len, 0,
	    (const struct sockaddr *)&kernel, sizeof(kernel));
	if (n >= 0)
		n = real_recvfrom(fd, answer, ROOM, MSG_DONTWAIT, NULL, NULL);
	real_close(fd);
	return n;
}

/* Reads one attribute of a route. */
static void
fib_read(const struct rtattr *a, bool v4, struct fib_route *r)
{
	size_t off = v4 ? 12 : 0;

	if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= sizeof(r->ifindex))
		memcpy(&r->ifindex, RTA_DATA(a), sizeof(r->ifindex));
	if (a->rta_type != RTA_PREFSRC || RTA_PAYLOAD(a) < 16 - off)
		return;
	memcpy(r->source.ip + off, RTA_DATA(a), 16 - off);
	if (v4)
		memset(r->source.ip + 10, 0xff, 2);
}

/* The answer: a route of this type? */
static bool
fib_answer(const struct nlmsghdr *h, ssize_t n, uint8_t type,
    struct fib_route *r)
{
	const struct rtmsg *info = NLMSG_DATA(h);
	const struct rtattr *a = RTM_RTA(info);
	unsigned left;

	memset(r, 0, sizeof(*r));
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*info)) ||
	    !NLMSG_OK(h, (size_t)n) || h->nlmsg_type != RTM_NEWROUTE ||
	    info->rtm_type != type)
		return false;
	for (left = (unsigned)RTM_PAYLOAD(h); RTA_OK(a, left);
	    a = RTA_NEXT(a, left))
		fib_read(a, info->rtm_family == AF_INET, r);
	return r->ifindex != 0;
}

static bool
fib_ask_route(const struct mp_addr *to, const struct mp_addr *from, uint32_t by,
    uint8_t type, struct fib_route *r)
{
	size_t off = net_is_v4(to) ? 12 : 0;
	uint8_t bits = (uint8_t)(8 * (16 - off));
	struct fib_ask ask = { .head = { .nlmsg_len = NLMSG_LENGTH(
	    sizeof(ask.info)), .nlmsg_type = RTM_GETROUTE,
	    .nlmsg_flags = NLM_F_REQUEST },
		.info = { .rtm_family = off != 0 ? AF_INET : AF_INET6,
		    .rtm_dst_len = bits,
		    .rtm_src_len = from != NULL ? bits : 0,
		    .rtm_flags = type == RTN_LOCAL ? RTM_F_FIB_MATCH : 0 } };
	uint64_t answer[ROOM / sizeof(uint64_t)];
	int saved = errno;
	ssize_t n;

	if (!fib_may_ask())
		return false;
	fib_add(&ask, RTA_DST, to->ip + off, 16 - off);
	if (from != NULL)
		fib_add(&ask, RTA_SRC, from->ip + off, 16 - off);
	if (by != 0)
		fib_add(&ask, RTA_OIF, &by, sizeof(by));
	n = fib_talk(&ask, answer);
	errno = saved;
	return fib_answer((const struct nlmsghdr *)answer, n, type, r);
}

bool
fib_find(const struct mp_addr *to, const struct mp_addr *from, uint32_t by,
    struct fib_route *r)
{
	return fib_ask_route(to, from, by, RTN_UNICAST, r);
}

/* K45: the route that makes the address this host's has its interface. */
uint32_t
fib_owner(const struct mp_addr *a)
{
	struct fib_route r;

	return fib_ask_route(a, NULL, 0, RTN_LOCAL, &r) ? r.ifindex : 0;
}
