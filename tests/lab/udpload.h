/* SPDX-License-Identifier: ISC */
/*
 * udpload: numbered datagrams over plain sockets, and what became of them.
 * Times are nanoseconds of CLOCK_MONOTONIC, which all hosts of a lab share.
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

/* What each datagram begins with; the plan is the same in all of a stream. */
struct head {
	uint64_t hash; /* of all that follows */
	uint32_t magic, stream;
	uint64_t seq, count; /* count: how many the stream will have */
	uint64_t begin, interval; /* seq goes at begin + seq * interval */
	uint64_t sent;
	uint64_t len;
};

/* What came of one stream. */
struct tally {
	uint32_t stream;
	uint64_t count, begin, interval; /* as in head; count 0: none yet */
	uint64_t sent, errors;
	uint64_t received, duplicated, reordered;
	uint64_t next;       /* the highest seq seen, and 1 */
	uint64_t last;       /* when the last came */
	uint64_t gap, gap_at;
	uint32_t *took_us;   /* by seq; UINT32_MAX: did not come */
};

/* What cannot be put to a stream. */
struct stray {
	uint64_t altered, foreign;
};

/* udpload.c */

extern volatile bool told_to_end;
uint64_t now_ns(void);

/* udpload_packet.c */

void packet_make(uint8_t *packet, struct head *, const char *text);
/* False if it is not as it was made; then *ours says if it resembles one. */
bool packet_read(const uint8_t *packet, size_t len, struct head *, bool *ours);

/* udpload_tally.c */

/* Room for a stream whose plan is known. */
void tally_begin(struct tally *, const struct head *);
void tally_add(struct tally *, const struct head *, uint64_t now);
void tally_report(struct tally *, size_t n, const struct stray *,
    const struct options *);

/* udpload_run.c: the modes. */

void run_client(const struct options *);
void run_server(const struct options *);
void run_receiver(const struct options *);

#endif
