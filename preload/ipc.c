/* SPDX-License-Identifier: ISC */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "real.h"
#include "uapi.h"

enum { LOCK_TRIES = 1000 }; /* of a millisecond */

static int
netns_cookie(uint64_t *cookie)
{
	socklen_t len = sizeof(*cookie);
	int fd, error = 0;

	fd = real_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (real_getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len) != 0)
		error = -errno;
	real_close(fd);
	return error;
}

static char kept[108]; /* the directory that ipc_setup() found; or "" */
static uid_t owner = (uid_t)-1; /* who we were then */

extern char **environ;

/* Not getenv(3), which some programs replace by one of their own. */
static const char *
env(char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=' &&
		    (*envp)[len + 1] == '/')
			return *envp + len + 1;
	return NULL;
}

/* Where the directory shall be. */
static int
directory(char path[IPC_PATH], char **envp)
{
	const char *base;
	int n;

	if (kept[0] != '\0')
		n = snprintf(path, IPC_PATH, "%s", kept);
	else if ((base = env(envp, "MPSHIM_RUNTIME_DIR")) != NULL)
		n = snprintf(path, IPC_PATH, "%s", base);
	else if ((base = env(envp, "XDG_RUNTIME_DIR")) != NULL)
		n = snprintf(path, IPC_PATH, "%s/mpshim", base);
	else if (geteuid() == 0)
		n = snprintf(path, IPC_PATH, "/run/mpshim");
	else
		n = snprintf(path, IPC_PATH, "/tmp/mpshim-%u",
		    (unsigned)geteuid());
	return n < 0 || n >= IPC_PATH ? -ENAMETOOLONG : 0;
}

void
ipc_setup(char **envp)
{
	char path[IPC_PATH];

	owner = geteuid();
	if (directory(path, envp) == 0 && strlen(path) < sizeof(kept))
		memcpy(kept, path, strlen(path) + 1);
}

/* Is this user us, or who we were? */
static bool
is_us(uid_t uid)
{
	return uid == 0 || uid == geteuid() ||
	    (owner != (uid_t)-1 && uid == owner);
}

int
ipc_directory(char path[IPC_PATH], int make)
{
	struct stat st;
	int error;

	error = directory(path, environ);
	if (error != 0)
		return error;
	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (!is_us(st.st_uid) || (st.st_mode & 077) != 0)
		return -EPERM;
	return 0;
}

int
ipc_path(char path[IPC_PATH], int make)
{
	uint64_t cookie;
	size_t len;
	int error, n;

	error = ipc_directory(path, make);
	if (error == 0)
		error = netns_cookie(&cookie);
	if (error != 0)
		return error;
	len = strlen(path);
	n = snprintf(path + len, IPC_PATH - len, "/agent.%" PRIx64, cookie);
	/* A Unix socket's address is shorter than a path may be. */
	if (n < 0 || len + (size_t)n >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

int
ipc_lock(void)
{
	char path[IPC_PATH];
	size_t len;
	int fd, i;

	if (ipc_path(path, 1) != 0)
		return -1;
	len = strlen(path);
	if (len + sizeof(".bind") > sizeof(path))
		return -1;
	memcpy(path + len, ".bind", sizeof(".bind"));
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	for (i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			real_close(fd);
			return -1;
		}
		poll(NULL, 0, 1);
	}
	return fd;
}

void
ipc_unlock(int fd)
{
	if (fd >= 0)
		real_close(fd);
}

/* Only we and root may be on the other side. */
static bool
trusted(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return real_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    is_us(who.uid);
}

int
ipc_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[IPC_PATH];
	int error, fd;

	error = ipc_path(path, 0);
	if (error != 0)
		return error;
	fd = real_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (real_connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		error = -errno;
	else if (!trusted(fd))
		error = -EPERM;
	if (error == 0)
		return fd;
	real_close(fd);
	return error;
}

/* Control messages with room for the descriptors, aligned. */
union pass {
	struct cmsghdr head;
	char room[CMSG_SPACE(IPC_PASS * sizeof(int))];
};

int
ipc_send(int fd, const void *data, size_t len, const int *pass, int n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union pass control;
	size_t bytes = (size_t)n * sizeof(int);
	ssize_t sent;

	if (n > 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), pass, bytes);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
	}
	do
		sent = real_sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Takes the descriptors that came, and closes those that nobody wanted. */
static void
take_passed(struct msghdr *msg, int got[IPC_PASS])
{
	struct cmsghdr *c;
	size_t i, n;
	int fd, taken = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			if (taken < IPC_PASS)
				got[taken++] = fd;
			else
				real_close(fd);
		}
	}
}

int
ipc_recv(int fd, void *data, size_t len, int got[IPC_PASS])
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	union pass control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;
	int i;

	for (i = 0; i < IPC_PASS; i++)
		got[i] = -1;
	do
		n = real_recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_passed(&msg, got);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return (int)n;
	for (i = 0; i < IPC_PASS; i++)
		if (got[i] >= 0)
			real_close(got[i]);
	return -EMSGSIZE;
}

int
ipc_wake(uint32_t port)
{
	struct {
		uint32_t version, kind;
		uint64_t cookie, inode;
		uint32_t port;
	} ask = { .version = IPC_VERSION, .kind = IPC_WAKE, .port = port };
	int fd = ipc_connect(), error;

	if (fd < 0)
		return fd;
	error = ipc_send(fd, &ask, IPC_SHORT, NULL, 0);
	real_close(fd);
	return error;
}

/* Waits until there is something to read: 0, or -ETIMEDOUT. */
static int
await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t until = arena_now() + IPC_WAIT_MS * 1000, now;

	while ((now = arena_now()) < until)
		if (poll(&p, 1, (int)((until - now) / 1000) + 1) > 0)
			return 0;
	return -ETIMEDOUT;
}

int
ipc_ask(const struct ipc_ask *ask, const int *pass, int n,
    struct ipc_answer *answer, int *got)
{
	int fd, error, came[IPC_PASS] = { -1, -1 };

	*got = -1;
	fd = ipc_connect();
	if (fd < 0)
		return fd;
	error = ipc_send(fd, ask, sizeof(*ask), pass, n);
	if (error == 0)
		error = await(fd);
	if (error == 0)
		error = ipc_recv(fd, answer, sizeof(*answer), came);
	real_close(fd);
	if (came[1] >= 0)
		real_close(came[1]);
	if (error == (int)sizeof(*answer) && answer->version == IPC_VERSION) {
		answer->text[IPC_TEXT - 1] = '\0';
		*got = came[0];
		return 0;
	}
	if (came[0] >= 0)
		real_close(came[0]);
	return error < 0 ? error : -EPROTO;
}
