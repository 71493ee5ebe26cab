/* SPDX-License-Identifier: ISC */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stddef.h>
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
	LAST_CLIENT_MS = 50, /* for a client that looked the path up before */
};

/* The path with a suffix; false: it is too long. */
static bool
listener_path(const struct listener *d, const char *suffix, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s%s", d->path, suffix);

	return n > 0 && n < PATH_MAX;
}

/* Does the path still lead to the file that was locked? */
static bool
listener_still_there(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int
listener_lock(const struct listener *d, int wait_ms)
{
	char path[PATH_MAX];
	int fd, error;

	if (!listener_path(d, ".lock", path))
		return -ENAMETOOLONG;
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (listener_still_there(fd, path))
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

/* Makes the abstract socket; where that fails, programs do without. */
static void
listener_open_abstract(struct listener *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	uint8_t random[16];
	char hex[2 * sizeof(random) + 1];
	size_t len;

	randombytes_buf(d->secret, sizeof(d->secret));
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	(void)snprintf(d->name, sizeof(d->name), "mpshim-%s", hex);
	len = strlen(d->name);
	memcpy(sun.sun_path + 1, d->name, len); /* after a 0: abstract */
	d->abstract = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (d->abstract >= 0 && bind(d->abstract, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) ==
		0 && listen(d->abstract, BACKLOG) == 0)
		return;
	if (d->abstract >= 0)
		close(d->abstract);
	d->abstract = -1;
	d->name[0] = '\0';
}

int
listener_open(struct listener *d)
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
	/* The caller has found that nobody answers there: an agent died. */
	(void)unlink(d->path);
	if (bind(d->listener, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    listen(d->listener, BACKLOG) == 0 && lstat(d->path, &st) == 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
		listener_open_abstract(d);
		return 0;
	}
	error = -errno;
	close(d->listener);
	d->listener = -1;
	return error;
}

/* Does the path still lead to this socket? */
static bool
listener_is_ours(const struct listener *d)
{
	struct stat st;

	return lstat(d->path, &st) == 0 && st.st_dev == d->dev &&
	    st.st_ino == d->ino;
}

bool
listener_shut(const struct listener *d)
{
	struct pollfd p = { .fd = d->listener, .events = POLLIN };
	char away[PATH_MAX];
	int lock;
	bool shut = false;

	lock = listener_lock(d, 0);
	if (lock == -ENOENT) /* no directory: no client can connect */
		return poll(&p, 1, 0) == 0;
	if (lock < 0)
		return false;
	/* Renamed first, and renamed back if a client had connected. */
	if (!listener_is_ours(d))
		shut = poll(&p, 1, 0) == 0;
	else if (listener_path(d, ".old", away) && rename(d->path, away) == 0) {
		shut = poll(&p, 1, LAST_CLIENT_MS) == 0;
		if (shut)
			(void)unlink(away);
		else if (rename(away, d->path) != 0)
			shut = true; /* no client can connect any more */
	}
	close(lock);
	return shut;
}

/* --- Tokens --------------------------------------------------------------- */

_Static_assert(IPC_TOKEN == crypto_auth_hmacsha256_BYTES, "IPC_TOKEN");

void
listener_token(const struct listener *d, const char *keys,
    uint8_t token[IPC_TOKEN])
{
	crypto_auth_hmacsha256(token, (const uint8_t *)keys, strlen(keys),
	    d->secret);
}

bool
listener_knows(const struct listener *d, const char *keys,
    const uint8_t token[IPC_TOKEN])
{
	uint8_t good[IPC_TOKEN];

	listener_token(d, keys, good);
	return sodium_memcmp(good, token, sizeof(good)) == 0;
}
