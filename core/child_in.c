/* SPDX-License-Identifier: ISC */
#include "child_in.h"

#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "child.h"
#include "crypto.h"
#include "path.h"
#include "peer_addr.h"
#include "session.h"
#include "share.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The key whose secret makes the children of a parent, and the parent; NULL: a
 * session of ours with that sid has none. */
static struct keys *
child_in_parent(struct mp *m, uint32_t sid, struct session **parent)
{
	struct table_ref r;

	if (!table_ref_of(m, table_find_sid(m, sid), &r) || r.s == NULL ||
	    r.s->initiator || !r.keys->live || !r.keys->parent ||
	    (r.s->state != MP_S_UP && r.s->state != MP_S_CLOSED))
		return NULL;
	*parent = r.s;
	return r.keys;
}

bool
child_in_begin(struct mp *m, struct mp_rx *rx, const struct wire_child *c)
{
	struct session *parent;
	const struct keys *k = child_in_parent(m, c->parent, &parent);
	uint8_t seed[32];

	if (k == NULL || c->ad.dir) {
		state_count(m, MP_C_drop_child);
		return false;
	}
	child_seed(seed, k->secret, c->number);
	child_derive(seed, c->number, rx->key, rx->back, rx->assoc);
	crypto_wipe(seed, sizeof(seed));
	rx->child = true;
	rx->parent = c->parent;
	rx->number = c->number;
	rx->gen = parent->gen;
	rx->sid = c->ad.sid;
	rx->suite = k->suite;
	return true;
}

/* The key slot of a session that is a child's with this key; -1: none. */
static int
child_in_slot(const struct session *s, const struct mp_rx *rx)
{
	int i;

	for (i = 0; i < 2; i++)
		if (s->keys[i].live && s->keys[i].child &&
		    s->keys[i].sid_out == rx->sid &&
		    crypto_equal(s->keys[i].rx, rx->key, CRYPTO_KEY))
			return i;
	return -1;
}

/* The address that the program is to see: the parent's, with the port that the
 * child comes from.  False: there is a session of our own to it. */
static bool
child_in_shown(struct mp *m, const struct session *parent, uint32_t slot,
    uint64_t now, const struct mp_rx *rx, struct mp_addr *a)
{
	*a = rx->path.remote;
	if (!addr_is_synthetic(parent->shown.ip) &&
	    peer_addr_fits(m, slot, &parent->shown))
		memcpy(a->ip, parent->shown.ip, 16);
	return peer_addr_settle(m, slot, parent->key_id, now,
	    &rx->path.remote, a);
}

static struct session *
child_in_new(struct mp *m, uint64_t now, const struct session *parent,
    const struct mp_rx *rx)
{
	struct keys k = { .sid_out = rx->sid, .suite = rx->suite,
		.child = true };
	uint32_t slot = m->sh->accept_slot;
	uint64_t key_id = parent->key_id;
	struct session *s;
	struct mp_addr shown;

	if (!state_slot_open(m, slot) || m->sh->drain) {
		state_count(m, m->sh->drain ? MP_C_drop_handshake_drain :
		    MP_C_drop_handshake_slot);
		return NULL;
	}
	if (!child_in_shown(m, parent, slot, now, rx, &shown)) {
		state_count(m, MP_C_drop_handshake_role);
		return NULL;
	}
	/* Each of these may end the parent. */
	if (!session_allowed(m, key_id, share_most(m, key_id), now))
		return NULL;
	s = session_new(m, now, slot, &shown, key_id, rx->assoc, false);
	if (s == NULL) {
		state_count(m, MP_C_drop_handshake_full);
		return NULL;
	}
	memcpy(k.rx, rx->key, sizeof(k.rx));
	memcpy(k.tx, rx->back, sizeof(k.tx));
	s->parent = rx->parent;
	k.sid_in = table_new_sid(m, slot);
	session_install(m, s, now, &k, 0);
	crypto_wipe(&k, sizeof(k));
	state_count(m, MP_C_child_in);
	return s;
}

struct session *
child_in_owner(struct mp *m, uint64_t now, struct mp_rx *rx, bool opened,
    bool *fresh)
{
	struct session *parent = NULL, *s;
	struct keys *k = child_in_parent(m, rx->parent, &parent);
	int slot = -1;

	if (k == NULL || parent->gen != rx->gen) {
		state_count(m, MP_C_drop_stale);
		return NULL;
	}
	if (!opened) {
		state_count(m, MP_C_drop_auth);
		return NULL;
	}
	s = table_find_assoc(m, parent->key_id, rx->assoc);
	if (s != NULL) {
		slot = child_in_slot(s, rx);
	} else if (!child_used(k, rx->number)) {
		s = child_in_new(m, now, parent, rx);
		if (s == NULL)
			return NULL;
		if (parent->gen == rx->gen)
			child_use(k, rx->number);
		slot = s->cur & 1;
		*fresh = true;
	}
	if (slot < 0 || s->state == MP_S_CLOSING) { /* the number was used */
		state_count(m, MP_C_drop_stale);
		return NULL;
	}
	rx->session = state_index(m, s);
	rx->gen = s->gen;
	rx->ref = table_key_ref(m, s, slot);
	return s;
}

/* Has the parent proven to be at that IP address, whatever the port? */
static bool
child_in_proven(struct mp *m, const struct mp_rx *rx)
{
	struct session *parent;
	struct flow *f;
	uint32_t id;

	if (child_in_parent(m, rx->parent, &parent) == NULL)
		return false;
	for (id = 0; id < state_nflows(parent); id++) {
		f = state_flow(m, parent, id);
		if (f != NULL && f->proven_once && !f->unproven &&
		    memcmp(f->path.remote.ip, rx->path.remote.ip, 16) == 0)
			return true;
	}
	return false;
}

void
child_in_first(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    const struct mp_rx *rx)
{
	if (!addr_equal(&f->path.remote, &rx->path.remote) || f->validated)
		return;
	path_validated(m, s, f, now);
	f->unproven = f->probe_now = !child_in_proven(m, rx);
	if (!f->unproven)
		f->born_at = now + CHILD_LATER;
}

void
child_in_prove(struct mp *m, const struct session *s, const struct flow *f,
    uint64_t now)
{
	struct session *parent;
	struct flow *p;
	uint32_t id;

	if (s->initiator || !s->keys[s->cur & 1].child ||
	    child_in_parent(m, s->parent, &parent) == NULL)
		return;
	for (id = 0; id < state_nflows(parent); id++) {
		p = state_flow(m, parent, id);
		if (p != NULL && memcmp(p->path.remote.ip, f->path.remote.ip,
			16) == 0 && p->proven_once && !p->unproven)
			return;
	}
	/* A flow that is gone remembers it. */
	p = path_flow(m, parent, state_nflows(parent), now);
	if (p == NULL || !p->gone)
		return;
	p->path.remote = f->path.remote;
	p->proven_once = true;
}

bool
child_in_exists(const struct mp *m, const struct handshake *sh)
{
	const struct session *s = state_session_gen(m, sh->session, sh->gen);

	return s != NULL && !s->initiator &&
	    ((s->keys[0].live && s->keys[0].child) ||
		(s->keys[1].live && s->keys[1].child));
}

void
child_in_replaced(struct mp *m, uint64_t key_id, uint32_t parent,
    const uint8_t assoc[8])
{
	struct session *s = NULL;
	struct keys *k = child_in_parent(m, parent & ~WIRE_SID_C, &s);

	if (k != NULL && s->key_id == key_id)
		child_use(k, get32(assoc));
}
