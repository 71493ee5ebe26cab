/* SPDX-License-Identifier: ISC */
/*
 * Runs classic BPF as the kernel does (Documentation/networking/filter.rst of
 * Linux): the program's seccomp filters on a system call that the library is
 * about to make, its socket filter on a datagram that the kernel saw encrypted.
 *
 * The kernel has verified these filters.  But another thread may be writing one
 * while it runs here: it still ends and stays within bounds, with any verdict.
 */
#ifndef BPF_RUN_H
#define BPF_RUN_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a filter reads. */
struct bpf_data {
	const void *of; /* for get() */
	uint32_t len; /* as BPF_LEN tells it */
	/* Reads 1, 2 or 4 bytes at an offset; false: out of range. */
	bool (*get)(const void *of, uint32_t off, unsigned size, uint32_t *to);
};
/* The filter's verdict; 0 after a load out of range or a division by 0. */
uint32_t bpf_run(const struct sock_filter *, size_t n, const struct bpf_data *);

/* A socket filter of the program. */
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
	uint32_t protocol; /* ETH_P_IP or ETH_P_IPV6 */
	uint32_t ifindex;
};
/* How many bytes are kept, from the UDP header on; 0: it is dropped. */
uint32_t bpf_filter(const struct bpf *, const struct bpf_packet *);

#endif
