/* SPDX-License-Identifier: ISC */
#include "arena_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mp.h"
#include "process/libc.h"
#include "shared/arena.h"
#include "shared/raw.h"
#include "shared/real.h"
#include "shared/seccomp.h"

enum {
	PAGE = 4096, /* bytes, on the architectures that we support */
	PAGES = 256, /* asked about by one mincore(2) */
	AT_ONCE = 1 << 20, /* bytes read by one process_vm_readv(2) */
};

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* Linux 5.11 */
#endif

/*
 * Added to the copy's count of internal datagrams.  The count makes the nonces
 * under the arena's key, which both arenas have; other processes use the old
 * one until they notice the mark.
 */
#define NONCES_APART (UINT64_C(1) << 40)

/*
 * A userfaultfd that makes holes of the window unreadable, instead of new
 * pages; what is in swap is read as ever (K64 of doc/design.md).  A descriptor,
 * or -1: the kernel, or the system's settings, have none for this process.
 */
static int
arena_copy_watch(void *window, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API, .features =
		UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MISSING_SHMEM };
	struct uffdio_register all = { .range = { (uintptr_t)window, size },
		.mode = UFFDIO_REGISTER_MODE_MISSING };
	long fd = RAW(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 && errno == EINVAL)
		fd = RAW(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (RAW(SYS_ioctl, (int)fd, UFFDIO_API, &api) == 0 &&
	    RAW(SYS_ioctl, (int)fd, UFFDIO_REGISTER, &all) == 0)
		return (int)fd;
	real_close((int)fd);
	return -1;
}

/* Copies what is there; the holes stay holes. */
static bool
arena_copy_watched(uint8_t *to, uint8_t *window, size_t size)
{
	struct iovec here, there;
	size_t at = 0;
	long n;

	while (at < size) {
		here.iov_base = to + at;
		there.iov_base = window + at;
		here.iov_len = there.iov_len = size - at < AT_ONCE ?
		    size - at : AT_ONCE;
		n = RAW(SYS_process_vm_readv, getpid(), &here, 1, &there, 1,
		    0);
		if (n < 0 && errno != EFAULT)
			return false;
		at += n > 0 ? (size_t)n : PAGE;
	}
	return true;
}

/* Is it sure that no page is in swap? */
static bool
arena_copy_no_swap(void)
{
	struct sysinfo host;

	return RAW(SYS_sysinfo, &host) == 0 && host.totalswap == 0;
}

/* The same by mincore(2), which takes pages in swap for holes.  It takes 10 ms
 * for an arena with room for 100,000 peers, the other way 1 s. */
static bool
arena_copy_unswapped(uint8_t *to, uint8_t *from, size_t size)
{
	unsigned char exists[PAGES];
	size_t at, i, n;

	for (at = 0; at < size; at += n * PAGE) {
		n = (size - at + PAGE - 1) / PAGE;
		if (n > PAGES)
			n = PAGES;
		if (RAW(SYS_mincore, from + at, n * PAGE, exists) != 0)
			return false;
		for (i = 0; i < n; i++)
			if (exists[i] & 1)
				memcpy(to + at + i * PAGE, from + at + i * PAGE,
				    PAGE);
	}
	return true;
}

/* Copies the pages that exist, in memory or in swap. */
static bool
arena_copy_pages(uint8_t *to, uint8_t *from, size_t size)
{
	bool copied;
	void *window;
	int fd;

	if (arena_copy_no_swap())
		return arena_copy_unswapped(to, from, size);
	window = mremap(from, 0, size, MREMAP_MAYMOVE);
	if (window == MAP_FAILED)
		return false;
	fd = arena_copy_watch(window, size);
	copied = fd >= 0 && arena_copy_watched(to, window, size);
	if (fd >= 0)
		real_close(fd);
	munmap(window, size);
	return copied;
}

bool
arena_copy_allowed(void)
{
	return seccomp_unfiltered() ||
	    (SECCOMP_ALLOWS(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) &&
	    SECCOMP_ALLOWS(SYS_userfaultfd, O_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_ioctl, 3, UFFDIO_API) &&
	    SECCOMP_ALLOWS(SYS_ioctl, 3, UFFDIO_REGISTER) &&
	    SECCOMP_ALLOWS(SYS_process_vm_readv) &&
	    SECCOMP_ALLOWS(SYS_sysinfo) && SECCOMP_ALLOWS(SYS_mincore) &&
	    SECCOMP_ALLOWS(SYS_mremap));
}

/* Copies into a mapping of the new file: 0, or a negative errno. */
static int
arena_copy_fill(struct arena_map *copy, const struct arena_map *m)
{
	struct arena *a = copy->arena;

	if (!arena_copy_pages((uint8_t *)a, (uint8_t *)m->arena, m->size))
		return -EIO;
	atomic_store(&a->lock, 0);
	atomic_store(&a->moved, 0);
	atomic_store(&a->wakeup_at, 0);
	atomic_fetch_add(&a->sent, NONCES_APART);
	if (mp_attach(&copy->mp, (uint8_t *)a + ARENA_HEAD,
	    copy->size - ARENA_HEAD) != 0)
		return -EINVAL;
	/* Where this fails, the agent does it before the first ephemeral
	 * key. */
	(void)arena_stir(copy);
	return 0;
}

int
arena_copy_into(const struct arena_map *m, int fd)
{
	struct arena_map copy = { .size = m->size };
	struct stat st;
	void *p;
	int error;

	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != m->size)
		return -EINVAL;
	p = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	copy.arena = p;
	error = arena_copy_fill(&copy, m);
	munmap(p, m->size);
	return error;
}
