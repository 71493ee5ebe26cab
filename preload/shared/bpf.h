/* SPDX-License-Identifier: ISC */
/*
 * Classic BPF (Linux, Documentation/networking/filter.rst), as the kernel runs
 * it: a program's seccomp filters on a call that we mean to make, its socket
 * filter on a datagram that the kernel saw only encrypted.
 *
 * The kernel has found the programs right; but another thread may be writing
 * one: it ends all the same, within bounds, with any verdict.
 */
#ifndef BPF_RUN_H
#define BPF_RUN_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a program looks at: `of' has these two. */
struct bpf_data {
	const void *of;
	uint32_t len;
	/* 1, 2 or 4 bytes at an offset; false: they are not there. */
	bool (*get)(const void *of, uint32_t off, unsigned size, uint32_t *to);
};
/* Its verdict; 0 where it looks for what is not there, or divides by zero. */
uint32_t bpf_run(const struct sock_filter *, size_t n, const struct bpf_data *);

/* A program's socket filter. */
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
uint32_t bpf_filter(const struct bpf *, const struct bpf_packet *);

#endif
