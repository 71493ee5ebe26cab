/* SPDX-License-Identifier: ISC */
/* mpctl events, and mprun --events: listens to the agent, and to the next. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "follow.h"
#include "shared/ipc.h"

enum {
	SOON_MS = 10,	/* between two tries, when an agent may be starting */
	TRIES = 100,
	LATER_MS = 1000,
};

/* --- Waiting -------------------------------------------------------------- */

/* Has the program ended that all this is for? */
static bool
events_over(const struct ctl_follow *f)
{
	struct pollfd p = { .fd = f->pidfd, .events = POLLIN };

	return f->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

/* Tells when something comes into the directory that agents' sockets lie in: a
 * descriptor, or -1. */
static int
watch_directory(void)
{
	char path[IPC_PATH];
	int fd;

	if (ipc_directory(path, 1) != 0)
		return -1;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0)
		(void)inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO);
	return fd;
}

/* Waits until it may be worth another try; true: something came. */
static bool
wait_more(const struct ctl_follow *f, int notify, int wait_ms)
{
	struct pollfd p[2] = { { .fd = notify, .events = POLLIN },
		{ .fd = f->pidfd, .events = POLLIN } };
	char events[1024];
	bool came = false;

	(void)poll(p, 2, wait_ms);
	while (notify >= 0 && read(notify, events, sizeof(events)) > 0)
		came = true;
	return came;
}

/* Asks until an agent listens: a descriptor; or a negative errno, -ECANCELED:
 * the program ended first. */
static int
find_agent(struct ctl_follow *f)
{
	int fd, notify = -1, tries = TRIES;

	for (;;) {
		fd = ctl_ask(IPC_EVENTS, f->port);
		if (fd >= 0 || !ctl_ask_nobody(fd))
			break;
		if (events_over(f)) {
			fd = -ECANCELED;
			break;
		}
		if (notify < 0) {
			notify = watch_directory();
			if (f->waits != NULL)
				f->waits();
			f->waits = NULL;
			continue; /* it may have come meanwhile */
		}
		tries = wait_more(f, notify, tries > 0 ? SOON_MS : LATER_MS) ?
		    TRIES : tries - 1;
	}
	if (notify >= 0)
		close(notify);
	return fd;
}

/* --- Listening ------------------------------------------------------------ */

static bool
wanted(const struct ctl_follow *f, const struct ipc_row *r)
{
	return f->samples || r->event != IPC_EVENT_sample;
}

/* Counts the sockets that the program has. */
static void
count_own(struct ctl_follow *f, const struct ipc_row *r)
{
	if (r->kind != IPC_ROW_SLOT || f->pid == 0 ||
	    r->u.slot_row.record.pid != f->pid)
		return;
	if (r->event == IPC_EVENT_socket_open)
		f->own++;
	else if (f->own > 0)
		f->own--;
}

/* Waits for a row; false: the program has ended and has no socket any more, and
 * none is there. */
static bool
wait_row(struct ctl_follow *f, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = f->pidfd, .events = POLLIN } };

	for (;;) {
		if (events_over(f)) {
			if (f->ended != NULL)
				f->ended();
			f->ended = NULL;
			if (f->own == 0)
				return poll(p, 1, SOON_MS) > 0;
			p[1].fd = -1;
		}
		(void)poll(p, 2, -1);
		if (p[0].revents != 0)
			return true;
	}
}

static bool
quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) <= 0;
}

/* Writes down what comes until the agent ends: 0, or a negative errno; *why says
 * how it ended. */
static int
listen_to(struct ctl_follow *f, int fd, const char **why)
{
	struct ipc_row row;
	int n;

	*why = "died";
	f->said[0] = '\0';
	for (;;) {
		if (!wait_row(f, fd))
			return -ECANCELED;
		n = ctl_ask_row(fd, &row, f->said);
		if (n == 0 || ctl_ask_nobody(n))
			return 0;
		if (n < 0)
			return n;
		if (row.kind == IPC_ROW_END)
			*why = "idle";
		count_own(f, &row);
		if (row.event != IPC_EVENT_NONE && wanted(f, &row))
			ctl_event_json(&row);
		if (quiet(fd) && fflush(stdout) != 0)
			return -EIO;
	}
}

static void
say_down(const char *why)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ctl_event_agent_down(arena_now(), (uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000, why);
}

int
ctl_follow_agent(struct ctl_follow *f)
{
	const char *why;
	int fd, error;

	for (;;) {
		error = fd = find_agent(f);
		if (fd < 0)
			return error;
		error = listen_to(f, fd, &why);
		close(fd);
		if (error != 0)
			return error;
		f->own = 0;
		say_down(why);
		if (fflush(stdout) != 0)
			return -EIO;
	}
}

/* --- mpctl events --------------------------------------------------------- */

static void
say_waits(void)
{
	ctl_error("no program is running under mpshim here yet; waiting");
}

int
ctl_events(uint32_t port, bool samples)
{
	struct ctl_follow f = { .port = port, .samples = samples,
		.pidfd = -1, .waits = say_waits };
	int error = ctl_follow_agent(&f);

	if (error == -EIO)
		return ctl_flush();
	ctl_ask_error(error, f.said);
	return CTL_FAILED;
}
