/* SPDX-License-Identifier: ISC */
/*
 * The life of a socket: what bind, connect and their like do to it, and how it
 * comes to share its port with the agent.
 *
 * The kernel's socket is dual-stack whatever the program asked for, so that one
 * carries all flows; it is never replaced.  It joins its port's arena at its
 * bind, else when the first datagram wants to be protected.  connect(2) to a
 * protected peer is emulated: the kernel's socket stays open to all addresses
 * of the peer.
 *
 * Functions return 0 or a negative errno; the socket is held by the caller.
 */
#ifndef SOCK_H
#define SOCK_H

#include <sys/socket.h>

#include "fdtab.h"
#include "attach.h"

/* The socket of a descriptor, held, or NULL when it is none of ours.  One that
 * nothing is known about is looked at, and asked for at the agent. */
struct sock *sock_hold(int fd);

/* The descriptor has another name now, which may outlive this process' image:
 * one that is in use joins its port, so that others find it. */
void sock_shared(int fd, struct sock *);

int sock_new(int domain, int type, int protocol); /* a descriptor, or -errno */
int sock_bind(int fd, struct sock *, const struct sockaddr *, socklen_t);
int sock_connect(int fd, struct sock *, const struct sockaddr *, socklen_t);
/* Is the kernel's own word, with its scope, what the program shall be told of
 * this socket's names? */
bool sock_as_is(const struct sock *);
int sock_name(int fd, struct sock *, struct mp_addr *);
int sock_peer(int fd, struct sock *, struct mp_addr *);

/* --- What bind and connect share ------------------------------------------ */

/* What the program means by this name: 0, or the kernel's complaint. */
int sock_parse(const struct sock *, struct mp_addr *, const struct sockaddr *,
    socklen_t, bool connecting);
/* Another one of the kernel's family, to try things on; or a negative errno. */
int sock_scratch(const struct sock *);
/* Sets an option of SOL_SOCKET. */
void sock_flag(int fd, int option, int value);
#endif
