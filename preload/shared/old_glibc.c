/* SPDX-License-Identifier: ISC */
/* What was inline in the C library of Debian 11, for us and for libsodium. */
#include "old_glibc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "raw.h"

int
fstat(int fd, struct stat *st)
{
	return (int)RAW(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

/* Of libsodium, which Debian builds with checks that no other C library has. */
void __explicit_bzero_chk(void *, size_t, size_t);

void
__explicit_bzero_chk(void *p, size_t len, size_t room)
{
	explicit_bzero(p, len < room ? len : room);
}

int
lstat(const char *path, struct stat *st)
{
	return (int)RAW(SYS_newfstatat, AT_FDCWD, path, st,
	    AT_SYMLINK_NOFOLLOW);
}
