/* SPDX-License-Identifier: ISC */
/*
 * A program leaves namespaces, gives up rights or ends its main thread while it
 * talks: namespaces HOW ADDRESS PORT [FILE].  HOW:
 *
 *	user, net, mount  it calls unshare(2), and its socket talks on; in a new
 *			  network, a socket on loopback is plain
 *	setns		  it joins the network namespace FILE and talks there to
 *			  the address in PROG_OTHER, too
 *	exit		  main() ends by pthread_exit(3), a thread talks on
 *	wait		  it waits for a datagram for ever
 *	drop		  all its threads become nobody; it talks for
 *			  PROG_SECONDS more
 *	jail		  the same, also with an empty root directory
 *	drop-new, jail-new
 *			  the same, on a socket made afterwards
 *	drop-first, jail-first
 *			  the same, on the first socket ever, made by a child
 *			  12 s later, when the agent has exited
 *
 * Prints lost N, in datagrams.
 */
#include "prog.h"

#include <dirent.h>
#include <grp.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static const char *how, *host, *port;
static int sock;
static unsigned lost;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

static bool
first(void)
{
	return is("drop-first") || is("jail-first");
}

static void
loopback_is_plain(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		err(1, "lo");
	if (bind(fd, (struct sockaddr *)&at, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
	    connect(fd, (struct sockaddr *)&at, len) != 0)
		err(1, "loopback");
	lost += prog_talk(fd, prog_sender(1), 0, 3);
}

static void
apart(int what)
{
	if (unshare(what) != 0)
		err(1, "unshare");
	lost += prog_talk(sock, prog_sender(0), 3, 10);
	if (what == CLONE_NEWNET)
		loopback_is_plain();
	else
		lost += prog_talk(prog_open(host, port), prog_sender(1), 0, 3);
}

static void
into(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		err(1, "%s", file);
	close(fd);
	lost += prog_talk(sock, prog_sender(0), 3, 10);
	fd = prog_open(getenv("PROG_OTHER"), port);
	lost += prog_talk(fd, prog_sender(1), 0, 10);
	lost += prog_talk(sock, prog_sender(0), 13, 10);
}

static void
tell(void)
{
	dprintf(1, "lost %u\n", lost);
}

static void *
talk_on(void *unused)
{
	usleep(200000);
	lost += prog_talk(sock, prog_sender(0), 3, 10);
	tell();
	exit(0);
	return unused;
}

static void *
wait_here(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Fails unless both threads have the user id of nobody (65534). */
static void
all_dropped(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[300], line[200];
	struct dirent *e;
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
		    e->d_name);
		f = fopen(path, "r");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			if (strncmp(line, "Uid:\t65534\t65534\t65534\t65534",
				28) == 0)
				n++;
		if (f != NULL)
			fclose(f);
	}
	if (n != 2)
		errx(1, "%d threads of 2 have become nobody", n);
}

static void
talk_long(int fd)
{
	uint64_t end = prog_now_ms() +
	    (uint64_t)atoi(getenv("PROG_SECONDS")) * 1000;
	uint32_t seq;

	for (seq = 0; prog_now_ms() < end; seq++) {
		lost += prog_talk(fd, prog_sender(2), seq, 1);
		usleep(10000);
	}
}

/* A child makes the first socket when the agent of others has exited (10 s). */
static void
talk_first(void)
{
	int status;
	pid_t pid;

	sleep(12);
	pid = fork();
	if (pid == 0) {
		talk_long(prog_open(host, port));
		_exit(lost > 0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		errx(1, "the child died");
	lost += (unsigned)WEXITSTATUS(status);
}

static void
talk_then(void)
{
	if (first())
		talk_first();
	else
		talk_long(is("drop-new") || is("jail-new") ?
		    prog_open(host, port) : sock);
}

static void
become_nobody(void)
{
	if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		err(1, "cannot become nobody");
}

static void
drop(void)
{
	pthread_t t;

	pthread_create(&t, NULL, wait_here, NULL);
	become_nobody();
	all_dropped();
	talk_then();
}

/* The root directory becomes an empty one, then removed. */
static void
jail(void)
{
	char dir[] = "/tmp/prog.XXXXXX";

	if (mkdtemp(dir) == NULL || chroot(dir) != 0 || chdir("/") != 0)
		err(1, "chroot");
	rmdir(dir);
	become_nobody();
	talk_then();
}

int
main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 4)
		errx(2, "usage: namespaces HOW ADDRESS PORT [FILE]");
	how = argv[1], host = argv[2], port = argv[3];
	if (!first()) {
		sock = prog_open(host, port);
		lost = prog_talk(sock, prog_sender(0), 0, 3);
	}
	if (is("user"))
		apart(CLONE_NEWUSER);
	else if (is("net"))
		apart(CLONE_NEWNET);
	else if (is("mount"))
		apart(CLONE_NEWNS);
	else if (is("setns"))
		into(argv[4]);
	else if (is("exit")) {
		pthread_create(&t, NULL, talk_on, NULL);
		pthread_exit(NULL);
	} else if (is("wait")) {
		tell();
		(void)recv(sock, &t, 1, 0);
	} else if (is("drop") || is("drop-new") || is("drop-first"))
		drop();
	else
		jail();
	tell();
	return 0;
}
