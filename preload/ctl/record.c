/* SPDX-License-Identifier: ISC */
/*
 * mprun --events: the events into a file, while the program runs that mprun
 * becomes.
 *
 * Done by a process in a session of its own that is no child of the program: it
 * gets no signal of ours, and no descriptor.  It ends after the program, so that
 * even a program that is process 1 never finds it dead.
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

/* Leaves nothing of the caller but standard error: 0, or a negative errno. */
static int
record_detach(int file, int pidfd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || chdir("/") != 0 || setsid() < 0)
		return -errno;
	/* From above the places that they go to. */
	file = fcntl(file, F_DUPFD_CLOEXEC, PIDFD + 1);
	pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, PIDFD + 1);
	if (file < 0 || pidfd < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(file, STDOUT_FILENO) < 0 || dup2(pidfd, PIDFD) < 0)
		return -errno;
	(void)syscall(SYS_close_range, PIDFD + 1, UINT_MAX, 0);
	return 0;
}

/* Waits for the program's end, and does nothing else. */
static void
record_await_end(void)
{
	struct pollfd p = { .fd = PIDFD, .events = POLLIN };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		continue;
}

/* Sockets may outlive the program, in a child that is a daemon.  Whoever waits
 * for the end of its error output need not wait for us. */
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
		.ended = record_release_stderr };
	int error = follow_events(&f);

	if (error == -ECANCELED) {
		if (fflush(stdout) == 0)
			return;
		error = -EIO;
	}
	if (error == -EIO)
		say_error("%s: %s; no more events are written", path,
		    strerror(errno));
	else
		ask_say_error(error, f.said);
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
		say_error("--events: %s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	child = pidfd >= 0 ? fork() : -1;
	if (child < 0) {
		say_error("--events: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (child > 0)
		return CTL_OK;
	error = record_detach(file, pidfd);
	if (error == 0)
		record_run(path, pid);
	else
		say_error("--events: %s", strerror(-error));
	_exit(0);
}
