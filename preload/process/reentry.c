/* SPDX-License-Identifier: ISC */
#include "reentry.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "shared/seccomp.h"
#include "shared/old_glibc.h"
#include "shared/raw.h"

enum {
	DEPTH = 4, /* handlers within handlers that still get a buffer */
	BUFS = DEPTH + 1, /* and the spare one */
	NEAR = 65536, /* two frames of the same stack, for sure */
};

#define TLS static __thread __attribute__((tls_model("initial-exec")))

TLS uintptr_t lock_frame;   /* 0: holds none */
TLS struct arena *lock_of;
TLS void (*after)(void); /* the lock is given back */
TLS unsigned depth;
TLS uintptr_t frames[DEPTH];
TLS struct reentry_buf *bufs; /* BUFS of them, or NULL */

static pthread_key_t at_exit;
static bool have_key;

/* On another stack addresses say nothing; but who is back from that one has
 * left it. */
bool
reentry_gone(uintptr_t mark, uintptr_t frame)
{
	stack_t ss;

	if (!SECCOMP_ALLOWS(SYS_sigaltstack, NULL, &ss))
		return mark <= frame && frame - mark < NEAR;
	if (sigaltstack(NULL, &ss) != 0)
		return mark <= frame;
	if (ss.ss_flags & SS_ONSTACK)
		return false;
	return mark <= frame || ((ss.ss_flags & SS_DISABLE) == 0 &&
	    mark - (uintptr_t)ss.ss_sp < ss.ss_size);
}

/* Runs when a thread ends. */
static void
give_all(void *unused)
{
	(void)unused;
	if (bufs != NULL)
		munmap(bufs, BUFS * sizeof(*bufs));
	bufs = NULL;
}

/* Where the C library has each thread's robust list, from the thread's own
 * address on. */
static ptrdiff_t list_at;

/* By what the C library knows of the thread: the clock of a thread is named
 * after its id.  So the kernel need not be asked. */
static void
know_by_library(void)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) == 0)
		arena_owner_set((uint32_t)~(clock >> 3), list_at == 0 ? NULL :
		    (struct robust_list_head *)(void *)((char *)(uintptr_t)
			pthread_self() + list_at));
}

static void
find_list(void)
{
	struct robust_list_head *list = NULL;
	size_t len;

	/* musl has none until a robust mutex is used. */
	if (RAW(SYS_get_robust_list, 0, &list, &len) == 0 && list != NULL)
		list_at = (char *)list - (char *)(uintptr_t)pthread_self();
}

void
reentry_setup(void)
{
	arena_forked();
	if (list_at == 0)
		find_list();
	if (!have_key)
		have_key = pthread_key_create(&at_exit, give_all) == 0;
}

bool
reentry_lock(struct arena *a)
{
	if (!reentry_lock_moved(a))
		return false;
	if (!atomic_load(&a->moved))
		return true;
	reentry_unlock(a);
	return false;
}

bool
reentry_lock_moved(struct arena *a)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	if (lock_frame != 0) {
		if (!reentry_gone(lock_frame, frame))
			return false;
		arena_abandon(lock_of);
	}
	lock_of = a;
	lock_frame = frame;
	if (!arena_owner_known() && !seccomp_unfiltered())
		know_by_library();
	atomic_signal_fence(memory_order_seq_cst);
	if (arena_lock(a))
		return true;
	lock_frame = 0;
	return false;
}

void
reentry_unlock(struct arena *a)
{
	void (*run)(void);

	arena_unlock(a);
	atomic_signal_fence(memory_order_seq_cst);
	lock_frame = 0;
	if (after == NULL)
		return;
	run = after;
	after = NULL;
	run();
}

bool
reentry_busy(void)
{
	return lock_frame != 0;
}

void
reentry_after(void (*run)(void))
{
	after = run;
}

struct reentry_buf *
reentry_spare(void)
{
	return bufs != NULL ? &bufs[DEPTH] : NULL;
}

struct reentry_buf *
reentry_take(void)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	unsigned at;
	void *p;

	while (depth > 0 && reentry_gone(frames[depth - 1], frame))
		depth--;
	if (depth == DEPTH)
		return NULL;
	at = depth++;
	frames[at] = frame;
	atomic_signal_fence(memory_order_seq_cst);
	if (bufs == NULL) {
		p = mmap(NULL, BUFS * sizeof(*bufs), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED) {
			depth = at;
			return NULL;
		}
		bufs = p;
		if (have_key)
			pthread_setspecific(at_exit, p);
	}
	return &bufs[at];
}

void
reentry_give(struct reentry_buf *b)
{
	unsigned at = (unsigned)(b - bufs);

	if (at < depth)
		depth = at;
}
