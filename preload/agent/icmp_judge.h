/* SPDX-License-Identifier: ISC */
/*
 * ICMP errors: what is told to programs (see datagram/icmp.c).  The agent's
 * control socket hears some of them and passes them on as they are.  Those that
 * a program's process has found to be about its datagram wait here until it is
 * clear whether the peer answers by any path.
 */
#ifndef ICMP_JUDGE_H
#define ICMP_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct internal;
struct port;

enum { ICMP_JUDGE_PAUSE_US = 20000 }; /* between two looks */

/* Reads the error queue of the control socket. */
void icmp_judge_hear(struct port *);
/* Takes in the error of an INTERNAL_ICMP_JUDGE. */
void icmp_judge_put(struct port *, const struct internal *,
    const uint8_t *error, size_t len);
/* Does one of this port wait? */
bool icmp_judge_waits(const struct port *);
/* Tells those that no path makes up for, drops those that were. */
void icmp_judge_run(struct port *);

#endif
