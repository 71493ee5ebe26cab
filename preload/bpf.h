/* SPDX-License-Identifier: ISC */
/*
 * Classic BPF (Linux, Documentation/networking/filter.rst): a program's socket
 * filter, run on a datagram that the kernel saw only encrypted.
 */
#ifndef BPF_RUN_H
#define BPF_RUN_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A program that the kernel has found right.  It may be written while it runs:
 * the verdict may be any then. */
struct bpf {
	_Atomic uint32_t len; /* 0: none */
	struct sock_filter at[BPF_MAXINSNS];
};

/* A datagram as such a filter sees it. */
struct bpf_packet {
	uint8_t ip[40]; /* the IP header */
	size_t iplen;
	uint8_t udp[8];
	const uint8_t *payload;
	size_t len; /* of the payload */
	uint32_t protocol, ifindex; /* ETH_P_IP or ETH_P_IPV6 */
};

/* How many bytes of the UDP header and the payload are kept; 0: it is dropped. */
uint32_t bpf_run(const struct bpf *, const struct bpf_packet *);

#endif
