/* SPDX-License-Identifier: ISC */
/* Takes one packet from the kernel's queue, and waits for it as the program's
 * call would. */
#ifndef RX_PACKET_H
#define RX_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "shared/net.h"

struct reentry_buf;
struct rx_bundle;
struct sock;

/* One call that receives, and the packet that it is at. */
struct rx {
	int fd, flags; /* of the program's call */
	struct sock *s;
	struct reentry_buf *buf; /* room of this thread */
	uint8_t *packet; /* here, or in `cache' */
	size_t packet_len;
	uint64_t begun; /* us: when the call was made, if it has a timeout */
	struct net_info info;
	struct mp_addr from;   /* the packet's sender, then the datagram's */
	uint32_t zone;	       /* of `from': net_zone() */
	uint32_t flowinfo; /* of an IPv6 packet's sender, if asked for */
	const uint8_t *payload; /* of the datagram, within the same */
	size_t len;
	int kflags;  /* msg_flags that the kernel gave back */
	bool nobody; /* the kernel gave no sender */
	bool plain;  /* it came in plaintext */
	bool own;    /* this socket's, not another one's of the port */
	bool again;  /* it was checked before, and put back into the queue */
	/* Of rx_bundle.c; `queued': the packet lies in the queue still, and is
	 * number `seg' of `n' of the bundle there, of `each' bytes. */
	bool queued, stay;
	uint32_t changes;
	uint64_t id;
	unsigned seg, n;
	size_t each, total;
	uint8_t *packets;	 /* the bundle */
	struct rx_bundle *cache; /* the socket's, which this call has; or NULL */
};

enum rx_verdict {
	RX_DROP = 0, /* not for the program: look at the next packet */
	RX_GIVE = 1, /* payload, len and from are for the program */
	/* or a negative errno */
};

/* Takes a packet, or looks at it (MSG_PEEK), into `packet', which has room for
 * REENTRY_PACKET bytes: 0; RX_GIVE where it has no sender and is given to the
 * program as it is; or a negative errno. */
int rx_packet(struct rx *, int flags);
/* As rx_packet(), after a packet was dropped: SO_RCVTIMEO runs from the start
 * of the program's call. */
int rx_packet_again(struct rx *, int flags);

#endif
