/* SPDX-License-Identifier: ISC */
/* How a program without rights finds the agent, and who is there. */
#include "fact.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_un name = { .sun_family = AF_UNIX,
	.sun_path = "\0mpshim-fact" };
static const socklen_t name_len = offsetof(struct sockaddr_un, sun_path) +
    sizeof("\0mpshim-fact") - 1;

static int
connect_to_name(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error;

	if (connect(fd, (struct sockaddr *)&name, name_len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* In another root, as another user: does it find who listens, with this id? */
static bool
found_by_child(uid_t listener)
{
	struct ucred who = { .uid = 1 };
	socklen_t len = sizeof(who);
	int fd, status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		if (chroot("/proc") != 0 ||
		    (is_root() && setuid(NOBODY) != 0))
			_exit(2);
		fd = connect_to_name();
		_exit(fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who,
		    &len) != 0 || who.uid != listener);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		broken("fork");
	if (WEXITSTATUS(status) == 2)
		skip("chroot or setuid is not allowed here");
	return status == 0;
}

static void
run(const struct way *w)
{
	int listener, fd,
	    pidfd;
	struct ucred who = { .pid = 0 };
	socklen_t len = sizeof(who);

	(void)w;
	links(0);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&name, name_len) != 0 ||
	    listen(listener, 4) != 0)
		broken("listen");
	claim(found_by_child(geteuid()), "an abstract name is found from "
	    "another root by another user, and SO_PEERCRED tells who listened",
	    "it is not");
	fd = accept(listener, NULL, NULL);
	claim(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    who.pid > 0, "SO_PEERCRED tells who connected", "%d", who.pid);
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	claim(pidfd >= 0 && !readable(pidfd, 0), "pidfd_open gives a descriptor "
	    "that is not readable while the process lives", "%d", pidfd);
	there();
	fd = connect_to_name();
	claim(fd == -ECONNREFUSED, "another network namespace does not have the "
	    "name", "%s", said(fd));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K38",
		.holds = "abstract names belong to a network namespace and are "
		    "open from any root, and SO_PEERCRED tells who listens",
		.breaks = "a program that changed its user or root no longer "
		    "reaches its agent, or reaches somebody else",
		.ways = ALL, .net = true, .run = run });
}
