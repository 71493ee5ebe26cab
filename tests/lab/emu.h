/* SPDX-License-Identifier: ISC */
/*
 * The link emulator: hosts are network namespaces, a link is a pair of TUN
 * devices, one in each of two hosts, and emu carries the packets between them.
 *
 * One thread and one epoll loop; between packets it wakes once a second.  Times
 * are nanoseconds of CLOCK_MONOTONIC, UINT64_MAX is never.
 */
#ifndef EMU_H
#define EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	NAME_LEN = 32,
	DEV_LEN = 16,        /* octets with the NUL: the kernel's IFNAMSIZ */
	LINKS_MAX = 256,
	PACKET_MAX = 65535,
	BATCH = 32,          /* packets read from one device at a time */
	/* What one direction may hold: packets, and octets in them. */
	IN_FLIGHT_MAX = 100000,
	IN_FLIGHT_BYTES = 64 << 20,
};

/* Why a packet did not arrive. */
enum cause {
	ARRIVES,
	C_LOST,      /* by chance */
	C_QUEUE,     /* the rate's queue was full */
	C_BLACKHOLE,
	C_CARRIER,   /* the receiving end has no carrier */
	C_PMTU,      /* the packet is longer than `pmtu' */
	C_FULL,      /* IN_FLIGHT_MAX, IN_FLIGHT_BYTES, or no memory */
	C_DOWN,      /* the receiving device is down */
	CAUSES,
};

/*
 * What a direction does to packets; 0 turns an impairment off.  All fields are
 * uint64_t because emu_cmd.c writes them by their offset.
 */
struct impair {
	uint64_t delay_ns, jitter_ns;
	uint64_t rate_bps;
	uint64_t queue_ns, queue_bytes; /* at most one; both 0: 100 ms */
	uint64_t loss_ppm, burst;       /* burst: mean packets lost in a row */
	uint64_t dup_ppm, dup_by_ns;
	uint64_t reorder_ppm, reorder_by_ns;
	uint64_t corrupt_ppm;
	uint64_t pmtu;
	uint64_t black;
	uint64_t segment; /* enum segment */
};

/* What the sending device does with a bundle of datagrams (UDP_SEGMENT). */
enum segment {
	SEGMENT_NONE,    /* it gets none: the kernel cuts them */
	SEGMENT_CUT,     /* cuts it */
	SEGMENT_MERGE,   /* sends it as one datagram */
	SEGMENT_CORRUPT, /* cuts it, with a wrong bit in each second datagram */
	SEGMENT_DROP,
};

struct counters {
	uint64_t in, in_bytes, out, out_bytes;
	uint64_t dup, reordered, corrupted, bundles;
	uint64_t dropped[CAUSES];
};

/* One direction of a link. */
struct direction {
	struct link *link;
	struct end *to;
	struct impair impair;
	struct counters n;
	uint64_t random;
	uint64_t free_at;  /* when the queue of the rate is empty again */
	uint64_t last_due; /* latest arrival: jitter does not reorder */
	uint64_t in_flight, in_flight_bytes;
	bool losing;       /* within a burst of losses */
};

/* One end of a link: the TUN device in a host. */
struct end {
	struct direction *out;
	char host[NAME_LEN], dev[DEV_LEN];
	int tun;  /* reads what the host sends, writes what it receives */
	int sock; /* for ioctls in the host's namespace */
	bool carrier;
};

struct link {
	char name[NAME_LEN];
	struct end end[2];
	struct direction direction[2]; /* [0] is from end[0] to end[1] */
	FILE *pcap;
};

/* A packet on its way through a direction. */
struct flight {
	struct direction *direction;
	size_t len;
	uint8_t data[];
};

struct due {
	uint64_t at, order;
	struct flight *flight;
};

/* Flights by the time of their arrival; equal times in the order added. */
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
	int epoll, home; /* home: emu's own network namespace */
};

/* emu_heap.c */

int heap_add(struct heap *, uint64_t at, struct flight *)
	__attribute__((warn_unused_result));
/* The time of the first flight; UINT64_MAX if the heap is empty. */
uint64_t heap_next(const struct heap *);
/* Removes the first flight of a heap that is not empty. */
struct flight *heap_take(struct heap *);

/* emu_direction.c: what a direction of a link does to a packet. */

void direction_init(struct direction *, uint64_t seed);
/* Sets *at to when a packet sent now arrives, or returns why it does not. */
enum cause direction_admit(struct direction *, uint64_t now, size_t len,
    uint64_t *at);
bool direction_chance(struct direction *, uint64_t ppm);
/* Flips a bit of a UDP payload and corrects the checksum to match. */
void direction_corrupt(struct direction *, uint8_t *packet, size_t len);
/* After `impair' was changed: forgets the queue and the burst so far. */
void direction_changed(struct direction *);

/* emu_link.c: the devices, and the packets through them. */

/* 0, or -errno with the step that failed in *what. */
int link_new(struct emu *, char *const word[5], const char **what);
struct link *link_find(const struct emu *, const char *name);
int end_set_mtu(struct end *, int mtu);
int end_set_carrier(struct end *, bool on);
int end_set_offload(struct end *, unsigned long tun_features);
/* A packet goes into the direction; it may be changed. */
void direction_take(struct emu *, struct direction *, uint8_t *packet,
    size_t len);
/* Reads a batch of packets that the host sent. */
void end_read(struct emu *, struct end *);
/* Delivers the packets that are due by now. */
void emu_deliver(struct emu *, uint64_t now);

/* emu_segment.c: devices that cut bundles. */

/* Of a bundle: octets before its UDP header, and of its datagrams. */
struct segment_head {
	size_t sum_start, size;
};

void segment_cut(struct emu *, struct direction *, const struct segment_head *,
    const uint8_t *packet, size_t len);
/* Completes the checksum, of what lies behind `start', at that offset. */
void segment_sum(uint8_t *packet, size_t len, size_t start, size_t offset);
/* What the device of end i does from now on. */
int segment_set(struct link *, int i, enum segment);

/* emu_pcap.c: records what both hosts send over a link, as raw IP. */

FILE *pcap_open(const char *path);
void pcap_add(FILE *, const uint8_t *packet, size_t len);

/* emu_cmd.c: the commands, lines of text. */

/* Executes a line and writes its answer; false if that is an error. */
bool cmd_run(struct emu *, char *line, FILE *answer);

/* emu_parse.c: numbers with units; false if the text is not one. */

bool parse_time(const char *, uint64_t *ns);   /* 20ms 5us 1.5s */
bool parse_rate(const char *, uint64_t *bps);  /* 10mbit 64kbit */
bool parse_size(const char *, uint64_t *);     /* 1500 64k 1m */
bool parse_percent(const char *, uint64_t *ppm);  /* 10% 0.1% */

/* emu_ctl.c: the control socket, which takes the commands. */

int ctl_listen(const char *path);
int ctl_accept(int listener);
/* Answers one command; false if the client has closed its socket. */
bool ctl_serve(struct emu *, int fd);
/* The client: sends one command, prints the answer, returns the exit status. */
int ctl_ask(const char *path, char *const *words);

/* emu.c */

enum source { S_LISTENER, S_CLIENT, S_END };

/* Adds fd to the loop.  index: for S_END 2 * link + end, else the fd. */
int emu_watch(struct emu *, int fd, enum source, uint32_t index);
uint64_t emu_now(void);

#endif
