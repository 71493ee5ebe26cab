/* SPDX-License-Identifier: ISC */
/*
 * What a program asks for with one datagram, by control messages: checked as
 * the kernel would, then written again for the family that the packet really
 * takes.
 */
#ifndef TX_OPTION_H
#define TX_OPTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mp.h"

struct sock;

struct tx_option {
	int tos, ttl; /* -1: as the socket has it; see net_add_tos() */
	int64_t stamps; /* SO_TIMESTAMPING; -1: as the socket has it */
	int segment;  /* bytes, UDP_SEGMENT; -1: as the socket has it */
	int far_tos, far_ttl; /* of packets of the other family than the
			       * datagram's; -1: as the socket has it */
	struct mp_addr source; /* that PKTINFO chooses; zeros: none */
	bool df;  /* don't fragment */
	bool v4;  /* the datagram goes to an IPv4 address */
	const struct msghdr *socket; /* has messages of SOL_SOCKET; or NULL */
};

/* Reads the control messages of a datagram to this address: 0, or the kernel's
 * negative errno.  A source that they choose is checked; the engine chooses the
 * packet's. */
int tx_option_read(struct tx_option *, int fd, struct sock *,
    const struct mp_addr *to,
    const struct msghdr *);
/* The kernel's answer to a datagram to this address with the control messages
 * of this message, or none (NULL): 0, or a negative errno.  Nothing is sent. */
int tx_option_probe(int fd, const struct sock *, const struct mp_addr *to,
    const struct msghdr *with);
/* The options of a staged datagram, which the agent's socket sends later: those
 * of the program's socket included, the source not. */
void tx_option_engine(const struct tx_option *, const struct sock *,
    struct mp_tx_option *);
/* The same for one that the program's socket sends, by this packet of its or in
 * this bundle, before the commit: the agent may have to send it again. */
void tx_option_keep(const struct tx_option *, const struct sock *,
    struct mp_tx *);
/* Those of a staged datagram that the program's socket itself sends, to that
 * family: not what the program set of the socket since. */
struct tx_option tx_option_of_staged(const struct sock *,
    const struct mp_tx_option *, bool v4);
/* The UDP_SEGMENT among a message's control messages, bytes; or -1. */
int tx_option_segment(const struct msghdr *);
/* Do a message's control messages choose the source of a datagram to that
 * family?  IPv6 goes on to take the socket's where they name only a link. */
bool tx_option_has_source(const struct msghdr *, bool v4);
/* Adds them to a packet to this address, whose msg_control has NET_CONTROL
 * bytes. */
void tx_option_add(const struct tx_option *, struct msghdr *packet,
    const struct mp_addr *to);

#endif
