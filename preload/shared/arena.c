/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * An arena is the memory of one UDP port: the engine's block, one record (slot)
 * for each socket of the port, and one lock.  The agent makes it in a memfd
 * whose size is sealed; every process with a socket of the port maps it.
 *
 * Layout: `struct arena', then from ARENA_HEAD on the engine's block, which
 * holds indices and no pointer.  Where the block's parts lie is in each
 * process's own `struct mp', checked against the size when it is mapped.  So
 * what another process writes may be wrong, but leads nobody out of the memory;
 * readers check each index before use.  arena_open() takes only a file that the
 * magic, the version and the engine accept.
 *
 * An arena is made, used, and after the death of both agent processes copied
 * and marked as moved (socket/recover.c).  Then reentry_lock() fails, so no
 * datagram of a session goes by it any more.
 *
 * The lock guards the engine's block and the slots.  It is a leaf: its owner
 * takes no other lock, and does not block.  Its word is 0 or the owner's thread
 * id, with FUTEX_WAITERS and FUTEX_OWNER_DIED as the kernel defines them.
 * - Free or marked as OWNER_DIED: a thread takes it by compare-and-swap.  Then
 *   of a dead owner it adds 1 to `died' and goes on with the memory as it is;
 *   the engine works with any content of its block.
 * - Owned: other threads sleep for at most SLICE_US at a time, since an owner
 *   whose seccomp filter forbids futex(2) wakes nobody.  A thread whose own
 *   filter forbids it spins for at most BLIND_US and gives up.
 * - Its owner dies: the kernel finds the word by list_op_pending of the
 *   thread's robust list, which is set from before a thread tries until after
 *   it let go, sets OWNER_DIED and wakes a waiter (K36).  The kernel does not
 *   know the list of a child of a bare clone(2); after STUCK_US waiters ask
 *   whether such an owner exists.  An owner left by siglongjmp(3) is reported
 *   by arena_abandon() (process/reentry.c).
 *
 * The agent uses arena_try() alone: no program can make it wait for longer than
 * ARENA_WAIT_US.
 *
 * Outside the lock: `wakeup_at', `moved', `heard', `died' and `sent' are
 * atomic; magic, size, id, token and key never change.
 *
 * Never: a lock list that runs through the shared memory, as that of a
 * pthread_mutex_t does: any program of the port could write there where the
 * agent's unlock then writes.  Never: a session id or challenge of the agent's
 * from a generator that was not stirred (arena_stir()) since the lock was taken.
 *
 * Sources: futex(2), get_robust_list(2), Documentation/locking/
 * robust-futex-ABI.rst of Linux; K36 and K37 of doc/design.md.
 */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "clock.h"
#include "raw.h"
#include "seccomp.h"

static const uint8_t arena_magic[8] = "mpshim1";

_Static_assert(sizeof(struct arena) <= ARENA_HEAD, "ARENA_HEAD");

uint64_t
arena_now(void)
{
	return clock_now();
}

size_t
arena_size(const struct mp_limits *limits)
{
	size_t size = mp_size(limits);

	return size == 0 ? 0 : (size + ARENA_HEAD + 4095) & ~(size_t)4095;
}

static int
arena_map_file(struct arena_map *map, int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (SECCOMP_ALLOWS(SYS_madvise, p, size, MADV_DONTDUMP))
		(void)madvise(p, size, MADV_DONTDUMP);
	map->arena = p;
	map->size = size;
	return 0;
}

int
arena_make(struct arena_map *m, int fd, size_t size,
    const struct mp_setup *setup, const uint8_t random[96])
{
	struct mp_setup seeded = *setup;
	struct arena *a;
	int error;

	error = arena_map_file(m, fd, size);
	if (error != 0)
		return error;
	a = m->arena;
	memcpy(seeded.seed, random, sizeof(seeded.seed));
	error = size < ARENA_HEAD ? -EINVAL : mp_create(&m->mp,
	    (uint8_t *)a + ARENA_HEAD, size - ARENA_HEAD, &seeded, arena_now());
	explicit_bzero(&seeded, sizeof(seeded));
	if (error != 0) {
		arena_unmap(m);
		return error;
	}
	memcpy(a->key, random + 32, ARENA_KEY);
	memcpy(a->token, random + 64, ARENA_TOKEN);
	memcpy(&a->id, random + 80, sizeof(a->id));
	a->port = setup->port;
	a->size = size;
	a->version = ARENA_VERSION;
	memcpy(a->magic, arena_magic, sizeof(a->magic));
	return 0;
}

/* The file's size; from its own first page where fstat(2) is forbidden. */
static int
arena_file_size(int fd, size_t *size)
{
	struct arena_map head = { .arena = NULL };
	struct stat st;
	int error;

	if (SECCOMP_ALLOWS(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH)) {
		if (fstat(fd, &st) != 0)
			return -errno;
		*size = (size_t)st.st_size;
		return 0;
	}
	error = arena_map_file(&head, fd, ARENA_HEAD);
	if (error != 0 || head.arena == NULL)
		return error;
	*size = head.arena->size;
	munmap(head.arena, ARENA_HEAD);
	return 0;
}

int
arena_open(struct arena_map *m, int fd)
{
	size_t size = 0;
	int error = arena_file_size(fd, &size);

	if (error == 0 && size <= ARENA_HEAD)
		error = -EINVAL;
	if (error == 0)
		error = arena_map_file(m, fd, size);
	if (error != 0)
		return error;
	if (memcmp(m->arena->magic, arena_magic, sizeof(arena_magic)) != 0 ||
	    m->arena->version != ARENA_VERSION ||
	    mp_attach(&m->mp, (uint8_t *)m->arena + ARENA_HEAD,
		m->size - ARENA_HEAD) != 0) {
		arena_unmap(m);
		return -EINVAL;
	}
	return 0;
}

void
arena_own_drop(struct arena_map *m, uint32_t slot, uint32_t n)
{
	atomic_fetch_add(&m->arena->slot[slot].located, n);
}

uint32_t
arena_own_drops(const struct arena_map *m, uint32_t slot)
{
	return m->arena == NULL ? 0 :
	    atomic_load(&m->arena->slot[slot].located);
}

void
arena_unmap(struct arena_map *m)
{
	if (m->arena != NULL && SECCOMP_ALLOWS(SYS_munmap))
		munmap(m->arena, m->size);
	memset(m, 0, sizeof(*m));
}

bool
arena_stir(struct arena_map *m)
{
	uint8_t fresh[32];
	int saved = errno;
	bool got;

	got = SECCOMP_ALLOWS(SYS_getrandom, fresh, sizeof(fresh)) &&
	    RAW(SYS_getrandom, fresh, sizeof(fresh), 0) == sizeof(fresh);
	if (got)
		mp_stir(&m->mp, fresh);
	explicit_bzero(fresh, sizeof(fresh));
	errno = saved;
	return got;
}

/* --- The lock ------------------------------------------------------------- */

/* This thread: the robust list that the kernel knows of it, or NULL; its id, 0:
 * not asked for yet. */
static __thread struct robust_list_head *robust
    __attribute__((tls_model("initial-exec")));
static __thread uint32_t self __attribute__((tls_model("initial-exec")));

enum {
	STUCK_US = 2000000, /* after that long, is there such an owner? */
	SLICE_US = 5000, /* longest sleep, as not every owner wakes others */
	BLIND_US = 20000, /* longest that a thread spins which may not sleep */
};

void
arena_forked(void)
{
	self = 0;
	robust = NULL;
}

static void
arena_owner_ask(void)
{
	size_t len;

	self = (uint32_t)RAW(SYS_gettid);
	if (RAW(SYS_get_robust_list, 0, &robust, &len) != 0)
		robust = NULL;
}

/* Tells the kernel which lock this thread has or is about to take; NULL:
 * none. */
static void
arena_lock_pending(struct arena *a)
{
	if (robust != NULL)
		robust->list_op_pending = a == NULL ? NULL :
		    (struct robust_list *)((char *)&a->lock -
			robust->futex_offset);
	atomic_signal_fence(memory_order_seq_cst);
}

/* Takes the lock if it is free, or its owner died; `mine' is the word then. */
static bool
arena_lock_grab(struct arena *a, uint32_t mine)
{
	uint32_t v = 0;

	if (atomic_compare_exchange_strong(&a->lock, &v, mine))
		return true;
	if ((v & FUTEX_OWNER_DIED) == 0 || !atomic_compare_exchange_strong(
		&a->lock, &v, mine | (v & FUTEX_WAITERS)))
		return false;
	atomic_fetch_add(&a->died, 1);
	return true;
}

bool
arena_owner_known(void)
{
	return self != 0;
}

void
arena_owner_set(uint32_t tid, struct robust_list_head *list)
{
	self = tid;
	robust = list;
}

/* Sleeps until the lock changes, for `us' at most. */
static void
arena_lock_sleep(struct arena *a, uint64_t us)
{
	struct timespec ts = { .tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000 * 1000) };
	uint32_t v = atomic_load(&a->lock);

	if (v == 0 || (v & FUTEX_OWNER_DIED))
		return;
	if ((v & FUTEX_WAITERS) == 0 && !atomic_compare_exchange_strong(
		&a->lock, &v, v | FUTEX_WAITERS))
		return;
	RAW(SYS_futex, &a->lock, FUTEX_WAIT, v | FUTEX_WAITERS, &ts, NULL,
	    0);
}

/* Marks the lock as its owner's death would, if there is no such thread: the
 * kernel does not know the robust list of a child of a bare clone(2). */
static void
arena_lock_bury(struct arena *a)
{
	uint32_t v = atomic_load(&a->lock);

	if ((v & FUTEX_TID_MASK) != 0 &&
	    SECCOMP_ALLOWS(SYS_kill, v & FUTEX_TID_MASK, 0) && RAW(SYS_kill,
	    v & FUTEX_TID_MASK, 0) != 0 && errno == ESRCH)
		atomic_compare_exchange_strong(&a->lock, &v,
		    v | FUTEX_OWNER_DIED);
}

static bool
arena_lock_may_sleep(struct arena *a)
{
	return seccomp_unfiltered() || SECCOMP_ALLOWS(SYS_futex, &a->lock,
	    FUTEX_WAIT);
}

/* The lock without a sleep. */
static bool
arena_lock_spin(struct arena *a, uint64_t wait_us)
{
	uint64_t until = arena_now() + (wait_us < BLIND_US ? wait_us :
		BLIND_US);

	do
		if (arena_lock_grab(a, self))
			return true;
	while (arena_now() < until);
	arena_lock_pending(NULL);
	return false;
}

static bool
arena_lock_within(struct arena *a, uint64_t wait_us)
{
	uint64_t begun, past;
	int saved = errno;
	bool got;

	if (self == 0)
		arena_owner_ask();
	arena_lock_pending(a);
	if (arena_lock_grab(a, self))
		return true;
	if (!arena_lock_may_sleep(a))
		return arena_lock_spin(a, wait_us);
	begun = arena_now();
	while (!(got = arena_lock_grab(a, self | FUTEX_WAITERS))) {
		past = arena_now() - begun;
		if (past >= wait_us)
			break;
		if (past > STUCK_US)
			arena_lock_bury(a);
		arena_lock_sleep(a, wait_us - past < SLICE_US ?
		    wait_us - past : SLICE_US);
	}
	if (!got)
		arena_lock_pending(NULL);
	errno = saved;
	return got;
}

bool
arena_lock(struct arena *a)
{
	return arena_lock_within(a, UINT64_MAX);
}

bool
arena_try(struct arena *a)
{
	return arena_lock_within(a, ARENA_WAIT_US);
}

void
arena_unlock(struct arena *a)
{
	int saved = errno;

	/* In a child that a signal handler forked while this thread held the
	 * lock, the lock is the parent's. */
	if ((atomic_load(&a->lock) & FUTEX_TID_MASK) == self &&
	    (atomic_exchange(&a->lock, 0) & FUTEX_WAITERS) != 0 &&
	    (seccomp_unfiltered() || SECCOMP_ALLOWS(SYS_futex, &a->lock,
	    FUTEX_WAKE)))
		RAW(SYS_futex, &a->lock, FUTEX_WAKE, 1, NULL, NULL, 0);
	arena_lock_pending(NULL);
	errno = saved;
}

void
arena_abandon(struct arena *a)
{
	uint32_t v = atomic_load(&a->lock);

	if ((v & FUTEX_TID_MASK) == self && self != 0)
		atomic_compare_exchange_strong(&a->lock, &v,
		    v | FUTEX_OWNER_DIED);
}
