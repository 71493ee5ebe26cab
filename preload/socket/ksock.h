/* SPDX-License-Identifier: ISC */
/*
 * The kernel's socket under a program's: what it is called, how it is bound, and
 * others at the same port.  Functions return 0 or a negative errno.
 */
#ifndef KSOCK_H
#define KSOCK_H

#include "fdtab.h"

/* SO_COOKIE, or 0. */
uint64_t ksock_cookie(int fd);
/* Is the descriptor still this socket, for all that can be told? */
bool ksock_same(int fd, const struct sock *);
uint64_t ksock_inode(int fd); /* 0: unknown */

int ksock_name(int fd, struct mp_addr *);
bool ksock_bound(int fd); /* has it a port? */
/* To be called before it is bound: of what comes at the moment when others join
 * its port nothing goes to them. */
void ksock_prepare(int fd);
/* It shall be itself one of those that join. */
void ksock_unprepare(int fd, const struct sock *);
int ksock_bind(int fd, const struct sock *, const struct mp_addr *);
/* To any port, as a first send would; or to this port if that is free. */
int ksock_autobind(int fd, struct sock *);
int ksock_autobind_to(int fd, struct sock *, uint16_t port);

/* Lets packets of another socket go by the ways that the program chose. */
void ksock_copy_ways(int from, int to);
/* A socket that is bound there besides this one, or a negative errno. */
int ksock_beside(int fd, const struct sock *, const struct mp_addr *);
/* One of the same port for the agent, or a negative errno. */
int ksock_control(int fd, const struct sock *);

#endif
