/* SPDX-License-Identifier: ISC */
#include "keydir_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keydir.h"
#include "say.h"

/* Makes each directory of the path that is missing: those of a user are closed
 * to others. */
static bool
keydir_make(const struct keydir *d)
{
	mode_t mode = strncmp(d->path, "/etc/", 5) == 0 ? 0755 : 0700;
	char path[PATH_MAX], *slash;

	memcpy(path, d->path, sizeof(path));
	for (slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, mode) != 0 && errno != EEXIST) {
			say_line("%s: %s", path, strerror(errno));
			return false;
		}
		*slash = '/';
	}
	return true;
}

int
keydir_lock(const struct keydir *d)
{
	int fd;

	if (!keydir_make(d))
		return -1;
	fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	say_line("%s: %s", d->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Writes the text and waits until it is on the disk: 0, or an errno. */
static int
keydir_write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) != 0 ? errno : 0;
}

/* The new file gets mode and owner of the one that it replaces. */
static int
keydir_keep_owner(int fd, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return fchmod(fd, 0600) != 0 ? errno : 0;
	if (st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid) != 0)
		return errno;
	return fchmod(fd, st.st_mode & 07777) != 0 ? errno : 0;
}

/* Gives the new file its name: 0, or an errno. */
static int
keydir_name(const struct keydir *d, const char *new, const char *path,
    bool replace)
{
	int fd, error;

	error = (replace ? rename(new, path) : link(new, path)) != 0 ?
	    errno : 0;
	fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd); /* some file systems refuse it */
		close(fd);
	}
	return error;
}

int
keydir_write(const struct keydir *d, const char *name, const char *text,
    size_t len, bool replace)
{
	char path[PATH_MAX], new[PATH_MAX];
	int fd, error;

	if (!keydir_file(d, name, path) || !keydir_file(d, ".new.XXXXXX", new))
		return -ENAMETOOLONG;
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0) {
		error = errno;
		say_line("%s: %s", d->path, strerror(error));
		return -error;
	}
	error = keydir_keep_owner(fd, path);
	if (error == 0)
		error = keydir_write_all(fd, text, len);
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0)
		error = keydir_name(d, new, path, replace);
	(void)unlink(new);
	if (error != 0 && (error != EEXIST || replace))
		say_line("%s: %s", path, strerror(error));
	return -error;
}
