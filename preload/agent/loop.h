/* SPDX-License-Identifier: ISC */
/*
 * Waiting: for descriptors and for moments, in one thread.
 *
 * A watch or an alarm lies in the structure that it serves (OWNER finds it) and
 * may be taken away at any time, also by another's function.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define OWNER(member_pointer, type, member)                                   \
	((type *)(void *)((char *)(member_pointer) - offsetof(type, member)))

enum { LOOP_BATCH = 64 };

struct watch {
	int fd;
	void (*ready)(struct watch *, uint32_t events);
};

struct alarm {
	size_t index;
	void (*due)(struct alarm *, uint64_t now);
};

struct loop {
	int epoll, timer;
	bool stop;
	uint64_t armed; /* what the timer is set to; MP_NEVER */
	struct epoll_event batch[LOOP_BATCH];
	int n; /* events of the batch */
	/* Moments lie side by side, to be looked through quickly. */
	uint64_t *at;
	struct alarm **alarm;
	size_t alarms, room;
};

/* 0, or a negative errno. */
int loop_init(struct loop *);
/* Runs until `stop' is set. */
void loop_run(struct loop *);

/* Begins to watch: 0, or a negative errno. */
int watch_begin(struct loop *, struct watch *, int fd, uint32_t events,
    void (*ready)(struct watch *, uint32_t events));
void watch_change(struct loop *, struct watch *, uint32_t events);
/* Ends it; the descriptor stays open.  Of one that never began: nothing. */
void watch_end(struct loop *, struct watch *);

/* Makes an alarm, not set: 0, or -ENOMEM. */
int alarm_begin(struct loop *, struct alarm *,
    void (*due)(struct alarm *, uint64_t now));
/* Calls once at a time of arena_now(); MP_NEVER: not. */
void alarm_set(struct loop *, struct alarm *, uint64_t at);
/* The same, unless it is set to something earlier. */
void alarm_by(struct loop *, struct alarm *, uint64_t at);
/* Of one that never began (due is NULL): nothing. */
void alarm_end(struct loop *, struct alarm *);

#endif
