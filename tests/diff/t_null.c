/* SPDX-License-Identifier: ISC */
/* Wrong pointers and lengths, on a UDP socket. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "topics.h"

static void
names(const struct kind *k)
{
	struct name n;
	int fd = sock_of(k), c = sock_connected(k);

	CALL("bind-null", bind(fd, NULL, k->any.len));
	CALL("bind-nowhere", bind(fd, nowhere(), k->any.len));
	CALL("bind-null-0", bind(fd, NULL, 0));
	CALL("bind-len-0", bind(fd, &k->any.sa, 0));
	CALL("bind-len-1", bind(fd, &k->any.sa, 1));
	CALL("bind-len-2", bind(fd, &k->any.sa, 2));
	CALL("bind-len-15", bind(fd, &k->any.sa, 15));
	CALL("bind-len-23", bind(fd, &k->any.sa, 23));
	CALL("bind-len-minus", bind(fd, &k->any.sa, (socklen_t)-1));
	CALL("bind-len-129", bind(fd, &k->any.sa, 129));
	CALL("connect-null", connect(fd, NULL, k->peer.len));
	CALL("connect-nowhere", connect(fd, nowhere(), k->peer.len));
	CALL("connect-len-0", connect(fd, &k->peer.sa, 0));
	CALL("connect-len-1", connect(fd, &k->peer.sa, 1));
	CALL("connect-len-2", connect(fd, &k->peer.sa, 2));
	CALL("connect-len-15", connect(fd, &k->peer.sa, 15));
	CALL("connect-len-23", connect(fd, &k->peer.sa, 23));
	CALL("connect-len-129", connect(fd, &k->peer.sa, 129));
	CALL("connect-len-minus", connect(fd, &k->peer.sa, (socklen_t)-1));
	name_fresh(&n, sizeof(n.ss));
	CALL("getsockname-null", getsockname(fd, NULL, &n.len));
	CALL("getsockname-null-len", getsockname(fd, &n.sa, NULL));
	CALL("getsockname-nowhere", getsockname(fd, nowhere(), &n.len));
	CALL("getsockname-nowhere-len", getsockname(fd, &n.sa, nowhere()));
	name_fresh(&n, (socklen_t)-1);
	CALL("getsockname-len-minus", getsockname(fd, &n.sa, &n.len));
	name_fresh(&n, 0);
	CALL("getsockname-len-0", getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	name_fresh(&n, 0);
	CALL("getsockname-null-0", getsockname(fd, NULL, &n.len));
	say_name(&n);
	name_fresh(&n, 4);
	CALL("getsockname-len-4", getsockname(c, &n.sa, &n.len));
	say_name(&n);
	name_fresh(&n, sizeof(n.ss));
	CALL("getpeername-null", getpeername(c, NULL, &n.len));
	CALL("getpeername-null-len", getpeername(c, &n.sa, NULL));
	CALL("getpeername-nowhere", getpeername(c, nowhere(), &n.len));
	name_fresh(&n, 5);
	CALL("getpeername-len-5", getpeername(c, &n.sa, &n.len));
	say_name(&n);
	name_fresh(&n, (socklen_t)-1);
	CALL("getpeername-len-minus", getpeername(c, &n.sa, &n.len));
	close(fd);
	close(c);
}

static void
sends(const struct kind *k)
{
	struct iovec v[2] = { { .iov_base = NULL, .iov_len = 5 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 1 };
	struct mmsghdr mm[1] = { { .msg_hdr = m } };
	int fd = sock_connected(k), u = sock_of(k);

	CALL("send-null", send(fd, NULL, 5, 0));
	CALL("send-nowhere", send(fd, nowhere(), 5, 0));
	CALL("send-nowhere-long", send(fd, nowhere(), 3000, 0));
	CALL("send-null-0", send(fd, NULL, 0, 0));
	say_report(fd);
	CALL("write-null", write(fd, wrong(NULL), 5));
	CALL("write-nowhere", write(fd, nowhere(), 5));
	CALL("write-null-0", write(fd, NULL, 0));
	say_report(fd);
	CALL("sendto-null-name", sendto(fd, "abc", 3, 0, NULL, 16));
	say_report(fd);
	CALL("sendto-name-0", sendto(fd, "abc", 3, 0, &k->peer.sa, 0));
	say_report(fd);
	CALL("sendto-nowhere-name",
	    sendto(fd, "abc", 3, 0, nowhere(), k->peer.len));
	CALL("sendto-name-len-1", sendto(u, "abc", 3, 0, &k->peer.sa, 1));
	CALL("sendto-name-len-2", sendto(u, "abc", 3, 0, &k->peer.sa, 2));
	CALL("sendto-name-len-15", sendto(u, "abc", 3, 0, &k->peer.sa, 15));
	CALL("sendto-name-len-23", sendto(u, "abc", 3, 0, &k->peer.sa, 23));
	CALL("sendto-name-len-129", sendto(u, "abc", 3, 0, &k->peer.sa, 129));
	CALL("sendto-name-len-minus",
	    sendto(u, "abc", 3, 0, &k->peer.sa, (socklen_t)-1));
	CALL("sendmsg-null", sendmsg(fd, NULL, 0));
	CALL("sendmsg-nowhere", sendmsg(fd, nowhere(), 0));
	CALL("sendmsg-null-data", sendmsg(fd, &m, 0));
	m.msg_iov = NULL;
	CALL("sendmsg-null-iov", sendmsg(fd, &m, 0));
	m.msg_iov = nowhere();
	CALL("sendmsg-nowhere-iov", sendmsg(fd, &m, 0));
	m.msg_iov = v;
	v[0].iov_base = (char *)(uintptr_t)pattern();
	m.msg_iovlen = IOV_MAX + 1;
	CALL("sendmsg-iov-1025", sendmsg(fd, &m, 0));
	v[0].iov_len = (size_t)-1;
	m.msg_iovlen = 1;
	CALL("sendmsg-iov-minus", sendmsg(fd, &m, 0));
	v[0].iov_len = 3;
	m.msg_control = nowhere();
	m.msg_controllen = 64;
	CALL("sendmsg-nowhere-control", sendmsg(fd, &m, 0));
	m.msg_control = NULL;
	CALL("sendmsg-null-control", sendmsg(fd, &m, 0));
	say_report(fd);
	m.msg_controllen = 0;
	m.msg_name = nowhere();
	m.msg_namelen = 16;
	CALL("sendmsg-nowhere-name", sendmsg(fd, &m, 0));
	m.msg_name = (void *)(uintptr_t)&k->peer.sa;
	m.msg_namelen = (socklen_t)-1;
	CALL("sendmsg-name-minus", sendmsg(u, &m, 0));
	m.msg_namelen = 200;
	CALL("sendmsg-name-200", sendmsg(u, &m, 0));
	CALL("sendmmsg-null", sendmmsg(fd, NULL, 1, 0));
	CALL("sendmmsg-null-0", sendmmsg(fd, NULL, 0, 0));
	CALL("sendmmsg-nowhere", sendmmsg(fd, nowhere(), 1, 0));
	CALL("sendmmsg-null-data", sendmmsg(fd, mm, 1, 0));
	CALL("writev-null", writev(fd, wrong(NULL), 1));
	CALL("writev-null-0", writev(fd, NULL, 0));
	CALL("writev-minus", writev(fd, v, wrong_number(-1)));
	CALL("writev-1025", writev(fd, v, wrong_number(IOV_MAX + 1)));
	CALL("writev-nowhere", writev(fd, nowhere(), 1));
	v[0].iov_base = nowhere();
	CALL("writev-nowhere-data", writev(fd, v, 1));
	close(fd);
	close(u);
}

/* One call while two datagrams are queued; says how many it leaves. */
#define TAKE(label, expr)                                                     \
	do {                                                                  \
		drain(fd);                                                    \
		ask(fd, k, "!n2 5");                                          \
		settle_of(k, fd);                                             \
		CALL(label, expr);                                            \
		say_rest(fd);                                                 \
	} while (0)

static void
receives(const struct kind *k)
{
	struct iovec v = { .iov_base = NULL, .iov_len = 5 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = m };
	struct name n;
	char buf[64];
	int fd = sock_connected(k);

	TAKE("recv-null", recv(fd, NULL, 5, MSG_DONTWAIT));
	TAKE("recv-nowhere", recv(fd, nowhere(), 5, MSG_DONTWAIT));
	TAKE("read-null", read(fd, wrong(NULL), 5));
	TAKE("recvmsg-null", recvmsg(fd, NULL, MSG_DONTWAIT));
	TAKE("recvmsg-nowhere", recvmsg(fd, nowhere(), MSG_DONTWAIT));
	TAKE("recvmsg-null-data", recvmsg(fd, &m, MSG_DONTWAIT));
	TAKE("recvmsg-null-peek", recvmsg(fd, &m, MSG_DONTWAIT | MSG_PEEK));
	m.msg_iov = NULL;
	TAKE("recvmsg-null-iov", recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iov = nowhere();
	TAKE("recvmsg-nowhere-iov", recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iov = &v;
	m.msg_iovlen = IOV_MAX + 1;
	TAKE("recvmsg-iov-1025", recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iovlen = 1;
	v = (struct iovec){ .iov_base = buf, .iov_len = (size_t)-1 };
	TAKE("recvmsg-iov-minus", recvmsg(fd, &m, MSG_DONTWAIT));
	v.iov_len = sizeof(buf);
	m.msg_name = nowhere();
	m.msg_namelen = sizeof(n.ss);
	TAKE("recvmsg-nowhere-name", recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_name = &n;
	m.msg_namelen = (socklen_t)-1;
	TAKE("recvmsg-name-minus", recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_name = NULL;
	m.msg_namelen = 0;
	m.msg_control = NULL;
	m.msg_controllen = 64;
	TAKE("recvmsg-null-control", recvmsg(fd, &m, MSG_DONTWAIT));
	say_header(&m);
	TAKE("recvmmsg-null", recvmmsg(fd, NULL, 1, MSG_DONTWAIT, NULL));
	TAKE("recvmmsg-null-0", recvmmsg(fd, NULL, 0, MSG_DONTWAIT, NULL));
	TAKE("recvmmsg-nowhere",
	    recvmmsg(fd, nowhere(), 1, MSG_DONTWAIT, NULL));
	TAKE("recvmmsg-nowhere-time",
	    recvmmsg(fd, &mm, 1, MSG_DONTWAIT, nowhere()));
	v.iov_base = NULL;
	TAKE("recvmmsg-null-data", recvmmsg(fd, &mm, 1, MSG_DONTWAIT, NULL));
	TAKE("readv-null", readv(fd, wrong(NULL), 1));
	TAKE("readv-minus", readv(fd, &v, wrong_number(-1)));
	TAKE("readv-1025", readv(fd, &v, wrong_number(IOV_MAX + 1)));
	TAKE("readv-null-data", readv(fd, &v, 1));
	name_fresh(&n, sizeof(n.ss));
	TAKE("recvfrom-null-len",
	    recvfrom(fd, buf, 64, MSG_DONTWAIT, &n.sa, NULL));
	name_fresh(&n, (socklen_t)-1);
	TAKE("recvfrom-len-minus",
	    recvfrom(fd, buf, 64, MSG_DONTWAIT, &n.sa, &n.len));
	name_fresh(&n, sizeof(n.ss));
	TAKE("recvfrom-null-name",
	    recvfrom(fd, buf, 64, MSG_DONTWAIT, NULL, &n.len));
	say("len %u", n.len);
	TAKE("recvfrom-nowhere-name",
	    recvfrom(fd, buf, 64, MSG_DONTWAIT, nowhere(), &n.len));
	TAKE("ioctl-fionread-null", ioctl(fd, FIONREAD, NULL));
	TAKE("ioctl-fionread-nowhere", ioctl(fd, FIONREAD, nowhere()));
	drain(fd);
	CALL("read-null-empty-0", read(fd, NULL, 0));
	close(fd);
}

void
topic_null(const struct kind *k)
{
	names(k);
	sends(k);
	receives(k);
}
