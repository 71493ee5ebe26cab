/* SPDX-License-Identifier: ISC */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* --- Names ---------------------------------------------------------------- */

/* Of the IPv4 address or the IPv6 one, as the way has it. */
static struct name
name(const struct way *w, const char *v4, const char *v6, int port)
{
	struct name n;
	char mapped[64];

	memset(&n, 0, sizeof(n));
	if (w->domain == AF_INET) {
		n.len = sizeof(n.sin);
		n.sin.sin_family = AF_INET;
		n.sin.sin_port = htons((uint16_t)port);
		inet_pton(AF_INET, v4, &n.sin.sin_addr);
		return n;
	}
	snprintf(mapped, sizeof(mapped), "::ffff:%s", v4);
	n.len = sizeof(n.sin6);
	n.sin6.sin6_family = AF_INET6;
	n.sin6.sin6_port = htons((uint16_t)port);
	inet_pton(AF_INET6, w->v4 ? mapped : v6, &n.sin6.sin6_addr);
	return n;
}

/* A dual-stack socket's wildcard is that of IPv6. */
struct name
at_any(const struct way *w, int port)
{
	struct way plain = *w;

	plain.v4 = w->domain == AF_INET;
	return name(&plain, "0.0.0.0", "::", port);
}

struct name
at_lo(const struct way *w, int port)
{
	return name(w, "127.0.0.1", "::1", port);
}

struct name
at(const struct way *w, int link, int host, int port)
{
	char v4[32], v6[32];

	snprintf(v4, sizeof(v4), "10.9.%d.%d", link, host);
	snprintf(v6, sizeof(v6), "fd09:%d::%d", link, host);
	return name(w, v4, v6, port);
}

bool
same_address(const struct name *a, const struct name *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	return a->sa.sa_family == AF_INET ?
	    a->sin.sin_addr.s_addr == b->sin.sin_addr.s_addr :
	    memcmp(&a->sin6.sin6_addr, &b->sin6.sin6_addr, 16) == 0;
}

/* --- Sockets -------------------------------------------------------------- */

int
sock(const struct way *w)
{
	int fd = socket(w->domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		broken("socket: %s", strerror(errno));
	if (w->domain == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	return fd;
}

int
bind_to(int fd, const struct name *n)
{
	return bind(fd, &n->sa, n->len) == 0 ? 0 : -errno;
}

int
connect_to(int fd, const struct name *n)
{
	return connect(fd, &n->sa, n->len) == 0 ? 0 : -errno;
}

int
sock_at(const struct way *w, const struct name *n)
{
	int fd = sock(w), error = bind_to(fd, n);

	if (error != 0)
		broken("bind: %s", said(error));
	return fd;
}

struct name
name_of(int fd)
{
	struct name n;

	memset(&n, 0, sizeof(n));
	n.len = sizeof(n.sin6);
	if (getsockname(fd, &n.sa, &n.len) != 0)
		broken("getsockname: %s", strerror(errno));
	return n;
}

void
set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		broken("setsockopt(%d, %d, %d): %s", level, option, value,
		    strerror(errno));
}

int
get(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, option, &value, &len) != 0)
		broken("getsockopt(%d, %d): %s", level, option,
		    strerror(errno));
	return value;
}

uint64_t
cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0)
		broken("SO_COOKIE");
	return cookie;
}

int
put(int fd, const struct name *to, const char *text)
{
	return sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
	    &to->sa, to->len) >= 0 ? 0 : -errno;
}

int
put_from(const struct way *w, int fd, const struct name *to, const char *text,
    const struct name *from, unsigned ifindex)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text,
		.iov_len = strlen(text) };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = to->len, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control };
	struct in_pktinfo pi = { .ipi_ifindex = (int)ifindex };
	struct in6_pktinfo pi6 = { .ipi6_ifindex = ifindex };
	bool v4 = w->domain == AF_INET;
	size_t len = v4 ? sizeof(pi) : sizeof(pi6);

	if (from != NULL && v4)
		pi.ipi_spec_dst = from->sin.sin_addr;
	else if (from != NULL)
		pi6.ipi6_addr = from->sin6.sin6_addr;
	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	control.head.cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	control.head.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.head), v4 ? (void *)&pi : (void *)&pi6, len);
	msg.msg_controllen = CMSG_SPACE(len);
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : -errno;
}

int
put_segments(int fd, const struct name *to, const void *text, size_t len,
    uint16_t size)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .room = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text,
		.iov_len = len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = to->len, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };

	control.head.cmsg_level = IPPROTO_UDP;
	control.head.cmsg_type = UDP_SEGMENT;
	control.head.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
	return sendmsg(fd, &msg, MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

bool
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN) != 0;
}

/* NULL: none came. */
static const char *
receive(int fd, int ms, struct name *from)
{
	static char text[2048];
	struct name n;
	ssize_t len;

	memset(&n, 0, sizeof(n));
	n.len = sizeof(n.sin6);
	if (!readable(fd, ms))
		return NULL;
	len = recvfrom(fd, text, sizeof(text) - 1, MSG_DONTWAIT, &n.sa, &n.len);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	if (from != NULL)
		*from = n;
	return text;
}

const char *
take(int fd, struct name *from)
{
	const char *text = receive(fd, WAIT_MS, from);

	if (text == NULL)
		broken("a datagram did not arrive");
	return text;
}

void
want_pktinfo(const struct way *w, int fd)
{
	if (w->domain == AF_INET)
		set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	else
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

unsigned
take_by(const struct way *w, int fd, struct name *to)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	char text[64];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct in_pktinfo pi;
	struct in6_pktinfo pi6;

	if (!readable(fd, WAIT_MS) || recvmsg(fd, &msg, MSG_DONTWAIT) < 0)
		broken("a datagram did not arrive");
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL)
		broken("no PKTINFO came with a datagram");
	if (to != NULL)
		*to = at_any(w, 0);
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&pi, CMSG_DATA(c), sizeof(pi));
		if (to != NULL)
			to->sin.sin_addr = pi.ipi_addr;
		return (unsigned)pi.ipi_ifindex;
	}
	memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
	if (to != NULL)
		to->sin6.sin6_addr = pi6.ipi6_addr;
	return pi6.ipi6_ifindex;
}

bool
arrives(int fd, const char *text)
{
	const char *got = receive(fd, WAIT_MS, NULL);

	return got != NULL && strcmp(got, text) == 0;
}

bool
quiet(int fd)
{
	return receive(fd, QUIET_MS, NULL) == NULL;
}

int
attach(int fd, int option, const struct sock_filter *filter, size_t n)
{
	struct sock_fprog prog;

	memset(&prog, 0, sizeof(prog));
	prog.len = (unsigned short)n;
	prog.filter = (struct sock_filter *)(uintptr_t)filter;
	return setsockopt(fd, SOL_SOCKET, option, &prog, sizeof(prog)) == 0 ?
	    0 : -errno;
}
