/* SPDX-License-Identifier: ISC */
#include "spawn.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

enum { STACK = 65536, KEPT = 4 };

static char path[PATH_MAX];
static char vars[KEPT][PATH_MAX];
static char *envp_kept[KEPT + 1];

void
spawn_setup(char **envp)
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
	if (dladdr((void *)(uintptr_t)&spawn_setup, &info) == 0 ||
	    realpath(info.dli_fname, path) == NULL)
		return;
	slash = strrchr(path, '/');
	n = (int)(sizeof(path) - (size_t)(slash - path));
	if (snprintf(slash, (size_t)n, "/mpshim-agent") >= n)
		path[0] = '\0';
}

static int
child(void *error)
{
	char *argv[] = { path, NULL };

	execve(path, argv, envp_kept);
	*(int *)error = errno;
	_exit(127);
}

int
spawn_agent(void)
{
	int error = 0, status = 0;
	sigset_t all, old;
	pid_t pid;
	char *stack;

	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	/* No handler of the program's may run in the child, on our memory. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone(child, stack + STACK, CLONE_VM | CLONE_VFORK, &error);
	if (pid < 0)
		error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	munmap(stack, STACK);
	while (pid > 0 && waitpid(pid, &status, __WCLONE) < 0)
		if (errno != EINTR)
			break;
	if (error != 0) {
		log_say(LOG_ERROR, LOG_AGENT, "cannot start the agent %s: %s",
		    path, strerror(error));
		return -error;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}
