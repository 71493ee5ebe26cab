/* SPDX-License-Identifier: ISC */
/* Reads what a keyring is wanted for: keyring.h tells the form. */
#ifndef KEYRING_READ_H
#define KEYRING_READ_H

#include "keyring.h"
#include "shared/ipc.h"

struct agent;

/* Adds the keys: 0, or a negative errno with the reason in `why': a peer that
 * was named is not there, or none is.  Wrong lines go to the journal, and the
 * others count. */
int keyring_read(struct agent *, struct keyring *, char why[IPC_TEXT]);
/* A file as it is now.  All zero: it cannot be looked at. */
struct keyring_stamp keyring_stamp_of(int fd);

#endif
