/* SPDX-License-Identifier: ISC */
/* What the targets of the programs in the kernel share: packets on their way to
 * a port, and the program that was attached last. */
#ifndef FILTER_PACKET_H
#define FILTER_PACKET_H

#include <stdbool.h>

#include "fuzz.h"
#include "shared/arena.h"
#include "shared/bpf.h"

enum {
	FILTER_SPAN = 160, /* bytes of the longest payload */
	FILTER_PREFIX = 0xc3,
};

/* The program that sockfilter_attach() or sockfilter_steer() gave to the
 * kernel, which takes some of them indeed. */
extern struct bpf filter_program;

struct filter_packet {
	struct mp_addr from, to;
	uint8_t payload[FILTER_SPAN];
	struct bpf_packet seen;
};

/* One of few addresses, so that packets meet the rules. */
struct mp_addr filter_addr(struct feed *, bool v4);
void filter_packet(struct feed *, struct filter_packet *,
    const uint8_t token[ARENA_TOKEN]);
/* A socket of a group for a program to be attached to. */
int filter_socket(void);

#endif
