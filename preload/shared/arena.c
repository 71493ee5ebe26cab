/* SPDX-License-Identifier: ISC */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "seccomp.h"
#include "raw.h"

static const uint8_t arena_magic[8] = "mpshim1";

_Static_assert(sizeof(struct arena) <= ARENA_HEAD, "ARENA_HEAD");

uint64_t
arena_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

size_t
arena_size(const struct mp_limits *limits)
{
	size_t size = mp_size(limits);

	return size == 0 ? 0 : (size + ARENA_HEAD + 4095) & ~(size_t)4095;
}

static int
map(struct arena_map *map, int fd, size_t size)
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

	error = map(m, fd, size);
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

/* How large the file is; it says so itself to who may not ask. */
static int
size_of(int fd, size_t *size)
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
	error = map(&head, fd, ARENA_HEAD);
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
	int error = size_of(fd, &size);

	if (error == 0 && size <= ARENA_HEAD)
		error = -EINVAL;
	if (error == 0)
		error = map(m, fd, size);
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

/*
 * A futex word: the owner's thread id, FUTEX_WAITERS, FUTEX_OWNER_DIED.  While
 * a thread holds it or tries to, list_op_pending of the thread's robust list
 * names it, so that the kernel marks it when the thread dies, however it dies.
 * A pthread_mutex_t would do the same, but its list runs through the shared
 * memory, and whoever may write there could lead the agent's unlock astray.
 */
static __thread struct robust_list_head *robust
    __attribute__((tls_model("initial-exec")));
static __thread uint32_t self __attribute__((tls_model("initial-exec")));

enum {
	STUCK_US = 2000000, /* then we ask whether the owner lives at all */
	SLICE_US = 5000, /* longest sleep: who may not wake us does not */
	BLIND_US = 20000, /* longest that who may not sleep spins */
};

void
arena_forked(void)
{
	self = 0;
	robust = NULL;
}

static void
know_self(void)
{
	size_t len;

	self = (uint32_t)RAW(SYS_gettid);
	if (RAW(SYS_get_robust_list, 0, &robust, &len) != 0)
		robust = NULL;
}

static void
pending(struct arena *a)
{
	if (robust != NULL)
		robust->list_op_pending = a == NULL ? NULL :
		    (struct robust_list *)((char *)&a->lock -
			robust->futex_offset);
	atomic_signal_fence(memory_order_seq_cst);
}

/* Takes the lock if it is free, or its owner died. */
static bool
grab(struct arena *a, uint32_t mine)
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
arena_knows(void)
{
	return self != 0;
}

void
arena_is(uint32_t tid, struct robust_list_head *list)
{
	self = tid;
	robust = list;
}

/* Sleeps until the lock changes, or until then. */
static void
wait_for(struct arena *a, uint64_t us)
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

/* A thread that the kernel could not know as the owner (a child of a bare
 * clone) may have died with the lock. */
static void
steal_from_dead(struct arena *a)
{
	uint32_t v = atomic_load(&a->lock);

	if ((v & FUTEX_TID_MASK) != 0 &&
	    SECCOMP_ALLOWS(SYS_kill, v & FUTEX_TID_MASK, 0) && RAW(SYS_kill,
	    v & FUTEX_TID_MASK, 0) != 0 && errno == ESRCH)
		atomic_compare_exchange_strong(&a->lock, &v,
		    v | FUTEX_OWNER_DIED);
}

static bool
may_sleep(struct arena *a)
{
	return seccomp_unfiltered() || SECCOMP_ALLOWS(SYS_futex, &a->lock,
	    FUTEX_WAIT);
}

/* Who may not sleep. */
static bool
take_awake(struct arena *a, uint64_t wait_us)
{
	uint64_t until = arena_now() + (wait_us < BLIND_US ? wait_us :
		BLIND_US);

	do
		if (grab(a, self))
			return true;
	while (arena_now() < until);
	pending(NULL);
	return false;
}

static bool
arena_take(struct arena *a, uint64_t wait_us)
{
	uint64_t begun, past;
	int saved = errno;
	bool got;

	if (self == 0)
		know_self();
	pending(a);
	if (grab(a, self))
		return true;
	if (!may_sleep(a))
		return take_awake(a, wait_us);
	begun = arena_now();
	while (!(got = grab(a, self | FUTEX_WAITERS))) {
		past = arena_now() - begun;
		if (past >= wait_us)
			break;
		if (past > STUCK_US)
			steal_from_dead(a);
		wait_for(a, wait_us - past < SLICE_US ? wait_us - past :
							SLICE_US);
	}
	if (!got)
		pending(NULL);
	errno = saved;
	return got;
}

bool
arena_lock(struct arena *a)
{
	return arena_take(a, UINT64_MAX);
}

bool
arena_try(struct arena *a)
{
	return arena_take(a, ARENA_WAIT_US);
}

void
arena_unlock(struct arena *a)
{
	int saved = errno;

	/* In a child that a handler forked in our middle it is the parent's. */
	if ((atomic_load(&a->lock) & FUTEX_TID_MASK) == self &&
	    (atomic_exchange(&a->lock, 0) & FUTEX_WAITERS) != 0 &&
	    (seccomp_unfiltered() || SECCOMP_ALLOWS(SYS_futex, &a->lock,
	    FUTEX_WAKE)))
		RAW(SYS_futex, &a->lock, FUTEX_WAKE, 1, NULL, NULL, 0);
	pending(NULL);
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
