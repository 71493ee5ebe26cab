/* SPDX-License-Identifier: ISC */
/*
 * A parent and two children send on one socket: forks HOW ADDRESS PORT COUNT.
 *
 * HOW says how a child is made: fork, _Fork, sysfork or clone; with twice it
 * is a grandchild; with daemon the parent itself is a daemon(3).  Each process
 * receives echoes, also those of the others.  One child closes the socket, the
 * other just exits; then the parent talks on.  Prints said N heard N lost N:
 * datagrams that all three sent and received, and those that the parent lost
 * before and afterwards.
 */
#include "prog.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *how, *host, *port;
static struct shared {
	_Atomic unsigned said, heard, done;
} *both;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

static pid_t
make_child(void)
{
	if (is("_Fork"))
		return _Fork();
	if (is("sysfork"))
#ifdef SYS_fork
		return (pid_t)syscall(SYS_fork);
#else
		return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
	if (is("clone"))
		return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	return fork();
}

static void
take(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct prog_msg m;
	ssize_t n;

	while (poll(&p, 1, ms) > 0) {
		n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0)
			continue; /* another process received it */
		if (!prog_good(&m, n))
			errx(1, "received a datagram that no program sent");
		both->heard++;
	}
}

static void
send_many(int fd, uint32_t sender, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!prog_say(fd, sender, i))
			err(1, "send");
		both->said++;
		take(fd, 0);
		usleep(500);
	}
	both->done++;
	take(fd, 500);
}

/* A child uses the number of the closed socket for a file, then a socket. */
static void
close_and_use(int fd)
{
	int other;

	close(fd);
	other = prog_tmpfile();
	if (other != fd)
		errx(1, "not the number %d but %d", fd, other);
	prog_file(other);
	close(other);
	other = prog_open(host, port);
	if (prog_talk(other, (uint32_t)syscall(SYS_getpid) << 12 | 2, 0,
	    5) != 0)
		errx(1, "the child's own socket lost a datagram");
	close(other);
}

/* The first child closes the socket, the second exits with it open. */
static void
children(int fd, unsigned count)
{
	pid_t pid[2];
	int i, status;

	for (i = 0; i < 2; i++) {
		pid[i] = make_child();
		if (pid[i] != 0)
			continue;
		if (is("twice") && make_child() != 0)
			_exit(0);
		send_many(fd, (uint32_t)syscall(SYS_getpid) << 12, count);
		if (i == 0)
			close_and_use(fd);
		_exit(0);
	}
	send_many(fd, prog_sender(0), count);
	for (i = 0; i < 2; i++)
		if (waitpid(pid[i], &status, 0) != pid[i] || status != 0)
			errx(1, "child ended with %x", status);
	while (both->done < 3)
		take(fd, 10);
}

int
main(int argc, char **argv)
{
	unsigned lost;
	int fd;

	both = mmap(NULL, sizeof(*both), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc != 5 || both == MAP_FAILED)
		errx(2, "usage: forks HOW ADDRESS PORT COUNT");
	how = argv[1], host = argv[2], port = argv[3];
	fd = prog_open(host, port);
	if (is("daemon") && daemon(1, 1) != 0)
		err(1, "daemon");
	lost = prog_talk(fd, prog_sender(1), 0, 3);
	children(fd, (unsigned)atoi(argv[4]));
	take(fd, 200);
	lost += prog_talk(fd, prog_sender(1), 3, 10);
	printf("said %u heard %u lost %u\n", both->said, both->heard, lost);
	return 0;
}
