/* SPDX-License-Identifier: ISC */
/*
 * When what is known about a descriptor is no longer true: it is being closed,
 * it came from elsewhere, or it was closed where no hook could see it and its
 * number is another file's now.
 */
#ifndef STALE_FD_H
#define STALE_FD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "fdtab.h"

/* May this process change the table?  A child of vfork(2) runs in its parent's
 * memory and leaves it alone. */
bool stale_fd_may_change(void);
/* The descriptor is about to be closed. */
void stale_fd_forget(int fd);
/* It was closed, or is another file now. */
void stale_fd_drop(int fd);
/* A call failed: is the descriptor another file by now?  Then nothing is known
 * about it any more, and the socket was let go of. */
bool stale_fd_check(int fd, struct sock *);
/* As sock_hold(), of a descriptor that surely is that socket: it costs a system
 * call. */
struct sock *stale_fd_hold(int fd);
/* Nothing is known about the descriptors that came with this message. */
void stale_fd_arrived(const struct msghdr *);

#endif
