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
#include "event_text.h"
#include "who.h"
#include "shared/arena.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

enum {
	SOON_MS = 10,	 /* between tries while an agent may be starting */
	TRIES = 100,	 /* so many of them, then */
	LATER_MS = 1000, /* between tries */
};

/* --- Waiting -------------------------------------------------------------- */

/* Has the process ended for which the events are followed? */
static bool
follow_has_ended(const struct follow *f)
{
	struct pollfd p = { .fd = f->pidfd, .events = POLLIN };

	return f->pidfd >= 0 && poll(&p, 1, 0) > 0;
}

/* Watches the runtime directory for a new agent's socket: an inotify(7)
 * descriptor, or -1. */
static int
follow_watch_directory(void)
{
	char path[IPC_PATH];
	int fd;

	if (connect_agent_directory(path, 1) != 0)
		return -1;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0)
		(void)inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO);
	return fd;
}

/* Waits at most `wait_ms' before the next try; true: the runtime directory has
 * changed. */
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

/* Asks until an agent answers: a descriptor to read rows from; or a negative
 * errno, -ECANCELED: the process ended first. */
static int
follow_find_agent(struct follow *f)
{
	int fd, wait_ms, notify = -1, tries = TRIES;

	for (;;) {
		fd = ask_open(IPC_EVENTS, f->port, NULL);
		if (fd >= 0 || !ask_is_absent(fd))
			break;
		if (follow_has_ended(f)) {
			fd = -ECANCELED;
			break;
		}
		if (notify < 0) {
			notify = follow_watch_directory();
			if (f->on_wait != NULL)
				f->on_wait();
			f->on_wait = NULL;
			continue; /* one may have started just before */
		}
		wait_ms = tries > 0 ? SOON_MS : LATER_MS;
		tries = follow_wait_retry(f, notify, wait_ms) ? TRIES :
								tries - 1;
	}
	if (notify >= 0)
		close(notify);
	return fd;
}

/* --- Listening ------------------------------------------------------------ */

static bool
follow_wants(const struct follow *f, const struct ipc_row *r)
{
	if (f->name != NULL && !who_is(r, f->name))
		return false;
	return f->samples || r->event != IPC_EVENT_sample;
}

/* Counts the open sockets of the process. */
static void
follow_count_sockets(struct follow *f, const struct ipc_row *r)
{
	if (r->kind != IPC_ROW_SLOT || f->pid == 0 ||
	    r->u.slot_row.record.pid != f->pid)
		return;
	if (r->event == IPC_EVENT_socket_open)
		f->nsockets++;
	else if (f->nsockets > 0)
		f->nsockets--;
}

/* Waits for a row; false: the process has ended, its sockets are closed and no
 * row is left. */
static bool
follow_wait_row(struct follow *f, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = f->pidfd, .events = POLLIN } };

	for (;;) {
		if (follow_has_ended(f)) {
			if (f->on_end != NULL)
				f->on_end();
			f->on_end = NULL;
			if (f->nsockets == 0)
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

static void
follow_put(const struct follow *f, const struct ipc_row *r)
{
	who_note(r);
	if (follow_wants(f, r))
		(f->text ? event_put_text : event_put_json)(r);
	who_forget(r);
}

/* Prints events until the agent ends: 0, and *why is how it ended ("idle",
 * "died"); or a negative errno. */
static int
follow_listen(struct follow *f, int fd, const char **why)
{
	struct ipc_row row;
	int n;

	*why = "died";
	f->refusal[0] = '\0';
	for (;;) {
		if (!follow_wait_row(f, fd))
			return -ECANCELED;
		n = ask_read_row(fd, &row, f->refusal);
		if (n == 0 || ask_is_absent(n))
			return 0;
		if (n < 0)
			return n;
		if (row.kind == IPC_ROW_END)
			*why = "idle";
		follow_count_sockets(f, &row);
		if (row.event != IPC_EVENT_NONE)
			follow_put(f, &row);
		if (follow_is_drained(fd) && fflush(stdout) != 0)
			return -EIO;
	}
}

static void
follow_say_down(const struct follow *f, const char *why)
{
	struct timespec ts;

	if (f->name != NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	(f->text ? event_put_text_down : event_put_agent_down)(arena_now(),
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000, why);
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
		f->nsockets = 0;
		follow_say_down(f, why);
		if (fflush(stdout) != 0)
			return -EIO;
	}
}
