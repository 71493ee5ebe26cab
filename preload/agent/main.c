/* SPDX-License-Identifier: ISC */
/*
 * mpshim-agent: starts the agent, unless it runs already, in a session of its
 * own and without anything that it inherited: environment, descriptors, limits,
 * signals, directory.
 */
#include <bsd/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "journal.h"
#include "keeper.h"
#include "listener.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

enum {
	LOCK_WAIT_MS = 5000,
	FILES = 65536,	   /* descriptors, if they are allowed */
	STACK = 8 << 20, /* bytes, as usual */
};

/* The only variables that are kept. */
static const char *const wanted[] = { "MPSHIM_RUNTIME_DIR=",
	"XDG_RUNTIME_DIR=", "MPSHIM_AGENT_LOG=" };

enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

static bool
is_wanted(const char *variable)
{
	size_t i;

	for (i = 0; i < WANTED; i++)
		if (strncmp(variable, wanted[i], strlen(wanted[i])) == 0)
			return true;
	return false;
}

/* Executes itself again without the other variables: a library that LD_PRELOAD
 * names has been loaded already. */
static void
clean_environment(char **argv)
{
	char *kept[WANTED + 1] = { NULL };
	size_t i, n = 0;
	bool clean = true;

	for (i = 0; environ[i] != NULL; i++) {
		if (!is_wanted(environ[i]))
			clean = false;
		else if (n < WANTED)
			kept[n++] = environ[i];
	}
	if (clean)
		return;
	(void)execve("/proc/self/exe", argv, kept);
	(void)clearenv(); /* without /proc the library stays */
	for (i = 0; i < n; i++)
		(void)putenv(kept[i]);
}

/* Makes descriptors 0 to 2 exist, and no other. */
static void
clean_descriptors(void)
{
	int fd;

	closefrom(3);
	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd < 3)
		continue;
	if (fd >= 3)
		close(fd);
}

/* Raises a limit to `enough', or as far as it may be: root may raise the hard
 * limit as well. */
static void
clean_limit(int which, rlim_t enough)
{
	struct rlimit r, is;

	if (getrlimit(which, &is) != 0 || is.rlim_cur >= enough)
		return;
	r.rlim_cur = enough;
	r.rlim_max = is.rlim_max > enough ? is.rlim_max : enough;
	if (setrlimit(which, &r) == 0)
		return;
	r = (struct rlimit) { is.rlim_max, is.rlim_max };
	(void)setrlimit(which, &r);
}

/* The limits of the program that started the agent are not the agent's, which
 * serves other programs as well. */
static void
clean_limits(void)
{
	static const int none[] = { RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_DATA,
		RLIMIT_CPU, RLIMIT_MEMLOCK };
	struct rlimit r = { 0, 0 };
	size_t i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		clean_limit(none[i], RLIM_INFINITY);
	clean_limit(RLIMIT_STACK, STACK);
	clean_limit(RLIMIT_NOFILE, FILES);
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) /* more, if that is allowed */
		clean_limit(RLIMIT_NOFILE, r.rlim_max);
	r = (struct rlimit) { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &r);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

static void
clean_signals(void)
{
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* the error is enough */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
clean_place(void)
{
	int null, i;

	(void)setsid();
	if (chdir("/") != 0)
		_exit(1);
	(void)umask(077);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		_exit(1);
	for (i = 0; i < 3; i++)
		(void)dup2(null, i);
	close(null);
}

/* Waits until the keeper says that it serves: 0, or 1 with the reason in
 * `why'. */
static int
agent_await(int fd, char *why, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		n = read(fd, why + len, size - 1 - len);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		len += n > 0 ? (size_t)n : 0;
		if (len > 0 && why[0] == '\0')
			return 0;
	}
	why[len] = '\0';
	if (len == 0)
		snprintf(why, size, "died as it started");
	return 1;
}

/* Forks the keeper and waits for it; the caller holds the listener's lock. */
static int
agent_make(struct listener *listener, int lock, char *why, size_t size)
{
	int pair[2], error;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		snprintf(why, size, "%s", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		close(lock);
		close(pair[0]);
		clean_place();
		keeper_run(listener, pair[1]);
	}
	close(pair[1]);
	error = agent_await(pair[0], why, size);
	if (error != 0)
		(void)unlink(listener->path);
	return error;
}

static int
agent_start(char *why, size_t size)
{
	static struct listener listener;
	const char *log = getenv("MPSHIM_AGENT_LOG");
	int error, lock, fd;

	if (log != NULL && log[0] != '\0' && (error = journal_open(log)) != 0) {
		snprintf(why, size, "%s: %s", log, strerror(-error));
		return 1;
	}
	error = connect_agent_path(listener.path, 1);
	if (error != 0) {
		snprintf(why, size, "no directory for its socket: %s",
		    strerror(-error));
		return 1;
	}
	lock = listener_lock(&listener, LOCK_WAIT_MS);
	if (lock < 0) {
		snprintf(why, size, "%s.lock: %s", listener.path,
		    strerror(-lock));
		return 1;
	}
	fd = connect_agent_open();
	if (fd >= 0)
		return 0; /* it runs already */
	error = listener_open(&listener);
	if (error != 0) {
		snprintf(why, size, "%s: %s", listener.path, strerror(-error));
		return 1;
	}
	return agent_make(&listener, lock, why, size);
}

static int
agent_usage(FILE *to)
{
	fputs("usage: mpshim-agent\n"
	      "Serves the programs that run under libmpshim.so in this network "
	      "namespace.\n"
	      "mprun and the library start it; it ends 10 s after the last of "
	      "them.\n",
	    to);
	return to == stderr;
}

int
main(int argc, char **argv)
{
	static char why[PATH_MAX + IPC_TEXT] = "libsodium does not start";

	clean_environment(argv);
	clean_descriptors();
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return agent_usage(stdout);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts(agent_version);
		return 0;
	}
	if (argc > 1)
		return agent_usage(stderr);
	clean_signals();
	clean_limits();
	if (sodium_init() < 0 || agent_start(why, sizeof(why)) != 0) {
		fprintf(stderr, "mpshim: agent: %s\n", why);
		return 1;
	}
	return 0;
}
