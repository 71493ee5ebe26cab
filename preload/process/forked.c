/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A child of fork(2) has its parent's memory, but another process and thread
 * id, and locks that only the parent can let go of.  So what this process is
 * has to be set anew in the child, before anything depends on it: the function
 * given to forked_setup() does that (hook/init.c: reentry_setup(),
 * fdtab_setup()).
 *
 * A handler of pthread_atfork(3) is not enough: _Fork(3) does not run any, and
 * fork(2) and clone(2) can be called by syscall(3).  So a page of this process
 * is marked MADV_WIPEONFORK.  In the parent it holds 1.  In a child the kernel
 * gives zeros: the first caller of forked_check() sees 0, sets it to 1, counts
 * the fork, and runs the function.
 *
 * forked_check() looks.  It is called by pthread_atfork(3)'s handler where
 * there is one, when a descriptor is looked up (fdtab_hold()), and by
 * forked_times().
 *
 * forked_times() tells a caller that was interrupted by a signal handler that
 * forked: the number differs before and after, and this is the child.  A
 * datagram that the parent sends as well must then not be sent again.
 *
 * Invariants: in each child the function runs once, by the child's first
 * thread, which is alone then.  Without the page (mmap(2) or madvise(2) failed,
 * Linux before 4.14) nothing is noticed.
 *
 * A child of vfork(2), or of clone(2) with CLONE_VM, shares its parent's
 * memory, so the page keeps its 1: it is not noticed, and must not be, since
 * what it set would be its parent's (fdtab_ours()).
 *
 * No lock.  Never: an allocation, or a function that is not async-signal-safe,
 * in the child.  Source: madvise(2) (MADV_WIPEONFORK).
 */
#include "forked.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static _Atomic int *noticed; /* in a page that the kernel wipes in a child */
static void (*in_child)(void);
static volatile unsigned forks;

void
forked_setup(void (*run)(void))
{
	size_t size = 4096;
	void *p;

	in_child = run;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return;
	if (madvise(p, size, MADV_WIPEONFORK) != 0) {
		munmap(p, size);
		return;
	}
	noticed = p;
	atomic_store(noticed, 1);
}

void
forked_check(void)
{
	int saved;

	if (noticed == NULL ||
	    atomic_load_explicit(noticed, memory_order_relaxed) != 0)
		return;
	saved = errno;
	atomic_store(noticed, 1);
	forks++;
	in_child();
	errno = saved;
}

unsigned
forked_times(void)
{
	forked_check();
	return forks;
}
