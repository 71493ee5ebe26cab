/* SPDX-License-Identifier: ISC */
/* Time stamps of what the program sends (SO_TIMESTAMPING): those of its
 * datagrams, not of the library's packets. */
#ifndef TX_STAMP_H
#define TX_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct mp_addr;
struct sock;
struct tx_option;

/* The flags by which a datagram with these options gets stamps; 0: none. */
uint32_t tx_stamp_flags(const struct sock *, const struct tx_option *);
/* Makes the kernel stamp a packet by these flags, and count it where they are
 * not 0. */
void tx_stamp_put(struct msghdr *packet, uint32_t flags);
/* Before the packet of such a datagram is sent: remembers what the program
 * shall see in its place. */
void tx_stamp_note(const struct sock *, const uint8_t *packet,
    const struct mp_addr *to, const void *payload, size_t len);
/* Instead of a packet, where a datagram is only staged: it has its stamp and
 * its number by a wake-up of the agent.  `source' is an address of this
 * host. */
void tx_stamp_stage(int fd, struct sock *, uint32_t flags,
    const struct mp_addr *to, const struct mp_addr *source,
    const void *payload, size_t len);

/* A message of the error queue: `got' as the kernel gave it, with n bytes at
 * `frame', of which `scratch' has the same room. */
struct tx_stamp_entry {
	int fd;
	struct sock *s;
	struct msghdr *got;
	uint8_t *frame, *scratch;
	size_t n;
};
/* If it is a stamp, gives it to the program: true, and *done is what recvmsg(2)
 * returns. */
bool tx_stamp_give(struct tx_stamp_entry *, struct msghdr *to, ssize_t *done);

#endif
