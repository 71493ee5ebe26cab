/* SPDX-License-Identifier: ISC */
/*
 * emu: carries packets between network namespaces over links with delay,
 * loss and other impairments.
 *
 *	emu [-s SEED] [-t SECONDS] SOCKET	runs until SIGTERM or SIGINT
 *	emu -c SOCKET WORD...			sends the running one a command
 *
 * emu_cmd.c describes the commands.  emu also ends when SOCKET is removed, when
 * its parent dies, and after SECONDS (900).
 */
#define _GNU_SOURCE
#include "emu.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 64,
	LIFE_S = 900,
	SEED = 20151,
};

static const uint64_t SECOND = 1000000000;

static volatile sig_atomic_t told_to_end;

uint64_t
emu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

int
emu_watch(struct emu *e, int fd, enum source source, uint32_t index)
{
	struct epoll_event ev = { .events = EPOLLIN };

	ev.data.u64 = (uint64_t)source << 32 | index;
	return epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev) != 0 ? -errno : 0;
}

static void
emu_handle(struct emu *e, enum source source, uint32_t index)
{
	int fd;

	switch (source) {
	case S_END:
		end_read(e, &e->links[index / 2]->end[index % 2]);
		break;
	case S_LISTENER:
		fd = ctl_accept((int)index);
		if (fd != -1 && emu_watch(e, fd, S_CLIENT, (uint32_t)fd) != 0)
			close(fd);
		break;
	case S_CLIENT:
		if (!ctl_serve(e, (int)index))
			close((int)index);
		break;
	}
}

/* Waits for an event, at most until a time; the number of events or -1. */
static int
emu_wait(struct emu *e, struct epoll_event *ev, uint64_t until)
{
	uint64_t now = emu_now(), ns = until > now ? until - now : 0;
	struct timespec t;

	t.tv_sec = (time_t)(ns / SECOND);
	t.tv_nsec = (long)(ns % SECOND);
	return epoll_pwait2(e->epoll, ev, EVENTS, &t, NULL);
}

static void
emu_loop(struct emu *e, const char *path, uint64_t end)
{
	struct epoll_event ev[EVENTS];
	struct stat first, st;
	uint64_t look = emu_now() + SECOND, now;
	int i, n;

	if (stat(path, &first) != 0)
		err(1, "%s", path);
	while (!told_to_end) {
		now = heap_next(&e->heap);
		n = emu_wait(e, ev, now < look ? now : look);
		for (i = 0; i < n; i++) {
			emu_handle(e, (enum source)(ev[i].data.u64 >> 32),
			    (uint32_t)ev[i].data.u64);
			emu_deliver(e, emu_now());
		}
		now = emu_now();
		emu_deliver(e, now);
		if (now < look)
			continue;
		look = now + SECOND;
		if (now >= end || stat(path, &st) != 0 ||
		    st.st_ino != first.st_ino)
			return;
	}
}

static void
on_signal(int signal)
{
	(void)signal;
	told_to_end = 1;
}

/* Takes the most urgent scheduling that the user may have; failure is fine. */
static void
be_punctual(void)
{
	struct sched_param p = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 1);
	if (sched_setscheduler(0, SCHED_FIFO, &p) != 0)
		setpriority(PRIO_PROCESS, 0, -20);
	mlockall(MCL_CURRENT | MCL_FUTURE);
}

static void
live_with_parent(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pid_t parent = getppid();

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(1);
}

static void
usage(void)
{
	fprintf(stderr, "usage: emu [-s SEED] [-t SECONDS] SOCKET\n"
	    "       emu -c SOCKET WORD...\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	static struct emu e = { .seed = SEED };
	uint64_t life = LIFE_S;
	int c, fd;

	while ((c = getopt(argc, argv, "+cs:t:")) != -1) {
		if (c == 'c' && argc - optind > 1)
			return ctl_ask(argv[optind], argv + optind + 1);
		else if (c == 's')
			e.seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			life = strtoull(optarg, NULL, 0);
		else
			usage();
	}
	if (argc - optind != 1 || life == 0)
		usage();
	live_with_parent();
	e.epoll = epoll_create1(EPOLL_CLOEXEC);
	e.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (e.epoll == -1 || e.home == -1)
		err(1, "/proc/self/ns/net");
	fd = ctl_listen(argv[optind]);
	if (emu_watch(&e, fd, S_LISTENER, (uint32_t)fd) != 0)
		err(1, "epoll");
	be_punctual();
	emu_loop(&e, argv[optind], emu_now() + life * SECOND);
	unlink(argv[optind]);
	return 0;
}
