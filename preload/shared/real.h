/* SPDX-License-Identifier: ISC */
/*
 * The C library's own functions.  The library's are found with dlsym(3), the
 * agent's are linked; so the files that both use can be written once.  Before
 * they can be found they are the bare system calls.
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

#endif
