/* SPDX-License-Identifier: ISC */
/*
 * The memory that the agent and all processes of one UDP port share: the
 * engine's block, one lock, and a record of each socket (arena.c).
 *
 * lock		guards the engine's block and the slots.  Nothing that blocks
 *		or can be cancelled is called under it.
 * wakeup_at	written under the lock: when the agent looks at the engine next,
 *		CLOCK_BOOTTIME, us.  A process that leaves mp_deadline() lower
 *		than this wakes the agent.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

enum arena_bound {
	ARENA_VERSION = 13,
	ARENA_TOKEN = 16, /* bytes that internal datagrams begin with */
	ARENA_KEY = 32,
	ARENA_HEAD = 8192, /* bytes before the engine's block */
	ARENA_NAME = 32,   /* longest program name kept, 0 included */
	ARENA_WAIT_US = 10000, /* longest wait of the agent for the lock */
};

/*
 * How the queue of one socket is read, by whichever process reads it:
 * datagram/rx_bundle.c.  `id', `given' and every change of `mode' and `changes'
 * are under the arena's lock.
 */
struct slot_rx {
	_Atomic uint32_t mode;	  /* of UDP_GRO at the kernel's socket: 0 off */
	_Atomic uint32_t changes; /* times that something left the queue's head,
				   * or that `mode' changed */
	_Atomic uint32_t taking;  /* calls that take from the queue unseen */
	_Atomic uint32_t waiting; /* calls that look at it, and may wait */
	_Atomic uint32_t shared;  /* 1: more than one process has received */
	_Atomic uint32_t leaving; /* 1: off, as soon as the queue is empty */
	_Atomic uint64_t reader;  /* the process that received; 0: none yet */
	_Atomic uint64_t id;	  /* of the bundle that `given' is about */
	_Atomic uint32_t given;	  /* its datagrams, from the first on, that are
				   * done with */
	_Atomic uint32_t gro;	  /* the program's own UDP_GRO */
	_Atomic uint32_t room;	  /* the program's SO_RCVBUF, as it reads it;
				   * 0: the kernel's is it */
	_Atomic uint64_t since; /* us: of the last change of `mode', or try */
	_Atomic uint64_t copied; /* us: when the agent last put a copy into the
				  * queue; 0: there is none in it */
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
	bool wide; /* the kernel's socket is bound to the wildcard, though the
		    * program bound it to `local' */
	struct mp_addr local; /* its address as the program is told it */
	struct mp_addr peer;  /* of connect(2), while `connected' */
	uint32_t zone;	      /* of `peer': net_zone() */
	uint64_t since;	      /* when it was connected last, us; 0: never */
	bool errors;	      /* the program wants ICMP errors */
	uint8_t group;	      /* its index in the port's reuseport group */
	uint8_t refused;      /* 1: the next send gives ECONNREFUSED */
	_Atomic uint32_t located; /* INTERNAL_LOCATE, and what came before it
				   * was attached, that the kernel counts
				   * among the socket's drops */
	uint32_t pid;	      /* of its opener, in the agent's pid namespace */
	char program[ARENA_NAME];
	struct slot_rx rx;
	_Atomic uint32_t tx_room; /* the program's SO_SNDBUF, as it reads it; 0:
				   * the kernel's is it */
};

struct arena {
	uint8_t magic[8];
	uint32_t version;
	uint32_t port;
	uint64_t size; /* of the whole mapping */
	uint64_t id;   /* random, one for each arena */
	uint8_t token[ARENA_TOKEN];
	uint8_t key[ARENA_KEY]; /* of internal datagrams */
	_Atomic uint32_t lock; /* a robust futex */
	_Atomic uint64_t wakeup_at;
	_Atomic uint32_t moved;	 /* 1: another arena took this one's place */
	_Atomic uint32_t heard;	 /* 1: the agent hears of closed sockets from
				  * the kernel, no program need tell */
	_Atomic uint32_t died;	 /* times that an owner of the lock died */
	_Atomic uint64_t sent;	 /* internal datagrams made: their nonces */
	struct slot slot[MP_SLOTS_MAX];
};

struct robust_list_head;

/* This process's mapping of an arena. */
struct arena_map {
	struct arena *arena;
	size_t size;
	struct mp mp;
};

/* Microseconds of CLOCK_BOOTTIME: clock_now(). */
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

/* Counts drops at a slot's socket that are not the program's. */
void arena_own_drop(struct arena_map *, uint32_t slot, uint32_t n);
/* How many of the drops that the kernel counts at a slot's socket are not the
 * program's; 0 of no arena. */
uint32_t arena_own_drops(const struct arena_map *, uint32_t slot);

/* Mixes randomness of the kernel into the engine's generator, so that a process
 * that read the arena before does not know what it gives next.  False: a
 * seccomp filter forbids getrandom(2), nothing changed.  Under the lock. */
bool arena_stir(struct arena_map *);

/* Takes the lock, also after its owner died.  False: it was held for 20 ms, and
 * a seccomp filter forbids this thread to sleep. */
bool arena_lock(struct arena *);
/* The same within ARENA_WAIT_US, else false. */
bool arena_try(struct arena *);
void arena_unlock(struct arena *);
/* A frame of this thread that is gone held the lock: as if its owner had
 * died. */
void arena_abandon(struct arena *);
/* The id of this thread, which the lock holds while it is the owner, is asked
 * of the kernel once.  Is it known?  Sets it and the thread's robust list (or
 * NULL) where the kernel may not be asked. */
bool arena_owner_known(void);
void arena_owner_set(uint32_t tid, struct robust_list_head *);
/* To be called in the child of a fork, before it takes a lock. */
void arena_forked(void);

#endif
