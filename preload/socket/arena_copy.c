/* SPDX-License-Identifier: ISC */
#include "arena_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mp.h"
#include "process/libc.h"
#include "shared/arena.h"
#include "shared/real.h"

enum {
	PAGE = 4096, /* bytes, on the architectures that we support */
	PAGES = 256, /* asked about by one mincore(2) */
};

/*
 * Added to the copy's count of internal datagrams.  The count makes the nonces
 * under the arena's key, which both arenas have; other processes use the old
 * one until they notice the mark.
 */
#define NONCES_APART (UINT64_C(1) << 40)

/* Copies the pages that exist; the others stay holes of the file. */
static bool
arena_copy_pages(uint8_t *to, uint8_t *from, size_t size)
{
	unsigned char exists[PAGES];
	size_t at, i, n;

	for (at = 0; at < size; at += n * PAGE) {
		n = (size - at + PAGE - 1) / PAGE;
		if (n > PAGES)
			n = PAGES;
		if (mincore(from + at, n * PAGE, exists) != 0)
			return false;
		for (i = 0; i < n; i++)
			if (exists[i] & 1)
				memcpy(to + at + i * PAGE, from + at + i * PAGE,
				    PAGE);
	}
	return true;
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

/* Maps the new file, and seals its size first: the agent takes no other. */
static int
arena_copy_map(struct arena_map *copy, int fd, size_t size)
{
	void *p;

	if (ftruncate(fd, (off_t)size) != 0 ||
	    real_fcntl(fd, F_ADD_SEALS, (void *)(uintptr_t)(F_SEAL_SHRINK |
		F_SEAL_GROW | F_SEAL_SEAL)) != 0)
		return -errno;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	copy->arena = p;
	copy->size = size;
	return 0;
}

int
arena_copy_make(const struct arena_map *m)
{
	struct arena_map copy = { .arena = NULL };
	int error, fd = memfd_create("mpshim", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	error = arena_copy_map(&copy, fd, m->size);
	if (error == 0) {
		error = arena_copy_fill(&copy, m);
		munmap(copy.arena, copy.size);
	}
	if (error == 0)
		return fd;
	real_close(fd);
	return error;
}
