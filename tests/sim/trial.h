/* SPDX-License-Identifier: ISC */
/*
 * trial: some faults befall the links between a client "c" and a server "s",
 * while a path that none of them touches stays alive; and what that costs.
 *
 *	begin		  first fault .. last repair	     end
 *	|---- steady ----|------- faults -------|-- settle --|-- in flight --|
 *			 [--------- datagrams counted -------]
 */
#ifndef SIM_TRIAL_H
#define SIM_TRIAL_H

#include "run.h"

enum fault_kind {
	FAULT_BOTH,    /* the link is dead, silently */
	FAULT_OUT,     /* for what its host sends */
	FAULT_IN,      /* for what its host receives */
	FAULT_V4,      /* for IPv4 */
	FAULT_V6,      /* for IPv6 */
	FAULT_CARRIER, /* the link is down, and its host knows */
	FAULT_ADDR,    /* an address goes, and its host knows */
	FAULT_KINDS
};

enum fault_place {
	AT_IFACE, /* the one named */
	AT_CLIENT, /* the client's link that is in use then */
	AT_SERVER, /* the server's */
};

enum trial_bound {
	FAULTS_MAX = 8,
	TRIAL_LEAD = 300000,	/* us before the first fault that count too */
	TRIAL_SETTLE = 1500000, /* us after the last repair that count too */
	TRIAL_FLIGHT = 1000000, /* us until all has come that will */
};

struct fault {
	uint64_t after_us, for_us; /* of the trial's first fault */
	enum fault_kind kind;
	enum fault_place place;
	const char *iface; /* AT_IFACE */
	/* once it began */
	struct iface *hit;
	struct mp_addr addr;
	bool skipped; /* it would have left no path alive */
};

struct trial {
	struct fault fault[FAULTS_MAX];
	unsigned n;
	/* what it cost */
	unsigned begun;	   /* faults that were not skipped */
	uint64_t lost, sent, twice;
	uint64_t gap_us, aim_us; /* longest pause, and what it should be */
	uint64_t switches, data, copies; /* of both hosts */
	uint64_t dead_rtt_us; /* of the flows in use when a fault began: most */
	struct run *run;
};

const char *fault_name(enum fault_kind);
/* Runs the world through the faults of the trial, until its end. */
void trial_run(struct run *, struct trial *);
/* Prints the faults and what they cost. */
void trial_print(const struct trial *);

#endif
