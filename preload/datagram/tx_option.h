/* SPDX-License-Identifier: ISC */
/*
 * What a program asks for with one datagram, by control messages: looked at as
 * the kernel would, then said for the family that the packet really takes.
 */
#ifndef TX_OPTION_H
#define TX_OPTION_H

#include "socket/fdtab.h"

struct tx_option {
	int tos, ttl; /* -1: as the socket has it; see net_add_tos() */
	int segment;  /* UDP_SEGMENT; -1: as the socket has it */
	int far_tos, far_ttl; /* -1, or what the socket has for the family of
			       * `to', where the packet's is the other */
	struct mp_addr source; /* that they choose; zeros: none */
	bool df, v4;
	const struct msghdr *socket; /* has messages of SOL_SOCKET; or NULL */
};

/* Reads the control messages of a datagram to this address: 0, or what the
 * kernel says.  The source that they choose is looked at and not taken. */
int tx_option_read(struct tx_option *, int fd, struct sock *,
    const struct mp_addr *to,
    const struct msghdr *);
/* What the kernel says to a datagram to this address with these control
 * messages, or NULL: 0, or a negative errno.  Nothing is sent. */
int tx_option_probe(int fd, const struct sock *, const struct mp_addr *to,
    const struct msghdr *with);
/* What is to be said of a datagram that another socket sends later, but for
 * its source: the socket's own options, too. */
void tx_option_engine(const struct tx_option *, const struct sock *,
    struct mp_tx_option *);
/* The UDP_SEGMENT among them, or -1. */
int tx_option_segment(const struct msghdr *);
/* Adds them to a packet with NET_CONTROL bytes for them. */
void tx_option_add(const struct tx_option *, struct msghdr *packet,
    const struct mp_addr *to);

#endif
