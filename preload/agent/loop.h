/* SPDX-License-Identifier: ISC */
/* Waits for descriptors and for moments, in one thread. */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* The structure that a watch or an alarm lies in. */
#define OWNER(member_pointer, type, member)                                   \
	((type *)(void *)((char *)(member_pointer) - offsetof(type, member)))

enum { LOOP_BATCH = 64 }; /* events of one turn, at most */

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
	/* All alarms: at[i] is when alarm[i] rings. */
	uint64_t *at;
	struct alarm **alarm;
	size_t alarms, room;
};

/* 0, or a negative errno. */
int loop_init(struct loop *);
/* Runs until `stop' is set. */
void loop_run(struct loop *);

/* Calls ready() while the descriptor has these events (of epoll(7), level
 * triggered): 0, or a negative errno. */
int watch_begin(struct loop *, struct watch *, int fd, uint32_t events,
    void (*ready)(struct watch *, uint32_t events));
void watch_change(struct loop *, struct watch *, uint32_t events);
/* Ends it, and leaves the descriptor open.  Does nothing to a watch that is all
 * zero or has ended. */
void watch_end(struct loop *, struct watch *);

/* Makes an alarm, not set: 0, or -ENOMEM. */
int alarm_begin(struct loop *, struct alarm *,
    void (*due)(struct alarm *, uint64_t now));
/* Calls due() once, at that time of arena_now(); MP_NEVER: not. */
void alarm_set(struct loop *, struct alarm *, uint64_t at);
/* The same, unless it is set to an earlier time. */
void alarm_by(struct loop *, struct alarm *, uint64_t at);
/* Does nothing to an alarm that is all zero or has ended. */
void alarm_end(struct loop *, struct alarm *);

#endif
