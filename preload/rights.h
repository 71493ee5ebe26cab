/* SPDX-License-Identifier: ISC */
/* What the library does before the program gives up rights that it wants. */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <sys/types.h>

struct sock_fprog;

/* Some go: learns the agent's side door, and starts the agent for that if it is
 * not there; it stays then as long as this process. */
void rights_go(void);
/* The same if this is another user than now; -1 is none. */
void rights_change(uid_t effective);
/* A seccomp filter comes; then that it does not. */
void rights_filter(const struct sock_fprog *);
void rights_no_filter(void);

#endif
