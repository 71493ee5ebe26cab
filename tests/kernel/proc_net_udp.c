/* SPDX-License-Identifier: ISC */
/* The agent sees in /proc/net/udp whether a socket is still there. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_udp.h"

/* In a child that does nothing: its process. */
static pid_t
hold_in_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		end_with_parent();
		for (;;)
			pause();
	}
	if (pid < 0)
		broken("fork");
	return pid;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int fd = sock_at(w, &any), copy;
	FILE *list = proc_list(w);
	uint64_t inode = inode_of(fd);
	pid_t child;

	if (is_root() && setuid(NOBODY) != 0)
		broken("setuid");
	powerless();
	claim(proc_drops(list, inode) >= 0, "a bound socket is listed with the "
	    "inode of fstat, for who opened the list before he lost his rights",
	    "it is not");
	copy = dup(fd);
	child = hold_in_child();
	close(fd);
	close(copy);
	claim(proc_drops(list, inode) >= 0, "it stays while another process "
	    "has it", "it went");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	claim(proc_drops(list, inode) < 0, "it is gone when the last descriptor "
	    "is, however its process died", "it is still there");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K17",
		.holds = "/proc/net/udp and udp6 list a socket by its inode until "
		    "its last descriptor is closed",
		.breaks = "the agent does not notice that a socket is gone, or "
		    "closes a port that is in use",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
