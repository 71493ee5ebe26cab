/* SPDX-License-Identifier: ISC */
/*
 * Key files: the lines "secret", this host's secret key, "peer", the other
 * host's public key, and perhaps "psk", which both hosts have; each with 64
 * hexadecimal digits.  Blank lines and lines that begin with # are skipped.  The
 * key's name is the file's without .key.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

enum {
	KEYFILE_MAX = 4096, /* bytes of a file, and more than it may have */
	KEYFILE_NAME = 32, /* bytes of a name, 0 included */
};

struct keyfile {
	char name[KEYFILE_NAME];
	uint8_t secret[32], peer[32];
	uint8_t psk[32]; /* zeros: none */
};

/* Opens a key file, if only its owner (this user or root) can read it: a
 * descriptor, or a negative errno with the reason in `why'. */
int keyfile_open(const char *path, char why[IPC_TEXT]);
/* Reads it: 0, or a negative errno with the reason in `why'.  The caller wipes
 * it. */
int keyfile_read(int fd, const char *path, struct keyfile *,
    char why[IPC_TEXT]);

#endif
