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
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "seccomp.h"
#include "real.h"
#include "uapi.h"

enum { LOCK_TRIES = 1000 }; /* of a millisecond */

static int
connect_agent_socket(void)
{
	int fd = real_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval most = { .tv_sec = IPC_WAIT_MS / 1000 };

	/* An agent that is stopped accepts nobody: when its queue is full,
	 * connect(2) would wait for as long. */
	if (fd >= 0 && SECCOMP_ALLOWS(SYS_setsockopt, fd, SOL_SOCKET,
	    SO_SNDTIMEO))
		(void)real_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most,
		    sizeof(most));
	return fd < 0 ? -errno : fd;
}

/* Of connect_agent_setup(): the runtime directory, or "", and the user. */
static char kept[108];
static uid_t owner = (uid_t)-1;

extern char **environ;

/* A variable that is an absolute path.  Not by getenv(3), which some programs
 * (bash) replace by a function of their own. */
static const char *
connect_agent_variable(char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=' &&
		    (*envp)[len + 1] == '/')
			return *envp + len + 1;
	return NULL;
}

/* The runtime directory's path, whether it exists or not. */
static int
connect_agent_where(char path[IPC_PATH], char **envp)
{
	const char *base;
	int n;

	if (kept[0] != '\0')
		n = snprintf(path, IPC_PATH, "%s", kept);
	else if ((base = connect_agent_variable(envp,
	    "MPSHIM_RUNTIME_DIR")) != NULL)
		n = snprintf(path, IPC_PATH, "%s", base);
	else if ((base = connect_agent_variable(envp,
	    "XDG_RUNTIME_DIR")) != NULL)
		n = snprintf(path, IPC_PATH, "%s/mpshim", base);
	else if (geteuid() == 0)
		n = snprintf(path, IPC_PATH, "/run/mpshim");
	else
		n = snprintf(path, IPC_PATH, "/tmp/mpshim-%u",
		    (unsigned)geteuid());
	return n < 0 || n >= IPC_PATH ? -ENAMETOOLONG : 0;
}

void
connect_agent_setup(char **envp)
{
	char path[IPC_PATH];

	owner = geteuid();
	if (connect_agent_where(path, envp) == 0 && strlen(path) < sizeof(kept))
		memcpy(kept, path, strlen(path) + 1);
}

/* Is this root, or our user, now or at the start? */
static bool
connect_agent_trusts(uid_t uid)
{
	return uid == 0 || uid == geteuid() ||
	    (owner != (uid_t)-1 && uid == owner);
}

int
connect_agent_directory(char path[IPC_PATH], int make)
{
	struct stat st;
	int error;

	error = connect_agent_where(path, environ);
	if (error != 0)
		return error;
	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (!connect_agent_trusts(st.st_uid) || (st.st_mode & 077) != 0)
		return -EPERM;
	return 0;
}

/* The path of the agent's socket for the network namespace of the socket
 * `of'. */
static int
connect_agent_path_of(int of, char path[IPC_PATH], int make)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	size_t len;
	int error, n;

	error = connect_agent_directory(path, make);
	if (error != 0)
		return error;
	if (real_getsockopt(of, SOL_SOCKET, SO_NETNS_COOKIE, &cookie,
	    &size) != 0)
		return -errno;
	len = strlen(path);
	n = snprintf(path + len, IPC_PATH - len, "/agent.%" PRIx64, cookie);
	/* A Unix socket's address is shorter than a path may be. */
	if (n < 0 || len + (size_t)n >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

int
connect_agent_path(char path[IPC_PATH], int make)
{
	int error, fd = connect_agent_socket();

	if (fd < 0)
		return fd;
	error = connect_agent_path_of(fd, path, make);
	real_close(fd);
	return error;
}

int
connect_agent_lock(void)
{
	char path[IPC_PATH];
	size_t len;
	int fd, i;

	if (!SECCOMP_ALLOWS(SYS_newfstatat))
		return -1;
	/* A process that knows the abstract socket may have changed its root
	 * directory: no directory is made there. */
	if (connect_agent_path(path, !connect_agent_abstract_known()) != 0)
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
		real_poll(NULL, 0, 1);
	}
	return fd;
}

void
connect_agent_unlock(int fd)
{
	if (fd >= 0)
		real_close(fd);
}

uid_t
connect_agent_user(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return real_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 ?
	    who.uid : (uid_t)-1;
}

/* Connects the socket to the name of `len' bytes: the socket, or a negative
 * errno and it is closed. */
static int
connect_agent_connect_to(int fd, const char *name, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int error;

	memcpy(sun.sun_path, name, len);
	if (real_connect(fd, (struct sockaddr *)&sun, (socklen_t)
		(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	error = -errno;
	real_close(fd);
	return error;
}

static int
connect_agent_in_directory(void)
{
	char path[IPC_PATH];
	int error, fd = connect_agent_socket();

	if (fd < 0)
		return fd;
	error = connect_agent_path_of(fd, path, 0);
	if (error != 0) {
		real_close(fd);
		return error;
	}
	fd = connect_agent_connect_to(fd, path, strlen(path) + 1);
	if (fd < 0 || connect_agent_trusts(connect_agent_user(fd)))
		return fd;
	real_close(fd);
	return -EPERM;
}

/* --- The abstract socket -------------------------------------------------- */

/* The last answers' news go to these in turn, so that one can be read while the
 * other is written. */
static struct connect_agent_abstract known[2];
static _Atomic uint32_t known_now; /* index + 1 of the valid one; 0: none */
static _Atomic uint32_t known_busy; /* a thread is writing */

static const struct connect_agent_abstract *
connect_agent_known(void)
{
	uint32_t now = atomic_load(&known_now);

	return now > 0 ? &known[now - 1] : NULL;
}

bool
connect_agent_abstract_known(void)
{
	return connect_agent_known() != NULL;
}

void
connect_agent_learn(const struct ipc_answer *answer, uid_t uid)
{
	const struct connect_agent_abstract *is = connect_agent_known();
	uint32_t other = is == &known[0];

	if (answer->abstract[0] == '\0' || (is != NULL && memcmp(is->token,
		answer->token, sizeof(is->token)) == 0) ||
	    atomic_exchange(&known_busy, 1) != 0)
		return;
	memcpy(known[other].abstract, answer->abstract,
	    sizeof(known[other].abstract));
	known[other].abstract[IPC_ABSTRACT - 1] = '\0';
	memcpy(known[other].token, answer->token, sizeof(known[other].token));
	known[other].uid = uid;
	atomic_store(&known_now, other + 1);
	atomic_store(&known_busy, 0);
}

/* By the abstract name, which any other user could have taken since. */
static int
connect_agent_by_name(const struct connect_agent_abstract *abstract)
{
	char name[1 + IPC_ABSTRACT] = "";
	size_t len = strlen(abstract->abstract);
	int fd;

	memcpy(name + 1, abstract->abstract, len);
	fd = connect_agent_socket();
	if (fd >= 0)
		fd = connect_agent_connect_to(fd, name, 1 + len);
	if (fd < 0 || connect_agent_user(fd) == abstract->uid)
		return fd;
	real_close(fd);
	return -EPERM;
}

int
connect_agent_open_by(const struct connect_agent_abstract **abstract)
{
	int fd = -EPERM, other;

	*abstract = NULL;
	if (!SECCOMP_ALLOWS(SYS_socket, AF_UNIX, SOCK_SEQPACKET |
	    SOCK_CLOEXEC) ||
	    !SECCOMP_ALLOWS(SYS_connect) ||
	    !SECCOMP_ALLOWS(SYS_getsockopt, 0, SOL_SOCKET, SO_PEERCRED))
		return fd;
	if (SECCOMP_ALLOWS(SYS_newfstatat) &&
	    SECCOMP_ALLOWS(SYS_getsockopt, 0, SOL_SOCKET, SO_NETNS_COOKIE))
		fd = connect_agent_in_directory();
	if (fd >= 0 || (*abstract = connect_agent_known()) == NULL)
		return fd;
	other = connect_agent_by_name(*abstract);
	return other >= 0 ? other : fd;
}

int
connect_agent_open(void)
{
	const struct connect_agent_abstract *abstract;

	return connect_agent_open_by(&abstract);
}
