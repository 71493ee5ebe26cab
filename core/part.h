/* SPDX-License-Identifier: ISC */
/* Datagrams in two packets, where no good flow is known to carry them in one
 * (PROTOCOL.md 4, Size). */
#ifndef PART_H
#define PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


struct flow;
struct mp;
struct session;
struct wire_msg;

enum part_bound {
	PART_OVERHEAD = 49, /* bytes around the part of a payload */
	PART_AGE = 500 * 1000, /* us that a part waits for the other one */
};

/* Must a payload of that length, with so many bytes around it when it is whole,
 * and `frame' bytes in front of each packet, go in two parts on that flow: is it
 * too long, and are both of them not? */
bool part_needed(const struct flow *, size_t len, size_t overhead,
    size_t frame);
/* Where part 0 or 1 of a payload begins, and its length. */
size_t part_begin(size_t total, unsigned part);
size_t part_len(size_t total, unsigned part);
/* A part came, of a key slot; its bytes.  Gives the position of the other one,
 * which was here: mp_recv_join() puts them together.  MP_NEVER: it waits, or was
 * here itself. */
uint64_t part_came(struct mp *, struct session *, uint64_t now,
    const struct wire_msg *, unsigned slot, const uint8_t *data);

#endif
