/* SPDX-License-Identifier: ISC */
/*
 * What one session's handshake and flows give to later sessions with the same
 * peer: parents and tickets (mp.h), and the session that begins with one.
 */
#ifndef TICKET_H
#define TICKET_H

#include <stdbool.h>
#include <stdint.h>

struct mp;
struct mp_addr;
struct session;

/* Begins a session of a slot with the ticket for that peer and key (0: any).
 * NULL: there is none, or no room. */
struct session *ticket_begin(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, uint64_t key_id);
/* Would mp_parent_take() take the session's secret? */
bool ticket_has_parent(const struct session *);

#endif
