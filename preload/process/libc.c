/* SPDX-License-Identifier: ISC */
#include "libc.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#include "shared/old_glibc.h"
#include "shared/raw.h"

/* The functions found.  Written by libc_find(), before the program has threads;
 * a row of LIBC_LIBRARY perhaps before, by the first caller that needs it. */
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

/* dlsym(3) allocates memory when it finds nothing, so only this file calls
 * it. */
static void
libc_find_one(void *at, const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	memcpy(at, &p, sizeof(p));
}

void *
libc_first(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* There is no system call to make instead, so these are looked up when they are
 * called before libc_find(). */
#define ROW(type, name, params, args, none)                                   \
	type real_##name params                                               \
	{                                                                     \
		if (found.name == NULL)                                       \
			libc_find_one(&found.name, #name);                    \
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
#define ROW(type, name, params, args, raw) libc_find_one(&found.name, #name);
	LIBC_TABLE(ROW)
	LIBC_VARIADIC(ROW)
	LIBC_LIBRARY(ROW)
#undef ROW
}
