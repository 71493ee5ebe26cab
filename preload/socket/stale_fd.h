/* SPDX-License-Identifier: ISC */
/*
 * Descriptors of which the table's entry is out of date: closed, received from
 * another process, or closed where no hook could see it, so that the number is
 * another file's now.
 */
#ifndef STALE_FD_H
#define STALE_FD_H

#include <stdbool.h>
#include <sys/socket.h>

struct sock;

/* May this process change the table?  Not a child of vfork(2), which runs in
 * its parent's memory. */
bool stale_fd_may_change(void);
/* The descriptor is about to be closed. */
void stale_fd_forget(int fd);
/* The descriptor was closed, or is another file now. */
void stale_fd_drop(int fd);
/* After a call that failed: is the descriptor another file by now?  Then drops
 * the entry and releases the socket. */
bool stale_fd_check(int fd, struct sock *);
/* As sock_hold(), but checks first that the descriptor is that socket, by a
 * system call. */
struct sock *stale_fd_hold(int fd);
/* Drops the entries of the descriptors that arrived in this message. */
void stale_fd_arrived(const struct msghdr *);

#endif
