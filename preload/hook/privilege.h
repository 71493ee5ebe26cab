/* SPDX-License-Identifier: ISC */
/* What the library does before the program gives up rights that it wants. */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <sys/types.h>

struct sock_fprog;

/* Some go: learns the agent's abstract socket, and starts the agent for that if
 * it is not there; it stays then as long as this process. */
void privilege_before_drop(void);
/* The same if this is another user than now; -1 is none. */
void privilege_before_change(uid_t effective);
/* A seccomp filter comes; then that it does not. */
void privilege_before_filter(const struct sock_fprog *);
void privilege_filter_failed(void);

#endif
