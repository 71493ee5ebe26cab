/* SPDX-License-Identifier: ISC */
#include "guard.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "old_glibc.h"

enum { DEPTH = 4 }; /* handlers within handlers that still get a buffer */

#define TLS static __thread __attribute__((tls_model("initial-exec")))

TLS uintptr_t lock_frame;   /* 0: holds none */
TLS struct arena *lock_of;
TLS unsigned depth;
TLS uintptr_t frames[DEPTH];
TLS struct guard_buf *bufs[DEPTH];

static pthread_key_t at_exit;
static bool have_key;

/* On another stack addresses say nothing; but who is back from that one has
 * left it. */
bool
guard_gone(uintptr_t mark, uintptr_t frame)
{
	stack_t ss;

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
	int i;

	(void)unused;
	for (i = 0; i < DEPTH; i++) {
		if (bufs[i] != NULL)
			munmap(bufs[i], sizeof(*bufs[i]));
		bufs[i] = NULL;
	}
}

void
guard_setup(void)
{
	arena_forked();
	if (!have_key)
		have_key = pthread_key_create(&at_exit, give_all) == 0;
}

bool
guard_lock(struct arena *a)
{
	if (!guard_lock_moved(a))
		return false;
	if (!atomic_load(&a->moved))
		return true;
	guard_unlock(a);
	return false;
}

bool
guard_lock_moved(struct arena *a)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	if (lock_frame != 0) {
		if (!guard_gone(lock_frame, frame))
			return false;
		arena_abandon(lock_of);
	}
	lock_of = a;
	lock_frame = frame;
	atomic_signal_fence(memory_order_seq_cst);
	arena_lock(a);
	return true;
}

void
guard_unlock(struct arena *a)
{
	arena_unlock(a);
	atomic_signal_fence(memory_order_seq_cst);
	lock_frame = 0;
}

struct guard_buf *
guard_take(void)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	unsigned at;
	void *p;

	while (depth > 0 && guard_gone(frames[depth - 1], frame))
		depth--;
	if (depth == DEPTH)
		return NULL;
	at = depth++;
	frames[at] = frame;
	atomic_signal_fence(memory_order_seq_cst);
	if (bufs[at] == NULL) {
		p = mmap(NULL, sizeof(*bufs[at]), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED) {
			depth = at;
			return NULL;
		}
		bufs[at] = p;
		if (have_key)
			pthread_setspecific(at_exit, p);
	}
	return bufs[at];
}

void
guard_give(struct guard_buf *b)
{
	unsigned i;

	for (i = 0; i < DEPTH; i++)
		if (bufs[i] == b && i < depth)
			depth = i;
}
