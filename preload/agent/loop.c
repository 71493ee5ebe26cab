/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The worker is one thread that waits in one place, loop_run().  It waits for
 *	watches	  a descriptor has an event; epoll(7), level triggered, so what
 *		  a handler leaves unread is told again
 *	alarms	  a moment of arena_now() (CLOCK_BOOTTIME, us) has come; one
 *		  timerfd is set to the earliest
 * One turn of the loop:
 *	1. no wait if an alarm is due; else the timer is set, if its moment
 *	   changed, and epoll_wait() sleeps
 *	2. the handlers of up to LOOP_BATCH events are called
 *	3. the alarms that are due are called, each at most once
 * So what a handler of step 2 makes due (alarm_by() with the present time)
 * happens in the same turn, after all its events, and once however many
 * handlers asked for it; what an alarm makes due happens in the next turn,
 * after other descriptors had theirs.  The pump relies on both (port_due()).
 *
 * A watch or an alarm lies in the structure that it serves, and may be ended,
 * with that structure, by any handler: watch_end() also takes it out of the
 * batch that is being handled; loop_ring() goes from the last alarm to the
 * first, and alarm_end() moves the last one, which had its turn, into the gap.
 *
 * Invariants
 *	alarm[i]->index == i, and at[i] is its time, for i < alarms
 *	a handler is never called after its watch or alarm has ended
 *	an alarm that is called was set to MP_NEVER just before
 * Alarms are found by looking through at[]: some hundred ports take less time
 * than one system call.
 *
 * No lock: all of it belongs to the one thread.
 * A handler must never wait without a bound: all ports wait with it.  The
 * longest waits are for the arena's lock (ARENA_WAIT_US) and for a slow keeper
 * (keeper_ipc.c).
 * Source: epoll(7), timerfd_create(2).
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "mp.h"
#include "shared/arena.h"
#include "shared/clock.h"

int
loop_init(struct loop *l)
{
	/* Edge triggered, so that the timer need not be read. */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	memset(l, 0, sizeof(*l));
	l->armed = MP_NEVER;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->epoll < 0 || l->timer < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &ev) != 0)
		return -errno;
	return 0;
}

/* --- Descriptors ---------------------------------------------------------- */

int
watch_begin(struct loop *l, struct watch *w, int fd, uint32_t events,
    void (*ready)(struct watch *, uint32_t events))
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		return -errno;
	w->fd = fd;
	w->ready = ready;
	return 0;
}

void
watch_change(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	(void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void
watch_end(struct loop *l, struct watch *w)
{
	int i;

	if (w->ready == NULL)
		return;
	/* close(2) would not do it while the keeper has the same socket. */
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (i = 0; i < l->n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	w->ready = NULL;
	w->fd = -1;
}

/* --- Alarms --------------------------------------------------------------- */

static int
loop_grow(struct loop *l)
{
	size_t room = l->room == 0 ? 64 : l->room * 2;
	struct alarm **alarm;
	uint64_t *at;

	at = reallocarray(l->at, room, sizeof(*at));
	if (at == NULL)
		return -ENOMEM;
	l->at = at;
	alarm = reallocarray(l->alarm, room, sizeof(struct alarm *));
	if (alarm == NULL)
		return -ENOMEM;
	l->alarm = alarm;
	l->room = room;
	return 0;
}

int
alarm_begin(struct loop *l, struct alarm *a,
    void (*due)(struct alarm *, uint64_t now))
{
	if (l->alarms == l->room && loop_grow(l) != 0)
		return -ENOMEM;
	a->index = l->alarms++;
	a->due = due;
	l->at[a->index] = MP_NEVER;
	l->alarm[a->index] = a;
	return 0;
}

void
alarm_set(struct loop *l, struct alarm *a, uint64_t at)
{
	l->at[a->index] = at;
}

void
alarm_by(struct loop *l, struct alarm *a, uint64_t at)
{
	if (at < l->at[a->index])
		l->at[a->index] = at;
}

void
alarm_end(struct loop *l, struct alarm *a)
{
	size_t last;

	if (a->due == NULL)
		return;
	last = --l->alarms;
	l->at[a->index] = l->at[last];
	l->alarm[a->index] = l->alarm[last];
	l->alarm[a->index]->index = a->index;
	a->due = NULL;
}

static uint64_t
loop_earliest(const struct loop *l)
{
	uint64_t at = MP_NEVER;
	size_t i;

	for (i = 0; i < l->alarms; i++)
		at = l->at[i] < at ? l->at[i] : at;
	return at;
}

/* Sets the timer; true: an alarm is due already. */
static bool
loop_set_timer(struct loop *l)
{
	struct itimerspec it = { .it_interval = { 0, 0 } };
	uint64_t at = loop_earliest(l);

	if (at <= arena_now())
		return true;
	if (at == l->armed)
		return false;
	if (at != MP_NEVER) {
		it.it_value.tv_sec = (time_t)(clock_own(at) / 1000000);
		it.it_value.tv_nsec = (long)(clock_own(at) % 1000000) * 1000;
	}
	(void)timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &it, NULL);
	l->armed = at;
	return false;
}

static void
loop_ring(struct loop *l)
{
	uint64_t now = arena_now();
	struct alarm *a;
	size_t i;

	/* From the last one: see alarm_end(). */
	for (i = l->alarms; i-- > 0;) {
		if (i >= l->alarms || l->at[i] > now)
			continue;
		a = l->alarm[i];
		l->at[i] = MP_NEVER;
		a->due(a, now);
	}
}

void
loop_run(struct loop *l)
{
	struct watch *w;
	int i;

	while (!l->stop) {
		l->n = epoll_wait(l->epoll, l->batch, LOOP_BATCH,
		    loop_set_timer(l) ? 0 : -1);
		for (i = 0; i < l->n; i++) {
			w = l->batch[i].data.ptr;
			if (w != NULL)
				w->ready(w, l->batch[i].events);
		}
		l->n = 0;
		loop_ring(l);
	}
}
