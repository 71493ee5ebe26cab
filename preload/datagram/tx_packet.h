/* SPDX-License-Identifier: ISC */
/* Seals one packet of a datagram and gives it to the kernel. */
#ifndef TX_PACKET_H
#define TX_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mp.h"
#include "shared/net.h"
#include "tx_option.h"

struct reentry_buf;
struct sock;

enum {
	TX_WAITS = 4, /* for room; then the packet itself waits */
};

/* A message on its way, and its datagram that is being sent. */
struct tx {
	int fd, flags;
	struct sock *s;
	struct mp_addr dst;
	struct reentry_buf *buf;
	const uint8_t *payload;
	size_t len;
	struct tx_option ask;
	uint32_t slot; /* whose session it goes by */
	bool df; /* don't fragment */
	uint32_t stamps; /* flags of its time stamps: tx_stamp.h */
	bool plain; /* see tx_sealed() */
	bool staged; /* never waits for room */
	bool singly; /* a bundle of its datagrams was refused */
	int waits;  /* for room in the socket's buffer */
	bool room;  /* the last of them ended with room */
	bool single; /* the message is one datagram */
	unsigned left; /* tx_room_left(); 0: not asked */
	struct mp_path way; /* of the packets that had no room last */
};

/* What the kernel is given: packets in the thread's buffer, and where they
 * go. */
struct tx_packet {
	struct sockaddr_in6 to;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];
	struct iovec iov;
	struct msghdr msg;
};

/* Takes the lock, to begin a datagram: 0, with `slot' set; -ECONNREFUSED, which
 * the agent heard; or -EDEADLK: it cannot be had. */
int tx_packet_lock(struct tx *);
/* After it was sent and committed, still under the lock: unlocks, and tells the
 * agent if that is to wake up earlier. */
void tx_packet_unlock(struct tx *);
/* Addresses packets to that path, with the options of the datagram. */
void tx_packet_aim(const struct tx *, const struct mp_path *,
    struct tx_packet *);
/* Gives them to the kernel: 0, or a negative errno.  No ICMP error about an
 * earlier packet. */
int tx_packet_give(struct tx *, const struct msghdr *, int flags);
/* Seals the packet and sends it, with these stamps: 0, or a negative errno. */
int tx_packet_send(struct tx *, struct mp_tx *, int flags, uint32_t stamps);
/* Waits for room for the datagram on that path, if the program's call may wait:
 * -EAGAIN, with `room' set; or another negative errno. */
int tx_packet_room(struct tx *, const struct mp_path *);

#endif
