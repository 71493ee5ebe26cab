/* SPDX-License-Identifier: ISC */
/*
 * The program's own socket filter (SO_ATTACH_FILTER).
 *
 * The kernel's socket has one place for a filter, where the library's is.  The
 * program's is appended to it, so plaintext passes both.  Datagrams of
 * sessions, which the kernel sees encrypted, pass the program's filter when
 * they are read (bpf.h).  A filter is first attached to a scratch socket, to
 * learn whether the kernel accepts it.
 *
 * Each socket has one copy of its filter, whose memory is never freed.
 */
#ifndef USER_FILTER_H
#define USER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct mp_addr;
struct net_info;
struct sock;

/* Is this option of SOL_SOCKET about filters, and the socket not plain? */
bool user_filter_is(const struct sock *, int option);
/* Has the program a filter at the socket? */
bool user_filter_present(const struct sock *);
/* As setsockopt(2) and getsockopt(2): 0, or a negative errno. */
int user_filter_set(int fd, struct sock *, int option, const void *, socklen_t);
int user_filter_get(int fd, const struct sock *, void *, socklen_t *);
/* The socket is plain from now on: the kernel gets the program's filter
 * itself. */
void user_filter_leave(int fd, struct sock *);

/* Does it let this datagram of a session in?  It may shorten it (*len). */
bool user_filter_takes(const struct sock *, const struct mp_addr *from,
    const struct net_info *, const uint8_t *payload, size_t *len);

#endif
