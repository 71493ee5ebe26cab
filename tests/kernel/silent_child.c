/* SPDX-License-Identifier: ISC */
/* A child that its parent does not hear of. */
#include "fact.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 65536 };

static volatile sig_atomic_t signals;

static void
on_child(int sig)
{
	signals += sig == SIGCHLD;
}

static int
end_at_once(void *arg)
{
	(void)arg;
	_exit(3);
}

/* Gets its exit signal back. */
static int
execute(void *arg)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	char *const envp[] = { NULL };

	(void)arg;
	(void)execve("/bin/true", argv, envp);
	_exit(4);
}

static pid_t
start(int (*run)(void *), char *stack)
{
	pid_t pid = clone(run, stack + STACK, CLONE_VM | CLONE_VFORK, NULL);

	if (pid < 0)
		broken("clone");
	return pid;
}

static void
run(const struct way *w)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	struct sigaction act = { .sa_handler = on_child };
	int status = 0, error;
	pid_t pid;

	(void)w;
	(void)sigaction(SIGCHLD, &act, NULL);
	pid = start(end_at_once, stack);
	error = waitpid(-1, &status, WNOHANG) >= 0 ? 0 : -errno;
	claim(error == -ECHILD, "wait does not see it: ECHILD", "%s",
	    said(error));
	claim(waitpid(pid, &status, __WCLONE) == pid &&
	    WEXITSTATUS(status) == 3, "__WCLONE waits for it", "%#x",
	    (unsigned)status);
	claim(signals == 0, "there is no SIGCHLD", "%d", (int)signals);
	pid = start(execute, stack);
	claim(waitpid(pid, &status, __WALL) == pid && status == 0,
	    "__WALL waits for one that executed a program", "%#x",
	    (unsigned)status);
	claim(signals == 1, "which has its SIGCHLD back by execve", "%d",
	    (int)signals);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K35",
		.holds = "a child cloned without an exit signal gives no SIGCHLD "
		    "and no status to wait, until it executes a program",
		.breaks = "programs that count their children see the start of "
		    "the agent",
		.ways = ALL, .run = run });
}
