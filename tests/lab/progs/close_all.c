/* SPDX-License-Identifier: ISC */
/*
 * Closes all descriptors at once, then uses the same numbers for other things:
 * close_all HOW ADDRESS PORT.  HOW says by which call; with apart and
 * apart-close a thread with a descriptor table of its own does it (see
 * talk_apart).  Prints lost N, in datagrams.
 */
#include "prog.h"

#include <dirent.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

enum { SOCKS = 6, EACH = 3 };

static const char *how, *host, *port;
static unsigned lost, talked_apart;
static const char *closed_how; /* NULL: the thread calls unshare(2) first */

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

static void
walk(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int fds[100], n = 0;

	while ((e = readdir(d)) != NULL)
		if (atoi(e->d_name) >= 3 && atoi(e->d_name) != dirfd(d))
			fds[n++] = atoi(e->d_name);
	while (n > 0)
		close(fds[--n]);
	closedir(d);
}

static void
close_all(void)
{
	int fd, max = (int)sysconf(_SC_OPEN_MAX);

	if (is("closefrom"))
		closefrom(3);
	else if (is("range") || is("range-exec"))
		close_range(3, ~0u, is("range") ? 0 : CLOSE_RANGE_CLOEXEC);
	else if (is("range-unshare"))
		close_range(3, ~0u, CLOSE_RANGE_UNSHARE);
	else if (is("raw"))
		syscall(SYS_close_range, 3, ~0u, 0);
	else if (is("proc"))
		walk();
	else if (is("loop"))
		for (fd = 3; fd < max && fd < 70000; fd++)
			close(fd);
	else
		errx(2, "close how?");
}

/* Files, pipes and sockets get the numbers of what was closed. */
static void
reuse(void)
{
	int file = prog_tmpfile(), again = prog_tmpfile();
	int pipes[2], tcp[2], unix2[2], after;

	if (pipe(pipes) != 0 || file != 3)
		err(1, "file %d", file);
	prog_file(file);
	prog_through(pipes[1], pipes[0], "pipe");
	prog_tcp(tcp);
	prog_through(tcp[0], tcp[1], "tcp");
	prog_through(tcp[1], tcp[0], "tcp");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, unix2) != 0)
		err(1, "socketpair");
	prog_through(unix2[0], unix2[1], "unix");
	prog_file(again);
	after = prog_open(host, port);
	lost += prog_talk(after, prog_sender(0x900), 0, EACH);
	prog_file(file);
	if (dup2(after, file) != file)
		err(1, "dup2");
	lost += prog_talk(file, prog_sender(0x900), EACH, EACH);
	close_all();
	if (is("range-exec"))
		closefrom(3);
	prog_file(prog_tmpfile());
}

/*
 * A thread has a descriptor table of its own and closes everything in it; the
 * numbers that it then uses are other sockets in the table of main().
 */
static void *
talk_apart(void *sock)
{
	talked_apart += prog_talk(*(int *)sock, prog_sender(0xb00), 0, EACH);
	return NULL;
}

static void *
apart(void *unused)
{
	pthread_t t;
	int sock;

	if (closed_how == NULL && unshare(CLONE_FILES) != 0)
		err(1, "unshare");
	close_all();
	prog_file(prog_tmpfile());
	sock = prog_open(host, port);
	if (sock >= 3 + SOCKS)
		errx(1, "number %d is none of main's", sock);
	talked_apart += prog_talk(sock, prog_sender(0xa00), 0, EACH);
	if (pthread_create(&t, NULL, talk_apart, &sock) != 0 ||
	    pthread_join(t, NULL) != 0)
		errx(1, "no thread of a thread");
	talked_apart += prog_talk(sock, prog_sender(0xa00), EACH, EACH);
	close(sock);
	return unused;
}

static void
threads_apart(int *socks)
{
	pthread_t t;
	unsigned i;

	closed_how = is("apart-close") ? how : NULL;
	how = closed_how != NULL ? "range-unshare" : "range";
	pthread_create(&t, NULL, apart, NULL);
	for (i = 0; i < SOCKS; i++)
		lost += prog_talk(socks[i], prog_sender(i), EACH, EACH);
	pthread_join(t, NULL);
	for (i = 0; i < SOCKS; i++)
		lost += prog_talk(socks[i], prog_sender(i), 2 * EACH, EACH);
	lost += talked_apart;
}

int
main(int argc, char **argv)
{
	int socks[SOCKS];
	char fds[8];
	unsigned i;

	if (argc < 4)
		errx(2, "usage: close_all HOW ADDRESS PORT");
	how = argv[1], host = argv[2], port = argv[3];
	for (i = 0; i < SOCKS && argc == 4; i++) {
		socks[i] = prog_open(host, port);
		lost += prog_talk(socks[i], prog_sender(i), 0, EACH);
	}
	if (is("apart") || is("apart-close"))
		threads_apart(socks);
	else if (is("range-exec") && argc == 4) {
		close_all();
		for (i = 0; i < SOCKS; i++)
			lost += prog_talk(socks[i], prog_sender(i), EACH, EACH);
		snprintf(fds, sizeof(fds), "%u", lost);
		execl(argv[0], argv[0], how, host, port, fds, NULL);
		err(1, "exec");
	} else {
		if (argc == 4)
			close_all();
		else
			lost = (unsigned)atoi(argv[4]);
		reuse();
	}
	printf("lost %u\n", lost);
	return 0;
}
