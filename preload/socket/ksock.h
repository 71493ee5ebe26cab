/* SPDX-License-Identifier: ISC */
/* The kernel's socket under a program's: its identity, its address, and further
 * sockets at the same port.  Functions return 0 or a negative errno. */
#ifndef KSOCK_H
#define KSOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"

struct sock;

/* SO_COOKIE, or 0. */
uint64_t ksock_cookie(int fd);
/* Is the descriptor still this socket?  Yes if a seccomp filter forbids
 * asking. */
bool ksock_same(int fd, const struct sock *);
uint64_t ksock_inode(int fd); /* 0: unknown */
/* The interface that it is bound to; 0: none, or a seccomp filter forbids
 * asking. */
uint32_t ksock_device(int fd);

int ksock_name(int fd, struct mp_addr *);
bool ksock_bound(int fd); /* has it a port? */
/* Before a bind: steers the packets of the port's future group to this socket,
 * so that none goes to the control socket while that joins. */
void ksock_prepare(int fd);
/* Undoes it, for a socket that joins another's group. */
void ksock_unprepare(int fd, const struct sock *);
/* Dissolves the kernel's connection, but not a binding to a device, which goes
 * with it. */
int ksock_dissolve(int fd);
int ksock_bind(int fd, const struct sock *, const struct mp_addr *);
/* Binds to the wildcard in the program's family alone, where another program has
 * the port in the other one. */
int ksock_bind_narrow(int fd, struct sock *, const struct mp_addr *);
/* The value of sock.only. */
enum mp_family ksock_only(int fd, const struct sock *);
/* Binds to this port if it is free; 0: to any, as a first send would. */
int ksock_autobind_to(int fd, struct sock *, uint16_t port);
/* To any port, for a socket that is plain so far, and may be attached while its
 * plain peers send to it. */
int ksock_autobind_plain(int fd, struct sock *);
/* As ksock_autobind_to(), before the socket attaches, so that nobody sends to it
 * until then: then ksock_prepare() is not needed. */
int ksock_autobind_quietly(int fd, struct sock *, uint16_t port);

/* Copies the options that choose a packet's route (device, mark, priority) and
 * allow addresses that the host does not have. */
void ksock_copy_ways(int from, int to);
/* Another socket bound to this address, in the group of the first: a
 * descriptor, or a negative errno. */
int ksock_beside(int fd, const struct sock *, const struct mp_addr *);
/* The control socket of the port: a descriptor, or a negative errno. */
int ksock_control(int fd, const struct sock *);

#endif
