/* SPDX-License-Identifier: ISC */
#include "libc.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#include "shared/old_glibc.h"
#include "shared/raw.h"

/* Volatile enough: written once, before the program has threads. */
static struct {
#define ROW(type, name, params, args, raw) type(*name) params;
	LIBC_TABLE(ROW)
	LIBC_VARIADIC(ROW)
	LIBC_LIBRARY(ROW)
#undef ROW
} found;

#define ROW(type, name, params, args, raw)                                    \
	type real_##name params                                               \
	{                                                                     \
		if (found.name != NULL)                                       \
			return found.name args;                               \
		return (type)RAW raw;                             \
	}
LIBC_TABLE(ROW)
LIBC_VARIADIC(ROW)
#undef ROW

/* dlsym(3) allocates when it finds nothing: only in here. */
static void
find(void *at, const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	memcpy(at, &p, sizeof(p));
}

void *
libc_first(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* No system call is behind them, so they are looked for when they are needed
 * before libc_find(). */
#define ROW(type, name, params, args, none)                                   \
	type real_##name params                                               \
	{                                                                     \
		if (found.name == NULL)                                       \
			find(&found.name, #name);                             \
		if (found.name != NULL)                                       \
			return found.name args;                               \
		errno = ENOSYS;                                               \
		return none;                                                  \
	}
LIBC_LIBRARY(ROW)
#undef ROW

void
libc_find(void)
{
#define ROW(type, name, params, args, raw) find(&found.name, #name);
	LIBC_TABLE(ROW)
	LIBC_VARIADIC(ROW)
	LIBC_LIBRARY(ROW)
#undef ROW
}
