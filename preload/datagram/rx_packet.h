/* SPDX-License-Identifier: ISC */
/* A packet from the kernel's queue, waited for as the program's call says. */
#ifndef RX_PACKET_H
#define RX_PACKET_H

#include "socket/fdtab.h"
#include "process/reentry.h"
#include "shared/net.h"

/* A packet on its way to the program. */
struct rx {
	int fd, flags;
	struct sock *s;
	struct reentry_buf *buf;
	size_t packet_len;
	uint64_t begun; /* of a socket with a timeout: when the call was made */
	struct net_info info;
	struct mp_addr from;   /* as the kernel says, then as the program knows */
	const uint8_t *payload; /* for the program */
	size_t len;
	int kflags; /* that the kernel gave back */
	bool nobody; /* it has no sender */
	bool plain;  /* it came in clear */
	bool again;  /* it was taken once, and put back */
};

enum rx_verdict {
	RX_DROP = 0, /* the next one */
	RX_GIVE = 1, /* payload, len and from are for the program */
	/* or a negative errno */
};

/* Takes a packet: 0, RX_GIVE where it is not for us to look at, or a negative
 * errno. */
int rx_packet(struct rx *, int flags);
/* As rx_packet(), after something was dropped: the program's timeout runs from
 * its own call. */
int rx_packet_again(struct rx *);

#endif
