/* SPDX-License-Identifier: ISC */
/*
 * Starts programs while a socket talks: spawns HOW ADDRESS PORT TIMES.
 *
 *	vfork	the child closes all descriptors, copies another one over the
 *		socket's number, and executes true(1)
 *	spawn	posix_spawn(3), which closes all descriptors from 3
 *	system, popen
 *
 * Prints lost N (datagrams) moved N (how often the descriptor was no longer the
 * socket) inherited N (descriptors of a program that popen(3) started).
 */
#include "prog.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
static int inherited; /* descriptors of a program that popen(3) started */

static void
in_vfork(int fd)
{
	int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(null, fd);
		close(fd);
		close_range(3, ~0u, 0);
		open("/dev/null", O_RDONLY);
		fcntl(3, F_DUPFD_CLOEXEC, fd);
		dup3(3, fd + 1, O_CLOEXEC);
		syscall(SYS_close, fd);
		closefrom(3);
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "true(1) after vfork: %x", status);
	close(null);
}

static void
by_spawn(void)
{
	posix_spawn_file_actions_t actions;
	char *const argv[] = { "true", NULL };
	int status = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (posix_spawn(&pid, "/bin/true", &actions, NULL, argv, environ) != 0
	    || waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "true(1) by posix_spawn: %x", status);
	posix_spawn_file_actions_destroy(&actions);
}

static void
by_popen(void)
{
	FILE *f = popen("ls /proc/self/fd | wc -l", "r");
	int n = 0;

	if (f == NULL || fscanf(f, "%d", &n) != 1 || pclose(f) != 0)
		errx(1, "popen");
	inherited = n;
}

int
main(int argc, char **argv)
{
	const char *how = argv[1];
	struct stat was, is;
	unsigned lost, moved = 0;
	int fd, i;

	if (argc != 5)
		errx(2, "usage: spawns HOW ADDRESS PORT TIMES");
	fd = prog_open(argv[2], argv[3]);
	fstat(fd, &was);
	lost = prog_talk(fd, prog_sender(0), 0, 3);
	for (i = 0; i < atoi(argv[4]); i++) {
		if (strcmp(how, "vfork") == 0)
			in_vfork(fd);
		else if (strcmp(how, "spawn") == 0)
			by_spawn();
		else if (strcmp(how, "popen") == 0)
			by_popen();
		else if (system("exec 3<&- 4<&-; exec true") != 0)
			errx(1, "system");
		lost += prog_talk(fd, prog_sender(1), (uint32_t)i, 1);
		if (fstat(fd, &is) != 0 || is.st_ino != was.st_ino)
			moved++;
	}
	printf("lost %u moved %u inherited %d\n", lost, moved, inherited);
	return 0;
}
