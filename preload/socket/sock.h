/* SPDX-License-Identifier: ISC */
/*
 * The life of a socket: socket(2), bind(2), connect(2), and its names.
 *
 * The kernel's socket is dual-stack whatever the program asked for, so that one
 * carries all flows.  It is never replaced, since dup2(2) over a descriptor
 * loses its epoll registrations (K30 of doc/design.md).  It is attached
 * (attach.c) at its bind, else with the first protected datagram.
 *
 * Functions return 0 or a negative errno.  The caller has a reference.
 */
#ifndef SOCK_H
#define SOCK_H

#include <stdbool.h>
#include <sys/socket.h>

struct mp_addr;
struct sock;

/* The socket of a descriptor, with a reference, or NULL: it is none of ours.
 * If nothing is known about it, asks the kernel and the agent. */
struct sock *sock_hold(int fd);
/* The same for a hook that sends: without what sock_before() says where the
 * thread did the same last. */
struct sock *sock_hold_sender(int fd);
/* The function is called before the next socket is looked up by this thread, or
 * by sock_go_before(), but not by sock_hold_sender(). */
void sock_before(void (*)(void));
void sock_go_before(void);

/* The descriptor was duplicated or passed on, so another program may use the
 * socket: attaches it if it is connected, so that the other finds the peer. */
void sock_attach_shared(int fd, struct sock *);

int sock_new(int domain, int type, int protocol); /* a descriptor, or -errno */
int sock_bind(int fd, struct sock *, const struct sockaddr *, socklen_t);
int sock_connect(int fd, struct sock *, const struct sockaddr *, socklen_t);
/* The same to the peer that the kernel's socket is connected to. */
int sock_connect_again(int fd, struct sock *);
/* Does the program get this socket's names as the kernel gives them, with an
 * IPv6 scope? */
bool sock_has_kernel_names(const struct sock *);
int sock_name(int fd, struct sock *, struct mp_addr *);
int sock_peer(int fd, struct sock *, struct mp_addr *);

/* --- What bind and connect share ------------------------------------------ */

/* The address that the program means: 0, or the error that the kernel would
 * give. */
int sock_parse(const struct sock *, struct mp_addr *, const struct sockaddr *,
    socklen_t, bool connecting);
/* A scratch socket of the same family, to try system calls on: a descriptor, or
 * a negative errno. */
int sock_new_scratch(const struct sock *);
/* Sets an option of SOL_SOCKET. */
void sock_set_option(int fd, int option, int value);

#endif
