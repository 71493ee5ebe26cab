/* SPDX-License-Identifier: ISC */
/* By what a socket and a network namespace are known for the same. */
#include "fact.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static uint64_t
cookie(int fd, int option)
{
	uint64_t value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &len) != 0)
		claim(false, "the option is known", "%s", said(-errno));
	return value;
}

/* Passes a descriptor through a Unix socket. */
static int
passed(int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(fd))];
	} control = { .room = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	int pair[2], got;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		broken("socketpair");
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) != 1 || recvmsg(pair[1], &msg, 0) != 1)
		broken("SCM_RIGHTS");
	memcpy(&got, CMSG_DATA(&control.head), sizeof(got));
	return got;
}

static bool
same_in_child(int fd, uint64_t value)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(cookie(fd, SO_COOKIE) != value);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void
run(const struct way *w)
{
	int fd = sock(w), other = sock(w), local, foreign;
	uint64_t value = cookie(fd, SO_COOKIE), net;

	links(0);
	claim(value != 0 && value != cookie(other, SO_COOKIE),
	    "each socket has its own SO_COOKIE", "they have the same");
	claim(cookie(dup(fd), SO_COOKIE) == value, "dup keeps it",
	    "it does not");
	claim(same_in_child(fd, value), "fork keeps it", "it does not");
	claim(cookie(passed(fd), SO_COOKIE) == value, "SCM_RIGHTS keeps it",
	    "it does not");
	claim(get(fd, SOL_SOCKET, SO_DOMAIN) == w->domain &&
	    get(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
	    get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP,
	    "SO_DOMAIN, SO_TYPE and SO_PROTOCOL tell what was asked for",
	    "something else");
	net = cookie(fd, SO_NETNS_COOKIE);
	local = socket(AF_UNIX, SOCK_DGRAM, 0);
	claim(net != 0 && cookie(local, SO_NETNS_COOKIE) == net,
	    "a Unix socket has its namespace's SO_NETNS_COOKIE, too",
	    "another one");
	there();
	foreign = sock(w);
	here();
	claim(cookie(foreign, SO_NETNS_COOKIE) != net,
	    "another namespace has another", "the same");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K29",
		.holds = "SO_COOKIE names a socket over dup, fork and SCM_RIGHTS, "
		    "SO_NETNS_COOKIE its network namespace",
		.breaks = "inherited and passed sockets are not found again, or "
		    "programs meet the agent of another namespace",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
