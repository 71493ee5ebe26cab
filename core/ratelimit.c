/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Bounds what strangers can make the agent compute.  An INIT comes here when
 * its mac1 is right: its sender knows our public key.  Copies of an INIT that was
 * answered cost no more than its mac2; INITs inside a live session are bound by
 * `known' alone.
 *
 * Five kinds of token bucket, refilled by time:
 *	fresh	600 at once and 200 a second: new handshakes without a cookie
 *	source	5 at once, 20 a second, by IPv4 address or IPv6 /64 (hashed into
 *		256 buckets): those with a cookie, while `fresh' is empty
 *	curve	1250 at once, 1250 a second: curve operations, 2 to read an INIT
 *	known	3000 at once, 1500 a second: curve operations, 3 to answer an
 *		INIT of whose sender the key is known, 2 for a RESP to ours, 2
 *		for an INIT inside a session.  Strangers cannot use it up, and
 *		600 peers that begin at once are all answered
 *	peer	300 at once and 100 a second of the last 600 of `known', by key
 *		(hashed into 64 buckets): a peer that takes all it can leaves
 *		those to the others
 * So strangers cost 2500 operations in any second, and whoever has a key, or
 * replays the INITs of one, 4500 more.
 *
 * ratelimit_admit() says
 *	RATELIMIT_OK		answer it
 *	RATELIMIT_COOKIE	too many at present, and no right mac2: answer
 *				with a cookie, which costs no curve operation
 *	RATELIMIT_DROP		its source sends too many even so
 *
 * A cookie is a MAC of the sender's address and port under a secret that turns
 * every 120 s; the one before is good, too.  It is sealed under
 * the cookie key of our identity, bound to the INIT's mac1, so that only the
 * sender of that INIT can read it.  An INIT whose mac2 is made with it shows that its source
 * address is real.  A mac2 that is neither zero nor right is always refused.
 *
 * Never: memory that grows with the number of sources (their buckets have
 * fixed places); an answer longer than the INIT.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 2 (load); WireGuard's
 * denial-of-service protection.
 */
#include "ratelimit.h"

#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "crypto.h"
#include "mp.h"
#include "state.h"

#define TOKEN UINT64_C(1000000) /* bucket levels are in millionths of a token */

/* What it holds by now. */
static uint64_t
bucket_fill(struct bucket *b, uint64_t now, uint32_t rate, uint32_t burst)
{
	uint64_t full = burst * TOKEN, gone = now > b->at ? now - b->at : 0;

	if (gone >= full / rate)
		b->level = full;
	else
		b->level += gone * rate;
	if (b->level > full)
		b->level = full;
	b->at = now;
	return b->level;
}

static bool
bucket_take(struct bucket *b, uint64_t now, uint32_t rate, uint32_t burst,
    uint32_t n)
{
	if (bucket_fill(b, now, rate, burst) < n * TOKEN)
		return false;
	b->level -= n * TOKEN;
	return true;
}

bool
ratelimit_curve(struct mp *m, uint64_t now, uint32_t n)
{
	return bucket_take(&m->sh->ratelimit.curve, now, RATELIMIT_CURVE,
	    RATELIMIT_CURVE, n);
}

/* May the peer have some of what is kept for those that take few? */
static bool
ratelimit_few(struct mp *m, uint64_t now, uint64_t key_id, uint32_t n)
{
	struct ratelimit *l = &m->sh->ratelimit;
	uint8_t name[8];
	uint64_t h;

	put64(name, key_id);
	h = crypto_short(name, 8, m->sh->hash_key);
	if (bucket_take(&l->peer[h % STATE_PEERS], now, RATELIMIT_FEW,
	    RATELIMIT_FEW_CROWD, n))
		return true;
	state_count(m, MP_C_drop_share);
	m->sh->hog = key_id;
	return false;
}

bool
ratelimit_known(struct mp *m, uint64_t now, uint64_t key_id, uint32_t n)
{
	struct bucket *known = &m->sh->ratelimit.known;
	uint64_t level = bucket_fill(known, now, RATELIMIT_KNOWN,
	    RATELIMIT_KNOWN_CROWD);

	if (level < n * TOKEN || (level < (RATELIMIT_KEPT + n) * TOKEN &&
	    !ratelimit_few(m, now, key_id, n)))
		return false;
	known->level -= n * TOKEN;
	return true;
}

/* One bucket for each IPv4 address or IPv6 /64, by hash. */
static bool
source_take(struct mp *m, uint64_t now, const struct mp_addr *a)
{
	const uint8_t *p = addr_is4(a->ip) ? a->ip + 8 : a->ip;
	uint64_t h = crypto_short(p, 8, m->sh->hash_key);

	return bucket_take(&m->sh->ratelimit.source[h % STATE_BUCKETS], now,
	    RATELIMIT_SOURCE, RATELIMIT_BURST, 1);
}

static void
turn_secret(struct mp *m, uint64_t now)
{
	struct ratelimit *l = &m->sh->ratelimit;
	bool stale = now >= l->turned_at + 2 * (uint64_t)RATELIMIT_SECRET;

	if (l->turned_at != 0 && now < l->turned_at + RATELIMIT_SECRET)
		return;
	if (stale || l->turned_at == 0)
		rng_bytes(&m->sh->rng, l->secret[1], 32);
	else
		memcpy(l->secret[1], l->secret[0], 32);
	rng_bytes(&m->sh->rng, l->secret[0], 32);
	l->turned_at = now;
}

static void
cookie_of(const struct mp *m, int which, const struct mp_addr *a,
    uint8_t cookie[CRYPTO_MAC])
{
	uint8_t in[18];

	memcpy(in, a->ip, 16);
	put16(in + 16, a->port);
	crypto_mac(cookie, in, sizeof(in), m->sh->ratelimit.secret[which]);
}

static bool
mac2_right(const struct mp *m, uint64_t now, const struct mp_addr *a,
    const uint8_t packet[WIRE_INIT])
{
	uint8_t cookie[CRYPTO_MAC], mac[CRYPTO_MAC];
	const struct ratelimit *l = &m->sh->ratelimit;
	int i;

	if (l->turned_at == 0 ||
	    now >= l->turned_at + 2 * (uint64_t)RATELIMIT_SECRET)
		return false; /* all our cookies have expired */
	for (i = 0; i < 2; i++) {
		cookie_of(m, i, a, cookie);
		crypto_mac(mac, packet, WIRE_MAC2_INIT, cookie);
		if (crypto_equal(mac, packet + WIRE_MAC2_INIT, CRYPTO_MAC))
			return true;
	}
	return false;
}

bool
ratelimit_mac2_ok(const struct mp *m, uint64_t now, const struct mp_addr *a,
    const uint8_t packet[WIRE_INIT])
{
	static const uint8_t zero[WIRE_MAC];

	return crypto_equal(packet + WIRE_MAC2_INIT, zero, WIRE_MAC) ||
	    mac2_right(m, now, a, packet);
}

enum ratelimit_says
ratelimit_admit(struct mp *m, uint64_t now, const struct mp_addr *a,
    const uint8_t packet[WIRE_INIT])
{
	if (bucket_take(&m->sh->ratelimit.fresh, now, RATELIMIT_FREE,
	    RATELIMIT_CROWD, 1))
		return RATELIMIT_OK;
	if (!mac2_right(m, now, a, packet))
		return RATELIMIT_COOKIE;
	return source_take(m, now, a) ? RATELIMIT_OK : RATELIMIT_DROP;
}

void
ratelimit_cookie(struct mp *m, uint64_t now, const struct mp_addr *a,
    const uint8_t init[WIRE_INIT], const uint8_t key[32],
    uint8_t out[WIRE_COOKIE])
{
	uint8_t cookie[CRYPTO_MAC];
	struct wire_handshake h = { WIRE_T_COOKIE, get32(init + 8) };

	turn_secret(m, now);
	cookie_of(m, 0, a, cookie);
	wire_put_handshake(out, &h);
	rng_bytes(&m->sh->rng, out + WIRE_HANDSHAKE, CRYPTO_XNONCE);
	crypto_xchacha_seal(out + WIRE_HANDSHAKE + CRYPTO_XNONCE, cookie,
	    sizeof(cookie), init + WIRE_MAC1_INIT, WIRE_MAC,
	    out + WIRE_HANDSHAKE, key);
}
