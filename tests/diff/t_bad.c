/* SPDX-License-Identifier: ISC */
/* Every call on descriptors that are no UDP sockets. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "topics.h"

static const struct kind *the;
static char buf[64];

static struct iovec
iov(void)
{
	return (struct iovec){ .iov_base = buf, .iov_len = 3 };
}

static long
do_bind(int fd)
{
	return bind(fd, &the->any.sa, the->any.len);
}

static long
do_connect(int fd)
{
	return connect(fd, &the->peer.sa, the->peer.len);
}

static long
do_getsockname(int fd)
{
	struct name n;

	name_fresh(&n, sizeof(n.ss));
	return getsockname(fd, &n.sa, &n.len);
}

static long
do_getpeername(int fd)
{
	struct name n;

	name_fresh(&n, sizeof(n.ss));
	return getpeername(fd, &n.sa, &n.len);
}

static long
do_getsockopt(int fd)
{
	int n;
	socklen_t len = sizeof(n);

	return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, &len);
}

static long
do_setsockopt(int fd)
{
	int n = 1;

	return setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &n, sizeof(n));
}

static long
do_shutdown(int fd)
{
	return shutdown(fd, SHUT_RDWR);
}

static long
do_listen(int fd)
{
	return listen(fd, 1);
}

static long
do_accept(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_NONBLOCK);
}

static long
do_send(int fd)
{
	return send(fd, "abc", 3, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long
do_sendto(int fd)
{
	return sendto(fd, "abc", 3, MSG_DONTWAIT | MSG_NOSIGNAL,
	    &the->peer.sa, the->peer.len);
}

static long
do_sendmsg(int fd)
{
	struct iovec v = iov();
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long
do_sendmmsg(int fd)
{
	struct iovec v = iov();
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &v,
		.msg_iovlen = 1 } } };

	return sendmmsg(fd, m, 2, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long
do_write(int fd)
{
	return write(fd, "abc", 3);
}

static long
do_writev(int fd)
{
	struct iovec v = iov();

	return writev(fd, &v, 1);
}

static long
do_pwritev2(int fd)
{
	struct iovec v = iov();

	return pwritev2(fd, &v, 1, -1, 0);
}

static long
do_recv(int fd)
{
	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
}

static long
do_recvfrom(int fd)
{
	struct name n;

	name_fresh(&n, sizeof(n.ss));
	return recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &n.sa, &n.len);
}

static long
do_recvmsg(int fd)
{
	struct message m;

	return recvmsg(fd, message_fresh(&m, 100, 0), MSG_DONTWAIT);
}

static long
do_recvmmsg(int fd)
{
	struct mmsghdr m[2] = { { .msg_len = 0 } };

	return recvmmsg(fd, m, 2, MSG_DONTWAIT, NULL);
}

static long
do_read(int fd)
{
	return read(fd, buf, sizeof(buf));
}

static long
do_readv(int fd)
{
	struct iovec v = iov();

	return readv(fd, &v, 1);
}

static long
do_preadv2(int fd)
{
	struct iovec v = iov();

	return preadv2(fd, &v, 1, -1, 0);
}

static long
do_fionread(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n);
}

static long
do_getfd(int fd)
{
	return fcntl(fd, F_GETFD);
}

static long
do_dupfd(int fd)
{
	int to = fcntl(fd, F_DUPFD_CLOEXEC, 700);

	close(to);
	return to;
}

static long
do_dup2(int fd)
{
	int to = dup2(fd, 701);

	close(701);
	return to;
}

static long
do_dup3(int fd)
{
	int to = dup3(fd, 702, O_CLOEXEC);

	close(702);
	return to;
}

static long
do_close(int fd)
{
	return close(fd);
}

#define ROW(name) { #name, do_##name }
static const struct {
	const char *name;
	long (*go)(int);
} calls[] = { ROW(bind), ROW(connect), ROW(getsockname), ROW(getpeername),
	ROW(getsockopt), ROW(setsockopt), ROW(listen), ROW(accept), ROW(send),
	ROW(sendto), ROW(sendmsg), ROW(sendmmsg), ROW(write), ROW(writev),
	ROW(pwritev2), ROW(recv), ROW(recvfrom), ROW(recvmsg), ROW(recvmmsg),
	ROW(read), ROW(readv), ROW(preadv2), ROW(fionread), ROW(getfd),
	ROW(dupfd), ROW(dup2), ROW(dup3), ROW(shutdown), ROW(close) };

void
topic_bad(const struct kind *k)
{
	struct {
		const char *name;
		int fd;
	} fds[] = { { "minus", -1 }, { "never", 777 },
		{ "closed", sock_connected(k) },
		{ "file", open("/dev/null", O_RDWR) },
		{ "tcp", socket(k->family, SOCK_STREAM | SOCK_NONBLOCK, 0) },
		{ "unix", socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0) } };
	char label[64];
	size_t i, j;

	the = k;
	strcpy(buf, "abc");
	close(fds[2].fd);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		for (j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			if (fds[i].fd == fds[4].fd &&
			    strcmp(calls[j].name, "connect") == 0)
				continue; /* a race: EINPROGRESS or refused */
			snprintf(label, sizeof(label), "%s-%s", calls[j].name,
			    fds[i].name);
			CALL(label, calls[j].go(fds[i].fd));
		}
}
