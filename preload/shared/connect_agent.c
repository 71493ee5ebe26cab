/* SPDX-License-Identifier: ISC */
#include "connect_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "seccomp.h"
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
	uint64_t cookie = 0;
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

	if (!SECCOMP_ALLOWS(SYS_newfstatat))
		return -1;
	/* Who knows the abstract socket may be in another root by now. */
	if (ipc_path(path, !ipc_known()) != 0)
		return -1;
	len = strlen(path);
	if (len + sizeof(".bind") > sizeof(path))
		return -1;
	memcpy(path + len, ".bind", sizeof(".bind"));
	if (!SECCOMP_ALLOWS(SYS_openat, AT_FDCWD, path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600) ||
	    !SECCOMP_ALLOWS(SYS_flock))
		return -1;
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

/* Who is on the other side; -1: nobody knows. */
uid_t
connect_agent_user(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return real_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 ?
	    who.uid : (uid_t)-1;
}

/* Connects to who listens at `name', of `len' bytes: a descriptor, or -errno. */
static int
connect_agent_connect_to(const char *name, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int error, fd;

	fd = real_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(sun.sun_path, name, len);
	if (real_connect(fd, (struct sockaddr *)&sun, (socklen_t)
		(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	error = -errno;
	real_close(fd);
	return error;
}

static int
connect_directory(void)
{
	char path[IPC_PATH];
	int error, fd;

	error = ipc_path(path, 0);
	if (error != 0)
		return error;
	fd = connect_agent_connect_to(path, strlen(path) + 1);
	if (fd < 0 || is_us(connect_agent_user(fd)))
		return fd;
	real_close(fd);
	return -EPERM;
}

/* --- The abstract socket -------------------------------------------------- */

/* As learned last; who learns anew writes the other one. */
static struct connect_agent_abstract sides[2];
static _Atomic uint32_t side_now; /* 0: none; else 1 more than its index */
static _Atomic uint32_t side_busy;

static const struct connect_agent_abstract *
abstract_known(void)
{
	uint32_t now = atomic_load(&side_now);

	return now > 0 ? &sides[now - 1] : NULL;
}

bool
ipc_known(void)
{
	return abstract_known() != NULL;
}

void
connect_agent_learn(const struct ipc_answer *answer, uid_t uid)
{
	const struct connect_agent_abstract *is = abstract_known();
	uint32_t other = is == &sides[0];

	if (answer->abstract[0] == '\0' || (is != NULL && memcmp(is->token,
		answer->token, sizeof(is->token)) == 0) ||
	    atomic_exchange(&side_busy, 1) != 0)
		return;
	memcpy(sides[other].abstract, answer->abstract,
	    sizeof(sides[other].abstract));
	sides[other].abstract[IPC_ABSTRACT - 1] = '\0';
	memcpy(sides[other].token, answer->token, sizeof(sides[other].token));
	sides[other].uid = uid;
	atomic_store(&side_now, other + 1);
	atomic_store(&side_busy, 0);
}

/* The name there is abstract; any other user could have taken it by now. */
static int
connect_abstract(const struct connect_agent_abstract *side)
{
	char name[1 + IPC_ABSTRACT] = "";
	size_t len = strlen(side->abstract);
	int fd;

	memcpy(name + 1, side->abstract, len);
	fd = connect_agent_connect_to(name, 1 + len);
	if (fd < 0 || connect_agent_user(fd) == side->uid)
		return fd;
	real_close(fd);
	return -EPERM;
}

int
connect_agent(const struct connect_agent_abstract **side)
{
	int fd = -EPERM, other;

	*side = NULL;
	if (!SECCOMP_ALLOWS(SYS_socket, AF_UNIX, SOCK_SEQPACKET |
	    SOCK_CLOEXEC) ||
	    !SECCOMP_ALLOWS(SYS_connect) ||
	    !SECCOMP_ALLOWS(SYS_getsockopt, 0, SOL_SOCKET, SO_PEERCRED))
		return fd;
	if (SECCOMP_ALLOWS(SYS_newfstatat) &&
	    SECCOMP_ALLOWS(SYS_getsockopt, 0, SOL_SOCKET, SO_NETNS_COOKIE))
		fd = connect_directory();
	if (fd >= 0 || (*side = abstract_known()) == NULL)
		return fd;
	other = connect_abstract(*side);
	return other >= 0 ? other : fd;
}

int
ipc_connect(void)
{
	const struct connect_agent_abstract *side;

	return connect_agent(&side);
}
