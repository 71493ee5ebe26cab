/* SPDX-License-Identifier: ISC */
/* Functions that were inline in the C library of Debian 11 (glibc 2.31), and
 * that the library and libsodium call. */
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

/* Called by Debian's libsodium, which is fortified; musl does not have it. */
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
