/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * When keeper and worker of the agent are both dead, the arenas live on in the
 * processes that map them, but no process has a descriptor of the memory any
 * more.  So the first process that notices starts an agent, copies the arena
 * into a memfd that this makes, marks the old one as moved and hands the copy over; the
 * others find the mark and ask the agent for its memfd.  (When only the worker
 * dies, the keeper starts another with the same memfd; no program notices.)
 *
 * States of an arena, for this process:
 * - served: the agent looks at the engine by `wakeup_at';
 * - late: that time passed LATE_US ago.  recover_agent(), at most once per
 *   EVERY_US and socket, tries to connect to an agent; if one listens, it is
 *   only slow.
 * - asked for: a peer's handshake came to this process, which steering gives to
 *   the agent's control socket as long as there is one.  A program that waits for
 *   its first client, or whose clients are all asleep, has no other sign: its
 *   arena has no time by which the agent must look.  recover_asked() does not
 *   wait until anything is late.
 * - moved: `moved' is set.  reentry_lock() fails, so nothing is sent or
 *   received by this memory, until recover_follow() has mapped the new one;
 * - mapped anew, at the same addresses: served again.
 *
 * Invariants:
 * - The copy is made and `moved' set under one hold of the arena's lock.  So
 *   every sequence number taken before is in the copy, and none is taken from
 *   the old memory after: no nonce comes twice under a session's key.
 * - The copy has every page that there is, also those in swap, for one that
 *   lacks a page counts from an older number.  On a host without
 *   swap mincore(2) tells holes from pages, else a userfaultfd (K64).  Where the
 *   process may have none, nothing is copied, and the agent is missed.
 * - The arena's own key (internal datagrams) is in both; there the copy's count
 *   is moved on by 2^40, since a process may send one more by the old memory.
 * - One process copies: reentry_lock() fails for the others once the mark is
 *   set.  If the agent refuses the copy, nobody has it, and the mark is taken
 *   back.  After an error of the transport the agent may have it: the mark
 *   stays, and recover_follow() finds out.  If the process dies between copy
 *   and hand-over, the arena is lost, since a second copy could be older than
 *   one in use.
 * - The copy's random numbers are its own (arena_copy.c).
 *
 * Mapping anew.  The old memory is mapped a second time, the lock taken, the
 * new memfd mapped over the old addresses, and the lock let go through the
 * second mapping: nobody in this process is between lock and unlock meanwhile,
 * and other processes, which still use the old memory, find its lock free.
 *
 * Locks.  `busy' of the socket; within it the arena's lock, and the agent is
 * asked, though not under the arena's lock.  errno stays as it is.
 *
 * Never: recovery where a seccomp filter forbids one of its system calls; the
 * agent is missed then.  Sources: mremap(2) (old size 0), mincore(2),
 * userfaultfd(2); the lab's agent/both-killed and security/nonce-after-kill.
 */
#include "recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent_rpc.h"
#include "arena_copy.h"
#include "fdtab.h"
#include "ksock.h"
#include "mp.h"
#include "process/log.h"
#include "process/reentry.h"
#include "process/spawn_agent.h"
#include "shared/arena.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"
#include "shared/real.h"
#include "shared/seccomp.h"

enum {
	LATE_US = 1000000,  /* the agent may be late by that */
	EVERY_US = 1000000, /* between two looks for it */
};

bool
recover_map(struct sock *s, int memfd)
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

/* Copies the arena into a file of the new agent's and marks it as moved: a
 * descriptor, or a negative errno; -EBUSY: another process was first. */
static int
recover_copy(struct sock *s)
{
	struct arena *a = s->map.arena;
	int error, memfd = agent_rpc_file(s->map.size);

	if (memfd < 0)
		return memfd;
	error = -EBUSY;
	if (reentry_lock(a)) {
		error = arena_copy_into(&s->map, memfd);
		if (error == 0)
			atomic_store(&a->moved, 1);
		reentry_unlock(a);
	}
	if (error == 0)
		return memfd;
	real_close(memfd);
	return error;
}

/* Starts an agent and gives it control socket and copy. */
static void
recover_hand_over(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	int pass[IPC_PASS] = { -1, -1, -1 }, got = -1, error;

	if (spawn_agent(false) != 0)
		return;
	pass[0] = ksock_control(fd, s);
	if (pass[0] < 0)
		return;
	pass[1] = recover_copy(s);
	if (pass[1] >= 0) {
		error = agent_rpc_adopt(fd, s, pass, &answer, &got);
		/* The agent's memfd is the arena now: this copy, or that of a
		 * process that was first. */
		if (error == 0 && got >= 0 && recover_map(s, got))
			log_say(LOG_INFO, LOG_AGENT, "the agent was replaced");
		else
			log_say(LOG_ERROR, LOG_AGENT,
			    "the agent died; the new one: %s",
			    strerror(error != 0 ? -error : EPROTO));
		/* The agent refused it, so nobody else has the copy. */
		if (error != 0 && answer.error != 0)
			atomic_store(&s->map.arena->moved, 0);
		if (got >= 0)
			real_close(got);
		real_close(pass[1]);
	} else if (pass[1] != -EBUSY) {
		log_say(LOG_ERROR, LOG_AGENT, "the agent died, and no other "
		    "can take its place for this socket: %s",
		    strerror(-pass[1]));
		if (pass[1] == -EIO || pass[1] == -EFBIG) /* it will not help */
			atomic_store(&s->recover_at, UINT64_MAX);
	}
	real_close(pass[0]);
}

/* Do seccomp filters allow all that recovery needs? */
static bool
recover_allowed(void)
{
	return seccomp_unfiltered() ||
	    (arena_copy_allowed() && SECCOMP_ALLOWS(SYS_execve));
}

/* Looks for the agent, at most once per EVERY_US, and starts one if there is
 * none. */
static void
recover_now(int fd, struct sock *s, uint64_t now)
{
	uint64_t at = atomic_load(&s->recover_at);
	int probe, saved = errno;
	uint32_t idle = 0;

	if (!recover_allowed() || now < at ||
	    !atomic_compare_exchange_strong(&s->recover_at, &at,
		now + EVERY_US) ||
	    !atomic_compare_exchange_strong(&s->busy, &idle, 1))
		return;
	probe = connect_agent_open();
	if (probe >= 0)
		real_close(probe);
	else
		recover_hand_over(fd, s);
	atomic_store(&s->busy, 0);
	errno = saved;
}

void
recover_agent(int fd, struct sock *s)
{
	uint64_t due = atomic_load(&s->map.arena->wakeup_at), now;

	if (due == MP_NEVER)
		return;
	now = arena_now();
	if (now >= due && now - due >= LATE_US)
		recover_now(fd, s, now);
}

void
recover_asked(int fd, struct sock *s)
{
	recover_now(fd, s, arena_now());
}

void
recover_follow(int fd, struct sock *s)
{
	uint32_t idle = 0;
	int memfd, saved = errno;

	if (!recover_allowed() ||
	    !atomic_compare_exchange_strong(&s->busy, &idle, 1))
		return;
	if (atomic_load(&s->map.arena->moved)) {
		memfd = agent_rpc_memfd(fd, s);
		if (memfd >= 0) {
			(void)recover_map(s, memfd);
			real_close(memfd);
		}
	}
	atomic_store(&s->busy, 0);
	errno = saved;
}
