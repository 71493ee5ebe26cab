/* SPDX-License-Identifier: ISC */
/* Writes files of a directory of keys, whole or not at all. */
#ifndef KEYDIR_WRITE_H
#define KEYDIR_WRITE_H

#include <stdbool.h>
#include <stddef.h>

struct keydir;

/* Makes the directory, and those that it lies in, where they are missing; and
 * waits until nobody else writes in it: a descriptor to close, or -1, and says
 * why. */
int keydir_lock(const struct keydir *);
/* Writes DIR/NAME, which only its owner can read if it is new: 0, or a
 * negative errno, and says why.  -EEXIST, and says nothing: it is there, and `replace' is
 * false. */
int keydir_write(const struct keydir *, const char *name, const char *text,
    size_t len, bool replace);

#endif
