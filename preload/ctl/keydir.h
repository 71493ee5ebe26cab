/* SPDX-License-Identifier: ISC */
/* A directory of keys as mpctl and mprun read it: the identity and the peers of
 * the user, or of the system. */
#ifndef KEYDIR_H
#define KEYDIR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/peers.h"
#include "shared/ipc.h"

enum { KEYDIRS = 2 };

struct keydir {
	char path[PATH_MAX]; /* with a slash at its end; "": there is none */
	char *text;	     /* of its peers, or NULL */
	size_t len;
	uint8_t secret[32];
	/* Negative errnos, and the reasons: its peers, its identity cannot be
	 * used. */
	int peers_error, identity_error;
	char peers_why[IPC_TEXT], identity_why[IPC_TEXT];
};

/* The directories of the user and of the system, by their paths alone. */
bool keydir_user(struct keydir *);
void keydir_system(struct keydir *);
/* That of the file DIR/NAME. */
bool keydir_of(struct keydir *, const char *path);
/* DIR/NAME; false, and says so: too long. */
bool keydir_file(const struct keydir *, const char *name, char path[PATH_MAX]);

/* Reads both files, or reads them again. */
void keydir_read(struct keydir *);
/* Wipes and frees what was read. */
void keydir_end(struct keydir *);
/* Are there files of keys of mpshim up to 1.x, and no peers yet? */
bool keydir_is_old(const struct keydir *);
/* Says which lines are wrong: how many. */
unsigned keydir_say_faults(const struct keydir *);
/* The first peer with this name or (text) public key: 1; 0: none; -EINVAL: its
 * line is wrong, which *p tells. */
int keydir_find(const struct keydir *, const char *name, struct peers *,
    struct peer *);
/* Reads the psk of a peer, zeros where it has none: 0, or a negative errno with
 * the reason in `why'. */
int keydir_psk(const struct keydir *, const struct peer *, uint8_t psk[32],
    char why[IPC_TEXT]);

#endif
