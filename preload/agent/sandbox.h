/* SPDX-License-Identifier: ISC */
/* Giving up what the worker does not need: root, and most system calls. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* What is open stays so.  0, or a negative errno. */
int sandbox_enter(void);

#endif
