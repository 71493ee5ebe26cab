/* SPDX-License-Identifier: ISC */
/* Changes the file of peers. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>

struct keydir;

/* Adds the line of a peer: name, public key, options, as words.  One that is
 * there with the same name and key gets these options, and keeps its others.
 * One with another key is refused, unless it is to be replaced.  An exit
 * status, and says what went wrong; *news: whether the file was changed. */
int peer_add(struct keydir *, int n, char **words, bool replace, bool *news);
/* Removes the lines with this name or public key: how many, or -1, and says
 * why. */
int peer_remove(struct keydir *, const char *who);

#endif
