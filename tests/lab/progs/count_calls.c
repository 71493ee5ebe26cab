/* SPDX-License-Identifier: ISC */
/*
 * Runs a program and counts the system calls of its first thread.
 *
 *	count_calls FILE COMMAND...	writes the number to FILE
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	unsigned long stops = 0;
	int status, deliver = 0;
	FILE *f;
	pid_t pid;

	if (argc < 3)
		errx(2, "usage: count_calls FILE COMMAND...");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			err(1, "PTRACE_TRACEME");
		raise(SIGSTOP);
		execvp(argv[2], argv + 2);
		err(1, "%s", argv[2]);
	}
	if (waitpid(pid, &status, 0) != pid ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) != 0)
		err(1, "ptrace");
	for (;; deliver = 0) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)deliver) != 0 ||
		    waitpid(pid, &status, 0) != pid)
			err(1, "ptrace");
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			stops++; /* before and after each call */
		else if (WSTOPSIG(status) != SIGTRAP)
			deliver = WSTOPSIG(status);
	}
	f = fopen(argv[1], "w");
	if (f == NULL || fprintf(f, "%lu\n", stops / 2) < 0 || fclose(f) != 0)
		err(1, "%s", argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
