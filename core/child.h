/* SPDX-License-Identifier: ISC */
/*
 * Sessions that begin without a handshake (PROTOCOL.md 2, Children): keys made
 * of a parent's secret, numbers that are used once, the frame of packets that
 * the peer does not know yet.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keys;
struct mp;
struct noise;
struct session;

enum child_limit {
	CHILD_REKEY = 5 * 1000 * 1000, /* us until its own handshake, and up to
					* as long again */
	CHILD_END = 1000 * 1000, /* us without an answer until it counts as not
				  * up */
	CHILD_LATER = 500 * 1000, /* us until pairs are probed that need not be,
				   * as a socket may live for one datagram */
	CHILD_HOLD = 250 * 1000, /* us that datagrams wait for the last CHILD,
				  * at most */
	CHILD_FRAMES = 64, /* datagrams that go as CHILD, though the peer knows
			    * us, until the next ones wait for the last */
	CHILD_BITS = 64, /* numbers below the highest that can still be used */
	CHILD_LIFE = 170 * 1000 * 1000, /* us that a secret makes tickets: less
					 * than its responder keeps it */
};

/* The secret of a handshake's keys. */
void child_secret(struct keys *, const struct noise *);
/* The seed of a parent's child. */
void child_seed(uint8_t seed[32], const uint8_t secret[32], uint32_t number);
/* The keys of a seed: from the initiator, and to it; and the association. */
void child_derive(const uint8_t seed[32], uint32_t number,
    uint8_t from[32], uint8_t to[32], uint8_t assoc[8]);

/* Responder: was the number used? child_use(): it is now. */
bool child_used(const struct keys *, uint32_t number);
void child_use(struct keys *, uint32_t number);

/* Bytes in front of the next datagram of a session: WIRE_CHILD where it goes as
 * CHILD, else 0.  Decides it, so it is asked once for each. */
size_t child_frame(struct mp *, struct session *, uint64_t now);
/* The next datagrams wait until the last framed one is known to have gone to
 * the peer's program, CHILD_HOLD at most. */
void child_hold(struct mp *, struct session *, uint64_t now);
/* How long the answer to a CHILD may take, us. */
uint64_t child_patience(const struct mp *, const struct session *);
/* Must the next datagram wait, so as not to pass the last framed one? */
bool child_holds(const struct session *, uint64_t now);
/* Is that packet to go as CHILD?  A datagram's own goes as child_frame() said
 * last, others until the peer knows the session. */
bool child_framed(struct session *, bool datagram);
void child_put_frame(const struct session *, uint8_t *out);

#endif
