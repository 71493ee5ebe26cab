/* SPDX-License-Identifier: ISC */
/*
 * Files of keys, and keys as text.  A directory has
 *
 *	identity	our secret key: its public half is who we are
 *	peers		who may talk with us (peers.h)
 *
 * and perhaps files with a secret that we share with one peer (psk).
 *
 * A public key is "mp1" and 48 characters of base64url: 32 bytes, and 4 of
 * their SHA-256 that tell a slip of the pen.  A secret key is "mpsecret1" and the
 * same.  A psk is 64 hexadecimal digits or 44 characters of base64.
 *
 * In the files of secrets blank lines and lines that begin with # are skipped,
 * and one line is left.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

enum {
	KEYFILE_MAX = 4096, /* bytes of a file with a secret, and more than it
			     * may have */
	KEYFILE_TEXT = 64, /* bytes of a key as text, with the 0 */
};

enum keyfile_kind {
	KEYFILE_IDENTITY, /* a file of that name */
	KEYFILE_PEERS,	  /* the same */
	KEYFILE_PSK,	  /* a file of another name */
	KEYFILE_DIRECTORY, /* the path ends with a slash */
};

enum keyfile_kind keyfile_kind_of(const char *path);

void keyfile_public_text(char text[KEYFILE_TEXT], const uint8_t pub[32]);
void keyfile_secret_text(char text[KEYFILE_TEXT], const uint8_t secret[32]);
/* Reads a public key; false: it is none. */
bool keyfile_public(const char *word, uint8_t pub[32]);
/* Is it a secret key, where a public one should be? */
bool keyfile_is_secret(const char *word);

/*
 * Opens a file, if only its owner (this user or root) can read it, or write it
 * if it tells of peers: a descriptor, or a negative errno with the reason in
 * `why'.  That of a directory tells only when it changes.
 */
int keyfile_open(const char *path, char why[IPC_TEXT]);
/* Reads the secret of an identity or psk: 0, or a negative errno with the
 * reason in `why'.  The caller wipes it. */
int keyfile_secret(int fd, const char *path, uint8_t secret[32],
    char why[IPC_TEXT]);
/* Reads a file of peers from its beginning: 0, or a negative errno, -EFBIG where
 * it has over `max' bytes.  The text is the caller's to free, also after an
 * error; a 0 follows it. */
int keyfile_peers(int fd, size_t max, char **text, size_t *len);

#endif
