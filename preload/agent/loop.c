/* SPDX-License-Identifier: ISC */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "shared/arena.h"

int
loop_init(struct loop *l)
{
	/* The edge alone is wanted, so that it need not be read. */
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
	/* Deleted by hand: a copy of the descriptor may live in the keeper. */
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (i = 0; i < l->n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	w->ready = NULL;
	w->fd = -1;
}

/* --- Moments -------------------------------------------------------------- */

static int
grow(struct loop *l)
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
	if (l->alarms == l->room && grow(l) != 0)
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
nearest(const struct loop *l)
{
	uint64_t at = MP_NEVER;
	size_t i;

	for (i = 0; i < l->alarms; i++)
		at = l->at[i] < at ? l->at[i] : at;
	return at;
}

/* Sets the timer; true: the moment has come already. */
static bool
arm(struct loop *l)
{
	struct itimerspec it = { .it_interval = { 0, 0 } };
	uint64_t at = nearest(l);

	if (at <= arena_now())
		return true;
	if (at == l->armed)
		return false;
	if (at != MP_NEVER) {
		it.it_value.tv_sec = (time_t)(at / 1000000);
		it.it_value.tv_nsec = (long)(at % 1000000) * 1000;
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

	/* From the end: the last takes the place of one that goes. */
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
		    arm(l) ? 0 : -1);
		for (i = 0; i < l->n; i++) {
			w = l->batch[i].data.ptr;
			if (w != NULL)
				w->ready(w, l->batch[i].events);
		}
		l->n = 0;
		loop_ring(l);
	}
}
