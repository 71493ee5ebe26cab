/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The responder's program must see the peer at the address that plain UDP
 * would have shown: the source of the initiator's primary pair, which is the
 * pair that the initiator's kernel would have chosen.  It is fixed when a
 * packet confirms the handshake, and never changes while the association
 * lives, whatever flows come and go.
 *
 * It is the first of these that the socket's family can express:
 *  1. the source of the confirming packet, if it is of the primary pair's flow
 *  2. the address that INIT names as its own, if a copy of INIT came from it
 *  3. behind a NAT: the first source of INIT that the confirming packet, being
 *     of another flow, did not come from
 *  4. the first source of INIT
 *  5. a synthetic address (198.18.0.0/15; IPv6-only sockets 2001:2::/48), with
 *     the port of the confirming packet
 * 2 and 3 only count where the initiator named its primary pair.  The sources
 * of INIT are noted as its copies come in, 16 at most (responder.c).
 *
 * Two sessions of a slot never show one address.  If another session has it,
 * the newcomer takes it over (and the old session is freed) only when all of
 * this holds: the same key; the confirming packet came from that very address
 * or from one where the old peer has proven to be; and the old session is not
 * up, heard nothing for 3 s, or has its flow in doubt.  Else the newcomer is
 * shown at a synthetic address.  Without these rules, whoever holds a key
 * could speak to the program as another client.
 *
 * Never: an address that nothing came from, but for synthetic ones; a change
 * before the handshake is confirmed, as an INIT can be replayed.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 2 (primary pair), 6, 9.
 */
#include "peer_addr.h"

#include <string.h>

#include "addr.h"
#include "flow.h"
#include "handshake.h"
#include "mp.h"
#include "session.h"
#include "state.h"
#include "table.h"

/* A synthetic address that no session of the slot has. */
static void
synthetic_address(struct mp *m, uint32_t slot, struct mp_addr *a)
{
	do {
		addr_synthetic(a->ip,
		    (enum mp_family)m->sh->family[slot % MP_SLOTS_MAX],
		    ++m->sh->synthetic);
	} while (table_find_addr(m, slot, a) != NULL);
}

bool
peer_addr_fits(const struct mp *m, uint32_t slot, const struct mp_addr *a)
{
	return addr_fits((enum mp_family)m->sh->family[slot % MP_SLOTS_MAX],
	    a->ip);
}

/*
 * The source of the initiator's primary pair, or the best guess: the list at
 * the top of this file.  False: the socket can express none.
 */
static bool
primary_source(const struct mp *m, const struct handshake *sh,
    const struct mp_rx *rx, struct mp_addr *a)
{
	const struct mp_addr *from, *first = NULL;
	bool known = sh->primary < MP_FLOWS_MAX;
	int i;

	*a = rx->path.remote;
	if (known && rx->flow == sh->primary &&
	    peer_addr_fits(m, sh->slot, a))
		return true;
	for (i = 0; i < STATE_SOURCES && sh->source[i].n > 0; i++) {
		from = &sh->source[i].addr;
		if (!peer_addr_fits(m, sh->slot, from))
			continue;
		if (known && memcmp(from->ip, sh->claim, 16) == 0) {
			first = from;
			break;
		}
		if (first == NULL || (known &&
		    addr_equal(first, &rx->path.remote)))
			first = from;
	}
	if (first != NULL)
		*a = *first;
	return first != NULL;
}

/* Has the session's peer proven to be at this address? */
static bool
peer_is_at(const struct mp *m, const struct session *s,
    const struct mp_addr *a)
{
	struct flow *f;

	if (addr_equal(&s->shown, a))
		return true;
	STATE_FLOWS(m, s, f, id)
		if (f->proven_once && !f->unproven &&
		    addr_equal(&f->path.remote, a))
			return true;
	return false;
}

/*
 * A newcomer's address is that of an older session: does the older one end?
 * (The rules at the top of this file.)
 */
static bool
gives_way(const struct mp *m, const struct session *old, uint64_t key_id,
    uint64_t now, const struct mp_addr *came)
{
	struct flow *f = state_flow(m, old, old->current);

	if (old->key_id != key_id || !peer_is_at(m, old, came))
		return false;
	return old->state != MP_S_UP || f == NULL || flow_in_doubt(f, now) ||
	    now > old->last_in + SESSION_TAKEOVER;
}

bool
peer_addr_settle(struct mp *m, uint32_t slot, uint64_t key_id, uint64_t now,
    const struct mp_addr *came, struct mp_addr *shown)
{
	struct session *old;

	if (!peer_addr_fits(m, slot, shown))
		synthetic_address(m, slot, shown);
	old = table_find_addr(m, slot, shown);
	if (old == NULL)
		return true;
	if (old->initiator && old->state == MP_S_CONNECTING)
		return false;
	if (gives_way(m, old, key_id, now, came))
		session_free(m, old);
	else
		synthetic_address(m, slot, shown);
	return true;
}

struct session *
peer_addr_new(struct mp *m, struct handshake *sh, uint64_t now,
    const struct mp_rx *rx)
{
	struct mp_addr shown;
	struct session *s;

	if (!primary_source(m, sh, rx, &shown)) {
		shown.port = rx->path.remote.port;
		synthetic_address(m, sh->slot, &shown);
	}
	s = table_find_addr(m, sh->slot, &shown);
	if (s != NULL && gives_way(m, s, sh->key_id, now, &rx->path.remote))
		session_free(m, s);
	else if (s != NULL)
		synthetic_address(m, sh->slot, &shown);
	s = session_new(m, now, sh->slot, &shown, sh->key_id, sh->assoc,
	    sh->initiator);
	if (s == NULL) {
		state_count(m, MP_C_drop_handshake_full);
		handshake_free(m, sh);
	}
	return s;
}
