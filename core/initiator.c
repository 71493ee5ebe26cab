/* SPDX-License-Identifier: ISC */
#include "initiator.h"

#include <string.h>

#include "addr.h"
#include "budget.h"
#include "crypto.h"
#include "handshake.h"
#include "mp.h"
#include "noise.h"
#include "probe.h"
#include "send.h"
#include "share.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The primary pair, which plain UDP would take and whose source the responder's
 * program is to see; NULL: not known, or no flow has it. */
static struct flow *
primary_flow(const struct mp *m, const struct session *s)
{
	const uint8_t *source = state_annexed(m, s)->source;
	struct flow *f;

	if (!s->initiator)
		return NULL;
	STATE_FLOWS(m, s, f, id)
		if (!f->down && memcmp(f->path.local.ip, source, 16) == 0 &&
		    addr_equal(&f->path.remote, &s->shown))
			return f;
	return NULL;
}

/* Fills in the sealed part of an INIT. */
static void
initiator_describe(const struct mp *m, const struct handshake *sh,
    const struct session *s, const struct flow *f, struct wire_init *in)
{
	memset(in, 0, sizeof(*in));
	in->previous = s->keys[s->cur & 1].sid_out;
	in->features = handshake_features(m, sh->initiator ? 0 :
	    WIRE_F_RESPONDER);
	if (s->keys[s->cur & 1].framed) {
		in->previous = s->parent;
		in->features |= WIRE_F_CHILD;
	}
	memcpy(in->assoc, sh->turns ? sh->assoc : s->assoc, 8);
	if (f == NULL)
		return;
	in->features |= WIRE_F_PRIMARY(f->id);
	memcpy(in->source, state_annexed(m, s)->source, sizeof(in->source));
}

/* Writes an INIT with a new ephemeral key.  A public key with which a DH is zero
 * is no peer's: what goes out then opens nowhere. */
static void
write_init(struct mp *m, struct handshake *sh, const struct mp_keyring *ring,
    const struct mp_key *key, const struct session *s, uint64_t now)
{
	const struct mp_identity *own = &ring->own[key->own];
	uint8_t pro[HANDSHAKE_PROLOGUE], inner[WIRE_INNER], e[32];
	const struct flow *f = primary_flow(m, s);
	struct wire_init in;

	initiator_describe(m, sh, s, f, &in);
	sh->primary = f != NULL ? f->id : STATE_NO_FLOW;
	sh->resp_until = MP_NEVER;
	sh->keys.sid_in = table_new_sid(m, s->slot);
	table_link_sid(m, table_handshake_ref(m, sh));
	wire_put_handshake(sh->packet,
	    &(struct wire_handshake) { WIRE_T_INIT, sh->keys.sid_in });
	handshake_prologue(pro, sh->packet);
	noise_init(&sh->noise, pro, sizeof(pro), key->pub);
	wire_put_init(inner, &in);
	handshake_ephemeral(m, ring, e);
	(void)noise_write1(&sh->noise, e, own->secret, own->pub, key->pub,
	    inner, sizeof(inner), sh->packet + WIRE_HANDSHAKE);
	crypto_wipe(e, sizeof(e));
	crypto_mac(sh->packet + WIRE_MAC1_INIT, sh->packet, WIRE_MAC1_INIT,
	    key->mac.init);
	memset(sh->packet + WIRE_MAC2_INIT, 0, WIRE_MAC);
	sh->cookie_flow = STATE_NO_FLOW;
	sh->born_at = now;
}

/*
 * us that the next handshake keeps from the last one's beginning: 1 s, doubled
 * up to 10 s where they follow each other.  So nothing that a peer does or leaves
 * makes an association shake hands often.  But a peer that spoke after the last
 * one, and then is gone, has not answered INIT for nothing: its program has been
 * restarted, and waits for ours.  New keys for a session that is up have time.
 */
static bool
initiator_is_quick(const struct session *s)
{
	return s->shook_well && !s->handshake_inner;
}

static uint32_t
initiator_gap(const struct session *s)
{
	return initiator_is_quick(s) ? INITIATOR_PACE : s->shook_gap;
}

/* When the session may begin its next handshake, whatever asks for it. */
static uint64_t
initiator_next_start(const struct session *s)
{
	uint64_t at = s->shook_at != 0 ? s->shook_at + initiator_gap(s) : 0;

	return at > s->handshake_after ? at : s->handshake_after;
}

/* Our handshake begins. */
static void
initiator_shakes(struct session *s, uint64_t now)
{
	uint64_t quiet = INITIATOR_QUIET * (uint64_t)s->shook_gap;

	if (s->shook_at == 0 || now >= s->shook_at + quiet ||
	    initiator_is_quick(s))
		s->shook_gap = INITIATOR_PACE;
	else if (s->shook_gap < INITIATOR_PACE_MAX / 2)
		s->shook_gap *= 2;
	else
		s->shook_gap = INITIATOR_PACE_MAX;
	s->shook_well = false;
	s->shook_at = now;
}

void
initiator_heard(struct session *s, bool data, uint64_t now)
{
	if (!s->shook_well && s->shook_at != 0 &&
	    STATE_ONCE(s->handshake) >= STATE_HANDSHAKES)
		s->shook_well = data || now >= s->shook_at + INITIATOR_PACE;
}

static struct handshake *
initiator_start(struct mp *m, const struct mp_keyring *ring,
    const struct mp_key *key, struct session *s, uint64_t now)
{
	struct handshake *sh = handshake_new(m);

	if (sh == NULL) { /* full: try later, spread out */
		s->handshake_after = now + INITIATOR_CROWD +
		    rng_below(&m->sh->rng, INITIATOR_CROWD);
		return NULL;
	}
	s->want_handshake = false;
	s->handshake_after = 0;
	initiator_shakes(s, now);
	sh->state = HANDSHAKE_SENT;
	sh->session = state_index(m, s);
	sh->gen = s->gen;
	sh->slot = s->slot;
	share_set_key(m, s, key->id);
	sh->key_id = key->id;
	sh->wins = key->wins;
	sh->inner = s->handshake_inner && s->state == MP_S_UP;
	sh->initiator = s->initiator;
	sh->turns = sh->turned = false;
	sh->cursor = s->current;
	sh->next_at = now;
	write_init(m, sh, ring, key, s, now);
	s->handshake = (uint32_t)(sh - m->handshakes);
	return sh;
}

uint64_t
initiator_due(const struct mp *m, const struct session *s)
{
	const struct handshake *sh;
	uint32_t i = STATE_ONCE(s->handshake);

	if (s->want_handshake)
		return initiator_next_start(s);
	if (i >= STATE_HANDSHAKES)
		return MP_NEVER;
	sh = &m->handshakes[i];
	if (sh->mask != 0)
		return 0;
	return sh->next_at < sh->resp_until ? sh->next_at : sh->resp_until;
}

/* The flow ids on which an INIT can go out. */
static uint64_t
all_flows(const struct mp *m, const struct session *s)
{
	struct flow *f;
	uint64_t mask = 0;

	STATE_FLOWS(m, s, f, id)
		if (!f->down)
			mask |= state_bit(id);
	return mask;
}

/* us from one pair's turn to the next one's: each pair has a turn each second,
 * so that a waiting program has its peer back within 2 s of its return,
 * whichever pair leads there. */
static uint64_t
turn_gap(const struct handshake *sh, const struct session *s, uint64_t now)
{
	uint64_t gap;

	if (sh->inner || s->live_flows == 0 || probe_idle(s, now))
		return INITIATOR_SLOW;
	gap = INITIATOR_EACH / s->live_flows;
	return gap > INITIATOR_GAP ? gap : INITIATOR_GAP;
}

/*
 * A responder whose keys are gone, or whose peer is lost, asks for the
 * association, but a peer that has restarted does not know it, and says nothing.
 * So it also begins another one, as an initiator; seldom, since a peer that was
 * only away should keep its role.
 */
static bool
may_turn(const struct handshake *sh, const struct session *s)
{
	return !s->initiator && !sh->inner;
}

/* us until another INIT takes this one's place. */
static uint64_t
init_life(const struct handshake *sh, const struct session *s)
{
	if (sh->turns)
		return sh->turned ? INITIATOR_TURN : INITIATOR_FIRST_TURN;
	if (may_turn(sh, s) && !sh->turned && sh->round >= INITIATOR_TURNS)
		return 0;
	return HANDSHAKE_LIFE;
}

static void
initiator_turn(struct mp *m, struct handshake *sh, const struct session *s)
{
	sh->turned |= sh->turns;
	sh->turns = !sh->turns && may_turn(sh, s);
	sh->initiator = s->initiator || sh->turns;
	if (sh->turns)
		rng_bytes(&m->sh->rng, sh->assoc, sizeof(sh->assoc));
}

/* us from this round to the next one; 0: there is none to all pairs.  A peer that
 * sent CLOSE was there a moment ago: another process may have its port soon. */
static uint64_t
round_gap(const struct handshake *sh, const struct session *s)
{
	static const uint64_t gap[INITIATOR_ROUNDS] = { 300 * MS, 600 * MS,
		1200 * MS };
	static const uint64_t recall[INITIATOR_RECALLS] = { 50 * MS, 50 * MS,
		100 * MS, 100 * MS, 200 * MS, 200 * MS, 400 * MS, 1000 * MS };

	if (s->recall)
		return sh->round < INITIATOR_RECALLS ? recall[sh->round] : 0;
	return sh->round < INITIATOR_ROUNDS ? gap[sh->round] : 0;
}

static void
next_round(struct mp *m, struct handshake *sh, const struct mp_keyring *ring,
    const struct mp_key *key, const struct session *s, uint64_t now)
{
	uint64_t all = all_flows(m, s), gap = round_gap(sh, s);
	uint32_t i, id;

	if (now >= sh->born_at + init_life(sh, s)) {
		initiator_turn(m, sh, s);
		table_unlink_sid(m, table_handshake_ref(m, sh));
		write_init(m, sh, ring, key, s, now);
	}
	sh->next_at = now + (gap != 0 ? gap : turn_gap(sh, s, now));
	sh->round += gap != 0;
	if (gap != 0 && !sh->inner) {
		sh->mask = all;
		return;
	}
	/* One pair in turn, from the one after the cursor on (inner, first:
	 * from the cursor on). */
	for (i = sh->inner && sh->round == 1 ? 0 : 1; i <= MP_FLOWS_MAX; i++) {
		id = (sh->cursor + i) % MP_FLOWS_MAX;
		if (all >> id & 1) {
			sh->cursor = (uint8_t)id;
			sh->mask = state_bit(id);
			return;
		}
	}
}

/* May an INIT go there now?  To an address that has not answered only in the
 * place of a probe, and within the budget. */
static bool
initiator_may(const struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	if (budget_answered(m, s, f) && !f->unproven)
		return true;
	if (now < probe_first_due(m, s, f))
		return false;
	if (!budget_may(m, s, f, false, WIRE_INIT)) {
		budget_refused(s, now);
		return false;
	}
	budget_sent(m, s, f, false, WIRE_INIT);
	f->probes += f->probes < UINT8_MAX;
	f->probe_at = now;
	return true;
}

static size_t
emit_init(struct mp *m, struct session *s, struct handshake *sh, struct flow *f,
    uint64_t now, struct mp_out *out, uint8_t *buf)
{
	struct wire_msg msg = { .flags = WIRE_REKEY };

	memcpy(buf, sh->packet, WIRE_INIT);
	if (sh->cookie_flow == f->id)
		crypto_mac(buf + WIRE_MAC2_INIT, buf, WIRE_MAC2_INIT,
		    sh->cookie);
	state_count(m, MP_C_handshake_out);
	if (sh->inner) {
		memmove(buf + send_frame(s) + WIRE_AD + WIRE_HEAD, buf,
		    WIRE_INIT);
		return send_control(m, s, f, now, &msg, WIRE_INIT, out, buf);
	}
	send_out(m, s, f, &f->path, out);
	return out->len = WIRE_INIT;
}

/* The flow id on which INIT goes out next, of those in `mask'.  The primary
 * pair is first, so that the responder sees its source first. */
static uint32_t
next_id(const struct handshake *sh)
{
	uint32_t id = 0;

	if (sh->primary < MP_FLOWS_MAX && (sh->mask >> sh->primary & 1))
		return sh->primary;
	while (id < MP_FLOWS_MAX && (sh->mask >> id & 1) == 0)
		id++;
	return id;
}

int
initiator_poll(struct mp *m, const struct mp_keyring *ring, struct session *s,
    uint64_t now, struct mp_out *out, uint8_t *buf)
{
	uint32_t id, i = STATE_ONCE(s->handshake);
	const struct mp_key *key;
	struct handshake *sh;
	struct flow *f;
	uint64_t key_id;

	/* First: the keyring of many peers is far away, and this is asked
	 * whenever a session has something to send. */
	if (initiator_due(m, s) > now)
		return 0;
	key_id = s->key_id != 0 ? s->key_id :
	    mp_keyring_choose(ring, &s->shown);
	key = key_id != 0 ? mp_keyring_find(ring, key_id) : NULL;
	if (key == NULL) { /* the key is not loaded now, but may be later */
		if (i < STATE_HANDSHAKES) {
			m->handshakes[i].mask = 0;
			m->handshakes[i].next_at = now + INITIATOR_SLOW;
		}
		s->handshake_after = now + INITIATOR_SLOW;
		return 0;
	}
	sh = i < STATE_HANDSHAKES ? &m->handshakes[i] : initiator_start(m,
	    ring, key, s, now);
	if (sh == NULL || sh->state != HANDSHAKE_SENT)
		return 0;
	if (sh->mask == 0 && now >= sh->next_at)
		next_round(m, sh, ring, key, s, now);
	s->want_handshake = false;
	while ((id = next_id(sh)) < MP_FLOWS_MAX) {
		sh->mask &= ~(state_bit(id));
		f = state_flow(m, s, id);
		if (f != NULL && !f->gone && initiator_may(m, s, f, now) &&
		    emit_init(m, s, sh, f, now, out, buf) > 0)
			return 1;
	}
	return 0;
}
