/* SPDX-License-Identifier: ISC */
/*
 * Makes every call by syscall(3): raw_syscalls ADDRESS PORT.  Prints a line for
 * each call; the output is the same with and without mpshim.
 */
#include "prog.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static struct sockaddr_in to;
static uint32_t seq;
static struct prog_msg m;

#define SAY(what, result)                                                     \
	do {                                                                  \
		errno = 0;                                                    \
		long say_ = (long)(result);                                   \
		printf("%s: %ld %s\n", what, say_,                            \
		    say_ < 0 ? strerror(errno) : "");                         \
	} while (0)

static struct prog_msg *
next(void)
{
	prog_fill(&m, prog_sender(0), seq++);
	return &m;
}

/* Waits until an echo can be received. */
static void
due(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (syscall(SYS_poll, &p, 1, PROG_WAIT_MS) != 1)
		printf("no echo\n");
	memset(&m, 0, sizeof(m));
}

static void
sends(int fd)
{
	struct iovec iov[2] = { { &m, 50 }, { (char *)&m + 50, 50 } };
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = iov,
		.msg_iovlen = 2 } }, { .msg_hdr = { .msg_iov = iov,
		.msg_iovlen = 2 } } };

	next();
	SAY("sendto", syscall(SYS_sendto, fd, &m, sizeof(m), 0, &to,
	    sizeof(to)));
	next();
	SAY("sendto nobody", syscall(SYS_sendto, fd, &m, sizeof(m), 0, NULL,
	    0));
	next();
	SAY("sendmsg", syscall(SYS_sendmsg, fd, &mm[0].msg_hdr, 0));
	next();
	SAY("sendmmsg", syscall(SYS_sendmmsg, fd, mm, 1, 0));
	next();
	SAY("write", syscall(SYS_write, fd, &m, sizeof(m)));
	next();
	SAY("writev", syscall(SYS_writev, fd, iov, 2));
	next();
	SAY("pwritev2", syscall(SYS_pwritev2, fd, iov, 2, -1L, -1L, 0));
	SAY("pwrite64", syscall(SYS_pwrite64, fd, &m, sizeof(m), 0L));
}

static void
receives(int fd)
{
	struct iovec iov[2] = { { &m, 50 }, { (char *)&m + 50, 50 } };
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = iov,
		.msg_iovlen = 2 } } };
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int next_size = 0;

	due(fd);
	SAY("ioctl", syscall(SYS_ioctl, fd, FIONREAD, &next_size));
	printf("next %d\n", next_size);
	SAY("recvfrom", syscall(SYS_recvfrom, fd, &m, sizeof(m), 0, &from,
	    &len));
	printf("good %d, from %s %d\n", prog_good(&m, sizeof(m)),
	    inet_ntoa(from.sin_addr), memcmp(&from, &to, 8));
	due(fd);
	SAY("recvmsg", syscall(SYS_recvmsg, fd, &mm[0].msg_hdr, 0));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	due(fd);
	SAY("recvmmsg", syscall(SYS_recvmmsg, fd, mm, 1, 0, NULL));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	due(fd);
	SAY("read", syscall(SYS_read, fd, &m, sizeof(m)));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	due(fd);
	SAY("readv", syscall(SYS_readv, fd, iov, 2));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	due(fd);
	SAY("preadv2", syscall(SYS_preadv2, fd, iov, 2, -1L, -1L, 0));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	due(fd);
	SAY("recvfrom nobody", syscall(SYS_recvfrom, fd, &m, sizeof(m),
	    MSG_DONTWAIT, NULL, NULL));
	printf("good %d\n", prog_good(&m, sizeof(m)));
	SAY("recvfrom none", syscall(SYS_recvfrom, fd, &m, sizeof(m),
	    MSG_DONTWAIT, NULL, NULL));
}

static void
names(int fd)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int value = 1;

	SAY("getpeername", syscall(SYS_getpeername, fd, &name, &len));
	printf("peer %u %d\n", len, memcmp(&name, &to, len));
	len = sizeof(name);
	SAY("getsockname", syscall(SYS_getsockname, fd, &name, &len));
	printf("name %u %d\n", len, name.sin_family);
	SAY("setsockopt", syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_TOS,
	    &value, sizeof(value)));
	len = sizeof(value);
	SAY("getsockopt", syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN,
	    &value, &len));
	printf("domain %d\n", value);
}

static void
numbers(int fd)
{
	int other, file = prog_tmpfile(), epfd;
	struct epoll_event e = { .events = EPOLLIN }, got;

	SAY("dup", other = (int)syscall(SYS_dup, fd));
	printf("lost %u\n", prog_talk(other, prog_sender(1), 0, 2));
	SAY("dup2", syscall(SYS_dup2, fd, file));
	printf("lost %u\n", prog_talk(file, prog_sender(1), 2, 2));
	SAY("dup3", syscall(SYS_dup3, fd, other, O_CLOEXEC));
	SAY("close", syscall(SYS_close, file));
	prog_file(prog_tmpfile());
	SAY("fcntl", other = (int)syscall(SYS_fcntl, other, F_DUPFD_CLOEXEC,
	    50));
	printf("lost %u\n", prog_talk(other, prog_sender(1), 4, 2));
	SAY("epoll_create1", epfd = (int)syscall(SYS_epoll_create1, 0));
	SAY("epoll_ctl", syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, other,
	    &e));
	(void)prog_say(fd, prog_sender(1), 6);
	SAY("epoll_pwait", syscall(SYS_epoll_pwait, epfd, &got, 1, 2000, NULL,
	    8));
	SAY("recvfrom", syscall(SYS_recvfrom, fd, &m, sizeof(m), 0, NULL,
	    NULL));
	SAY("close_range", syscall(SYS_close_range, 50, 60, 0));
	SAY("close again", syscall(SYS_close, other));
	SAY("shutdown", syscall(SYS_shutdown, fd, SHUT_WR));
}

/* Calls that the library must pass on unchanged, up to six arguments. */
static void
others(void)
{
	uint32_t word = 5;
	struct timespec ts = { .tv_nsec = 1000 };
	int pipes[2];
	void *p;

	SAY("nothing of the kind", syscall(9999, 1, 2, 3, 4, 5, 6));
	SAY("minus one", syscall(-1));
	SAY("futex", syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 6, NULL,
	    NULL, ~0u));
	SAY("futex time", syscall(SYS_futex, &word, FUTEX_WAIT, 5, &ts, NULL,
	    0));
	p = (void *)syscall(SYS_mmap, NULL, 4096L, (long)PROT_READ,
	    (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L);
	SAY("mmap", p == MAP_FAILED);
	SAY("munmap", syscall(SYS_munmap, p, 4096L));
	SAY("pipe2", syscall(SYS_pipe2, pipes, O_CLOEXEC));
	prog_through(pipes[1], pipes[0], "pipe");
	SAY("write to nobody", syscall(SYS_write, -1, "x", 1L));
	SAY("bad pointer", syscall(SYS_read, pipes[0], NULL, 0L));
}

int
main(int argc, char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd;

	if (argc != 3)
		errx(2, "usage: raw_syscalls ADDRESS PORT");
	to = prog_addr(argv[1], argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	SAY("socket", fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0));
	SAY("bind", syscall(SYS_bind, fd, &any, sizeof(any)));
	SAY("connect", syscall(SYS_connect, fd, &to, sizeof(to)));
	SAY("accept4", syscall(SYS_accept4, fd, NULL, NULL, 0));
	sends(fd);
	receives(fd);
	names(fd);
	numbers(fd);
	others();
	return 0;
}
