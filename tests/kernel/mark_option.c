/* SPDX-License-Identifier: ISC */
/* An option in which a socket carries what family it stands for. */
#include "fact.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif

static char *const *arguments;

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd = sock(w), status = 1;
	char number[16];
	pid_t pid;

	claim(get(fd, IPPROTO_IPV6, IPV6_RECVERR_RFC4884) == 0,
	    "it is off at first", "it is on");
	set(fd, IPPROTO_IPV6, IPV6_RECVERR_RFC4884, 1);
	if (bind_to(fd, &any) != 0)
		broken("bind");
	(void)fcntl(fd, F_SETFD, 0);
	(void)snprintf(number, sizeof(number), "%d", fd);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", arguments[0], number, (char *)NULL);
		_exit(2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		broken("fork");
	claim(status == 0, "it is on after execve", "status %#x",
	    (unsigned)status);
	claim(put(fd, &to, "x") == 0 && arrives(fd, "x"),
	    "datagrams come and go as without it", "they do not");
}

int
main(int argc, char *argv[])
{
	arguments = argv;
	if (argc == 2) /* executed by run() */
		return get(atoi(argv[1]), IPPROTO_IPV6,
		    IPV6_RECVERR_RFC4884) != 1;
	return fact_main(&(struct fact) { .number = "K31",
		.holds = "IPV6_RECVERR_RFC4884 is kept over execve and does "
		    "nothing without IPV6_RECVERR",
		.breaks = "a program that gets an IPv4 socket of ours by execve "
		    "sees IPv6 names",
		.ways = MAPPED, .net = true, .run = run });
}
