/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Bounds what strangers can make the agent compute.  An INIT comes here when
 * its mac1 is right: its sender knows our public key.  Copies of an INIT that was
 * answered cost no more than its mac2; INITs inside a live session are bound by
 * `known' alone.
 *
 * Curve operations are most of the work.  How many of them a core does in a
 * second is measured by the agent (mp_curve_rate()); until then it is
 * RATELIMIT_SLOW.  The budgets below of so many operations are for that, and
 * larger in proportion on a faster machine, so that they are shares of a core.
 *
 * Six kinds of token bucket, refilled by time:
 *	fresh	600 at once and 200 a second: new handshakes without a cookie
 *	source	5 at once, 20 a second, by IPv4 address or IPv6 /64 (hashed into
 *		4096 buckets): those with a cookie, while `fresh' is empty
 *	curve	a fifth of a core, and a second's at once: 1250 operations, 2 to
 *		read an INIT
 *	peers	a third of a core, and a second's at once: 2080 operations, for
 *		whose sender the key is known, 3 to answer an INIT ...
 *	peer	... of which each peer (hashed into 4096 buckets) gets 60 at once
 *		and 30 a second: so all peers of a server that begins again are
 *		answered, 10,000 in some seconds, and none is kept out by one
 *		that has too many sessions
 *	known	a quarter of a core: 3000 operations at once, 1500 a second:
 *		what the two before do not give: 2 for a RESP to ours, 2 for an
 *		INIT inside a session.  Strangers cannot use it up
 * A peer for whom neither its own part nor `known' has any left is counted, and
 * remembered for the agent's log (mp_hog()).
 * So strangers cost two fifths of a core in any second, and whoever has a key, or
 * replays the INITs of one, as much again and a quarter; in the long run a fifth
 * and a quarter.
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
#include "share.h"
#include "state.h"

#define TOKEN UINT64_C(1000000) /* bucket levels are in millionths of a token */

/* A budget of operations, on this machine. */
static uint32_t
ratelimit_scaled(const struct mp *m, uint32_t n)
{
	uint64_t rate = m->sh->ratelimit.core_rate;

	if (rate == 0)
		rate = RATELIMIT_SLOW;
	if (rate > RATELIMIT_FAST)
		rate = RATELIMIT_FAST;
	n = (uint32_t)(n * rate / RATELIMIT_SLOW);
	return n > 0 ? n : 1;
}

void
mp_curve_rate(struct mp *m, uint32_t a_second)
{
	m->sh->ratelimit.core_rate = a_second;
}

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
	uint32_t rate = ratelimit_scaled(m, RATELIMIT_CURVE);

	return bucket_take(&m->sh->ratelimit.curve, now, rate, rate, n);
}

/* What is a peer's own of what is for all. */
static struct bucket *
peer_bucket(struct mp *m, uint64_t key_id)
{
	uint8_t name[8];

	put64(name, key_id);
	return &m->sh->ratelimit.peer[crypto_short(name, sizeof(name),
	    m->sh->hash_key) % STATE_BUCKETS];
}

/* Those for whom we know who asks have what is for all peers, of which each has
 * its part, and then what is besides. */
bool
ratelimit_known(struct mp *m, uint64_t now, uint64_t key_id, uint32_t n)
{
	struct ratelimit *l = &m->sh->ratelimit;
	struct bucket *own = peer_bucket(m, key_id);
	uint32_t all = ratelimit_scaled(m, RATELIMIT_PEERS);
	bool few = key_id != 0 && bucket_take(own, now,
	    ratelimit_scaled(m, RATELIMIT_PEER),
	    ratelimit_scaled(m, RATELIMIT_PEER_CROWD), n);

	if (few && bucket_take(&l->peers, now, all, all, n))
		return true;
	if (few)
		own->level += n * TOKEN;
	if (bucket_take(&l->known, now, ratelimit_scaled(m, RATELIMIT_KNOWN),
	    ratelimit_scaled(m, RATELIMIT_KNOWN_CROWD), n))
		return true;
	if (key_id != 0 && !few)
		share_refused(m, key_id);
	return false;
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
