/* SPDX-License-Identifier: ISC */
/*
 * What enemies can do: strangers, those on the path, peers that hold the key,
 * and processes that map the block.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "suites.h"
#include "table.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Its result does not matter here. */
#define CALL(x)                                                               \
	do {                                                                  \
		if (x)                                                        \
			(void)0;                                              \
	} while (0)

enum { SERVER = 1, CLIENT = 0 };

/* --- Whether a block changed by so much as a bit -------------------------- */

struct copy {
	uint8_t *bytes;
	size_t size;
	uint64_t sent; /* by its end */
	size_t got;
};

static void
copy_keep(struct copy *c, const struct duo *d, int e)
{
	c->size = d->end[e].size;
	c->bytes = aligned_alloc(64, c->size);
	ck_assert_ptr_nonnull(c->bytes);
	memcpy(c->bytes, d->end[e].block, c->size);
	c->sent = d->sent[e];
	c->got = d->end[e].n_got;
}

static void
copy_drop(struct copy *c)
{
	free(c->bytes);
	c->bytes = NULL;
}

/* The same, but for the counters and the forgeries counted? */
static bool
copy_same(struct copy *c, const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	struct shared *sh = (struct shared *)(void *)c->bytes;
	struct session *s = (struct session *)(void *)(c->bytes +
	    ((const uint8_t *)m->sessions - (const uint8_t *)m->sh));
	uint32_t i;

	memcpy(sh->count, m->sh->count, sizeof(sh->count));
	for (i = 0; i < m->limits.sessions * 2; i++)
		s[i / 2].keys[i & 1].forged =
		    m->sessions[i / 2].keys[i & 1].forged;
	return c->sent == d->sent[e] && c->got == d->end[e].n_got &&
	    memcmp(c->bytes, m->sh, c->size) == 0;
}

/* Are the live sessions and their flows the same?  Handshakes may differ. */
static bool
copy_same_live(struct copy *c, const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	size_t from = (size_t)((const uint8_t *)m->sessions -
	    (const uint8_t *)m->sh);
	size_t to = (size_t)((const uint8_t *)m->shakes -
	    (const uint8_t *)m->sh);

	return c->got == d->end[e].n_got &&
	    memcmp(c->bytes + from, m->sessions, to - from) == 0;
}

/* A packet in memory of its exact size, so that reading past it is seen. */
static enum mp_verdict
give(struct duo *d, int e, const struct mp_path *path, const uint8_t *packet,
    size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	enum mp_verdict v;

	ck_assert_ptr_nonnull(exact);
	if (len > 0)
		memcpy(exact, packet, len);
	v = duo_inject(d, e, path, exact, len);
	free(exact);
	return v;
}

static struct duo *
small_world(int clients, int servers)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 48,
		.flows_each = 16, .pool = 16384, .pool_each = 8192,
		.held = 8192 }, .chacha_only = true };

	return duo_new_setup(&setup, clients, servers);
}

/* --- Kinds of packets ----------------------------------------------------- */

#define ADDR4 "\x07\x04\x13\x89\x0a\x01\x00\x09"

static const struct kind {
	const char *name;
	uint16_t flags;
	const char *body;
	size_t len;
	enum mp_verdict verdict; /* of the true one */
} kinds[] = {
	{ "data", 0, "payload", 7, MP_DELIVER },
	{ "empty data", 0, "", 0, MP_DELIVER },
	{ "probe", WIRE_PROBE, "", 0, MP_CONTROL },
	{ "padded probe", WIRE_PROBE, "\0\0\0\0\0\0\0\0\0", 9, MP_CONTROL },
	{ "probe reply", WIRE_PROBE | WIRE_REPLY, "", 0, MP_CONTROL },
	{ "challenge", WIRE_PROBE | WIRE_CHALLENGE, "", 0, MP_CONTROL },
	{ "response", WIRE_PROBE | WIRE_RESPONSE, "", 0, MP_CONTROL },
	{ "reply, response", WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE, "", 0,
	    MP_CONTROL },
	{ "select", WIRE_PROBE | WIRE_SELECT, "", 0, MP_CONTROL },
	{ "challenge, select", WIRE_PROBE | WIRE_CHALLENGE | WIRE_SELECT, "",
	    0, MP_CONTROL },
	{ "all modifiers", WIRE_PROBE | WIRE_REPLY | WIRE_CHALLENGE |
	    WIRE_RESPONSE | WIRE_SELECT, "", 0, MP_CONTROL },
	{ "addr request", WIRE_ADDR, "", 0, MP_CONTROL },
	{ "addr reply", WIRE_ADDR | WIRE_REPLY, ADDR4, 8, MP_CONTROL },
	{ "rekey", WIRE_REKEY, "no INIT", 7, MP_HANDSHAKE },
	{ "copy", WIRE_COPYFLAG, "payload", 7, MP_DELIVER },
	{ "close", WIRE_CLOSE, "", 0, MP_CONTROL },
};

/* One of a kind from an end, the next of flow 0 but for `skip' numbers. */
static size_t
make_kind(struct duo *d, int from, const struct kind *k, uint32_t skip,
    uint8_t *out)
{
	struct session *s = duo_session(d, from);
	struct flow *f = state_flow(&d->end[from].mp, s, 0);
	struct wire_msg msg = { .flags = k->flags, .tsreply = WIRE_TS_NONE,
		.ts = (uint16_t)(duo_time(d, from) / WIRE_TS_US),
		.select = s->choice + 1,
		.copy = { .sid = state_keys(s)->sid_out,
		    .dir = !s->initiator, .seq = f->tx_seq + skip } };

	f->tx_seq += skip + 1;
	return duo_make(d, from, 0, f->tx_seq, &msg, k->body, k->len, out);
}

/* --- Flipped, cut and longer ---------------------------------------------- */

static void
assert_nothing(struct copy *c, struct duo *d, int e, enum mp_verdict v,
    const char *what, size_t which)
{
	ck_assert_msg(v == MP_DROPPED || v == MP_HANDSHAKE,
	    "%s %zu: accepted", what, which);
	ck_assert_msg(c->sent == d->sent[e], "%s %zu: answered", what, which);
	ck_assert_msg(copy_same(c, d, e), "%s %zu: state changed", what,
	    which);
}

static void
maul(struct duo *d, int to, const struct mp_path *path,
    const uint8_t *packet, size_t len)
{
	static const size_t more[] = { 1, 2, 4, 16, 34, 1000 };
	uint8_t bad[2048];
	struct copy c;
	size_t i;

	memset(bad, 0, sizeof(bad));
	memcpy(bad, packet, len);
	copy_keep(&c, d, to);
	for (i = 0; i < len * 8; i++) {
		bad[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_nothing(&c, d, to, give(d, to, path, bad, len),
		    "flipped bit", i);
		bad[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (i = 0; i < len; i++)
		assert_nothing(&c, d, to, give(d, to, path, bad, i),
		    "cut to", i);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		assert_nothing(&c, d, to, give(d, to, path, bad,
		    len + more[i]), "longer by", more[i]);
	copy_drop(&c);
}

/* Each kind in each direction: none of its mauled copies does anything, and
 * the true one does, even after them. */
START_TEST(flip_sealed)
{
	const struct kind *k = &kinds[_i / 2];
	int from = _i % 2, to = !from;
	struct duo *d = small_world(2, 1);
	struct mp_path path;
	uint8_t packet[512];
	size_t len;

	duo_up(d);
	path = duo_path(d, to, 0, from, 0);
	len = make_kind(d, from, k, 3, packet);
	maul(d, to, &path, packet, len);
	ck_assert_msg(give(d, to, &path, packet, len) == k->verdict,
	    "%s from %d", k->name, from);
	duo_free(d);
}
END_TEST

/* --- Handshake packets ---------------------------------------------------- */

/* Takes packets of a handshake off the wire. */
struct catch {
	unsigned types; /* bits: drop these and keep the first of each */
	struct duo_packet *kept[WIRE_T_COOKIE + 1];
};

static enum duo_verdict
catch_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct catch *c = arg;
	struct wire_shake h;

	(void)d;
	if (!wire_get_shake(p->data, p->len, &h) ||
	    (c->types >> h.type & 1) == 0)
		return DUO_PASS;
	if (c->kept[h.type] == NULL) {
		c->kept[h.type] = malloc(sizeof(*p) + p->len);
		ck_assert_ptr_nonnull(c->kept[h.type]);
		memcpy(c->kept[h.type], p, sizeof(*p) + p->len);
	}
	return DUO_DROP;
}

static void
catch_free(struct catch *c)
{
	for (int i = 0; i <= WIRE_T_COOKIE; i++)
		free(c->kept[i]);
}

/* A world with that packet of the first handshake caught. */
static struct duo *
caught(struct catch *c, enum wire_type type)
{
	struct duo *d = small_world(1, 1);

	d->tap = catch_tap;
	d->tap_arg = c;
	c->types = 1U << type;
	if (type == WIRE_T_COOKIE) /* the server is under load */
		d->end[SERVER].mp.sh->load.fresh.at = UINT64_MAX / 2;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_nonnull(c->kept[type]);
	return d;
}

START_TEST(flip_shake)
{
	enum wire_type type = (enum wire_type)_i;
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, type);
	struct duo_packet *p = c.kept[type];
	struct copy was;

	maul(d, p->to, &p->path, p->data, p->len);
	copy_keep(&was, d, p->to);
	give(d, p->to, &p->path, p->data, p->len);
	ck_assert(!copy_same(&was, d, p->to));
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* An INIT that was answered already: its mauled copies get no answer. */
START_TEST(flip_init_again)
{
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];

	d->end[CLIENT].off = true;
	give(d, SERVER, &p->path, p->data, p->len);
	ck_assert_uint_eq(d->sent[SERVER], 1);
	maul(d, SERVER, &p->path, p->data, p->len);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* A RESP or a COOKIE that answers nothing. */
START_TEST(late_answer)
{
	enum wire_type type = (enum wire_type)_i;
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, type);
	struct duo_packet *p = c.kept[type];
	struct copy was;
	int i;

	c.types = 0;
	if (type == WIRE_T_COOKIE)
		d->end[SERVER].mp.sh->load.fresh.at = 0;
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	copy_keep(&was, d, CLIENT);
	for (i = 0; i < 10; i++)
		give(d, CLIENT, &p->path, p->data, p->len);
	ck_assert(copy_same(&was, d, CLIENT));
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

static const enum wire_type all_types[] = { WIRE_T_INIT, WIRE_T_RESP,
	WIRE_T_COOKIE };

/* Handshake packets sent back to where they came from. */
START_TEST(reflect_shake)
{
	enum wire_type type = all_types[_i];
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, type);
	struct duo_packet *p = c.kept[type];
	struct mp_path back = duo_path(d, p->from, 0, p->to, 0);
	struct copy was;
	int i;

	copy_keep(&was, d, p->from);
	for (i = 0; i < 10; i++)
		assert_nothing(&was, d, p->from, give(d, p->from, &back,
		    p->data, p->len), "reflected", (size_t)i);
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* Copies of an INIT get the cached RESP, 4 to a source at most, and nothing
 * else; once the session is up it stays as it is. */
START_TEST(replay_init)
{
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];
	struct mp_path path = p->path;
	struct copy was;
	uint64_t sent;
	int i, source;

	for (source = 0; source < 3; source++) {
		path.remote.port = (uint16_t)(p->path.remote.port + source);
		sent = d->sent[SERVER];
		for (i = 0; i < 10; i++)
			give(d, SERVER, &path, p->data, p->len);
		ck_assert_uint_eq(d->sent[SERVER] - sent, 4);
	}
	c.types = 0;
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	/* long after: from where it came, and from elsewhere */
	for (source = 0; source < 3; source++) {
		duo_run(d, d->now + 10 * SEC);
		path.remote.port = (uint16_t)(p->path.remote.port + source);
		copy_keep(&was, d, SERVER);
		sent = d->sent[SERVER];
		for (i = 0; i < 10; i++)
			give(d, SERVER, &path, p->data, p->len);
		ck_assert_uint_eq(d->sent[SERVER] - sent, 4);
		ck_assert(copy_same_live(&was, d, SERVER));
		copy_drop(&was);
	}
	duo_run(d, d->now + 10 * SEC);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	ck_assert_int_eq(duo_say(d, SERVER, 3), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	ck_assert_int_eq(duo_heard(d, CLIENT, 3), 1);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 1);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* Nobody with the other end's key is there: not a byte comes back. */
START_TEST(same_ends)
{
	struct duo *d = small_world(1, 1);
	struct copy was;
	static const uint8_t secret[32] = "both hold end A of this";
	int e;

	for (e = 0; e < 2; e++) {
		mp_keyring_wipe(&d->end[e].keys);
		ck_assert_int_eq(mp_keyring_add(&d->end[e].keys, "x", "AB"[_i],
		    secret), 0);
	}
	copy_keep(&was, d, SERVER);
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 20 * SEC);
	ck_assert_uint_gt(d->sent[CLIENT], 4);
	ck_assert_uint_eq(d->sent[SERVER], 0);
	ck_assert(copy_same(&was, d, SERVER));
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 0);
	copy_drop(&was);
	duo_free(d);
}
END_TEST

/* --- A seeded generator of the tests' own --------------------------------- */

static uint64_t dice_state;

static uint32_t
dice(uint32_t n)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(dice_state >> 33) % n;
}

static void
dice_bytes(uint8_t *p, size_t len)
{
	while (len-- > 0)
		*p++ = (uint8_t)dice(256);
}

/* Garbage of a stranger, some of it shaped like packets: no memory, no
 * answer. */
START_TEST(garbage)
{
	struct duo *d = small_world(2, 1);
	struct mp_path path = duo_path(d, SERVER, 0, CLIENT, 1);
	uint8_t packet[2048];
	struct copy was;
	uint32_t sid, i;
	size_t len;

	dice_state = (uint64_t)_i;
	if (_i > 0) /* a server that has a session */
		duo_up(d);
	sid = _i > 0 ? state_keys(duo_session(d, CLIENT))->sid_out : 0;
	copy_keep(&was, d, SERVER);
	for (i = 0; i < 4000; i++) {
		len = dice(10) == 0 ? dice(sizeof(packet)) : dice(200);
		dice_bytes(packet, len);
		if (len >= 12 && dice(3) == 0) { /* like a handshake */
			put32(packet, WIRE_MAGIC);
			packet[4] = (uint8_t)(1 + dice(3));
			packet[5] = WIRE_VERSION;
			put16(packet + 6, 0);
			len = (const size_t[]) { 124, 108, 68 }[packet[4] - 1];
			dice_bytes(packet + 8, len - 8);
			if (dice(2) == 0)
				put32(packet + 8, sid);
		} else if (len >= 12 && dice(2) == 0) { /* like a session's */
			put32(packet, sid | dice(2));
			put64(packet + 4, (uint64_t)dice(3) << 48 |
			    (1 + dice(100)));
		}
		assert_nothing(&was, d, SERVER, give(d, SERVER, &path, packet,
		    len), "garbage", i);
	}
	copy_drop(&was);
	duo_free(d);
}
END_TEST

/* --- Replays, reflections, crossings -------------------------------------- */

/* Where an end is a stranger's address, and so nobody's. */
static struct mp_path
elsewhere(const struct mp_path *p)
{
	struct mp_path q = *p;

	q.remote.ip[15] = 99;
	q.remote.port = 999;
	return q;
}

/* A packet given 10 times does nothing at all any more. */
static void
ten_times(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *packet, size_t len, const char *what, size_t which)
{
	struct copy was;
	int i;

	copy_keep(&was, d, e);
	for (i = 0; i < 10; i++)
		assert_nothing(&was, d, e, give(d, e, path, packet, len), what,
		    which);
	copy_drop(&was);
}

/* Each kind in each direction, after the true one came: again at once, again
 * later, from elsewhere, back to its sender, on other flows, in the other
 * direction, as of the other C bit, to another session of the server. */
START_TEST(replay_sealed)
{
	const struct kind *k = &kinds[_i / 2];
	int from = _i % 2, to = !from, other;
	struct duo *d = small_world(2, 2);
	struct mp_path path, far, back, beside;
	uint8_t packet[512], bad[512];
	uint32_t sid;
	size_t len, n;

	duo_up(d);
	other = duo_add_end(d, 1, 'A');
	ck_assert_int_eq(duo_say(d, other, 100), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 2);
	path = duo_path(d, to, 0, from, 0);
	beside = duo_path(d, to, 1, from, 1);
	back = duo_path(d, from, 0, to, 0);
	far = elsewhere(&path);
	len = make_kind(d, from, k, 1, packet);
	ck_assert(give(d, to, &path, packet, len) == k->verdict);
	ten_times(d, to, &path, packet, len, k->name, 1);
	ten_times(d, to, &far, packet, len, k->name, 2);
	duo_run(d, d->now + (_i % 3 == 0 ? 10 : 1) * SEC);
	ten_times(d, to, &path, packet, len, k->name, 3);
	ten_times(d, to, &far, packet, len, k->name, 4);
	ten_times(d, to, &beside, packet, len, k->name, 5);
	ten_times(d, from, &back, packet, len, k->name, 6);
	/* one that did not come yet */
	if (duo_session(d, to) == NULL || duo_session(d, to)->state != MP_S_UP)
		goto out; /* it was a CLOSE */
	len = make_kind(d, from, k, 0, packet);
	ten_times(d, from, &back, packet, len, k->name, 7);
	memcpy(bad, packet, len);
	for (n = 1; n < 4; n++) { /* other flows */
		put16(bad + 4, get16(packet + 4) ^ (uint32_t)n);
		ten_times(d, to, &path, bad, len, k->name, 10 + n);
	}
	put16(bad + 4, get16(packet + 4) ^ 0x8000U); /* direction */
	ten_times(d, to, &path, bad, len, k->name, 20);
	memcpy(bad, packet, len);
	bad[3] ^= WIRE_SID_C;
	ten_times(d, to, &path, bad, len, k->name, 21);
	/* crossed: the sid of the server's other session, of the other
	 * client's, of the sender's own */
	for (n = 0; n < 2; n++) {
		sid = state_keys(&d->end[SERVER].mp.sessions[n])->sid_in;
		put32(bad, sid | (packet[3] & WIRE_SID_C));
		if (to != SERVER || n != 0)
			ten_times(d, SERVER, &path, bad, len, k->name, 30 + n);
	}
	put32(bad, state_keys(duo_session(d, other))->sid_in |
	    (packet[3] & WIRE_SID_C));
	ten_times(d, other, &path, bad, len, k->name, 40);
	put32(bad, state_keys(duo_session(d, from))->sid_in |
	    (packet[3] & WIRE_SID_C));
	ten_times(d, from, &back, bad, len, k->name, 41);
out:
	duo_free(d);
}
END_TEST

/* Everything that went over the wire. */
struct tape {
	struct duo_packet **p;
	size_t n;
	bool full; /* takes no more */
};

static enum duo_verdict
tape_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct tape *t = arg;

	(void)d;
	if (t->full)
		return DUO_PASS;
	if (t->n % 1024 == 0) {
		t->p = realloc(t->p, (t->n + 1024) * sizeof(*t->p));
		ck_assert_ptr_nonnull(t->p);
	}
	t->p[t->n] = malloc(sizeof(*p) + p->len);
	ck_assert_ptr_nonnull(t->p[t->n]);
	memcpy(t->p[t->n++], p, sizeof(*p) + p->len);
	return DUO_PASS;
}

static void
tape_free(struct tape *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->p[i]);
	free(t->p);
}

/* Plays the whole tape to both ends: nothing of the sessions changes. */
static void
tape_play(struct duo *d, const struct tape *t, int times)
{
	struct copy was[2];
	const struct duo_packet *p;
	struct mp_path path, back;
	bool shake;
	size_t i;
	int e, n;

	for (e = 0; e < 2; e++)
		copy_keep(&was[e], d, e);
	for (i = 0; i < t->n; i++) {
		p = t->p[i];
		shake = wire_is_shake(p->data, p->len);
		path = p->path;
		back = duo_path(d, p->from, p->from_addr, p->to, p->to_addr);
		for (n = 0; n < times; n++) {
			if (n == times / 2)
				path = elsewhere(&path);
			give(d, p->to, &path, p->data, p->len);
			give(d, p->from, &back, p->data, p->len);
		}
		for (e = 0; e < 2; e++)
			ck_assert_msg(copy_same_live(&was[e], d, e) &&
			    (shake || was[e].sent == d->sent[e]),
			    "packet %zu of the tape changed end %d", i, e);
		for (e = 0; shake && e < 2; e++)
			was[e].sent = d->sent[e];
	}
	for (e = 0; e < 2; e++)
		copy_drop(&was[e]);
}

/* A life with both handshakes and a change of keys, played again at its end;
 * once more when the first key is gone, and after a restart. */
START_TEST(replay_life)
{
	struct duo *d = small_world(2, 1);
	struct tape t = { .p = NULL };
	struct mp_session_info info;
	uint32_t n = 2;
	int e;

	d->tap = tape_tap;
	d->tap_arg = &t;
	duo_up(d);
	duo_chat(d, d->now + 20 * SEC, 200 * MS, &n);
	duo_chat(d, d->now + 110 * SEC, 5 * SEC, &n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 2);
	t.full = true;
	ck_assert_uint_gt(t.n, 300);
	duo_run(d, d->now + SEC);
	tape_play(d, &t, 10);
	duo_chat(d, d->now + 70 * SEC, 5 * SEC, &n);
	duo_run(d, d->now + SEC);
	tape_play(d, &t, 2);
	ck_assert_int_eq(duo_missing(d, 0, n) - duo_missing(d, 1, 2), 0);
	ck_assert_int_eq(duo_twice(d, 0, n), 0);
	for (e = 0; e < 2; e++) {
		ck_assert_int_eq(mp_session_info(&d->end[e].mp, 0, &info), 0);
		ck_assert(info.state == MP_S_UP);
		ck_assert_uint_eq(d->end[e].mp.sh->session_used, 1);
	}
	/* A server that restarted knows nothing of all that: INITs get their
	 * answer, which makes no session. */
	duo_restart(d, SERVER);
	d->end[CLIENT].off = true;
	tape_play(d, &t, 2);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 0);
	tape_free(&t);
	duo_free(d);
}
END_TEST

/* --- Bytes to addresses that asked for nothing ---------------------------- */

struct meter {
	uint64_t in, out;
};

static enum duo_verdict
meter_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct meter *m = arg;

	(void)d;
	if (p->from != SERVER || p->to != 2)
		return DUO_PASS;
	m->out += p->len;
	ck_assert_msg(m->out < 3 * m->in,
	    "%llu bytes to an address that sent %llu",
	    (unsigned long long)m->out, (unsigned long long)m->in);
	return DUO_DROP;
}

/* A packet of the client that seems to come from the victim. */
static void
spoof(struct duo *d, struct meter *m, uint16_t id, const struct kind *k)
{
	struct session *s = duo_session(d, CLIENT);
	struct wire_msg msg = { .flags = k->flags, .tsreply = WIRE_TS_NONE,
		.ts = (uint16_t)(duo_time(d, CLIENT) / WIRE_TS_US),
		.select = s->choice + 1,
		.copy = { .sid = state_keys(s)->sid_out, .seq = 1000 } };
	struct mp_path path = duo_path(d, SERVER, 0, 2, 0);
	struct flow *f = state_flow(&d->end[CLIENT].mp, s, id);
	static uint64_t seq = 100000;
	uint8_t packet[512];
	size_t len;

	seq++;
	if (f != NULL)
		f->tx_seq = seq;
	len = duo_make(d, CLIENT, id, seq, &msg, k->body, k->len, packet);
	m->in += len;
	give(d, SERVER, &path, packet, len);
}

/* A server with many addresses to tell and a program that talks all the
 * time; a peer that says it moved to the victim, in every way. */
START_TEST(amplify)
{
	struct duo *d = small_world(2, 16);
	struct meter m = { 0, 0 };
	uint32_t n = 2;
	int i, k, talk;

	dice_state = (uint64_t)_i;
	duo_up(d);
	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	d->tap = meter_tap;
	d->tap_arg = &m;
	for (i = 0; i < 300; i++) {
		do
			k = (int)dice(COUNT(kinds));
		while (kinds[k].flags == WIRE_CLOSE ||
		    kinds[k].flags & WIRE_RESPONSE);
		/* known flows; the first of new ones; only those */
		spoof(d, &m, (uint16_t)(_i == 0 ? dice(2) : _i == 1 ? dice(16) :
		    8 + dice(8)), &kinds[k]);
		for (talk = (int)dice(20); talk > 0; talk--, n += 2)
			(void)duo_say(d, SERVER, n + 1);
		duo_run(d, d->now + dice(10) * dice(200) * MS);
		ck_assert_ptr_nonnull(duo_session(d, SERVER));
	}
	ck_assert_uint_gt(m.out, 0);
	duo_free(d);
}
END_TEST

/* The same at the moment when the server's only address went and came back:
 * the flow in use has no pair, but the next packet to come is not to make
 * the victim one that data goes to. */
START_TEST(amplify_gone)
{
	struct duo *d = small_world(1, 2);
	struct meter m = { 0, 0 };
	uint32_t n = 2;
	int i;

	duo_up(d);
	duo_chat(d, d->now + 5 * SEC, 100 * MS, &n);
	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	d->tap = meter_tap;
	d->tap_arg = &m;
	duo_cut_addr(d, CLIENT, 0, true);
	duo_addr_del(d, SERVER, 0);
	duo_addr_del(d, SERVER, 1);
	duo_run(d, d->now + SEC);
	if (_i == 0)
		duo_addr_add(d, SERVER, 0);
	for (i = 0; i < 2; i++)
		spoof(d, &m, (uint16_t)i, &kinds[_i < 2 ? 0 : 2]);
	if (_i > 0)
		duo_addr_add(d, SERVER, 0);
	for (i = 0; i < 200; i++, n += 2) {
		(void)duo_say(d, SERVER, n + 1);
		duo_run(d, d->now + 50 * MS);
	}
	duo_free(d);
}
END_TEST

/* A stranger's INIT that seems to come from the victim. */
START_TEST(amplify_init)
{
	struct catch c = { .types = 0 };
	struct duo *d = caught(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];
	struct meter m = { 0, 0 };
	struct mp_path path;
	int i;

	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	path = duo_path(d, SERVER, 0, 2, 0);
	d->tap = meter_tap;
	d->tap_arg = &m;
	for (i = 0; i < 100; i++) {
		m.in += p->len;
		give(d, SERVER, &path, p->data, p->len);
		duo_run(d, d->now + 200 * MS);
	}
	ck_assert_uint_le(m.out, 124 * (4 + 100 * 200 / 5000 * 4));
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* --- A peer that holds the key -------------------------------------------- */

/* The C bit that goes with the flags, mostly. */
static void
fuzz_packet(struct duo *d, int from, uint16_t id, uint64_t seq,
    uint8_t *packet, size_t *len)
{
	struct session *s = duo_session(d, from);
	static const uint16_t flags[] = { 0, WIRE_PROBE, WIRE_PROBE |
		WIRE_CHALLENGE, WIRE_PROBE | WIRE_REPLY, WIRE_PROBE |
		WIRE_RESPONSE, WIRE_PROBE | WIRE_SELECT, WIRE_ADDR,
		WIRE_ADDR | WIRE_REPLY, WIRE_REKEY, WIRE_COPYFLAG };
	struct wire_msg msg = { .flags = flags[dice(COUNT(flags))] };
	uint8_t body[400], *p;
	size_t n = dice(8) == 0 ? dice(sizeof(body)) : 0;

	if (dice(20) == 0)
		msg.flags = (uint16_t)dice(1 << 16) & (uint16_t)~WIRE_CLOSE;
	msg.ts = (uint16_t)dice(1 << 16);
	msg.tsreply = (uint16_t)dice(1 << 16);
	msg.select = dice(3) == 0 ? UINT32_MAX - dice(2) : dice(1000);
	dice_bytes(msg.challenge, WIRE_TOKEN);
	dice_bytes(msg.response, WIRE_TOKEN);
	msg.copy = (struct wire_ad) { .sid = dice(2) ? state_keys(s)->sid_out :
		dice(UINT32_MAX), .control = dice(4) == 0,
		.dir = dice(4) == 0 ? s->initiator : !s->initiator,
		.flow = (uint16_t)(dice(2) ? dice(70) : dice(0x8000)),
		.seq = dice(2) ? dice(5000) : (uint64_t)dice(UINT32_MAX) <<
		    dice(17) };
	dice_bytes(body, n);
	if (msg.flags == (WIRE_ADDR | WIRE_REPLY)) { /* lists */
		n = 0;
		while (n + 21 < sizeof(body) && dice(12) > 0) {
			p = body + n;
			dice_bytes(p, 21);
			p[0] = dice(5) == 0 ? p[0] : dice(2) ? 7 : 19;
			p[1] = dice(9) == 0 ? p[1] : p[0] == 7 ? 4 : 6;
			if (p[0] == 7 && dice(2))
				memcpy(p + 4, "\x0a\x01", 2);
			n += p[0] <= 20 ? p[0] + 1U : 21;
		}
	} else if (msg.flags == WIRE_REKEY && dice(2)) {
		n = (const size_t[]) { 124, 108, 68 }[dice(3)];
		dice_bytes(body, n);
		put32(body, WIRE_MAGIC);
		body[4] = n == 124 ? 1 : n == 108 ? 2 : 3;
		body[5] = WIRE_VERSION;
		put16(body + 6, 0);
	} else if (msg.flags & WIRE_PROBE) {
		memset(body, 0, n);
	}
	*len = duo_make(d, from, id, seq, &msg, body, n, packet);
}

/* What must hold of an end whatever its peer said. */
static void
assert_sane(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	const struct session *s;
	uint32_t i, id;
	uint16_t at;

	ck_assert_uint_eq(duo_count(d, e, MP_C_corrupt), 0);
	ck_assert_uint_le(m->sh->flow_used, m->limits.flows);
	for (i = 0; i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (s->state == MP_S_FREE)
			continue;
		ck_assert_uint_le(s->nflows, m->limits.flows_each);
		ck_assert_uint_le(s->live_flows, s->nflows);
		ck_assert_uint_le(s->told_n, MP_TOLD_MAX);
		for (id = 0; id < MP_FLOWS_MAX; id++) {
			at = s->flow_of[id];
			ck_assert(at == STATE_NO_INDEX ||
			    (at < m->limits.flows &&
			    m->flows[at].session == i &&
			    m->flows[at].id == id));
		}
	}
}

/* 25 seeds, 2000 packets each: whatever the client, or the server, makes of
 * its keys, the other end stays whole and says little. */
START_TEST(fuzz_peer)
{
	int from = _i & 1, to = !from, i;
	struct duo *d = small_world(2, 2);
	static const uint16_t ids[] = { 15, 16, 63, 64, 255, 0x7ffe, 0x7fff };
	struct mp_path path;
	uint8_t packet[1024];
	uint64_t seq = 1000, began, sent;
	uint16_t id;
	size_t len;

	dice_state = (uint64_t)_i;
	duo_up(d);
	d->end[from].off = true;
	began = d->now;
	sent = d->sent[to];
	for (i = 0; i < 2000; i++) {
		id = (uint16_t)(dice(6) == 0 ? ids[dice(COUNT(ids))] :
		    dice(dice(2) ? 4 : 16));
		seq += 1 + (dice(50) == 0 ? dice(5000) : 0);
		fuzz_packet(d, from, id, dice(8) == 0 ? seq - dice(900) : seq,
		    packet, &len);
		path = duo_path(d, to, (int)dice(2), from, (int)dice(2));
		if (dice(20) == 0)
			path = elsewhere(&path);
		give(d, to, &path, packet, len);
		ck_assert_ptr_nonnull(duo_session(d, to));
		if (dice(3) == 0)
			(void)duo_say(d, to, seq);
		if (dice(4) == 0)
			duo_run(d, d->now + dice(50) * MS);
		if (dice(500) == 0)
			duo_addr_del(d, to, 1);
		if (dice(500) == 0)
			duo_addr_add(d, to, 1);
	}
	assert_sane(d, to);
	/* An answer to each, a datagram and its copy of every third; probes
	 * and INITs of 16 flows. */
	ck_assert_uint_le(d->sent[to] - sent, 2000 * 3 +
	    (d->now - began) / SEC * 16 * 21);
	/* And it still does its work, for one that behaves. */
	duo_restart(d, from);
	d->end[from].off = false;
	d->end[from].peer = duo_addr(d, to, 0);
	duo_addr_add(d, to, 1);
	ck_assert_int_eq(duo_say(d, from, 1000000), 0);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, to, 1000000), 1);
	duo_free(d);
}
END_TEST

/* SELECT of flows that were never seen, and numbers from the end. */
START_TEST(select_unknown)
{
	struct duo *d = small_world(2, 1);
	struct wire_msg msg = { .flags = WIRE_PROBE | WIRE_SELECT,
		.tsreply = WIRE_TS_NONE, .select = UINT32_MAX };
	struct mp_path path;
	uint8_t packet[128];
	size_t len;

	duo_up(d);
	path = duo_path(d, SERVER, 0, CLIENT, 1);
	path.remote.port++;
	len = duo_make(d, CLIENT, 9, 1, &msg, "", 0, packet);
	ck_assert(give(d, SERVER, &path, packet, len) == MP_CONTROL);
	/* It cannot be used before it answered a challenge. */
	ck_assert_ptr_nonnull(duo_current(d, SERVER));
	ck_assert_uint_ne(duo_current(d, SERVER)->id, 9);
	ck_assert_int_eq(duo_say(d, SERVER, 3), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, 3), 1);
	/* no flow that this server has room for */
	len = duo_make(d, CLIENT, 16, 1, &msg, "", 0, packet);
	ck_assert(give(d, SERVER, &path, packet, len) == MP_DROPPED);
	len = duo_make(d, CLIENT, WIRE_FLOW_MAX, 1, &msg, "", 0, packet);
	ck_assert(give(d, SERVER, &path, packet, len) == MP_DROPPED);
	assert_sane(d, SERVER);
	duo_free(d);
}
END_TEST

/* A list of addresses that nobody should believe: what is usable is tried,
 * within the bounds; what works stays in use. */
START_TEST(absurd_list)
{
	struct duo *d = small_world(2, 1);
	struct wire_msg msg = { .flags = WIRE_ADDR | WIRE_REPLY,
		.tsreply = WIRE_TS_NONE };
	struct mp_path path;
	uint8_t packet[2048], body[1400];
	struct mp_addr a = { .port = 5001 };
	size_t len = 0;
	uint64_t sent, seq;
	uint32_t n = 2;
	int i;

	duo_up(d);
	for (i = 0; i < 150; i++) {
		memcpy(a.ip, (uint8_t[16]) { [10] = 0xff, [11] = 0xff,
		    [12] = 10, [13] = 77, [14] = (uint8_t)i }, 16);
		len += wire_put_addr(body + len, &a);
	}
	path = duo_path(d, CLIENT, 0, SERVER, 0);
	sent = d->sent[CLIENT];
	for (i = 0; i < 10; i++) {
		seq = duo_flow(d, SERVER, 0, 0)->tx_seq += 1;
		len = duo_make(d, SERVER, duo_flow(d, SERVER, 0, 0)->id, seq,
		    &msg, body, len, packet) - 34;
		ck_assert(give(d, CLIENT, &path, packet, len + 34) ==
		    MP_CONTROL);
		duo_run(d, d->now + SEC);
		assert_sane(d, CLIENT);
	}
	ck_assert_uint_le(d->sent[CLIENT] - sent, 16 * 4 + 10 * 2 * 3);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_ptr_eq(duo_current(d, CLIENT), duo_flow(d, CLIENT, 0, 0));
	duo_free(d);
}
END_TEST

/* --- A process that scribbles over the block ------------------------------ */

static void
scribble(struct duo_end *end)
{
	static const uint32_t odd[] = { 0, 1, 2, 63, 64, 255, 0xffff,
		0x10000, INT32_MAX, UINT32_MAX };
	uint8_t *block = end->block;
	const struct mp *m = &end->mp;
	/* Sessions, flows, handshakes in use, tables and pools alike. */
	const struct { const void *at; size_t size; } parts[] = {
		{ m->sh, sizeof(*m->sh) },
		{ m->sessions, 3 * sizeof(*m->sessions) },
		{ m->flows, 12 * sizeof(*m->flows) },
		{ m->shakes, 2 * sizeof(*m->shakes) },
		{ m->shakes + STATE_OPEN, 2 * sizeof(*m->shakes) },
		{ m->sid_heads, (size_t)(m->pool - (const uint8_t *)
		    m->sid_heads) },
		{ m->heap, 4 * sizeof(*m->heap) },
		{ m->pool, 2048 },
		{ m->held, 2048 },
		{ block, end->size },
	};
	uint32_t n, from, to;
	int i, part;

	for (n = 1 + dice(40); n > 0; n--) {
		part = (int)dice(COUNT(parts));
		to = (uint32_t)((const uint8_t *)parts[part].at - block) +
		    dice((uint32_t)parts[part].size);
		from = (uint32_t)((const uint8_t *)parts[part].at - block) +
		    dice((uint32_t)parts[part].size);
		i = (int)dice(4);
		if (i == 0) {
			block[to] = (uint8_t)dice(256);
		} else if (i == 1 && to + 4 < end->size) {
			memcpy(block + (to & ~3U), &odd[dice(COUNT(odd))], 4);
		} else if (i == 2 && (to | from) + 8 < end->size) {
			memmove(block + (to & ~7U), block + (from & ~7U), 8);
		} else if (to + 8 < end->size) {
			memset(block + (to & ~7U), dice(2) ? 0xff : 0, 8);
		}
	}
}

/* Some of all that agent and programs do, each a bounded number of times. */
static void
agent_steps(struct duo *d, int e, const struct tape *t)
{
	struct duo_end *end = &d->end[e];
	static uint8_t buf[65536];
	struct mp_session_info si;
	struct mp_flow_info fi;
	struct mp_tx tx[2];
	struct mp_out out;
	uint32_t i, id;
	int step, n;

	for (step = 0; step < 30; step++) {
		d->now += dice(2) ? dice(100) * MS : dice(20) * SEC;
		n = (int)dice(12);
		if (n < 5) {
			i = dice((uint32_t)t->n);
			give(d, e, &t->p[i]->path, t->p[i]->data,
			    t->p[i]->len);
		} else if (n == 5) {
			duo_tell(d, e);
		} else if (n == 6) {
			mp_link_event(&end->mp, duo_time(d, e), dice(4));
		} else if (n == 7) {
			n = mp_send_begin(&end->mp, duo_time(d, e), 0,
			    &end->peer, 0, 100, (enum mp_send_flag)dice(2), tx);
			if (n == MP_EAGAIN)
				CALL(mp_hold(&end->mp, duo_time(d, e), 0,
				    &end->peer, buf, 100));
			for (i = 0; n > 0 && i < (uint32_t)n; i++) {
				ck_assert_uint_le(mp_seal_offset(&tx[i]), 30);
				tx[i].error = dice(3) ? 0 : MP_ENETUNREACH;
			}
			if (n > 0)
				CALL(mp_send_commit(&end->mp, duo_time(d, e),
				    tx, n, buf, 100));
		} else if (n == 8) {
			(void)mp_session_find(&end->mp, 0, &end->peer);
			for (i = 0; i < 4; i++) {
				(void)mp_session_mtu(&end->mp, i);
				CALL(mp_session_info(&end->mp, i, &si));
				for (id = 0; id < MP_FLOWS_MAX; id++)
					CALL(mp_flow_info(&end->mp,
					    duo_time(d, e), i, id, &fi));
			}
		} else if (n == 9 && dice(10) == 0) {
			mp_slot_close(&end->mp, duo_time(d, e), 0);
			CALL(mp_slot_open(&end->mp, 0, MP_DUAL));
		}
		for (i = 0; i < 50 && mp_poll(&end->mp, &end->keys,
		    duo_time(d, e), &out, buf, sizeof(buf)) == 1; i++)
			if (dice(10) == 0)
				mp_poll_failed(&end->mp, duo_time(d, e), &out,
				    MP_ENETUNREACH);
		(void)mp_deadline(&end->mp);
	}
}

/* An end in the midst of everything: a session in use with two flows in
 * doubt, one that another began, INITs, datagrams held and kept. */
static struct duo *
busy_world(struct tape *t)
{
	struct duo *d = small_world(2, 2);
	struct mp_addr nobody = { .port = 7 };
	uint32_t n = 2;
	int other, i;

	d->tap = tape_tap;
	d->tap_arg = t;
	duo_up(d);
	other = duo_add_end(d, 2, 'A');
	ck_assert_int_eq(duo_say(d, other, 1000), 0);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	memcpy(nobody.ip, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 10, 8, 8,
	    8 }, 16);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(duo_send_to(d, i, 0, &nobody, "held", 4,
		    (enum mp_send_flag)0), 0);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_chat(d, d->now + 80 * MS, 10 * MS, &n);
	return d;
}

enum { SCRIBBLES = 100 }; /* of each row */

START_TEST(scribbled_block)
{
	struct tape t = { .p = NULL };
	struct duo *d = busy_world(&t);
	uint64_t began = d->now;
	struct copy was[2];
	int i, e;

	t.full = true;
	for (e = 0; e < 2; e++)
		copy_keep(&was[e], d, e);
	dice_state = (uint64_t)_i;
	for (i = 0; i < SCRIBBLES; i++) {
		e = i & 1;
		memcpy(d->end[e].block, was[e].bytes, was[e].size);
		d->now = began;
		scribble(&d->end[e]);
		agent_steps(d, e, &t);
	}
	for (e = 0; e < 2; e++)
		copy_drop(&was[e]);
	tape_free(&t);
	duo_free(d);
}
END_TEST

/* A view of a block that says nonsense about itself is refused, or lies
 * within it. */
START_TEST(attach_scribbled)
{
	struct duo *d = small_world(1, 1);
	struct duo_end *end = &d->end[CLIENT];
	struct mp_limits *l = &end->mp.sh->limits, was = *l;
	struct mp m;
	int i;

	ck_assert_int_eq(mp_attach(&m, end->block, end->size), 0);
	dice_state = 1;
	for (i = 0; i < 10000; i++) {
		((uint32_t *)(void *)l)[dice(sizeof(*l) / 4)] = dice(2) ?
		    dice(100000) : dice(UINT32_MAX) << dice(2);
		if (mp_attach(&m, end->block, end->size) == 0)
			ck_assert_uint_le(mp_size(&m.limits), end->size);
		else
			*l = was;
	}
	ck_assert_int_eq(mp_attach(&m, end->block, sizeof(struct shared) - 1),
	    MP_EINVAL);
	duo_free(d);
}
END_TEST

Suite *
suite_hostile(void)
{
	Suite *s = suite_create("hostile");
	TCase *tc = tcase_create("strangers");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, flip_sealed, 0, 2 * COUNT(kinds));
	tcase_add_loop_test(tc, flip_shake, WIRE_T_INIT, WIRE_T_COOKIE + 1);
	tcase_add_test(tc, flip_init_again);
	tcase_add_loop_test(tc, late_answer, WIRE_T_RESP, WIRE_T_COOKIE + 1);
	tcase_add_loop_test(tc, reflect_shake, 0, COUNT(all_types));
	tcase_add_test(tc, replay_init);
	tcase_add_loop_test(tc, same_ends, 0, 2);
	tcase_add_loop_test(tc, garbage, 0, 2);
	tcase_add_loop_test(tc, replay_sealed, 0, 2 * COUNT(kinds));
	tcase_add_test(tc, replay_life);
	tcase_add_loop_test(tc, amplify, 0, 3);
	tcase_add_loop_test(tc, amplify_gone, 0, 3);
	tcase_add_test(tc, amplify_init);
	suite_add_tcase(s, tc);
	tc = tcase_create("peers");
	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, fuzz_peer, 0, 26);
	tcase_add_test(tc, select_unknown);
	tcase_add_test(tc, absurd_list);
	suite_add_tcase(s, tc);
	tc = tcase_create("scribble");
	tcase_set_timeout(tc, 10);
	tcase_add_loop_test(tc, scribbled_block, 0, 20);
	tcase_add_test(tc, attach_scribbled);
	suite_add_tcase(s, tc);
	return s;
}
