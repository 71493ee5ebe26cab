/* SPDX-License-Identifier: ISC */
/*
 * How much memory it takes to talk: limits ADDRESS PORT SOCKETS.  Prints lost N
 * (datagrams) limit N (descriptors) rss N shared N (kB; rss includes shared).
 */
#include "prog.h"

#include <sys/resource.h>

static long
status(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long value = 0;

	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			value = atol(line + strlen(name) + 1);
	fclose(f);
	return value;
}

int
main(int argc, char **argv)
{
	struct rlimit r;
	unsigned lost = 0;
	int i;

	if (argc != 4)
		errx(2, "usage: limits ADDRESS PORT SOCKETS");
	getrlimit(RLIMIT_NOFILE, &r);
	for (i = 0; i < atoi(argv[3]); i++)
		lost += prog_talk(prog_open(argv[1], argv[2]),
		    prog_sender((uint32_t)i), 0, 3);
	printf("lost %u limit %ld rss %ld shared %ld\n", lost,
	    (long)r.rlim_cur, status("VmRSS:"), status("RssShmem:"));
	return 0;
}
