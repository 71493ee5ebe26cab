/* SPDX-License-Identifier: ISC */
/* How the agent's socket joins a port that the program has for itself. */
#include "fact.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* What bind says to another socket of the port. */
static int
another(const struct way *w, const struct name *n, bool shares)
{
	int fd = sock(w), error;

	set(fd, SOL_SOCKET, SO_REUSEPORT, shares);
	error = bind_to(fd, n);
	close(fd);
	return error;
}

/* The same for another user. */
static int
anothers(const struct way *w, const struct name *n)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setuid(NOBODY) != 0 ? 255 : -another(w, n, true));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		broken("fork");
	return -WEXITSTATUS(status);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int data = sock_at(w, &any), control, error;

	error = another(w, &any, true);
	claim(error == -EADDRINUSE, "a port bound without SO_REUSEPORT has room "
	    "for nobody", "%s", said(error));
	set(data, SOL_SOCKET, SO_REUSEPORT, 1);
	error = another(w, &any, false);
	claim(error == -EADDRINUSE, "with it set afterwards, one without it "
	    "gets EADDRINUSE", "%s", said(error));
	control = sock(w);
	set(control, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(control, &any);
	claim(error == 0, "one with it joins", "%s", said(error));
	error = another(w, &any, false);
	claim(error == -EADDRINUSE, "a third one without it gets EADDRINUSE",
	    "%s", said(error));
	if (!is_root())
		return;
	error = anothers(w, &any);
	claim(error == -EADDRINUSE, "one of another user gets EADDRINUSE", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K9",
		.holds = "SO_REUSEPORT, set after bind, lets a second socket of "
		    "the same user join, and keeps all others out",
		.breaks = "the agent cannot share the program's port, or a "
		    "program no longer hears that a port is taken",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
