/* SPDX-License-Identifier: ISC */
#include "responder.h"

#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "child.h"
#include "child_in.h"
#include "crypto.h"
#include "flow.h"
#include "handshake.h"
#include "initiator_reply.h"
#include "mp.h"
#include "noise.h"
#include "path.h"
#include "peer_addr.h"
#include "pool.h"
#include "ratelimit.h"
#include "rival.h"
#include "seal.h"
#include "send.h"
#include "share.h"
#include "session.h"
#include "staged.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* Notes the source of a copy of an INIT.  Returns how many came from there, or
 * 0: 16 other sources are noted already. */
static uint8_t
note_source(struct handshake *sh, const struct mp_addr *a)
{
	int i;

	for (i = 0; i < STATE_SOURCES; i++) {
		if (sh->source[i].n == 0)
			sh->source[i].addr = *a;
		if (addr_equal(&sh->source[i].addr, a)) {
			if (sh->source[i].n < UINT8_MAX)
				sh->source[i].n++;
			return sh->source[i].n;
		}
	}
	return 0;
}

static struct handshake *
find_init(const struct mp *m, const uint8_t mac1[WIRE_MAC], uint64_t now)
{
	uint64_t tag;
	uint32_t i;

	memcpy(&tag, mac1, sizeof(tag));
	for (i = 0; i < STATE_OPEN && i < m->sh->handshake_used[0]; i++)
		if (m->sh->init_tag[i] == tag &&
		    m->handshakes[i].state != HANDSHAKE_FREE &&
		    now < m->handshakes[i].born_at + HANDSHAKE_LIFE &&
		    memcmp(m->handshakes[i].mac1, mac1, WIRE_MAC) == 0)
			return &m->handshakes[i];
	return NULL;
}

/* Which identity of ours the INIT is for; MP_KEYS_MAX: none. */
static uint32_t
own_of_init(const struct mp_keyring *ring, const uint8_t *packet)
{
	uint8_t mac[WIRE_MAC];
	uint32_t i;

	for (i = 0; ring != NULL && i < ring->n_own && i < MP_KEYS_MAX; i++) {
		crypto_mac(mac, packet, WIRE_MAC1_INIT, ring->own[i].mac.init);
		if (crypto_equal(mac, packet + WIRE_MAC1_INIT, WIRE_MAC))
			return i;
	}
	return MP_KEYS_MAX;
}

static int
responder_answer(struct mp *m, const struct mp_rx *rx, const uint8_t *resp,
    size_t len,
    uint64_t now, struct mp_out *out, uint8_t *buf)
{
	struct session *s = state_session_gen(m, rx->session, rx->gen);
	struct wire_msg msg = { .flags = WIRE_REKEY };
	struct flow *f;

	if (rx->ref == MP_NONE) {
		memset(out, 0, sizeof(*out));
		memcpy(buf, resp, len);
		out->path = rx->path;
		out->len = len;
		out->slot = MP_NONE;
		out->session = MP_NONE;
		out->tos = out->ttl = -1;
		return 1;
	}
	if (s == NULL || (f = state_flow(m, s, rx->flow)) == NULL)
		return 0;
	memcpy(buf + send_frame(s) + WIRE_AD + WIRE_HEAD, resp, len);
	return send_control(m, s, f, now, &msg, len, out, buf) > 0;
}

/* Writes the RESP and derives the keys.  False: the DH was zero. */
static bool
write_resp(struct mp *m, struct handshake *sh, const struct mp_keyring *ring,
    const struct mp_key *key, const struct mp_addr *theirs, uint32_t isid,
    uint32_t their_features)
{
	uint32_t child = child_in_exists(m, sh) ? WIRE_F_CHILD : 0;
	struct wire_resp r = { .features = handshake_features(m,
	    child) & their_features,
		.yours = *theirs, .max_flows = (uint16_t)m->limits.flows_each };
	uint8_t inner[WIRE_INNER], e[32], k[2][32];
	bool ok;

	if (m->sh->fleet)
		r.features |= WIRE_F_FLEET;
	sh->keys.sid_in = r.sid = table_new_sid(m, sh->slot);
	sh->keys.sid_out = isid;
	sh->keys.suite = (uint8_t)seal_choose(r.features);
	wire_put_handshake(sh->packet, &(struct wire_handshake) { WIRE_T_RESP,
	    isid });
	wire_put_resp(inner, &r);
	handshake_ephemeral(m, ring, e);
	ok = noise_write2(&sh->noise, e, key->pub, key->psk, inner,
	    sizeof(inner), sh->packet + WIRE_HANDSHAKE);
	crypto_wipe(e, sizeof(e));
	if (!ok)
		return false;
	crypto_mac(sh->packet + WIRE_MAC1_RESP, sh->packet, WIRE_MAC1_RESP,
	    key->mac.resp);
	if (r.features & WIRE_F_PARENT)
		child_secret(&sh->keys, &sh->noise);
	noise_split(&sh->noise, k);
	memcpy(sh->keys.rx, k[0], 32);
	memcpy(sh->keys.tx, k[1], 32);
	crypto_wipe(k, sizeof(k));
	return true;
}

/*
 * The slot that a new session gets: the one that accepts, or another one if its
 * socket is of the other family than the address that the initiator's program
 * asked.  The claim is of that family; it is zeros where no route leads there.
 */
static uint8_t
asked_slot(const struct mp *m, const struct handshake *sh)
{
	static const uint8_t unknown[16];
	uint32_t i, slot = m->sh->accept_slot;

	if (!state_slot_accepts(m, slot) ||
	    memcmp(sh->claim, unknown, sizeof(unknown)) == 0 ||
	    addr_fits((enum mp_family)m->sh->family[slot], sh->claim))
		return (uint8_t)slot;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (state_slot_accepts(m, i) && addr_fits(
		    (enum mp_family)m->sh->family[i], sh->claim))
			return (uint8_t)i;
	return UINT8_MAX;
}

/* Fills in `sh' by an authenticated INIT.  MP_C_MAX: it may be answered; or the
 * reason why not. */
static enum mp_counter
consider(struct mp *m, struct handshake *sh, const struct wire_init *in,
    const struct mp_key *key, const struct mp_rx *rx, uint64_t now)
{
	struct session *s = table_find_assoc(m, key->id, in->assoc);

	memcpy(sh->assoc, in->assoc, 8);
	memcpy(sh->claim, in->source, sizeof(sh->claim));
	sh->primary = (uint8_t)WIRE_F_PRIMARY_ID(in->features);
	sh->key_id = key->id;
	sh->wins = key->wins;
	sh->most = key->most;
	sh->initiator = (in->features & WIRE_F_RESPONDER) != 0;
	sh->inner = rx->ref != MP_NONE;
	sh->session = MP_NONE;
	note_source(sh, &rx->path.remote);
	if (!sh->inner && !mp_keyring_admits(key, &rx->path.remote))
		return MP_C_drop_handshake_from;
	if (sh->inner && (s == NULL || state_index(m, s) != rx->session))
		return MP_C_drop_handshake_auth;
	if (s != NULL) {
		if (s->initiator != sh->initiator || s->state == MP_S_CLOSING)
			return MP_C_drop_handshake_auth;
		sh->session = state_index(m, s);
		sh->gen = s->gen;
		sh->slot = s->slot;
	} else if (sh->initiator) { /* we never began such an association */
		return MP_C_drop_handshake_role;
	} else if (m->sh->drain) {
		return MP_C_drop_handshake_drain;
	} else if (share_full(m, key->id, key->most) &&
	    share_unused(m, key->id, now) == NULL &&
	    rival_find(m, sh, now) == NULL) {
		return MP_C_drop_most;
	} else {
		sh->slot = asked_slot(m, sh);
		if (!state_slot_accepts(m, sh->slot) &&
		    (s = rival_find(m, sh, now)) == NULL)
			return MP_C_drop_handshake_slot;
		sh->slot = s != NULL ? s->slot : sh->slot;
	}
	if (rival_yields(m, sh, now))
		return MP_C_drop_handshake_role;
	return ratelimit_known(m, now, key->id, RATELIMIT_ANSWER) ? MP_C_MAX :
	    MP_C_drop_handshake_rate;
}

/* Opens an INIT for that identity of ours; `inside': the key id of the session
 * that it came in, or 0.  MP_C_MAX: it is of the peer *key; or the reason why it
 * is dropped. */
static enum mp_counter
read_init(struct mp *m, struct noise *n, const struct mp_keyring *ring,
    uint32_t own, uint64_t inside, const uint8_t *packet, uint64_t now,
    const struct mp_key **key, struct wire_init *in)
{
	const uint8_t *secret = ring->own[own].secret;
	uint8_t pro[HANDSHAKE_PROLOGUE], inner[WIRE_INNER], peer[32];

	if (!(inside != 0 ? ratelimit_known(m, now, inside, RATELIMIT_INIT) :
	    ratelimit_curve(m, now, RATELIMIT_INIT)))
		return MP_C_drop_handshake_rate;
	handshake_prologue(pro, packet);
	noise_init(n, pro, sizeof(pro), ring->own[own].pub);
	packet += WIRE_HANDSHAKE;
	if (!noise_read1_from(n, secret, packet, WIRE_NOISE1, peer))
		return MP_C_drop_handshake_auth;
	*key = mp_keyring_peer(ring, own, peer);
	if (*key == NULL)
		return MP_C_drop_handshake_peer;
	if (!noise_read1(n, secret, peer, packet, WIRE_NOISE1, inner))
		return MP_C_drop_handshake_auth;
	wire_get_init(inner, in);
	return MP_C_MAX;
}

static int
new_init(struct mp *m, const struct mp_keyring *ring, uint32_t own,
    const struct mp_rx *rx, const uint8_t *packet, uint64_t now,
    struct mp_out *out, uint8_t *buf)
{
	struct handshake t = { .state = HANDSHAKE_OPEN, .born_at = now }, *sh;
	const struct mp_key *key;
	struct wire_init in;
	enum mp_counter why;
	struct session *s;
	uint64_t inside = 0;
	int r = 0;

	if (rx->ref != MP_NONE) {
		s = state_session_gen(m, rx->session, rx->gen);
		if (s == NULL)
			return 0;
		inside = s->key_id;
	}
	why = read_init(m, &t.noise, ring, own, inside, packet, now, &key,
	    &in);
	if (why != MP_C_MAX)
		goto out;
	why = consider(m, &t, &in, key, rx, now);
	if (why == MP_C_drop_handshake_role && t.wins && !t.inner)
		rival_note(m, &t, packet + WIRE_MAC1_INIT, now);
	if (why != MP_C_MAX)
		goto out;
	why = MP_C_drop_handshake_rate;
	sh = handshake_place(m, key->id, now);
	if (sh == NULL)
		goto out;
	why = MP_C_drop_handshake_auth;
	if (!write_resp(m, &t, ring, key, &rx->path.remote,
		get32(packet + 8), in.features))
		goto out;
	why = MP_C_MAX;
	if ((in.features & WIRE_F_CHILD) && t.session == MP_NONE)
		child_in_replaced(m, key->id, in.previous, in.assoc);
	memcpy(t.mac1, packet + WIRE_MAC1_INIT, WIRE_MAC);
	*sh = t;
	handshake_rank(m, sh);
	memcpy(&m->sh->init_tag[sh - m->handshakes], t.mac1,
	    sizeof(m->sh->init_tag[0]));
	table_link_sid(m, table_handshake_ref(m, sh));
	if (m->sh->sweep_at == MP_NEVER)
		m->sh->sweep_at = now + SEC;
	r = responder_answer(m, rx, sh->packet, WIRE_RESP, now, out, buf);
out:
	if (why != MP_C_MAX)
		state_count(m, why);
	crypto_wipe(&t, sizeof(t));
	return r;
}

/* The link that the INIT came by may have no way back: in the initiator's second
 * round (0.3 s) and fourth (2.1 s) RESP goes by the one that the kernel
 * chooses. */
static bool
try_any_link(const struct handshake *sh, uint64_t now)
{
	uint64_t age = now > sh->born_at ? now - sh->born_at : 0;

	return (age >= 200 * MS && age < 600 * MS) || age >= 1500 * MS;
}

static int
take_init(struct mp *m, const struct mp_keyring *ring, const struct mp_rx *rx,
    const uint8_t *packet, uint64_t now, struct mp_out *out, uint8_t *buf)
{
	uint32_t own = own_of_init(ring, packet);
	struct handshake *sh;
	uint8_t cookie[WIRE_COOKIE], n;

	if (own == MP_KEYS_MAX || !ratelimit_mac2_ok(m, now,
	    &rx->path.remote, packet)) {
		state_count(m, MP_C_drop_handshake_mac);
		return 0;
	}
	sh = find_init(m, packet + WIRE_MAC1_INIT, now);
	if (sh != NULL) {
		n = note_source(sh, &rx->path.remote);
		if (n > 0 && n <= RESPONDER_SENDS) {
			if (!responder_answer(m, rx, sh->packet, WIRE_RESP,
			    now, out, buf))
				return 0;
			sh->any_link = rx->ref == MP_NONE &&
			    try_any_link(sh, now);
			if (sh->any_link) {
				out->path.ifindex = 0;
				out->path.any_source = false;
			}
			return 1;
		}
		state_count(m, MP_C_drop_handshake_dup);
		return 0;
	}
	if (rx->ref != MP_NONE) /* inside a live session: the sender is known */
		return new_init(m, ring, own, rx, packet, now, out, buf);
	if (rival_holds(m, packet + WIRE_MAC1_INIT, now)) {
		state_count(m, MP_C_drop_handshake_role);
		return 0;
	}
	switch (ratelimit_admit(m, now, &rx->path.remote, packet)) {
	case RATELIMIT_OK:
		if (handshake_closed(m, now))
			break;
		return new_init(m, ring, own, rx, packet, now, out, buf);
	case RATELIMIT_COOKIE:
		ratelimit_cookie(m, now, &rx->path.remote, packet,
		    ring->own[own].mac.cookie, cookie);
		state_count(m, MP_C_cookie_out);
		return responder_answer(m, rx, cookie, WIRE_COOKIE, now, out,
		    buf);
	case RATELIMIT_DROP:
		break;
	}
	state_count(m, MP_C_drop_handshake_rate);
	return 0;
}

int
mp_handshake(struct mp *m, const struct mp_keyring *ring, uint64_t now,
    const struct mp_rx *rx, const uint8_t *packet, size_t len,
    struct mp_out *out, uint8_t *buf)
{
	struct wire_handshake h;

	if (!wire_get_handshake(packet, len, &h)) {
		state_count(m, MP_C_drop_handshake_format);
		return 0;
	}
	switch (h.type) {
	case WIRE_T_INIT:
		return take_init(m, ring, rx, packet, now, out, buf);
	case WIRE_T_RESP:
		initiator_reply_take(m, ring, rx, packet, &h, now);
		break;
	case WIRE_T_COOKIE:
		initiator_reply_cookie(m, ring, rx, packet, &h, now);
		break;
	case WIRE_T_WELCOME:
		initiator_reply_welcome(m, rx, packet, &h, now);
		break;
	case WIRE_T_CHILD: /* mp_recv_begin() took it */
		break;
	}
	return 0;
}

/* Gives up our own new session for the peer's: the record that the program
 * knows becomes the session that the peer began. */
static void
responder_adopt(struct mp *m, struct session *s, const struct handshake *sh,
    uint64_t now)
{
	struct flow *f;
	uint32_t id;

	/* The peer took nothing under our own keys, so it is staged again; but
	 * where it has used those before the present ones, it took it. */
	staged_settle(m, s, now);
	if (s->keys[0].heard || s->keys[1].heard)
		pool_clear(m, POOL_RECENT, s);
	else
		pool_stage_recent(m, s, now);
	for (id = 0; id < state_nflows(s); id++)
		if ((f = state_flow(m, s, id)) != NULL) {
			flow_begin(f, &(struct mp_path) { .ifindex = 0 }, now);
			f->gone = true;
		}
	s->live_flows = 0;
	table_unlink_assoc(m, s);
	memcpy(s->assoc, sh->assoc, 8);
	table_link_assoc(m, s);
	m->sh->initiators += (uint32_t)sh->initiator - s->initiator;
	s->initiator = sh->initiator;
	s->turned = false;
	s->choice = 0;
	s->current = s->selected = STATE_NO_FLOW;
}

struct session *
responder_confirm(struct mp *m, struct handshake *sh, uint64_t now,
    const struct mp_rx *rx)
{
	struct session *s = state_session_gen(m, sh->session, sh->gen);
	struct session *rival;

	if (!state_slot_open(m, sh->slot))
		return NULL;
	if (s == NULL)
		s = table_find_assoc(m, sh->key_id, sh->assoc);
	if (s != NULL && (s->initiator != sh->initiator ||
	    s->state == MP_S_CLOSING))
		return NULL;
	rival = s == NULL ? rival_find(m, sh, now) : NULL;
	if (sh->wins && rival != NULL && rival_has_won(rival, now)) {
		state_count(m, MP_C_drop_handshake_role);
		handshake_free(m, sh);
		return NULL;
	}
	/* We answered the peer's INIT before we began, or we yield to it.  The
	 * peer has these keys already, so they are used in either case. */
	if (rival != NULL && rival_is_new(rival, now)) {
		responder_adopt(m, rival, sh, now);
		s = rival;
	} else if (rival != NULL) /* it makes no other keys besides these */
		session_drop_handshake(m, rival);
	if (s == NULL && !session_allowed(m, sh->key_id, sh->most, now)) {
		handshake_free(m, sh);
		return NULL;
	}
	if (s == NULL && state_slot_accepts(m, sh->slot))
		s = peer_addr_new(m, sh, now, rx);
	if (s == NULL)
		return NULL;
	share_set_key(m, s, sh->key_id);
	share_set_most(m, sh->key_id, sh->most);
	table_unlink_sid(m, table_handshake_ref(m, sh));
	if (sh->wins && state_keys(s)->own &&
	    sh->born_at < state_keys(s)->born_at)
		session_install_former(m, s, now, &sh->keys);
	else
		session_install(m, s, now, &sh->keys, 0);
	if (s->initiator && s->live_flows == 0) { /* this end makes them */
		path_make_all(m, s, now);
		path_probe_now(m, s, now, MP_NONE);
		s->addr_at = now;
	}
	crypto_wipe(&sh->keys, sizeof(sh->keys));
	sh->state = HANDSHAKE_DONE;
	handshake_rank(m, sh);
	sh->session = state_index(m, s);
	sh->gen = s->gen;
	return s;
}
