/* SPDX-License-Identifier: ISC */
#include "initiator_reply.h"

#include <string.h>

#include "budget.h"
#include "child.h"
#include "child_out.h"
#include "crypto.h"
#include "handshake.h"
#include "mp.h"
#include "noise.h"
#include "path.h"
#include "path_choice.h"
#include "ratelimit.h"
#include "seal.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* Our handshake that an answer names, if it is still under way. */
static struct handshake *
find_sent(struct mp *m, uint32_t isid)
{
	struct table_ref r;

	if (!table_ref_of(m, table_find_sid(m, isid), &r) || r.sh == NULL ||
	    r.sh->state != HANDSHAKE_SENT)
		return NULL;
	return r.sh;
}

/* Which server of a fleet has the association now.  If that is another one, what
 * is known of the former one's addresses goes with it. */
static void
initiator_reply_server(struct mp *m, struct session *s,
    const struct wire_resp *r, const struct mp_rx *rx, uint64_t now)
{
	uint8_t server = r->features & WIRE_F_FLEET ?
	    WIRE_SID_PREFIX(r->sid) : 0;

	if (s->server != 0 && server != 0 && server != s->server)
		path_end_told(m, s, &rx->path, now);
	s->server = server;
}

static void
initiator_reply_done(struct mp *m, struct session *s, struct handshake *sh,
    const struct wire_resp *r, const struct mp_rx *rx, uint64_t now)
{
	struct keys k = { .sid_in = sh->keys.sid_in, .sid_out = r->sid,
		.own = true };
	uint8_t split[2][32];
	struct flow *f;
	bool inner = sh->inner, child = state_keys(s)->framed;
	bool turns = sh->turns;
	uint64_t born = s->up_at;

	if (r->features & WIRE_F_PARENT)
		child_secret(&k, &sh->noise);
	k.suite = (uint8_t)seal_choose(r->features & handshake_features(m, 0));
	noise_split(&sh->noise, split);
	memcpy(k.tx, split[0], 32);
	memcpy(k.rx, split[1], 32);
	table_unlink_sid(m, table_handshake_ref(m, sh));
	if (turns)
		session_turn(m, s, sh->assoc);
	sh->state = HANDSHAKE_DONE; /* its sid belongs to the session now */
	if (s->initiator)
		initiator_reply_server(m, s, r, rx, now);
	f = rx->ref == MP_NONE ? path_find(m, s, &rx->path) : NULL;
	session_install(m, s, now, &k, r->max_flows);
	if (child)
		child_settled(m, s, now, (r->features & WIRE_F_CHILD) != 0);
	crypto_wipe(sh, sizeof(*sh));
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(split, sizeof(split));
	s->reflexive = r->yours;
	if (f != NULL && f->gone) /* ended by the peer's max flows */
		f = path_move(m, s, f, now);
	if (rx->ref == MP_NONE)
		budget_came(s, &rx->path, WIRE_RESP);
	/* All INITs are the same, so RESP may come from elsewhere than it says:
	 * an address of which nothing else is known is challenged first. */
	if (f != NULL && !budget_answered(m, s, f))
		f = NULL;
	if (f != NULL)
		path_validated(m, s, f, now);
	if (f != NULL && child)
		path_choice_answered(m, s, f, born, now);
	path_probe_now(m, s, now, MP_NONE); /* confirms, and measures */
	if (turns)
		path_make_all(m, s, now);
	if (!inner) { /* it may be another one, that knows nothing yet */
		s->addr_at = now;
		s->addr_tries = 0;
		path_choice_tell(m, s);
	}
}

/* Keeps a RESP, for one that is better may come.  One that waits is enough. */
static void
initiator_reply_keep(struct mp *m, struct session *s, struct handshake *sh,
    const uint8_t *packet, const struct flow *came, uint64_t now)
{
	if (sh->resp_until != MP_NEVER)
		return;
	memcpy(sh->resp, packet, sizeof(sh->resp));
	sh->resp_flow = came->id;
	sh->resp_until = now + INITIATOR_REPLY_WAIT;
	table_arm(m, s, sh->resp_until);
}

/*
 * Of a fleet another server answered than the one that has the association.
 * The program is best served where it was, so this one waits, and that one is
 * asked on every pair: its own addresses lead to it.
 */
static bool
initiator_reply_strays(struct mp *m, struct session *s, struct handshake *sh,
    const uint8_t *packet, const struct wire_resp *r, const struct mp_rx *rx,
    uint64_t now)
{
	struct flow *came;

	if (s->server == 0 || sh->inner || !(r->features & WIRE_F_FLEET) ||
	    WIRE_SID_PREFIX(r->sid) == s->server ||
	    (came = path_find(m, s, &rx->path)) == NULL)
		return false;
	if (sh->resp_until == MP_NEVER)
		path_retry_handshake(m, s, now);
	initiator_reply_keep(m, s, sh, packet, came, now);
	return true;
}

/* Takes a RESP whose mac is right; or keeps it, but where it is the `last'. */
static void
initiator_reply_read(struct mp *m, const struct mp_keyring *ring,
    struct session *s, struct handshake *sh, const uint8_t *packet,
    const struct mp_rx *rx, bool last, uint64_t now)
{
	const struct mp_key *key = mp_keyring_find(ring, sh->key_id);
	struct noise next = sh->noise;
	uint8_t inner[WIRE_INNER];
	struct wire_resp r;

	if (key == NULL)
		return;
	if (!ratelimit_known(m, now, key->id, RATELIMIT_RESP)) {
		state_count(m, MP_C_drop_handshake_rate);
		return;
	}
	if (!noise_read2(&next, ring->own[key->own].secret, key->psk,
		packet + WIRE_HANDSHAKE, WIRE_NOISE2, inner) ||
	    !wire_get_resp(inner, &r) || r.max_flows == 0) {
		state_count(m, MP_C_drop_handshake_auth);
	} else if (last ||
	    !initiator_reply_strays(m, s, sh, packet, &r, rx, now)) {
		sh->noise = next;
		initiator_reply_done(m, s, sh, &r, rx, now);
	}
	noise_wipe(&next);
}

/*
 * A RESP on another pair waits for the primary pair's.  The packet that
 * confirms the handshake must not reach the responder before the INIT whose
 * source its program is to see.  Plain UDP would use the primary pair, so the
 * program loses nothing by waiting, unless that pair is silent.
 */
static bool
initiator_reply_waits(struct mp *m, struct session *s, struct handshake *sh,
    const uint8_t *packet, const struct mp_rx *rx, uint64_t now)
{
	struct flow *f = state_flow(m, s, sh->primary), *came;

	/* A fleet's server, when there was one, is more than the pair. */
	if (sh->inner || rx->ref != MP_NONE || s->server != 0 || f == NULL ||
	    f->gone || f->down || f->failed ||
	    (came = path_find(m, s, &rx->path)) == NULL || came == f)
		return false;
	initiator_reply_keep(m, s, sh, packet, came, now);
	return true;
}

void
initiator_reply_settle(struct mp *m, const struct mp_keyring *ring,
    struct session *s, uint64_t now)
{
	uint32_t i = STATE_ONCE(s->handshake);
	struct handshake *sh = i < STATE_HANDSHAKES ? &m->handshakes[i] : NULL;
	struct mp_rx rx = { .ref = MP_NONE };
	struct flow *f;

	if (sh == NULL || sh->state != HANDSHAKE_SENT || now < sh->resp_until)
		return;
	sh->resp_until = MP_NEVER;
	f = state_flow(m, s, sh->resp_flow);
	if (f == NULL || f->gone)
		return;
	rx.path = f->path;
	initiator_reply_read(m, ring, s, sh, sh->resp, &rx, true, now);
}

void
initiator_reply_take(struct mp *m, const struct mp_keyring *ring,
    const struct mp_rx *rx,
    const uint8_t *packet, const struct wire_handshake *h, uint64_t now)
{
	struct handshake *sh = find_sent(m, h->isid);
	const struct mp_key *key;
	struct session *s;
	uint8_t mac[WIRE_MAC];

	s = sh == NULL ? NULL : state_session_gen(m, sh->session, sh->gen);
	if (s == NULL || (key = mp_keyring_find(ring, sh->key_id)) == NULL) {
		state_count(m, MP_C_drop_handshake_sid);
		return;
	}
	crypto_mac(mac, packet, WIRE_MAC1_RESP,
	    ring->own[key->own].mac.resp);
	if (!crypto_equal(mac, packet + WIRE_MAC1_RESP, WIRE_MAC)) {
		state_count(m, MP_C_drop_handshake_mac);
		return;
	}
	if (!initiator_reply_waits(m, s, sh, packet, rx, now))
		initiator_reply_read(m, ring, s, sh, packet, rx, false,
		    now);
}

void
initiator_reply_cookie(struct mp *m, const struct mp_keyring *ring,
    const struct mp_rx *rx, const uint8_t *packet,
    const struct wire_handshake *h, uint64_t now)
{
	struct handshake *sh = find_sent(m, h->isid);
	const struct mp_key *key;
	struct session *s;
	struct flow *f;
	uint8_t cookie[CRYPTO_MAC];

	s = sh == NULL ? NULL : state_session_gen(m, sh->session, sh->gen);
	if (s == NULL || (key = mp_keyring_find(ring, sh->key_id)) == NULL ||
	    (f = path_find(m, s, &rx->path)) == NULL) {
		state_count(m, MP_C_drop_handshake_sid);
		return;
	}
	if (!crypto_xchacha_open(cookie, packet + WIRE_HANDSHAKE +
		CRYPTO_XNONCE, CRYPTO_MAC + CRYPTO_TAG,
		sh->packet + WIRE_MAC1_INIT, WIRE_MAC,
		packet + WIRE_HANDSHAKE, key->mac.cookie)) {
		state_count(m, MP_C_drop_handshake_auth);
		return;
	}
	if (sh->cookie_flow == f->id &&
	    memcmp(sh->cookie, cookie, CRYPTO_MAC) == 0)
		return; /* the cookie that we have */
	memcpy(sh->cookie, cookie, CRYPTO_MAC);
	sh->cookie_flow = f->id;
	sh->mask |= state_bit(f->id);
	table_arm(m, s, now);
}

void
initiator_reply_welcome(struct mp *m, const struct mp_rx *rx,
    const uint8_t *packet, const struct wire_handshake *h, uint64_t now)
{
	struct wire_welcome w;
	struct table_ref r;

	wire_get_welcome(packet, &w);
	if (rx->ref == MP_NONE || !table_ref_of(m, rx->ref, &r) ||
	    r.s == NULL || r.s->gen != rx->gen || r.s->state != MP_S_UP ||
	    r.keys != state_keys(r.s) || !r.keys->child ||
	    r.keys->sid_in != h->isid || !r.s->initiator || w.sid == 0 || w.max_flows == 0) {
		state_count(m, MP_C_drop_handshake_sid);
		return;
	}
	child_known(m, r.s, now, &w);
}
