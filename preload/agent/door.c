/* SPDX-License-Identifier: ISC */
#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 512,
	RETRY_MS = 10,
	LAST_KNOCK_MS = 50, /* for who found the path before it went */
};

/* The path with something added: false, too long. */
static bool
beside(const struct door *d, const char *suffix, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s%s", d->path, suffix);

	return n > 0 && n < PATH_MAX;
}

/* Is what we locked still the file of that name? */
static bool
still_there(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int
door_lock(const struct door *d, int wait_ms)
{
	char path[PATH_MAX];
	int fd, error;

	if (!beside(d, ".lock", path))
		return -ENAMETOOLONG;
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (still_there(fd, path))
				return fd;
			error = EWOULDBLOCK;
		} else
			error = errno;
		close(fd);
		if (error != EWOULDBLOCK || (wait_ms -= RETRY_MS) < 0)
			return -error;
		(void)poll(NULL, 0, RETRY_MS);
	}
}

int
door_open(struct door *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(d->path);
	struct stat st;
	int error;

	if (len >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, d->path, len + 1);
	d->listener = socket(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->listener < 0)
		return -errno;
	/* Nobody answers there: what lies there is of an agent that died. */
	(void)unlink(d->path);
	if (bind(d->listener, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    listen(d->listener, BACKLOG) == 0 && lstat(d->path, &st) == 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
		return 0;
	}
	error = -errno;
	close(d->listener);
	d->listener = -1;
	return error;
}

/* Does the path still lead to us? */
static bool
is_ours(const struct door *d)
{
	struct stat st;

	return lstat(d->path, &st) == 0 && st.st_dev == d->dev &&
	    st.st_ino == d->ino;
}

bool
door_shut(const struct door *d)
{
	struct pollfd p = { .fd = d->listener, .events = POLLIN };
	char away[PATH_MAX];
	int lock;
	bool shut = false;

	lock = door_lock(d, 0);
	if (lock == -ENOENT) /* the directory went: nobody can come */
		return poll(&p, 1, 0) == 0;
	if (lock < 0)
		return false;
	/* Out of the way first; back again if somebody had knocked. */
	if (!is_ours(d))
		shut = poll(&p, 1, 0) == 0;
	else if (beside(d, ".old", away) && rename(d->path, away) == 0) {
		shut = poll(&p, 1, LAST_KNOCK_MS) == 0;
		if (shut)
			(void)unlink(away);
		else if (rename(away, d->path) != 0)
			shut = true; /* nobody can come any more */
	}
	close(lock);
	return shut;
}
