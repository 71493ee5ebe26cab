/* SPDX-License-Identifier: ISC */
/*
 * Key files: "end A" or "end B", "secret" and 64 hexadecimal digits, a line
 * each; blank lines and what begins with # are for people.  The key's name is
 * the file's, without .key.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

enum { KEYFILE_MAX = 4096, KEYFILE_NAME = 32 };

struct keyfile {
	char name[KEYFILE_NAME];
	char end; /* 'A' or 'B' */
	uint8_t secret[32];
};

/* Opens one that is private: a descriptor, or a negative errno with the reason
 * in `why'. */
int keyfile_open(const char *path, char why[IPC_TEXT]);
/* Reads it: 0, or a negative errno with the reason in `why'.  The caller wipes
 * the secret. */
int keyfile_read(int fd, const char *path, struct keyfile *,
    char why[IPC_TEXT]);

#endif
