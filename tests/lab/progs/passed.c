/* SPDX-License-Identifier: ISC */
/*
 * Sockets that are passed or inherited: passed HOW ADDRESS PORT.
 *
 *	pass	a child receives the socket in a message, on a number that was
 *		another socket before, and talks on
 *	mmsg	the same by recvmmsg(2)
 *	back	the process itself receives the socket that it sent and closed
 *	read	read(2) of the message drops the descriptor, and the next file
 *		has its number
 *	exec	an executed program (talkN, on descriptor N) inherits it
 *	zero	the same as its standard input
 *
 * Prints lost N, in datagrams.
 */
#include "prog.h"

#include <sys/uio.h>
#include <sys/wait.h>

static const char *how, *host, *port;
static unsigned lost;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(2 * sizeof(int))];
};

static void
give(int unix_fd, int fd)
{
	union control u = { .head = { .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = CMSG_SPACE(sizeof(int)) };

	memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
	if (sendmsg(unix_fd, &msg, 0) != 1)
		err(1, "sendmsg");
}

static int
get(int unix_fd)
{
	union control u;
	char c;
	struct iovec iov = { &c, 1 };
	struct mmsghdr mm = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof(u) } };
	int fd = -1;

	if (is("mmsg") ? recvmmsg(unix_fd, &mm, 1, 0, NULL) != 1 :
			 recvmsg(unix_fd, &mm.msg_hdr, 0) != 1)
		err(1, "recvmsg");
	if (CMSG_FIRSTHDR(&mm.msg_hdr) == NULL)
		errx(1, "no descriptor came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mm.msg_hdr)), sizeof(fd));
	return fd;
}

static void
wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the child ended with %x", status);
}

/* The child talks on the socket that it received, then the parent does. */
static void
pass(int fd)
{
	int pair[2], other, got;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
		err(1, "socketpair");
	pid = fork();
	if (pid == 0) {
		/* Each number was another socket, then a file, before. */
		close(fd);
		other = prog_open(host, port);
		lost = prog_talk(other, prog_sender(1), 0, 3);
		close(other);
		got = get(pair[1]);
		if (got != other)
			errx(1, "not the number %d but %d", other, got);
		lost += prog_talk(got, prog_sender(2), 0, 10);
		close(got);
		other = prog_tmpfile();
		prog_file(other);
		close(other);
		got = get(pair[1]);
		if (got != other)
			errx(1, "not the number %d but %d", other, got);
		lost += prog_talk(got, prog_sender(2), 10, 10);
		_exit(lost != 0);
	}
	give(pair[0], fd);
	give(pair[0], fd);
	wait_child(pid);
	lost += prog_talk(fd, prog_sender(0), 3, 10);
}

static void
back(int fd)
{
	int pair[2], file, got;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
		err(1, "socketpair");
	give(pair[0], fd);
	close(fd);
	file = prog_tmpfile();
	prog_file(file);
	got = get(pair[1]);
	lost += prog_talk(got, prog_sender(0), 3, 10);
	prog_file(file);
	/* Again, while another socket has its old number. */
	give(pair[0], got);
	close(got);
	close(file);
	file = prog_open(host, port);
	lost += prog_talk(file, prog_sender(1), 0, 5);
	got = get(pair[1]);
	lost += prog_talk(got, prog_sender(0), 13, 5);
	lost += prog_talk(file, prog_sender(1), 5, 5);
}

/* read(2) of a message drops its descriptors. */
static void
unread(int fd)
{
	int pair[2], file;
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		err(1, "socketpair");
	give(pair[0], fd);
	close(fd);
	if (read(pair[1], &c, 1) != 1)
		err(1, "read");
	file = prog_tmpfile();
	prog_file(file);
	fd = prog_open(host, port);
	lost += prog_talk(fd, prog_sender(1), 0, 5);
}

static void
execute(int fd, char **argv)
{
	pid_t pid = fork();
	char talk[20];

	if (pid == 0) {
		if (is("zero") && dup2(fd, 0) != 0)
			err(1, "dup2");
		snprintf(talk, sizeof(talk), "talk%d", is("zero") ? 0 : fd);
		execl(argv[0], argv[0], talk, host, port, NULL);
		_exit(127);
	}
	wait_child(pid);
	lost += prog_talk(fd, prog_sender(0), 3, 10);
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 4)
		errx(2, "usage: passed HOW ADDRESS PORT");
	how = argv[1], host = argv[2], port = argv[3];
	if (strncmp(how, "talk", 4) == 0) /* the executed program */
		return prog_talk(atoi(how + 4), prog_sender(5), 0, 10) != 0;
	fd = prog_open(host, port);
	lost = prog_talk(fd, prog_sender(0), 0, 3);
	if (is("exec") || is("zero"))
		execute(fd, argv);
	else if (is("back"))
		back(fd);
	else if (is("read"))
		unread(fd);
	else
		pass(fd);
	printf("lost %u\n", lost);
	return 0;
}
