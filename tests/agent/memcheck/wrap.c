/* SPDX-License-Identifier: ISC */
/*
 * What the agent must not do under valgrind: be held to its own system calls, as
 * valgrind makes others, and be executed again for a clean environment, as
 * valgrind puts its own variables there each time.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <unistd.h>

scmp_filter_ctx __wrap_seccomp_init(uint32_t);
int __wrap_seccomp_rule_add(scmp_filter_ctx, uint32_t, int, unsigned, ...);
int __wrap_seccomp_load(scmp_filter_ctx);
void __wrap_seccomp_release(scmp_filter_ctx);
int __wrap_execve(const char *, char *const[], char *const[]);

scmp_filter_ctx
__wrap_seccomp_init(uint32_t action)
{
	static uint32_t filter;

	filter = action;
	return &filter;
}

int
__wrap_seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int call,
    unsigned n, ...)
{
	(void)ctx;
	(void)action;
	(void)call;
	(void)n;
	return 0;
}

int
__wrap_seccomp_load(scmp_filter_ctx ctx)
{
	(void)ctx;
	return 0;
}

void
__wrap_seccomp_release(scmp_filter_ctx ctx)
{
	(void)ctx;
}

int
__wrap_execve(const char *path, char *const argv[], char *const envp[])
{
	(void)path;
	(void)argv;
	(void)envp;
	errno = ENOENT;
	return -1;
}
