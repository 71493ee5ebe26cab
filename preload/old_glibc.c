/* SPDX-License-Identifier: ISC */
/* What was inline in the C library of Debian 11, for us and for libsodium. */
#include "old_glibc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "raw.h"

int
fstat(int fd, struct stat *st)
{
	return (int)RAW(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

int
lstat(const char *path, struct stat *st)
{
	return (int)RAW(SYS_newfstatat, AT_FDCWD, path, st,
	    AT_SYMLINK_NOFOLLOW);
}
