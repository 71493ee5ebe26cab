/* SPDX-License-Identifier: ISC */
/*
 * Standard output on a socket: a shell's `echo >/dev/udp/...'.
 *
 * The C library's streams write with a call of their own that cannot be hooked,
 * and the kernel's socket is not connected: such a write would fail.  So while
 * descriptor 1 or 2 is a socket that we connected, `stdout' or `stderr' is a
 * stream that writes through our hook.
 */
#ifndef STDIO_SOCK_H
#define STDIO_SOCK_H

#include "socket/fdtab.h"

/* The descriptor is this socket from now on; NULL: none of ours. */
void stdio_sock_moved(int fd, const struct sock *);

#endif
