/* SPDX-License-Identifier: ISC */
/*
 * Prints what a process can see of itself (descriptors, threads, children,
 * errno) before and after it has made CYCLES sockets: census ADDRESS PORT
 * CYCLES.  The output is the same with and without mpshim.
 */
#include "prog.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Lists the descriptors; for those below `from' the parent chose the kind. */
static void
fds(const char *when, int from)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	printf("%s:", when);
	while ((e = readdir(d)) != NULL) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(d) ||
		    fstat(fd, &st) != 0)
			continue;
		printf(" %d%s%s", fd, fd < from ? "" :
		    S_ISSOCK(st.st_mode) ? "=socket" : "=other",
		    fcntl(fd, F_GETFD) & FD_CLOEXEC ? "x" : "");
	}
	printf("\n");
	closedir(d);
}

static void
count(const char *what, const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	printf("%s %d\n", what, n - 2);
	closedir(d);
}

int
main(int argc, char **argv)
{
	int first, fd, i, cycles, seen = errno;
	unsigned lost = 0;

	if (argc == 2) { /* the program that it executes in the end */
		fds("inherited", atoi(argv[1]));
		return 0;
	}
	if (argc != 4)
		errx(2, "usage: census ADDRESS PORT CYCLES");
	cycles = atoi(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("errno at first %d\n", seen);
	first = dup(0);
	close(first);
	fds("at first", first);
	errno = 0;
	for (i = 0; i < cycles; i++) {
		fd = prog_open(argv[1], argv[2]);
		if (fd != first)
			errx(1, "socket %d is %d, not %d", i, fd, first);
		if (i % 50 == 0)
			lost += prog_talk(fd, prog_sender(0),
			    (uint32_t)i / 50, 1);
		else if (i % 10 == 0 &&
		    !prog_say(fd, prog_sender(1), (uint32_t)i))
			err(1, "send");
		close(fd);
	}
	printf("lost %u\n", lost);
	fd = prog_open(argv[1], argv[2]);
	printf("lost %u\n", prog_talk(fd, prog_sender(2), 0, 3));
	seen = errno; /* still 0: no call has failed */
	fds("then", first);
	count("threads", "/proc/self/task");
	printf("errno %d\n", seen);
	seen = (int)waitpid(-1, NULL, WNOHANG | __WALL);
	printf("children %d, %s\n", seen, strerror(errno));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (fork() == 0) {
		char number[20];

		snprintf(number, sizeof(number), "%d", first);
		execl(argv[0], argv[0], number, NULL);
	}
	wait(NULL);
	return 0;
}
