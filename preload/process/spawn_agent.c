/* SPDX-License-Identifier: ISC */
#include "spawn_agent.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "log.h"
#include "shared/old_glibc.h"
#include "shared/raw.h"

enum { STACK = 65536, KEPT = 4 };

static char path[PATH_MAX];
static char vars[KEPT][PATH_MAX];
static char *envp_kept[KEPT + 1];
static atomic_int told; /* errno of what the last line said, or 0 */

void
spawn_agent_setup(char **envp)
{
	static const char *const names[KEPT] = { "MPSHIM_RUNTIME_DIR=",
		"XDG_RUNTIME_DIR=", "MPSHIM_AGENT_LOG=", "PATH=" };
	Dl_info info;
	char *slash;
	int i, n = 0;

	for (; envp != NULL && *envp != NULL; envp++)
		for (i = 0; i < KEPT && n < KEPT; i++)
			if (strncmp(*envp, names[i], strlen(names[i])) == 0 &&
			    strlen(*envp) < sizeof(vars[0])) {
				snprintf(vars[n], sizeof(vars[n]), "%s",
				    *envp);
				envp_kept[n] = vars[n];
				n++;
			}
	if (dladdr((void *)(uintptr_t)&spawn_agent_setup, &info) == 0 ||
	    realpath(info.dli_fname, path) == NULL)
		return;
	slash = strrchr(path, '/');
	n = (int)(sizeof(path) - (size_t)(slash - path));
	if (snprintf(slash, (size_t)n, "/mpshim-agent") >= n)
		path[0] = '\0';
}

/* What the process and the two children share. */
struct spawn {
	char *stack; /* of the inner child */
	bool quiet;
	int error;   /* errno of what failed, or 0 */
	int status;  /* of the agent's waitpid(2) */
};

static int
spawn_agent_run(void *arg)
{
	struct spawn *sp = arg;
	char *argv[] = { path, NULL };

	if (sp->quiet) /* in this child's table of descriptors only */
		(void)RAW(SYS_close, STDERR_FILENO);
	execve(path, argv, envp_kept);
	sp->error = errno;
	_exit(127);
}

/*
 * The outer child.  The program shall not notice it, so it has no exit signal:
 * wait(2) does not see it and no SIGCHLD comes.  execve(2) would set SIGCHLD as
 * its exit signal; so an inner child executes the agent, and this one waits for
 * it (K35 of doc/design.md).
 */
static int
spawn_agent_child(void *arg)
{
	struct spawn *sp = arg;
	struct sigaction usual = { .sa_handler = SIG_DFL };
	pid_t pid;

	/* If the program ignores SIGCHLD, the kernel would reap the inner
	 * child itself.  This table of handlers is the child's own. */
	sigaction(SIGCHLD, &usual, NULL);
	pid = clone(spawn_agent_run, sp->stack, CLONE_VM | CLONE_VFORK, sp);
	if (pid < 0)
		sp->error = errno;
	while (pid > 0 && waitpid(pid, &sp->status, __WALL) < 0)
		if (errno != EINTR) {
			sp->error = errno;
			break;
		}
	_exit(0);
}

/* Makes the outer child and waits for it.  Signals are blocked, since a handler
 * of the program must not run in a child that shares the memory. */
static void
spawn_agent_clone(struct spawn *sp, char *stack)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone(spawn_agent_child, stack + STACK, CLONE_VM | CLONE_VFORK,
	    sp);
	if (pid < 0)
		sp->error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0)
		if (errno != EINTR)
			break;
}

/* Says why no agent could be started, once until one can: it is tried again and
 * again.  A negative errno, as spawn_agent() returns it. */
static int
spawn_agent_failed(int error, bool quiet)
{
	log_say(quiet || error == atomic_load(&told) ? LOG_DEBUG : LOG_ERROR,
	    LOG_AGENT, "cannot start the agent %s: %s%s", path,
	    strerror(error), error == EAGAIN ? " (ulimit -u?)" : "");
	if (!quiet)
		atomic_store(&told, error);
	return error == EAGAIN ? -EUSERS : -error;
}

int
spawn_agent(bool quiet)
{
	struct spawn sp = { .quiet = quiet };
	char *stack;

	if (!SECCOMP_ALLOWS(SYS_execve, path) || !SECCOMP_ALLOWS(SYS_clone))
		return -EPERM;
	stack = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	sp.stack = stack + 2 * STACK;
	spawn_agent_clone(&sp, stack);
	munmap(stack, 2 * STACK);
	if (sp.error != 0)
		return spawn_agent_failed(sp.error, quiet);
	atomic_store(&told, 0);
	return WIFEXITED(sp.status) && WEXITSTATUS(sp.status) == 0 ? 0 :
								     -ECHILD;
}
