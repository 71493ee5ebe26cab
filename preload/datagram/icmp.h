/* SPDX-License-Identifier: ISC */
/* ICMP errors about the program's datagrams, for a program that asked for them
 * (IP_RECVERR): icmp.c. */
#ifndef ICMP_H
#define ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct internal;
struct mp_addr;
struct reentry_buf;
struct sock;
struct tx_option;

/* May this error of a send or receive be what ICMP says of an earlier packet,
 * which the kernel reports once? */
bool icmp_is_error(const struct sock *, int error);
/* Before a datagram's packet is sent: remembers what it carries.  NULL: it is
 * staged. */
void icmp_note(const struct sock *, const uint8_t *packet,
    const struct mp_addr *to, const struct tx_option *, const void *payload,
    size_t len);
/* The kernel reported one while a packet was sent, which then went: the next
 * call of the program is to look. */
void icmp_later(struct sock *);

/* After icmp_is_error() or icmp_later(): takes the kernel's error queue into
 * account: 0, or the negative errno of an error that the program is to get.
 * `buf' is free to be used. */
int icmp_look(int fd, struct sock *, struct reentry_buf *buf);
/* The same, if icmp_later() was called since. */
int icmp_look_due(int fd, struct sock *, struct reentry_buf *buf);
/* An internal datagram with an error, opened in buf->packet: the same. */
int icmp_internal(int fd, struct sock *, const struct internal *,
    struct reentry_buf *buf);

/* One entry of the kernel's error queue, with n bytes in buf->packet: true, if
 * it is to be told, and then it waits for icmp_give(). */
bool icmp_take(int fd, struct sock *, struct msghdr *got, size_t n,
    struct reentry_buf *buf);
/* Gives the oldest error that waits: true, and *done is what recvmsg(2)
 * returns; false: there is none. */
bool icmp_give(struct sock *, struct msghdr *, ssize_t *done);

#endif
