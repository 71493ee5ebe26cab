/* SPDX-License-Identifier: ISC */
/* A packet from the kernel's queue, waited for as the program's call says. */
#ifndef FETCH_H
#define FETCH_H

#include "fdtab.h"
#include "guard.h"
#include "net.h"

/* A packet on its way to the program. */
struct in {
	int fd, flags;
	struct sock *s;
	struct guard_buf *buf;
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

enum verdict {
	IN_DROP = 0, /* the next one */
	IN_GIVE = 1, /* payload, len and from are for the program */
	/* or a negative errno */
};

/* Takes a packet: 0, IN_GIVE where it is not for us to look at, or a negative
 * errno. */
int fetch(struct in *, int flags);
/* As fetch(), after something was dropped: the program's timeout runs from its
 * own call. */
int fetch_again(struct in *);

#endif
