/* SPDX-License-Identifier: ISC */
#include "forked.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

static _Atomic int *same; /* in a page that the kernel wipes in a child */
static void (*in_child)(void);
static volatile unsigned times;

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
	same = p;
	atomic_store(same, 1);
}

void
forked_check(void)
{
	int saved;

	if (same == NULL ||
	    atomic_load_explicit(same, memory_order_relaxed) != 0)
		return;
	saved = errno;
	atomic_store(same, 1);
	times++;
	in_child();
	errno = saved;
}

unsigned
forked_times(void)
{
	forked_check();
	return times;
}
