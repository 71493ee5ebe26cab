/* SPDX-License-Identifier: ISC */
/*
 * The memory that all who serve one UDP port share: its engine block, one lock,
 * and what each of its sockets is.
 *
 * The agent makes it in a sealed memfd; every process that uses one of the
 * port's sockets maps it.  Nobody trusts what the others write there: indices
 * are checked before use.
 *
 * lock		guards the engine block and the slots.  It is a leaf: nothing
 *		that blocks or can be cancelled is called under it.  It is
 *		robust: when its holder dies, the next one takes it over.
 * wakeup_at	written under the lock: when the agent looks at the engine next.
 *		Who leaves mp_deadline() lower than this wakes the agent.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

enum arena_bound {
	ARENA_VERSION = 2,
	ARENA_TOKEN = 16, /* bytes that internal datagrams begin with */
	ARENA_KEY = 32,
	ARENA_HEAD = 8192, /* bytes before the engine's block */
	ARENA_NAME = 32,   /* longest program name kept, 0 included */
	ARENA_WAIT_US = 10000, /* longest wait of the agent for the lock */
};

/* One socket of the endpoint, as the program knows it. */
struct slot {
	uint64_t cookie; /* SO_COOKIE; 0: the slot is free */
	uint64_t inode;
	uint32_t gen;	 /* grows whenever what follows changes */
	uint8_t family;	 /* AF_INET or AF_INET6 */
	bool v6only;
	bool reuseaddr;
	bool reuseport;
	bool connected;
	bool wide; /* bound to the wildcard, for `local' */
	struct mp_addr local; /* as the program is told it */
	struct mp_addr peer;  /* as it was connected */
	uint64_t since;	      /* when it was connected last; 0: never */
	uint8_t group;	      /* its index in the port's reuseport group */
	uint8_t refused;      /* 1: the next send gives ECONNREFUSED */
	uint32_t pid;	      /* who opened it, in the agent's pid namespace */
	char program[ARENA_NAME];
};

struct arena {
	uint8_t magic[8];
	uint32_t version;
	uint32_t port;
	uint64_t size; /* of the whole mapping */
	uint64_t id;   /* random; names the endpoint */
	uint8_t token[ARENA_TOKEN];
	uint8_t key[ARENA_KEY]; /* of internal datagrams */
	_Atomic uint32_t lock; /* a robust futex: see arena.c */
	_Atomic uint64_t wakeup_at;
	_Atomic uint64_t heartbeat_at;	 /* when the agent last looked */
	_Atomic uint32_t moved;	 /* 1: another arena took this one's place */
	_Atomic uint32_t died;	 /* times that a holder of the lock died */
	_Atomic uint64_t sent;	 /* internal datagrams: counts their nonces */
	struct slot slot[MP_SLOTS_MAX];
};

struct robust_list_head;

/* A mapping of ours. */
struct arena_map {
	struct arena *arena;
	size_t size;
	struct mp mp;
};

/* Microseconds of CLOCK_BOOTTIME. */
uint64_t arena_now(void);

/* Bytes of a whole arena with these limits; 0: one is out of range. */
size_t arena_size(const struct mp_limits *);
/*
 * Makes an arena in the memory file `fd' of `size' bytes, all zero, and maps
 * it: 0, or a negative errno.  `setup' gives the port; `random' are 96 fresh
 * random bytes, wiped by the caller.
 */
int arena_make(struct arena_map *, int fd, size_t size,
    const struct mp_setup *setup, const uint8_t random[96]);
/* Maps an arena that another process made: 0, or a negative errno. */
int arena_open(struct arena_map *, int fd);
void arena_unmap(struct arena_map *);

/* Mixes randomness of the kernel into the engine's generator, so that nobody
 * who read the arena before knows what it gives next.  False: a seccomp filter
 * forbids getrandom(2), nothing changed.  Under the lock. */
bool arena_stir(struct arena_map *);

/* Takes the lock; of a holder that died, too.  False: a seccomp filter lets this
 * thread not sleep until it is free, and it was held for too long. */
bool arena_lock(struct arena *);
/* The same within ARENA_WAIT_US, else false. */
bool arena_try(struct arena *);
void arena_unlock(struct arena *);
/* This thread holds the lock in a frame that is gone: as if it had died. */
void arena_abandon(struct arena *);
/* The lock wants to know who this thread is, and asks the kernel the first time.
 * Does it know?  Tells it: the thread's id, and its robust list or NULL. */
bool arena_knows(void);
void arena_is(uint32_t tid, struct robust_list_head *);
/* To be called in the child of a fork, before it takes a lock. */
void arena_forked(void);

#endif
