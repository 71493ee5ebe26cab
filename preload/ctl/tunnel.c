/* SPDX-License-Identifier: ISC */
/* The kernel tells the interface of a descriptor of /dev/net/tun in the fdinfo
 * of whoever holds it: proc(5). */
#include "tunnel.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 4096 };

/* Has this file of /proc a line with the text, or one that begins with it? */
static bool
tunnel_file_has(const char *path, const char *text, bool begins)
{
	char line[LINE];
	FILE *f = fopen(path, "re");
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = begins ? strncmp(line, text, strlen(text)) == 0 :
		    strstr(line, text) != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

/* Is it in the network namespace of this process? */
static bool
tunnel_is_here(const char *pid)
{
	char path[64];
	struct stat own, other;

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	return stat("/proc/self/ns/net", &own) == 0 &&
	    stat(path, &other) == 0 && own.st_ino == other.st_ino;
}

/* Has the process a descriptor of that interface? */
static bool
tunnel_is_of(const char *pid, const char *link)
{
	char path[96], at[64], want[64];
	struct dirent *e;
	DIR *d;
	ssize_t n;
	bool found = false;

	snprintf(want, sizeof(want), "iff:\t%s\n", link);
	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	d = opendir(path);
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid,
		    e->d_name);
		n = readlink(path, at, sizeof(at) - 1);
		if (n < 0)
			continue;
		at[n] = '\0';
		if (strcmp(at, "/dev/net/tun") != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid,
		    e->d_name);
		found = tunnel_file_has(path, want, true);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static void
tunnel_name(const char *pid, char program[TUNNEL_PROGRAM])
{
	char path[64], name[32] = "a program";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f != NULL && fgets(name, sizeof(name), f) != NULL)
		name[strcspn(name, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
	snprintf(program, TUNNEL_PROGRAM, "%s (%.10s)", name, pid);
}

bool
tunnel_holder(const char *link, char program[TUNNEL_PROGRAM])
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char path[64];
	bool found = false;

	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !tunnel_is_here(e->d_name) ||
		    !tunnel_is_of(e->d_name, link))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/maps", e->d_name);
		found = tunnel_file_has(path, "/libmpshim.so", false);
		if (found)
			tunnel_name(e->d_name, program);
	}
	if (d != NULL)
		closedir(d);
	return found;
}
