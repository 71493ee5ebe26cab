/* SPDX-License-Identifier: ISC */
/*
 * What is late: packets that are under way to a port when its socket is closed.
 * If a program binds the port again at once, they come to its next socket, which
 * knows nothing of their sessions.  The socket filter would drop them, and the
 * kernel count them as datagrams that were lost there (SO_RXQ_OVFL); so the
 * steering sends them to the agent.
 */
#ifndef LATE_H
#define LATE_H

#include <stddef.h>
#include <stdint.h>

struct agent;
struct port;

enum late_bound {
	LATE_SIDS = 256, /* of all ports; the oldest goes */
	LATE_US = 3000000, /* longest way of a packet, and more */
};

struct late {
	struct late_sid {
		uint64_t until; /* 0: none */
		uint32_t sid;
		uint16_t port;
	} at[LATE_SIDS];
	unsigned next;
};

/* Slots of a port are closed: notes the sids of their sessions.  [lock] */
void late_note(struct port *, uint32_t slots, uint64_t now);
/* Those that packets to that port may still have, the newest first; how many. */
size_t late_find(const struct agent *, uint16_t number, uint64_t now,
    uint32_t *sid, size_t room);

#endif
