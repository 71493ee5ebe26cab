/* SPDX-License-Identifier: ISC */
/*
 * run: one scenario at work: its world, hosts, streams, and its rows.
 *
 * A scenario is tables: places (interfaces), traffic (streams), steps (what
 * happens) and expectations (what is measured, and its limit).  Where that
 * is not enough it is a function over the same calls.  Times are since the
 * start of the scenario.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "net.h"
#include "traffic.h"
#include "watch.h"
#include "world.h"

struct run;

/* An interface, and with it its host: "c.wifi" is of host "c". */
struct place {
	const char *iface;
	const char *addrs;  /* separated by spaces; may be "" */
	uint64_t delay_us;  /* each way */
	char link;	    /* reaches the same link only; 0: all */
	const char *nat;    /* the address of the NAT before it, or NULL */
};

enum pattern {
	TIMER,	/* each every_us; end B waits for the first datagram of A */
	FIRST,	/* the same, but end B begins as well */
	ECHO,	/* answers the stream named by `of' */
	HELLO,	/* each every_us, if the other said nothing for so long */
};

struct traffic_row {
	const char *name;
	const char *from, *to;
	enum pattern pattern;
	const char *of;
	uint64_t every_us;
	size_t size;
	uint64_t start, stop; /* stop 0: never */
	uint64_t burst_us, pause_us;
};

/* At a time something happens to an interface, a host or a NAT. */
struct step {
	uint64_t at;
	void (*act)(struct run *, const struct step *);
	const char *where;
	uint64_t n;	  /* of what the action says */
	const char *text; /* likewise */
};

enum unit {
	COUNT,
	MSEC, /* measured and limited in us, shown in ms */
	PERMILLE,
	RATE, /* bytes a second */
};

enum direction {
	AT_MOST,
	AT_LEAST,
};

#define NEVER UINT64_MAX /* what a measure gives for "it did not happen" */

struct expect {
	const char *what; /* for people */
	uint64_t (*measure)(struct run *, const struct expect *);
	const char *who;   /* a stream or a host */
	const char *where; /* an interface, or what the measure says */
	uint64_t from, to;
	enum unit unit;
	enum direction direction;
	uint64_t limit;
};

struct scenario {
	const char *name;
	const char *title;
	uint64_t length;
	const struct place *places; /* each table ends with an empty row */
	const struct traffic_row *traffic;
	const struct step *steps;
	const struct expect *expects;
	/* instead of all that, or after it */
	void (*custom)(struct run *);
	bool heavy; /* takes seconds: is started first */
};

struct run {
	const struct scenario *scenario;
	uint64_t seed;
	uint64_t base; /* world time of the scenario's start */
	bool aes, verbose;
	struct world world;
	struct net net;
	struct traffic traffic;
	struct watch watch;
	struct host *host[HOSTS_MAX];
	unsigned n_hosts;
	unsigned rows, failed;
	void *arg; /* a custom scenario's own */
};

/* An empty world with its clock at some time; free for the next one. */
void run_init(struct run *, uint64_t seed);
void run_free(struct run *);
void run_places(struct run *, const struct place *);
void run_traffic(struct run *, const struct traffic_row *);
void run_steps(struct run *, const struct step *);
/* Starts the hosts and streams, and the watch. */
void run_start(struct run *);
void run_until(struct run *, uint64_t at);
struct host *run_host(struct run *, const char *name);
struct iface *run_iface(struct run *, const char *name);
struct stream *run_stream(struct run *, const char *name);
uint64_t run_now(const struct run *);

/* Prints one measured figure against its limit. */
void run_row(struct run *, const char *what, enum unit, uint64_t value,
    enum direction, uint64_t limit);
/* A row that fails, if a datagram came twice or altered, or an engine did
 * wrong (host.spins, host.bad_out). */
void run_sanity(struct run *);
/* All of a scenario; the number of rows that failed. */
unsigned run_scenario(struct run *, const struct scenario *,
    const char *csv_dir);

#endif
