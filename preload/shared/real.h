/* SPDX-License-Identifier: ISC */
/*
 * The link seam: the C library's own functions, for the files that the library
 * shares with agent and mpctl.  In the library they are found with dlsym(3)
 * behind the hooks (process/libc.c), and are bare system calls until then;
 * elsewhere they are linked (real.c).
 */
#ifndef REAL_H
#define REAL_H

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

int real_socket(int, int, int);
int real_bind(int, const struct sockaddr *, socklen_t);
int real_connect(int, const struct sockaddr *, socklen_t);
int real_close(int);
ssize_t real_read(int, void *, size_t);
int real_getsockname(int, struct sockaddr *, socklen_t *);
int real_getpeername(int, struct sockaddr *, socklen_t *);
int real_getsockopt(int, int, int, void *, socklen_t *);
int real_setsockopt(int, int, int, const void *, socklen_t);
ssize_t real_sendto(int, const void *, size_t, int, const struct sockaddr *,
    socklen_t);
ssize_t real_recvfrom(int, void *, size_t, int, struct sockaddr *, socklen_t *);
ssize_t real_sendmsg(int, const struct msghdr *, int);
ssize_t real_recvmsg(int, struct msghdr *, int);
int real_poll(struct pollfd *, nfds_t, int);

#endif
