/* SPDX-License-Identifier: ISC */
/* Declares every hook as hook_NAME, exported by its name in the C library; and
 * the macros to define one. */
#ifndef HOOKS_H
#define HOOKS_H

#include "process/libc.h"

#define HOOK_NAMED(name)                                                      \
	__asm__(#name) __attribute__((visibility("default"), used))

#define HOOK_DECLARE(type, name, params, args, raw)                           \
	type hook_##name params HOOK_NAMED(name);
LIBC_TABLE(HOOK_DECLARE)
LIBC_LIBRARY(HOOK_DECLARE)
#undef HOOK_DECLARE
int hook_fcntl(int, int, ...) HOOK_NAMED(fcntl);
int hook_ioctl(int, unsigned long, ...) HOOK_NAMED(ioctl);
int hook_prctl(int, ...) HOOK_NAMED(prctl);
int hook_dprintf(int, const char *, ...) HOOK_NAMED(dprintf);
int hook___dprintf_chk(int, int, const char *, ...) HOOK_NAMED(__dprintf_chk);
long hook_syscall(long, ...) HOOK_NAMED(syscall);

/* One more exported name of a hook of the same file. */
#define HOOK_ALIAS(name, alias_name)                                           \
	extern __typeof(hook_##name) alias_##alias_name __asm__(#alias_name)   \
	    __attribute__((alias(#name), visibility("default"), used))

#define HOOK(type, name, params) type hook_##name params

#endif
