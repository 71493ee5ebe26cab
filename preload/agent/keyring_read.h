/* SPDX-License-Identifier: ISC */
/* Reads what a keyring is wanted for: keyring.h tells the form. */
#ifndef KEYRING_READ_H
#define KEYRING_READ_H

#include "shared/ipc.h"

struct agent;
struct keyring;

/* Adds the keys: 0, or a negative errno with the reason in `why': a peer that
 * was named is not there, or none is.  Wrong lines go to the journal, and the
 * others count. */
int keyring_read(struct agent *, struct keyring *, char why[IPC_TEXT]);
/* Keeps the descriptor of a file that was read, or closes it. */
void keyring_keep_file(struct keyring *, int fd);

#endif
