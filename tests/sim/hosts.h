/* SPDX-License-Identifier: ISC */
/* hosts: what the faults of many random hosts cost. */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

#include "run.h"

struct hosts_tally {
	size_t hosts;	 /* that had a fault */
	uint64_t faults; /* of all */
	uint64_t lossy;	 /* hosts that lost a datagram */
	uint64_t lost, sent, twice;
	uint64_t data, copies; /* without a fault */
	uint64_t moves_half, moves_most; /* switches: median, 99th percentile */
	int64_t over_us; /* gap of one fault, less its aim: 99th percentile */
};

/* Hosts of the seeds first, first + 1 ... */
void hosts_run(struct run *, uint64_t first, size_t n, bool noisy,
    struct hosts_tally *);
void hosts_print(const struct hosts_tally *);

#endif
