/* SPDX-License-Identifier: ISC */
/* Who this user, or this host, is. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct keydir;

/* Finds the user's directory, or the system's; false, and says so: there is
 * none. */
bool identity_directory(struct keydir *, bool system);
/* The public key of the directory's identity, which is made if there is none;
 * false, and says why: it cannot be used. */
bool identity_public(struct keydir *, uint8_t pub[32]);

#endif
