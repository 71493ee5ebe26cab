/* SPDX-License-Identifier: ISC */
/*
 * Standard output on a socket: a shell's `echo >/dev/udp/...'.
 *
 * The C library's streams write with an internal call that cannot be hooked,
 * and the kernel's socket is not connected, so such a write would fail.  While
 * descriptor 1 or 2 is a socket with an emulated connection, `stdout' or
 * `stderr' is a stream that writes through the hook.
 */
#ifndef STDIO_SOCK_H
#define STDIO_SOCK_H

struct sock;

/* The descriptor is this socket from now on; NULL: no socket of ours. */
void stdio_sock_moved(int fd, const struct sock *);

#endif
