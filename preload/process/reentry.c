/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A signal handler may call send(2) while the same thread is in a hook.  It
 * must not wait for a lock that its own thread holds, nor use the buffer that
 * the interrupted call uses.  And it may never return: siglongjmp(3), or the
 * thread is cancelled; then lock and buffer have to be taken back.
 *
 * So each thread keeps marks: for the lock that it holds, and for each buffer
 * in use, the address of the frame that took it.  Stacks grow downwards: a
 * frame of a handler lies below (at a lower address than) the frame that it
 * interrupted.  A mark above the current frame belongs to a call that is still
 * active.  One at or below it was left without reentry_unlock() or
 * reentry_give(): it is gone (reentry_frame_gone()).  On an alternate signal
 * stack addresses do not compare: there no mark is gone, and when the thread is
 * back on its own stack, marks within the alternate one are.  Where
 * sigaltstack(2) is forbidden, only marks less than NEAR below the frame are
 * gone.
 *
 * The lock, for this thread:
 * - none: reentry_lock() takes the arena's lock;
 * - held, active: reentry_lock() fails at once, the caller does without.  A
 *   datagram is deferred (datagram/tx_deferred.c) by
 *   reentry_run_after_unlock(), whose function runs right after the unlock,
 *   outside the lock;
 * - held, gone: the lock is given up as if its owner had died
 *   (arena_abandon()), then taken anew, perhaps of another arena.
 *
 * A thread holds one arena's lock at most.  reentry_lock() also fails for an
 * arena that was copied (`moved'); only recover.c takes the lock of such a one.
 *
 * The buffers: DEPTH of them, used as a stack, and a spare one for deferred
 * datagrams; mapped at the thread's first call, unmapped at its end.  A fifth
 * nested call gets none and fails.
 *
 * Invariants: a mark is set before the lock is taken and cleared after it was
 * let go, so an interruption at any instruction finds the mark of what is held.
 * Marks are thread-local with the initial-exec model, whose access allocates
 * nothing and is safe in a handler.
 *
 * Never: a wait for a lock of one's own thread; malloc(3).  Sources:
 * signal-safety(7), sigaltstack(2), pthread_cancel(3).
 */
#include "reentry.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "shared/arena.h"
#include "shared/old_glibc.h"
#include "shared/raw.h"
#include "shared/seccomp.h"

enum {
	DEPTH = 4, /* nested calls that get a buffer */
	BUFS = DEPTH + 1, /* and the spare one */
	NEAR = 65536, /* bytes: so near, two frames are on one stack */
};

#define TLS static __thread __attribute__((tls_model("initial-exec")))

TLS uintptr_t lock_frame;   /* mark of the lock; 0: holds none */
TLS struct arena *lock_of;
TLS void (*after)(void);    /* runs after the unlock, or NULL */
TLS unsigned depth;	    /* buffers in use */
TLS uintptr_t frames[DEPTH]; /* their marks */
TLS struct reentry_buf *bufs; /* BUFS of them, or NULL */

static pthread_key_t at_exit;
static bool have_key;

bool
reentry_frame_gone(uintptr_t mark, uintptr_t frame)
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
reentry_free(void *unused)
{
	(void)unused;
	if (bufs != NULL)
		munmap(bufs, BUFS * sizeof(*bufs));
	bufs = NULL;
}

/* Offset of a thread's robust list from its pthread_self(); 0: unknown. */
static ptrdiff_t list_at;

/*
 * Tells the lock this thread's id and robust list without a system call, which
 * a seccomp filter may forbid: the id is in the thread's clock id, where the
 * kernel has its complement above 3 bits of flags.
 */
static void
reentry_set_owner(void)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) == 0)
		arena_owner_set((uint32_t)~(clock >> 3), list_at == 0 ? NULL :
		    (struct robust_list_head *)(void *)((char *)(uintptr_t)
			pthread_self() + list_at));
}

static void
reentry_find_list(void)
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
		reentry_find_list();
	if (!have_key)
		have_key = pthread_key_create(&at_exit, reentry_free) == 0;
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
		if (!reentry_frame_gone(lock_frame, frame))
			return false;
		arena_abandon(lock_of);
	}
	lock_of = a;
	lock_frame = frame;
	if (!arena_owner_known() && !seccomp_unfiltered())
		reentry_set_owner();
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
reentry_run_after_unlock(void (*run)(void))
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

	while (depth > 0 && reentry_frame_gone(frames[depth - 1], frame))
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
