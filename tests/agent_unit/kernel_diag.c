/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The played kernel's answers to sock_diag, as socket_diag.c asks for them: a
 * list of a port's sockets or of all, family by family and in several
 * datagrams, its end in one of its own; and the socket that a packet would go
 * to, which of a group depends on the sender.  All sockets are of AF_INET6, so
 * the other family's list is empty; it is no reading, does not fail and
 * nothing is dropped meanwhile.  A new question ends the answer to the last.
 */
#include "kernel.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	EACH = 3,  /* sockets of one datagram */
	DROPS = 8, /* SK_MEMINFO_DROPS */
};

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

/* A socket of a list. */
struct listed {
	struct nlmsghdr head;
	struct inet_diag_msg is;
	struct rtattr attr;
	uint32_t meminfo[DROPS + 1];
};

static int diag = -1;
static bool refused;
static struct question asked;
static enum { NOTHING, LIST, END, REFUSAL, ONE } left; /* to be said yet */
static unsigned next; /* of all sockets */

int
kernel_diag(void)
{
	if (diag < 0)
		diag = eventfd(0, EFD_CLOEXEC);
	return diag;
}

void
kernel_refuse_diag(void)
{
	refused = true;
}

bool
kernel_has_diag(void)
{
	struct stat st;

	/* The number can be another file's by now; an eventfd is of no type. */
	return diag >= 0 && fstat(diag, &st) == 0 &&
	    (st.st_mode & S_IFMT) == 0;
}

void
kernel_reset_diag(void)
{
	if (kernel_has_diag())
		close(diag);
	diag = -1;
	refused = false;
	left = NOTHING;
}

/* Which answer a question gets. */
static void
answer(void)
{
	bool none = asked.req.sdiag_family != AF_INET6;

	next = 0;
	if (refused)
		left = REFUSAL;
	else if ((asked.head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		left = none ? REFUSAL : ONE;
	else if (none)
		left = END;
	else
		left = kernel_read() ? LIST : REFUSAL;
}

static size_t
say_socket(void *to, const struct kernel_socket *s)
{
	struct listed l = { .head = { .nlmsg_len = sizeof(l),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_seq = asked.head.nlmsg_seq },
		.is = { .idiag_family = AF_INET6, .id = {
		.idiag_sport = htons(s->port), .idiag_cookie = {
		(uint32_t)s->inode, (uint32_t)(s->inode >> 32) } } },
		.attr = { .rta_len = RTA_LENGTH(sizeof(l.meminfo)),
		.rta_type = INET_DIAG_SKMEMINFO } };

	l.meminfo[DROPS] = (uint32_t)s->drops;
	memcpy(to, &l, sizeof(l));
	return sizeof(l);
}

static size_t
say_end(void *to, uint16_t type, int error)
{
	struct {
		struct nlmsghdr head;
		int error;
	} end = { .head = { .nlmsg_len = sizeof(end), .nlmsg_type = type,
		.nlmsg_seq = asked.head.nlmsg_seq }, .error = error };

	left = NOTHING;
	memcpy(to, &end, sizeof(end));
	return sizeof(end);
}

static size_t
say_list(uint8_t *to)
{
	struct kernel_socket s;
	size_t len = 0;
	unsigned n = 0;

	while (n < EACH && kernel_socket(next, &s)) {
		next++;
		if (asked.req.id.idiag_sport != 0 &&
		    asked.req.id.idiag_sport != htons(s.port))
			continue;
		len += say_socket(to + len, &s);
		n++;
	}
	if (n == EACH)
		return len;
	left = END;
	return len > 0 ? len : say_end(to, NLMSG_DONE, 0);
}

/* The kernel takes a hash of the sender. */
static size_t
say_one(void *to)
{
	uint16_t port = ntohs(asked.req.id.idiag_dport);
	struct kernel_socket s, of[64];
	unsigned n = 0, i;

	left = NOTHING;
	for (i = 0; kernel_socket(i, &s); i++)
		if (s.port == port && n < sizeof(of) / sizeof(of[0]))
			of[n++] = s;
	if (n == 0)
		return say_end(to, NLMSG_ERROR, -ENOENT);
	return say_socket(to, &of[ntohs(asked.req.id.idiag_sport) % n]);
}

/* Where sock_diag refuses, its socket is the played one, too. */
int __real_socket(int, int, int);
int __wrap_socket(int, int, int);

int
__wrap_socket(int family, int type, int protocol)
{
	return refused && family == AF_NETLINK &&
	    protocol == NETLINK_SOCK_DIAG ? kernel_diag() :
	    __real_socket(family, type, protocol);
}

/* Other descriptors are the host's: check_uplink.c asks it for routes. */
ssize_t __real_sendto(int, const void *, size_t, int, const struct sockaddr *,
    socklen_t);
ssize_t __wrap_sendto(int, const void *, size_t, int, const struct sockaddr *,
    socklen_t);
ssize_t __real_recvfrom(int, void *, size_t, int, struct sockaddr *,
    socklen_t *);
ssize_t __wrap_recvfrom(int, void *, size_t, int, struct sockaddr *,
    socklen_t *);

ssize_t
__wrap_sendto(int fd, const void *data, size_t len, int flags,
    const struct sockaddr *name, socklen_t namelen)
{
	if (fd < 0 || fd != diag)
		return __real_sendto(fd, data, len, flags, name, namelen);
	if (len != sizeof(asked)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&asked, data, sizeof(asked));
	answer();
	return (ssize_t)len;
}

ssize_t
__wrap_recvfrom(int fd, void *data, size_t len, int flags,
    struct sockaddr *name, socklen_t *namelen)
{
	if (fd < 0 || fd != diag)
		return __real_recvfrom(fd, data, len, flags, name, namelen);
	if (left == NOTHING || len < EACH * sizeof(struct listed)) {
		errno = EAGAIN;
		return -1;
	}
	if (left == REFUSAL)
		return (ssize_t)say_end(data, NLMSG_ERROR, -ENOENT);
	if (left == END)
		return (ssize_t)say_end(data, NLMSG_DONE, 0);
	return (ssize_t)(left == ONE ? say_one(data) : say_list(data));
}
