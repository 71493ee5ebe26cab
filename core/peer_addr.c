/* SPDX-License-Identifier: ISC */
#include "peer_addr.h"

#include <string.h>

#include "addr.h"
#include "flow.h"
#include "handshake.h"
#include "mp.h"
#include "session.h"
#include "state.h"
#include "table.h"

/* An address that no session shows. */
static void
synthetic_address(struct mp *m, const struct handshake *sh, struct mp_addr *a)
{
	uint32_t slot = sh->slot % MP_SLOTS_MAX;

	do {
		addr_synthetic(a->ip, (enum mp_family)m->sh->family[slot],
		    ++m->sh->synthetic);
	} while (table_find_addr(m, slot, a) != NULL);
}

/* Can the program's socket name it? */
static bool
fits(const struct mp *m, const struct handshake *sh, const struct mp_addr *a)
{
	return addr_fits(
	    (enum mp_family)m->sh->family[sh->slot % MP_SLOTS_MAX], a->ip);
}

/*
 * Where the initiator's datagrams would come from without us, as far as it is
 * known: the source of its primary pair.  That is where a packet of this pair's
 * flow came from; else the address that it names, if INIT came from there;
 * else, behind a NAT, a source that is not another flow's.  False: none that
 * the program's family can say.
 */
static bool
primary_source(const struct mp *m, const struct handshake *sh,
    const struct mp_rx *rx, struct mp_addr *a)
{
	const struct mp_addr *from, *first = NULL;
	bool known = sh->primary < MP_FLOWS_MAX;
	int i;

	*a = rx->path.remote;
	if (known && rx->flow == sh->primary && fits(m, sh, a))
		return true;
	for (i = 0; i < STATE_SOURCES && sh->source[i].n > 0; i++) {
		from = &sh->source[i].addr;
		if (!fits(m, sh, from))
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

/* Is that where the session's peer is, as it has proved? */
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
 * Another session shows the address of a newcomer: does it lose it?  Only to
 * one that is there itself, or where that one's peer is, too; under the same
 * key, and only when it is silent.
 */
static bool
gives_way(const struct mp *m, const struct session *old,
    const struct handshake *sh, uint64_t now, const struct mp_rx *rx)
{
	struct flow *f = state_flow(m, old, old->current);

	if (old->key_id != sh->key_id ||
	    !peer_is_at(m, old, &rx->path.remote))
		return false;
	return old->state != MP_S_UP || f == NULL || flow_in_doubt(f, now) ||
	    now > old->last_in + SESSION_TAKEOVER;
}

struct session *
peer_addr_new(struct mp *m, struct handshake *sh, uint64_t now,
    const struct mp_rx *rx)
{
	struct mp_addr shown;
	struct session *old;

	if (!primary_source(m, sh, rx, &shown)) {
		shown.port = rx->path.remote.port;
		synthetic_address(m, sh, &shown);
	}
	old = table_find_addr(m, sh->slot, &shown);
	if (old != NULL && gives_way(m, old, sh, now, rx))
		session_free(m, old);
	else if (old != NULL)
		synthetic_address(m, sh, &shown);
	old = session_new(m, now, sh->slot, &shown, sh->key_id, sh->assoc,
	    sh->initiator);
	if (old == NULL) {
		state_count(m, MP_C_drop_handshake_full);
		handshake_free(m, sh);
	}
	return old;
}
