/* SPDX-License-Identifier: ISC */
/*
 * udpload: numbered datagrams over ordinary sockets, and their fate.  Times are
 * nanoseconds of CLOCK_MONOTONIC, which all hosts of a lab share.
 */
#ifndef UDPLOAD_H
#define UDPLOAD_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
	HEAD_LEN = 64,
	SIZE_MAX_LEN = 65507,
	SOCKETS_MAX = 4096,
	COUNT_MAX = 50000000,
};

static const uint64_t SECOND = 1000000000;

enum mode { M_CLIENT, M_SERVER, M_SEND, M_RECV, MODES };

struct options {
	enum mode mode;
	const char *host, *port, *bind, *log, *text;
	int family;
	bool connect;
	uint32_t sockets, size;
	double rate, seconds, wait;
};

/* The beginning of each datagram; count, begin, interval: one per stream. */
struct head {
	uint64_t hash; /* of all octets behind it */
	uint32_t magic, stream;
	uint64_t seq, count; /* count: datagrams in the whole stream */
	uint64_t begin, interval; /* seq is sent at begin + seq * interval */
	uint64_t sent; /* when it was sent indeed */
	uint64_t len;  /* of the datagram with this head, octets */
};

/* What was received of one stream. */
struct tally {
	uint32_t stream;
	uint64_t count, begin, interval; /* as in head; count 0: not begun */
	uint64_t sent, errors;
	uint64_t received, duplicated, reordered;
	uint64_t next;       /* the highest seq received, plus 1 */
	uint64_t last;       /* when the last one was received */
	uint64_t gap, gap_at;
	uint32_t *took_us;   /* by seq; UINT32_MAX: not received */
};

/* Datagrams of no stream: damaged ones, and ones of another program. */
struct stray {
	uint64_t altered, foreign;
};

/* udpload.c */

extern volatile bool told_to_end;
uint64_t now_ns(void);

/* udpload_packet.c */

void packet_make(uint8_t *packet, struct head *, const char *text);
/* False if it differs from what was sent; *ours: it was one of udpload's. */
bool packet_read(const uint8_t *packet, size_t len, struct head *, bool *ours);

/* udpload_tally.c */

/* Begins the tally of a stream whose first head is known. */
void tally_begin(struct tally *, const struct head *);
void tally_add(struct tally *, const struct head *, uint64_t now);
void tally_report(struct tally *, size_t n, const struct stray *,
    const struct options *);

/* udpload_run.c: the modes. */

void run_client(const struct options *);
void run_server(const struct options *);
void run_receiver(const struct options *);

#endif
