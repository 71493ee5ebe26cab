/* SPDX-License-Identifier: ISC */
#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "event_json.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum {
	SOON_MS = 10,	/* between two tries, when an agent may be starting */
	TRIES = 100,
	LATER_MS = 1000,
};

/* --- Waiting -------------------------------------------------------------- */

/* Has the program ended that all this is for? */
static bool
follow_has_ended(const struct follow *f)
{
	struct pollfd p = { .fd = f->pidfd, .events = POLLIN };

	return f->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

/* Tells when something comes into the directory that agents' sockets lie in: a
 * descriptor, or -1. */
static int
follow_watch_directory(void)
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
follow_wait_retry(const struct follow *f, int notify, int wait_ms)
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
follow_find_agent(struct follow *f)
{
	int fd, notify = -1, tries = TRIES;

	for (;;) {
		fd = ask_agent(IPC_EVENTS, f->port);
		if (fd >= 0 || !ask_is_absent(fd))
			break;
		if (follow_has_ended(f)) {
			fd = -ECANCELED;
			break;
		}
		if (notify < 0) {
			notify = follow_watch_directory();
			if (f->waits != NULL)
				f->waits();
			f->waits = NULL;
			continue; /* it may have come meanwhile */
		}
		tries = follow_wait_retry(f, notify, tries > 0 ? SOON_MS : LATER_MS) ?
		    TRIES : tries - 1;
	}
	if (notify >= 0)
		close(notify);
	return fd;
}

/* --- Listening ------------------------------------------------------------ */

static bool
follow_wants(const struct follow *f, const struct ipc_row *r)
{
	return f->samples || r->event != IPC_EVENT_sample;
}

/* Counts the sockets that the program has. */
static void
follow_count_sockets(struct follow *f, const struct ipc_row *r)
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
follow_wait_row(struct follow *f, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = f->pidfd, .events = POLLIN } };

	for (;;) {
		if (follow_has_ended(f)) {
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
follow_is_drained(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) <= 0;
}

/* Writes down what comes until the agent ends: 0, or a negative errno; *why says
 * how it ended. */
static int
follow_listen(struct follow *f, int fd, const char **why)
{
	struct ipc_row row;
	int n;

	*why = "died";
	f->said[0] = '\0';
	for (;;) {
		if (!follow_wait_row(f, fd))
			return -ECANCELED;
		n = ask_read_row(fd, &row, f->said);
		if (n == 0 || ask_is_absent(n))
			return 0;
		if (n < 0)
			return n;
		if (row.kind == IPC_ROW_END)
			*why = "idle";
		follow_count_sockets(f, &row);
		if (row.event != IPC_EVENT_NONE && follow_wants(f, &row))
			event_put_json(&row);
		if (follow_is_drained(fd) && fflush(stdout) != 0)
			return -EIO;
	}
}

static void
follow_say_down(const char *why)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	event_put_agent_down(arena_now(), (uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000, why);
}

int
follow_events(struct follow *f)
{
	const char *why;
	int fd, error;

	for (;;) {
		error = fd = follow_find_agent(f);
		if (fd < 0)
			return error;
		error = follow_listen(f, fd, &why);
		close(fd);
		if (error != 0)
			return error;
		f->own = 0;
		follow_say_down(why);
		if (fflush(stdout) != 0)
			return -EIO;
	}
}
