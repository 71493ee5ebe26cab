/* SPDX-License-Identifier: ISC */
/*
 * mprun --events: writes events to a file while the program runs that mprun
 * execs.
 *
 * A process of its own writes.  It is in another session than the program and
 * is not its child, so that it gets none of the terminal's signals and the
 * program does not see it; it keeps no descriptor of the caller but stderr.  It
 * ends after the program: a program that is process 1 would otherwise get it as
 * a dead child.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "follow.h"
#include "say.h"

enum { PIDFD = STDERR_FILENO + 1 };

/* Gives up the caller's directory, session and descriptors but stderr; `file'
 * becomes stdout and `pidfd' PIDFD.  0, or a negative errno. */
static int
record_detach(int file, int pidfd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || chdir("/") != 0 || setsid() < 0)
		return -errno;
	/* Moved up first, so that no dup2() below closes one of them. */
	file = fcntl(file, F_DUPFD_CLOEXEC, PIDFD + 1);
	pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, PIDFD + 1);
	if (file < 0 || pidfd < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(file, STDOUT_FILENO) < 0 || dup2(pidfd, PIDFD) < 0)
		return -errno;
	(void)syscall(SYS_close_range, PIDFD + 1, UINT_MAX, 0);
	return 0;
}

/* Waits until the program has ended. */
static void
record_await_end(void)
{
	struct pollfd p = { .fd = PIDFD, .events = POLLIN };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		continue;
}

/* Closes stderr when the program has ended.  Its sockets may live on in a
 * daemon, and this process with them; a reader of the program's stderr must not
 * wait for that. */
static void
record_release_stderr(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		(void)dup2(null, STDERR_FILENO);
		close(null);
	}
}

static void
record_run(const char *path, uint32_t pid)
{
	struct follow f = { .samples = true, .pid = pid, .pidfd = PIDFD,
		.on_end = record_release_stderr };
	int error = follow_events(&f);

	if (error == -ECANCELED) {
		if (fflush(stdout) == 0)
			return;
		error = -EIO;
	}
	if (error == -EIO)
		say_line("%s: %s; no more events are written", path,
		    strerror(errno));
	else
		ask_say_error(error, f.refusal);
	record_await_end();
}

int
ctl_record(const char *path, uint32_t pid)
{
	int file, pidfd, error;
	pid_t child;

	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC,
	    0666);
	if (file < 0) {
		say_line("--events: %s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	child = pidfd >= 0 ? fork() : -1;
	if (child < 0) {
		say_line("--events: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (child > 0)
		return CTL_OK;
	error = record_detach(file, pidfd);
	if (error == 0)
		record_run(path, pid);
	else
		say_line("--events: %s", strerror(-error));
	_exit(0);
}
