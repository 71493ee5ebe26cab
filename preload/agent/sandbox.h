/* SPDX-License-Identifier: ISC */
/* Gives up what the worker does not need: root, and most system calls. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* Open descriptors stay open.  0, or a negative errno. */
int sandbox_enter(void);

#endif
