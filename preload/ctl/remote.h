/* SPDX-License-Identifier: ISC */
/* Commands on another host, over ssh, and what they print. */
#ifndef REMOTE_H
#define REMOTE_H

#include <stdbool.h>
#include <stddef.h>

enum { REMOTE_TEXT = 16384 }; /* bytes of output that are kept, 0 included */

struct remote {
	const char *ssh; /* the command; NULL: ssh */
	const char *to;	 /* its destination: [USER@]HOST */
};

/* Can it be a destination?  It becomes a word of a command line. */
bool remote_ok(const char *to);
/* Runs the command there, and says that it does.  The output goes to `out';
 * false, and ssh or the command said why: it failed. */
bool remote_run(const struct remote *, const char *command,
    char out[REMOTE_TEXT]);
/* The addresses of a host of this name, separated by commas, `most' at most; "":
 * none is known. */
void remote_resolve(const char *host, unsigned most, char *list, size_t size);
/* The addresses of that host as programs here find them, separated by commas,
 * `most' at most; "": not known. */
void remote_addresses(const struct remote *, unsigned most, char *list,
    size_t size);

#endif
