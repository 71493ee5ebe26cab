/* SPDX-License-Identifier: ISC */
/* The kernel marks a lock in shared memory whose holder dies. */
#include "fact.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In another process: names the word as the lock that it is about to take,
 * takes it, and dies with it. */
static void
hold(_Atomic uint32_t *lock)
{
	struct robust_list_head *list;
	size_t len;

	end_with_parent();
	if (syscall(SYS_get_robust_list, 0, &list, &len) != 0)
		_exit(2);
	list->list_op_pending = (struct robust_list *)(void *)
	    ((char *)lock - list->futex_offset);
	atomic_store(lock, (uint32_t)syscall(SYS_gettid));
	for (;;)
		pause();
}

static void
run(const struct way *w)
{
	struct timespec patience = { .tv_sec = 2 };
	_Atomic uint32_t *lock;
	uint32_t held, found;
	pid_t pid;
	int fd = memfd_create("lock", MFD_CLOEXEC);

	(void)w;
	if (fd < 0 || ftruncate(fd, 4096) != 0)
		broken("memfd_create");
	lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lock == MAP_FAILED)
		broken("mmap");
	pid = fork();
	if (pid == 0)
		hold(lock);
	while ((held = atomic_load(lock)) == 0)
		(void)usleep(100);
	claim(held == (uint32_t)pid, "the holder's id is in it", "%u", held);
	held |= FUTEX_WAITERS;
	atomic_store(lock, held);
	(void)kill(pid, SIGKILL);
	/* EAGAIN: the mark was there before we slept. */
	if (syscall(SYS_futex, lock, FUTEX_WAIT, held, &patience, NULL, 0) != 0 &&
	    errno != EAGAIN)
		claim(false, "who sleeps for the lock is woken", "%s",
		    said(-errno));
	found = atomic_load(lock);
	claim((found & FUTEX_OWNER_DIED) != 0 && (found & FUTEX_TID_MASK) == 0,
	    "FUTEX_OWNER_DIED is set and the id gone", "%#x", found);
	(void)waitpid(pid, NULL, 0);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K36",
		.holds = "list_op_pending of the robust list is enough for the "
		    "kernel to mark a lock in a memfd when its holder is killed, "
		    "and to wake who waits",
		.breaks = "a process that is killed within an arena's lock stops "
		    "all others of the port for 2 s",
		.ways = ALL, .run = run });
}
