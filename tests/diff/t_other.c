/* SPDX-License-Identifier: ISC */
/* The same calls by other names, fortified and by syscall(3); descriptors. */
#ifdef __OPTIMIZE__ /* otherwise the headers warn, and fortify nothing */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2
#endif
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "topics.h"

/* Its size is known, so the compiler calls __recv_chk and the like. */
static char room[64];

static size_t
length(int n)
{
	return (size_t)wrong_number(n);
}

static void
fortified(const struct kind *k)
{
	struct name n;
	int fd = sock_bound(k, k->port + 70);

	ask(fd, k, "!n9 50");
	settle_of(k, fd);
	CALL("chk-recv", recv(fd, room, length(64), 0));
	say_bytes(room, trace_ret);
	CALL("chk-recv-short", recv(fd, room, length(10), 0));
	say_bytes(room, trace_ret);
	CALL("chk-recv-0", recv(fd, room, length(0), 0));
	CALL("chk-recv-trunc", recv(fd, room, length(5), MSG_TRUNC));
	name_fresh(&n, sizeof(n.ss));
	CALL("chk-recvfrom",
	    recvfrom(fd, room, length(64), 0, &n.sa, &n.len));
	say_bytes(room, trace_ret);
	say_name(&n);
	CALL("chk-recvfrom-null",
	    recvfrom(fd, room, length(64), 0, NULL, NULL));
	say_bytes(room, trace_ret);
	CALL("chk-read-0", read(fd, room, length(0)));
	CALL("chk-read", read(fd, room, length(64)));
	say_bytes(room, trace_ret);
	CALL("chk-recv-peek", recv(fd, room, length(64), MSG_PEEK));
	CALL("chk-recv-last", recv(fd, room, length(64), MSG_DONTWAIT));
	CALL("chk-rest", 0);
	say_rest(fd);
	CALL("chk-recv-none", recv(fd, room, length(64), MSG_DONTWAIT));
	CALL("chk-recv-badf", recv(-1, room, length(64), MSG_DONTWAIT));
	CALL("chk-read-badf", read(-1, room, length(64)));
	CALL("chk-recv-over", recv(fd, room, length(65), MSG_DONTWAIT));
	CALL("chk-recvfrom-over",
	    recvfrom(fd, room, length(65), MSG_DONTWAIT, NULL, NULL));
	CALL("chk-read-over", read(fd, room, length(65)));
	close(fd);
}

static void
raw(const struct kind *k)
{
	struct iovec v = { .iov_base = room, .iov_len = 30 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	struct mmsghdr mm[2] = { { .msg_hdr = h }, { .msg_hdr = h } };
	struct name n;
	long fd, two;

	CALL("raw-socket", syscall(SYS_socket, k->family,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0));
	fd = trace_ret;
	CALL("raw-fcntl", syscall(SYS_fcntl, fd, F_GETFD));
	CALL("raw-bind", syscall(SYS_bind, fd, &k->any, k->any.len));
	CALL("raw-bind-again", syscall(SYS_bind, fd, &k->any, k->any.len));
	CALL("raw-connect", syscall(SYS_connect, fd, &k->peer, k->peer.len));
	name_fresh(&n, sizeof(n.ss));
	CALL("raw-getsockname", syscall(SYS_getsockname, fd, &n, &n.len));
	say_name(&n);
	name_fresh(&n, sizeof(n.ss));
	CALL("raw-getpeername", syscall(SYS_getpeername, fd, &n, &n.len));
	say_name(&n);
	memcpy(room, "hello", 5);
	CALL("raw-sendto", syscall(SYS_sendto, fd, room, 5, 0, NULL, 0));
	say_report((int)fd);
	CALL("raw-sendto-name", syscall(SYS_sendto, fd, room, 5, 0, &k->peer,
	    k->peer.len));
	say_report((int)fd);
	v.iov_len = 4;
	CALL("raw-sendmsg", syscall(SYS_sendmsg, fd, &h, 0));
	say_report((int)fd);
	CALL("raw-sendmmsg", syscall(SYS_sendmmsg, fd, mm, 1, 0));
	say_report((int)fd);
	CALL("raw-write", syscall(SYS_write, fd, room, 5));
	say_report((int)fd);
	CALL("raw-writev", syscall(SYS_writev, fd, &v, 1));
	say_report((int)fd);
	CALL("raw-pwritev2", syscall(SYS_pwritev2, fd, &v, 1, -1L, -1L, 0));
	say_report((int)fd);
	v.iov_len = 30;
	ask((int)fd, k, "!n8 20");
	settle_of(k, (int)fd);
	name_fresh(&n, sizeof(n.ss));
	CALL("raw-recvfrom", syscall(SYS_recvfrom, fd, room, 64, 0, &n,
	    &n.len));
	say_bytes(room, trace_ret);
	say_name(&n);
	CALL("raw-recvmsg", syscall(SYS_recvmsg, fd, &h, 0));
	say_bytes(room, trace_ret);
	CALL("raw-recvmmsg", syscall(SYS_recvmmsg, fd, mm, 2, 0, NULL));
	say_bytes(room, mm[1].msg_len);
	CALL("raw-read", syscall(SYS_read, fd, room, 64));
	say_bytes(room, trace_ret);
	CALL("raw-readv", syscall(SYS_readv, fd, &v, 1));
	say_bytes(room, trace_ret);
	CALL("raw-preadv2", syscall(SYS_preadv2, fd, &v, 1, -1L, -1L, 0));
	say_bytes(room, trace_ret);
	CALL("raw-rest", 0);
	say_rest((int)fd);
	CALL("raw-dup", syscall(SYS_dup, fd));
	two = trace_ret;
	CALL("raw-dup-write", syscall(SYS_write, two, "hello", 5));
	say_report((int)two);
	CALL("raw-dup3", syscall(SYS_dup3, fd, 300, O_CLOEXEC));
	CALL("raw-dup3-write", syscall(SYS_write, 300, "hello", 5));
	say_report(300);
	CALL("raw-dupfd", syscall(SYS_fcntl, fd, F_DUPFD, 310));
	CALL("raw-dupfd-write", syscall(SYS_write, 310, "hello", 5));
	say_report((int)fd);
	CALL("raw-close-range", syscall(SYS_close_range, 300, 310, 0));
	CALL("raw-closed-write", syscall(SYS_write, 310, "hello", 5));
	CALL("raw-shutdown", syscall(SYS_shutdown, fd, SHUT_RDWR));
	CALL("raw-shutdown-write", syscall(SYS_write, fd, "hello", 5));
	CALL("raw-close", syscall(SYS_close, fd));
	CALL("raw-close-again", syscall(SYS_close, fd));
	CALL("raw-unknown", syscall(99999));
	CALL("raw-getppid", syscall(SYS_getppid) > 0);
	close((int)two);
}

/* Descriptors have the numbers that the kernel gives, and name one socket. */
static void
copies(const struct kind *k)
{
	struct stat st;
	int fd, two, three, p[2];

	CALL("fd-first", sock_of(k));
	fd = (int)trace_ret;
	CALL("fd-nonblock", socket(k->family,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
	two = (int)trace_ret;
	CALL("fd-nonblock-getfl", fcntl(two, F_GETFL));
	CALL("fd-nonblock-getfd", fcntl(two, F_GETFD));
	CALL("fd-bad-type", socket(k->family, SOCK_DGRAM | 0x4000, 0));
	CALL("fd-bad-protocol", socket(k->family, SOCK_DGRAM, 123));
	CALL("fd-tcp", socket(k->family, SOCK_DGRAM, IPPROTO_TCP));
	CALL("fd-fstat", fstat(fd, &st));
	say("%o", (unsigned)st.st_mode);
	CALL("fd-lseek", lseek(fd, 0, SEEK_SET));
	CALL("fd-ftruncate", ftruncate(fd, 0));
	CALL("fd-fsync", fsync(fd));
	CALL("fd-connect", connect(fd, &k->peer.sa, k->peer.len));
	CALL("fd-dup", dup(fd));
	three = (int)trace_ret;
	CALL("fd-dup-write", write(three, "hello", 5));
	say_report(fd);
	CALL("fd-dup2", dup2(fd, two));
	CALL("fd-dup2-write", write(two, "hello", 5));
	say_report(three);
	CALL("fd-dup2-same", dup2(fd, fd));
	CALL("fd-dup3-same", dup3(fd, fd, 0));
	CALL("fd-dup3-flags", dup3(fd, two, 0x1234));
	CALL("fd-dup2-minus", dup2(fd, -1));
	CALL("fd-dupfd", fcntl(fd, F_DUPFD_CLOEXEC, 400));
	CALL("fd-dupfd-getfd", fcntl(400, F_GETFD));
	CALL("fd-dupfd-bad", fcntl(fd, F_DUPFD, -1));
	CALL("fd-close", close(fd));
	CALL("fd-closed-write", write(fd, "hello", 5));
	CALL("fd-dup-write-on", write(three, "hello", 5));
	say_report(two);
	CALL("fd-pipe", pipe(p));
	say("%d %d", p[0], p[1]);
	CALL("fd-pipe-write", write(p[1], "hello", 5));
	CALL("fd-pipe-read", read(p[0], room, sizeof(room)));
	CALL("fd-over", dup2(p[0], three));
	CALL("fd-over-read", recv(three, room, sizeof(room), MSG_DONTWAIT));
	CALL("fd-400-write", write(400, "hello", 5));
	say_report(400);
	CALL("fd-next", dup(400));
	close(two);
	close(400);
}

void
topic_other(const struct kind *k)
{
	copies(k);
	fortified(k);
	raw(k);
}
