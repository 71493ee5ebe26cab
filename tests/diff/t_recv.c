/* SPDX-License-Identifier: ISC */
/* Every call that receives: sizes, flags, names, and what stays queued. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "topics.h"

static char buf[PEER_ROOM + 64];

static void
sizes(const char *label, int fd)
{
	int n = -7;

	CALL(label, ioctl(fd, FIONREAD, &n));
	say("%d", n);
}

static void
from(const char *label, int fd, size_t len, int flags, socklen_t room)
{
	struct name n;

	name_fresh(&n, room);
	memset(buf, TRACE_FILL, 64);
	CALL(label, recvfrom(fd, buf, len, flags, &n.sa, &n.len));
	if (trace_ret >= 0) {
		say_bytes(buf, trace_ret < (long)len ? trace_ret : (long)len);
		say_name(&n);
	}
}

static void
message(const char *label, int fd, size_t len, int flags)
{
	struct message m;

	message_fresh(&m, len, 0);
	CALL(label, recvmsg(fd, &m.hdr, flags));
	say_message(&m, trace_ret);
}

static void
empty(const struct kind *k)
{
	struct message m;
	struct iovec v = { .iov_base = buf, .iov_len = 64 };
	int fd = sock_of(k), c = sock_connected(k);

	CALL("fresh", recv(fd, buf, 64, MSG_DONTWAIT));
	sizes("fresh-fionread", fd);
	close(fd);
	CALL("none", recv(c, buf, 64, MSG_DONTWAIT));
	CALL("none-peek", recv(c, buf, 64, MSG_DONTWAIT | MSG_PEEK));
	CALL("none-errqueue", recvmsg(c, message_fresh(&m, 64, 64),
	    MSG_ERRQUEUE));
	CALL("none-oob", recv(c, buf, 64, MSG_DONTWAIT | MSG_OOB));
	CALL("none-0", recv(c, buf, 0, MSG_DONTWAIT));
	CALL("none-read-0", read(c, buf, 0));
	CALL("none-readv-0", readv(c, &v, 0));
	v.iov_len = 0;
	CALL("none-readv-empty", readv(c, &v, 1));
	sizes("none-fionread", c);
	close(c);
}

/* On a bound socket, which is not connected. */
static void
named(const struct kind *k)
{
	int fd = sock_bound(k, k->port + 40);

	ask(fd, k, "!n10 100");
	settle_of(k, fd);
	sizes("fionread", fd);
	from("from-peek", fd, 64, MSG_PEEK, sizeof(struct sockaddr_storage));
	from("from-peek-trunc", fd, 64, MSG_PEEK | MSG_TRUNC, 28);
	from("from-peek-0", fd, 0, MSG_PEEK, 28);
	from("from-peek-0-trunc", fd, 0, MSG_PEEK | MSG_TRUNC, 28);
	sizes("fionread-peeked", fd);
	from("from", fd, 100, 0, sizeof(struct sockaddr_storage));
	from("from-more", fd, 101, 0, sizeof(struct sockaddr_storage));
	from("from-name-0", fd, 200, 0, 0);
	from("from-name-1", fd, 200, 0, 1);
	from("from-name-7", fd, 200, 0, 7);
	from("from-name-16", fd, 200, 0, 16);
	from("from-short", fd, 10, 0, 28);
	from("from-short-trunc", fd, 10, MSG_TRUNC, 28);
	from("from-0", fd, 0, 0, 28);
	from("from-0-trunc", fd, 0, MSG_TRUNC, 28);
	from("from-none", fd, 10, MSG_DONTWAIT, 28);
	sizes("fionread-none", fd);
	ask(fd, k, "!n8 50");
	settle_of(k, fd);
	message("msg", fd, 100, 0);
	message("msg-short", fd, 20, 0);
	message("msg-short-trunc", fd, 20, MSG_TRUNC);
	message("msg-peek", fd, 20, MSG_PEEK);
	message("msg-peek-trunc", fd, 20, MSG_PEEK | MSG_TRUNC);
	message("msg-0", fd, 0, 0);
	message("msg-cloexec", fd, 50, MSG_CMSG_CLOEXEC);
	message("msg-waitall", fd, 70, MSG_WAITALL);
	message("msg-odd-flags", fd, 70, MSG_MORE | MSG_CONFIRM | MSG_EOR);
	message("msg-last", fd, 50, MSG_DONTWAIT);
	message("msg-none", fd, 50, MSG_DONTWAIT);
	close(fd);
}

static void
nothing(const struct kind *k)
{
	struct iovec v = { .iov_base = buf, .iov_len = 64 };
	int fd = sock_bound(k, k->port + 41), i;

	for (i = 0; i < 7; i++)
		ask(fd, k, "!z");
	ask(fd, k, "!elast");
	settle_of(k, fd);
	sizes("zero-fionread", fd);
	from("zero-from", fd, 64, 0, 28);
	message("zero-msg-peek", fd, 64, MSG_PEEK);
	message("zero-msg", fd, 64, 0);
	CALL("zero-recv-0", recv(fd, buf, 0, 0));
	CALL("zero-read", read(fd, buf, 64));
	CALL("zero-readv", readv(fd, &v, 1));
	CALL("zero-recv-null", recv(fd, NULL, 0, 0));
	CALL("zero-read-0", read(fd, buf, 0));
	CALL("zero-trunc", recv(fd, buf, 64, MSG_TRUNC));
	CALL("zero-last", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("zero-none", recv(fd, buf, 64, MSG_DONTWAIT));
	close(fd);
}

static void
split(const struct kind *k)
{
	struct iovec v[4] = { { .iov_base = buf, .iov_len = 3 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = buf + 10, .iov_len = 4 },
		{ .iov_base = buf + 20, .iov_len = 100 } };
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 4 };
	int fd = sock_connected(k);

	ask(fd, k, "!n8 30");
	settle_of(k, fd);
	memset(buf, '.', 64);
	CALL("split-readv", readv(fd, v, 4));
	say_bytes(buf, 24);
	memset(buf, '.', 64);
	CALL("split-msg", recvmsg(fd, &h, 0));
	say_bytes(buf, 24);
	h.msg_iovlen = 3;
	memset(buf, '.', 64);
	CALL("split-msg-short", recvmsg(fd, &h, 0));
	say_bytes(buf, 24);
	say_header(&h);
	h.msg_iovlen = 0;
	CALL("split-msg-none", recvmsg(fd, &h, MSG_TRUNC));
	say_header(&h);
	memset(buf, '.', 64);
	CALL("split-preadv2", preadv2(fd, v, 4, -1, 0));
	say_bytes(buf, 24);
	CALL("split-preadv2-at", preadv2(fd, v, 4, 0, 0));
	CALL("split-preadv", preadv(fd, v, 4, 0));
	CALL("split-pread", pread(fd, buf, 10, 0));
	CALL("split-preadv2-flag", preadv2(fd, v, 4, -1, RWF_NOWAIT));
	CALL("split-preadv2-hipri", preadv2(fd, v, 4, -1, RWF_HIPRI));
	CALL("split-preadv2-bad", preadv2(fd, v, 4, -1, 0x4000));
	CALL("split-rest", 0);
	say_rest(fd);
	close(fd);
}

static void
long_ones(const struct kind *k)
{
	static const int sizes_of[] = { 1200, 1400, 1472, 1473, 2000, 9000,
		32768, 65000 };
	char label[64];
	size_t i;
	int fd = sock_bound(k, k->port + 42);

	for (i = 0; i < sizeof(sizes_of) / sizeof(sizes_of[0]); i++) {
		ask(fd, k, "!n1 %d", sizes_of[i]);
		snprintf(label, sizeof(label), "long-%d", sizes_of[i]);
		comes(fd);
		CALL(label, recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
		say_bytes(buf, trace_ret);
	}
	close(fd);
}

void
topic_recv(const struct kind *k)
{
	empty(k);
	named(k);
	nothing(k);
	split(k);
	long_ones(k);
}
