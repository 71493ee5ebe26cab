/* SPDX-License-Identifier: ISC */
/* What the library does before the program gives up rights that the library
 * needs. */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <sys/types.h>

struct sock_fprog;

/* Before rights are given up: learns the agent's abstract socket, and starts
 * the agent if there is none.  The agent then stays as long as this process. */
void privilege_before_drop(void);
/* The same before the effective user changes; -1 leaves it. */
void privilege_before_change(uid_t effective);
/* Before a seccomp filter is installed. */
void privilege_before_filter(const struct sock_fprog *);
/* The kernel refused that filter. */
void privilege_filter_failed(void);

#endif
