/* SPDX-License-Identifier: ISC */
/*
 * The link emulator: hosts are network namespaces, a link is a pair of TUN
 * devices, one in each of two hosts, and emu carries the packets between them.
 *
 * One thread, one loop, no timer while nothing is delayed.  Times are
 * nanoseconds of CLOCK_MONOTONIC, UINT64_MAX is never.
 */
#ifndef EMU_H
#define EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	NAME_LEN = 32,
	DEV_LEN = 16,        /* as the kernel has it */
	LINKS_MAX = 256,
	PACKET_MAX = 65535,
	BATCH = 32,          /* packets of one device before another's turn */
	FLYING_MAX = 100000, /* packets on their way, in one direction */
	FLYING_BYTES = 64 << 20,
};

/* Why a packet did not arrive. */
enum cause {
	ARRIVES,
	C_LOST,      /* by chance */
	C_QUEUE,     /* the rate's queue was full */
	C_BLACKHOLE,
	C_CARRIER,   /* an end has none */
	C_PMTU,      /* longer than the silent limit */
	C_FULL,      /* FLYING_MAX or FLYING_BYTES */
	C_DOWN,      /* the interface that it goes to is down */
	CAUSES,
};

/* What a direction does to packets.  0 is off; all are uint64_t for emu_cmd. */
struct impair {
	uint64_t delay_ns, jitter_ns;
	uint64_t rate_bps;
	uint64_t queue_ns, queue_bytes; /* either; none: 100 ms */
	uint64_t loss_ppm, burst;       /* burst: mean length of a loss */
	uint64_t dup_ppm, dup_by_ns;
	uint64_t reorder_ppm, reorder_by_ns;
	uint64_t corrupt_ppm;
	uint64_t pmtu;
	uint64_t black;
};

struct counters {
	uint64_t in, in_bytes, out, out_bytes;
	uint64_t dup, reordered, corrupted;
	uint64_t dropped[CAUSES];
};

/* One direction of a link. */
struct way {
	struct link *link;
	struct end *to;
	struct impair is;
	struct counters n;
	uint64_t random;
	uint64_t free_at;  /* when the rate lets the next packet begin */
	uint64_t last_due; /* jitter does not reorder */
	uint64_t flying, flying_bytes;
	bool losing;       /* within a burst */
};

/* One end of a link: the device in a host. */
struct end {
	struct way *out;
	char host[NAME_LEN], dev[DEV_LEN];
	int tun;  /* packets of the device */
	int sock; /* for ioctls in its namespace */
	bool carrier;
};

struct link {
	char name[NAME_LEN];
	struct end end[2];
	struct way way[2]; /* way[0] is from end[0] to end[1] */
	FILE *pcap;
};

/* A packet on its way. */
struct flight {
	struct way *way;
	size_t len;
	uint8_t data[];
};

struct due {
	uint64_t at, order;
	struct flight *flight;
};

/* Flights by the time at which they arrive, equal ones in order. */
struct heap {
	struct due *due;
	size_t len, room;
	uint64_t order;
};

struct emu {
	struct link *links[LINKS_MAX];
	size_t n_links;
	struct heap heap;
	uint64_t seed;
	int epoll, home; /* home: the namespace that we came from */
	bool stop;
};

/* emu_heap.c */

int heap_add(struct heap *, uint64_t at, struct flight *)
	__attribute__((warn_unused_result));
/* UINT64_MAX if there is none. */
uint64_t heap_next(const struct heap *);
struct flight *heap_take(struct heap *);

/* emu_way.c: what a direction does to a packet. */

void way_init(struct way *, uint64_t seed);
/* When a packet that came now arrives, or why it does not. */
enum cause way_admit(struct way *, uint64_t now, size_t len, uint64_t *at);
bool way_chance(struct way *, uint64_t ppm);
/* Flips a bit of the payload so that the checksum does not tell. */
void way_corrupt(struct way *, uint8_t *packet, size_t len);
/* After a change of `is': what was learned under the old is void. */
void way_changed(struct way *);

/* emu_link.c: the devices, and the packets through them. */

/* 0, or -errno with the step that failed in *what. */
int link_new(struct emu *, char *const word[5], const char **what);
struct link *link_find(const struct emu *, const char *name);
int end_set_mtu(struct end *, int mtu);
int end_set_carrier(struct end *, bool on);
/* Reads a batch of packets that the host sent. */
void end_read(struct emu *, struct end *);
/* Hands over what is due. */
void emu_deliver(struct emu *, uint64_t now);

/* emu_pcap.c: a record of all that hosts send over a link (raw IP). */

FILE *pcap_open(const char *path);
void pcap_add(FILE *, const uint8_t *packet, size_t len);

/* emu_cmd.c: one line of text changes or shows something. */

/* Writes the answer; false if it is an error. */
bool cmd_run(struct emu *, char *line, FILE *answer);

/* emu_word.c: numbers with units; false if it is not one. */

bool word_time(const char *, uint64_t *ns);   /* 20ms 5us 1.5s */
bool word_rate(const char *, uint64_t *bps);  /* 10mbit 64kbit */
bool word_size(const char *, uint64_t *);     /* 1500 64k 1m */
bool word_part(const char *, uint64_t *ppm);  /* 10% 0.1% */

/* emu_ctl.c: the socket that commands come through. */

int ctl_listen(const char *path);
int ctl_accept(int listener);
/* False when the client has gone. */
bool ctl_serve(struct emu *, int fd);
/* The client: sends one command, prints the answer, returns the exit status. */
int ctl_ask(const char *path, char *const *words);

/* emu.c */

enum source { S_LISTENER, S_CLIENT, S_END };

/* Adds fd to the loop.  index: of an end, 2 * link + end. */
int emu_watch(struct emu *, int fd, enum source, uint32_t index);
uint64_t emu_now(void);

#endif
