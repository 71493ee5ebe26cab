/* SPDX-License-Identifier: ISC */
/* The lines of /proc/net/udp and udp6. */
#ifndef PROC_UDP_H
#define PROC_UDP_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fact.h"

/* Finds the socket by its inode in a list that is open: its drops, or -1 where
 * it is not listed. */
static inline int
proc_drops(FILE *list, uint64_t inode)
{
	char line[512];
	uint64_t found, drops;
	int result = -1;

	rewind(list);
	while (fgets(line, sizeof(line), list) != NULL)
		if (sscanf(line, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%*x %*x "
		    "%*x:%*x %*x:%*x %*x %*u %*u %" SCNu64 " %*u %*s %" SCNu64,
		    &found, &drops) == 2 && found == inode)
			result = (int)drops;
	return result;
}

/* The list of a way's sockets. */
static inline FILE *
proc_list(const struct way *w)
{
	const char *path = w->domain == AF_INET ? "/proc/self/net/udp" :
						  "/proc/self/net/udp6";
	FILE *f = fopen(path, "re");

	if (f == NULL)
		broken("%s", path);
	setbuf(f, NULL); /* each reading is a new one */
	return f;
}

static inline uint64_t
inode_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		broken("fstat");
	return st.st_ino;
}

#endif
