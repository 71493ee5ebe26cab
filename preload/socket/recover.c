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
#include "arena_copy.h"
#include "process/spawn_agent.h"

enum { LATE_US = 1000000, EVERY_US = 1000000 };

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
	memfd = arena_copy_make(&s->map);
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
