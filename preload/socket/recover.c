/* SPDX-License-Identifier: ISC */
#include "recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "process/reentry.h"
#include "shared/ipc.h"
#include "ksock.h"
#include "process/libc.h"
#include "process/log.h"
#include "agent_rpc.h"
#include "process/spawn_agent.h"

enum { PAGE = 4096, VEC = 256, LATE_US = 1000000,
	EVERY_US = 1000000 };

/* Copies the pages that are there; the others stay holes. */
static bool
copy_pages(uint8_t *to, uint8_t *from, size_t size)
{
	unsigned char here[VEC];
	size_t at, i, n;

	for (at = 0; at < size; at += n * PAGE) {
		n = (size - at + PAGE - 1) / PAGE;
		if (n > sizeof(here))
			n = sizeof(here);
		if (mincore(from + at, n * PAGE, here) != 0)
			return false;
		for (i = 0; i < n; i++)
			if (here[i] & 1)
				memcpy(to + at + i * PAGE, from + at + i * PAGE,
				    PAGE);
	}
	return true;
}

/* The arena's memory again, in a new file: a descriptor, or -errno.  Under the
 * lock, which is free in the copy. */
static int
duplicate(struct arena_map *m)
{
	struct arena *copy;
	bool done;
	int fd;

	fd = memfd_create("mpshim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	copy = MAP_FAILED;
	/* The agent takes no file whose size may change under it. */
	if (ftruncate(fd, (off_t)m->size) == 0 &&
	    real_fcntl(fd, F_ADD_SEALS, (void *)(uintptr_t)(F_SEAL_SHRINK |
		F_SEAL_GROW | F_SEAL_SEAL)) == 0)
		copy = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (copy == MAP_FAILED) {
		real_close(fd);
		return -ENOMEM;
	}
	done = copy_pages((uint8_t *)copy, (uint8_t *)m->arena, m->size);
	atomic_store(&copy->lock, 0);
	atomic_store(&copy->moved, 0);
	atomic_store(&copy->wakeup_at, 0);
	/* The old one is in use for a while, with the same key. */
	atomic_fetch_add(&copy->sent, UINT64_C(1) << 40);
	munmap(copy, m->size);
	if (done)
		return fd;
	real_close(fd);
	return -EIO;
}

/*
 * From now on the same addresses are the new file's memory.  Nobody is within
 * the old lock meanwhile; it is let go through another mapping, for the
 * processes that still use it.
 */
static bool
replace(struct sock *s, int memfd)
{
	struct arena *old;
	void *p;

	old = mremap(s->map.arena, 0, s->map.size, MREMAP_MAYMOVE);
	if (old == MAP_FAILED)
		return false;
	if (!reentry_lock_moved(s->map.arena)) {
		munmap(old, s->map.size);
		return false;
	}
	p = mmap(s->map.arena, s->map.size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE | MAP_FIXED, memfd, 0);
	if (p != MAP_FAILED)
		(void)madvise(p, s->map.size, MADV_DONTDUMP);
	reentry_unlock(old);
	munmap(old, s->map.size);
	return p != MAP_FAILED;
}

/* Copies the arena, once for all processes: a descriptor, or -1. */
static int
copy_once(struct sock *s)
{
	struct arena *a = s->map.arena;
	int memfd;

	if (!reentry_lock(a))
		return -1;
	memfd = duplicate(&s->map);
	if (memfd >= 0)
		atomic_store(&a->moved, 1);
	reentry_unlock(a);
	return memfd;
}

static void
hand_over(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	int pass[2], got = -1, error;

	if (spawn_agent(false) != 0)
		return;
	pass[0] = ksock_control(fd, s);
	if (pass[0] < 0)
		return;
	pass[1] = copy_once(s);
	if (pass[1] >= 0) {
		error = agent_rpc_adopt(fd, s, pass, &answer, &got);
		/* What the agent has is the arena now, ours or another's. */
		if (error == 0 && got >= 0 && replace(s, got))
			log_say(LOG_INFO, LOG_AGENT, "the agent was replaced");
		else
			log_say(LOG_ERROR, LOG_AGENT,
			    "the agent died; the new one: %s",
			    strerror(error != 0 ? -error : EPROTO));
		/* It said no, so nobody else has the copy. */
		if (error != 0 && answer.error != 0)
			atomic_store(&s->map.arena->moved, 0);
		if (got >= 0)
			real_close(got);
		real_close(pass[1]);
	}
	real_close(pass[0]);
}

/* Else the agent is missed, as long as it is. */
static bool
may_recover(void)
{
	return seccomp_unfiltered() || (SECCOMP_ALLOWS(SYS_memfd_create) &&
	    SECCOMP_ALLOWS(SYS_mincore) && SECCOMP_ALLOWS(SYS_mremap) &&
	    SECCOMP_ALLOWS(SYS_execve));
}

void
recover_agent(int fd, struct sock *s)
{
	uint64_t armed = atomic_load(&s->map.arena->wakeup_at), now;
	uint64_t at = atomic_load(&s->recover_at);
	int probe, saved = errno;
	uint32_t idle = 0;

	if (armed == MP_NEVER)
		return;
	now = arena_now();
	if (now < armed || now - armed < LATE_US || !may_recover())
		return;
	if (now < at || !atomic_compare_exchange_strong(&s->recover_at, &at,
		now + EVERY_US) ||
	    !atomic_compare_exchange_strong(&s->busy, &idle, 1))
		return;
	probe = ipc_connect();
	if (probe >= 0)
		real_close(probe);
	else
		hand_over(fd, s);
	atomic_store(&s->busy, 0);
	errno = saved;
}

void
recover_follow(int fd, struct sock *s)
{
	uint32_t idle = 0;
	int memfd, saved = errno;

	if (!may_recover() ||
	    !atomic_compare_exchange_strong(&s->busy, &idle, 1))
		return;
	if (atomic_load(&s->map.arena->moved)) {
		memfd = agent_rpc_memfd(fd, s);
		if (memfd >= 0) {
			(void)replace(s, memfd);
			real_close(memfd);
		}
	}
	atomic_store(&s->busy, 0);
	errno = saved;
}
