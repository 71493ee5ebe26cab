/* SPDX-License-Identifier: ISC */
#include "rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	BUFFER = 1 << 20, /* bytes */
	WAIT_S = 2, /* for an answer, which the kernel has at once */
};

static uint64_t message[RTNL_MESSAGE / sizeof(uint64_t)]; /* aligned */
static uint32_t sequence;

int
rtnl_open(int flags, uint32_t groups)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK,
		.nl_groups = groups };
	struct timeval wait = { .tv_sec = WAIT_S };
	int size = BUFFER, fd, error;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags,
	    NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

ssize_t
rtnl_hear(int fd, int flags, const struct nlmsghdr **h)
{
	struct sockaddr_nl from = { .nl_pid = 0 };
	socklen_t len;
	ssize_t n;

	*h = (const struct nlmsghdr *)(const void *)message;
	do { /* messages of others than the kernel are skipped */
		len = sizeof(from);
		n = recvfrom(fd, message, sizeof(message), flags,
		    (struct sockaddr *)&from, &len);
	} while ((n < 0 && errno == EINTR) || (n > 0 && from.nl_pid != 0));
	return n < 0 ? -errno : n;
}

/* Drops the rest of a list that was left, or that came too late. */
static void
rtnl_drain(int fd)
{
	const struct nlmsghdr *h;

	while (rtnl_hear(fd, MSG_DONTWAIT, &h) > 0)
		continue;
}

static int
rtnl_send(int fd, struct nlmsghdr *h)
{
	rtnl_drain(fd);
	h->nlmsg_seq = ++sequence;
	return send(fd, h, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Takes one datagram of a list: 1 if it is the last, or 0, or a negative
 * errno. */
static int
rtnl_take_part(const struct nlmsghdr *h, size_t len,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	unsigned left = NLMSG_ALIGN((unsigned)len);

	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0 ||
		    h->nlmsg_type == NLMSG_ERROR)
			return -EAGAIN;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		take(arg, h);
	}
	return 0;
}

int
rtnl_list(int fd, uint16_t type,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info; /* the longest fixed part; all zero */
	} ask = { .head = { .nlmsg_len = sizeof(ask), .nlmsg_type = type,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	const struct nlmsghdr *h;
	ssize_t n;
	int end;

	end = rtnl_send(fd, &ask.head);
	while (end == 0) {
		n = rtnl_hear(fd, 0, &h);
		end = n < 0 ? (int)n : rtnl_take_part(h, (size_t)n, take, arg);
	}
	return end == 1 ? 0 : end;
}

static void
rtnl_add_attribute(struct nlmsghdr *h, unsigned short type, const void *data,
    size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)h +
	    NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) +
	    (unsigned)RTA_SPACE(len);
}

int
rtnl_route(int fd, int family, const uint8_t *from, const uint8_t *to,
    size_t len, void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg info;
		char room[2 * RTA_SPACE(16)];
	} ask = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(ask.info)),
		      .nlmsg_type = RTM_GETROUTE,
		      .nlmsg_flags = NLM_F_REQUEST },
		.info = { .rtm_family = (unsigned char)family,
		    .rtm_dst_len = (unsigned char)(8 * len),
		    .rtm_src_len = (unsigned char)(8 * len) } };
	const struct nlmsghdr *h;
	ssize_t n;
	int error;

	rtnl_add_attribute(&ask.head, RTA_DST, to, len);
	rtnl_add_attribute(&ask.head, RTA_SRC, from, len);
	error = rtnl_send(fd, &ask.head);
	if (error != 0)
		return error;
	n = rtnl_hear(fd, 0, &h);
	if (n < 0)
		return (int)n;
	if (!NLMSG_OK(h, (unsigned)n))
		return -EPROTO;
	if (h->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
	take(arg, h);
	return 0;
}

bool
rtnl_attributes(const struct nlmsghdr *h, size_t size, struct rtattr **found,
    unsigned most)
{
	struct rtattr *a;
	unsigned len;

	memset(found, 0, (most + 1) * sizeof(struct rtattr *));
	if (h->nlmsg_len < NLMSG_LENGTH(size))
		return false;
	a = (struct rtattr *)(void *)((char *)NLMSG_DATA(h) +
	    NLMSG_ALIGN(size));
	len = h->nlmsg_len > NLMSG_SPACE(size) ?
	    NLMSG_ALIGN(h->nlmsg_len) - NLMSG_SPACE(size) : 0;
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) <= most)
			found[a->rta_type & NLA_TYPE_MASK] = a;
	return true;
}

struct rtattr *
rtnl_inside(struct rtattr *outer, unsigned short type)
{
	struct rtattr *a = RTA_DATA(outer);
	unsigned len = (unsigned)RTA_PAYLOAD(outer);

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

uint32_t
rtnl_number(const struct rtattr *a, uint32_t otherwise)
{
	uint32_t n;

	if (a == NULL || RTA_PAYLOAD(a) < sizeof(n))
		return otherwise;
	memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}
