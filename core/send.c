/* SPDX-License-Identifier: ISC */
#include "send.h"

#include <string.h>

#include "addr.h"
#include "budget.h"
#include "child.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "offload.h"
#include "part.h"
#include "part_order.h"
#include "path.h"
#include "path_choice.h"
#include "loss.h"
#include "pool.h"
#include "rollback.h"
#include "probe.h"
#include "recent.h"
#include "seal.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "ticket.h"
#include "wire.h"

/* Datagrams that each one sent may drop from the pool of recent ones: more than
 * it adds, so that the pool gets empty after a failure. */
enum { SEND_TRIM = 4 };

/* Sequence numbers end here: the receiver takes 32 bits of them. */
#define SEND_SEQ_END ((UINT64_C(1) << 32) - (1 << 15))
/* Of the bytes that may go to an address which is not proven, those of so many
 * probes and replies are kept: without them it would never be proven. */
enum {
	SEND_ROOM = 4,
	SEND_PROBE = WIRE_MIN + WIRE_DATA + WIRE_LINK + WIRE_TOKEN
};

void
send_out(const struct mp *m, const struct session *s, const struct flow *f,
    const struct mp_path *path, struct mp_out *out)
{
	memset(out, 0, sizeof(*out));
	out->path = *path;
	out->slot = s->slot;
	out->session = state_index(m, s);
	out->gen = s->gen;
	out->flow = f != NULL ? f->id : UINT16_MAX;
	out->tos = out->ttl = -1;
}

/* A first part is named by its own packet. */
static void
name_itself(struct wire_msg *msg, const struct wire_ad *ad)
{
	if (msg->flags != WIRE_FRAG || msg->part != 0)
		return;
	msg->copy = *ad;
	msg->copy.control = false;
}

/* The clear head of the next packet of a flow.  A framed one names us. */
static struct wire_ad
next_ad(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    bool control, bool framed)
{
	const struct keys *k = state_keys(s);

	rollback_count(m, now, 1);
	return (struct wire_ad) { .sid = framed ? k->sid_in : k->sid_out,
		.control = control, .dir = !s->initiator, .flow = f->id,
		.seq = ++f->tx_seq };
}

/* What the peer is told of the link that a flow leaves by. */
static uint8_t
link_of(const struct flow *f)
{
	uint32_t ifindex = flow_leaves_by(f);

	if (f->lower != 0 && ifindex == f->path.ifindex)
		ifindex = f->lower;
	return ifindex == 0 ? 0 : (uint8_t)(ifindex % 255 + 1);
}

size_t
send_frame(struct session *s)
{
	return child_framed(s, false) ? WIRE_CHILD : 0;
}

size_t
send_control(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct wire_msg *msg, size_t len, struct mp_out *out, uint8_t *buf)
{
	struct keys *k = state_keys(s);
	size_t n, frame = send_frame(s);
	struct wire_ad ad;

	if (!k->live)
		return 0;
	ad = next_ad(m, s, f, now, true, frame > 0);
	name_itself(msg, &ad);
	msg->held_log2 = flow_held(f, now);
	msg->link = link_of(f);
	msg->data = f->tx_data;
	flow_stamp(f, now, 0, &msg->ts, &msg->tsreply);
	if (frame > 0)
		child_put_frame(s, buf);
	wire_put_ad(buf + frame, &ad);
	n = wire_put_msg(buf + frame + WIRE_AD, msg);
	if (msg->flags & WIRE_PROBE) {
		memset(buf + frame + WIRE_AD + n, 0, len);
		offload_probed(&f->offload, now, f->rtt.srtt_us,
		    loss_sent(f));
	}
	send_out(m, s, f, &f->path, out);
	out->len = seal_packet(buf, frame, n + len, k->suite, k->tx);
	f->tx_packets++;
	f->tx_bytes += out->len;
	return out->len;
}

size_t
send_part(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct wire_msg *msg, enum pool_kind kind, const struct record *r,
    struct mp_out *out, uint8_t *buf, size_t size)
{
	size_t head = send_frame(s) + WIRE_AD + WIRE_HEAD + WIRE_COPY +
	    WIRE_HALF;
	size_t total = pool_len(r), len = part_len(total, msg->part);

	if (head + len + WIRE_TAG > size ||
	    !pool_read(m, kind, r, part_begin(total, msg->part), buf + head,
		len))
		return 0;
	msg->total = (uint16_t)total;
	return send_control(m, s, f, now, msg, len, out, buf);
}

void
send_fill(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct wire_msg *msg, struct mp_tx *tx)
{
	struct keys *k = state_keys(s);
	bool framed = child_framed(s, (msg->flags & WIRE_COPYFLAG) == 0);
	struct wire_ad ad = next_ad(m, s, f, now, msg->flags != 0,
	    framed);
	size_t frame = framed ? WIRE_CHILD : 0;

	if (msg->flags == 0)
		f->tx_data++;
	name_itself(msg, &ad);
	msg->held_log2 = flow_held(f, now);
	flow_stamp(f, now, state_turn(m), &msg->ts, &msg->tsreply);
	if (framed)
		child_put_frame(s, tx->hdr);
	if (framed && msg->flags == 0) {
		s->frame_at = now;
		s->frame_flow = f->id;
		s->frame_seq = (uint32_t)ad.seq;
	}
	wire_put_ad(tx->hdr + frame, &ad);
	tx->hdr_len = (uint8_t)(frame + WIRE_AD + wire_put_msg(tx->hdr +
	    frame + WIRE_AD, msg));
	tx->frame = framed;
	tx->keys = k->id;
	tx->path = f->path;
	tx->error = 0;
	tx->df = false;
	tx->tos = tx->ttl = -1;
	tx->part = false;
	tx->copy = (msg->flags & WIRE_COPYFLAG) != 0;
	tx->session = state_index(m, s);
	tx->gen = s->gen;
	tx->flow = f->id;
	tx->seq = ad.seq;
	tx->sent_at = now;
	tx->slot = s->slot;
	tx->suite = k->suite;
	memcpy(tx->key, k->tx, sizeof(tx->key));
}

/* Both parts of a datagram; `name': of the one that they repeat, NULL: it is
 * sent for the first time. */
static void
fill_parts(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    uint16_t flags, const struct wire_ad *name, size_t len, struct mp_tx tx[])
{
	struct wire_msg msg = { .flags = flags | WIRE_FRAG,
		.total = (uint16_t)len };
	unsigned i;

	if (name != NULL)
		msg.copy = *name;
	for (i = 0; i < 2; i++) {
		msg.part = (uint8_t)i;
		send_fill(m, s, f, now, &msg, &tx[i]);
		tx[i].part = true;
		tx[i].off = (uint16_t)part_begin(len, i);
		tx[i].len = (uint16_t)part_len(len, i);
	}
}

int
send_fill_all(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    size_t len, struct mp_tx tx[])
{
	struct wire_msg msg = { .flags = 0 };
	size_t frame = s->frame ? WIRE_CHILD : 0;
	struct flow *other;
	uint16_t flags;
	int n = 1;

	if (part_order_parts(s, f, len, frame)) {
		part_order_begin(m, s, f);
		fill_parts(m, s, f, now, 0, NULL, len, tx);
		part_order_sent(m, s, f, now, len, frame);
		n = 2;
	} else {
		send_fill(m, s, f, now, &msg, &tx[0]);
	}
	other = path_choice_copy(m, s, now, f, len + MP_COPY_OVERHEAD);
	if (other == NULL)
		return n;
	flags = path_choice_copy_flags(f, now);
	wire_get_ad(tx[0].hdr + frame, WIRE_MIN, &msg.copy);
	msg.copy.control = false;
	if (part_needed(other, len, MP_COPY_OVERHEAD, send_frame(s))) {
		fill_parts(m, s, other, now, flags, &msg.copy, len, tx + n);
		return n + 2;
	}
	msg.flags = flags;
	send_fill(m, s, other, now, &msg, &tx[n]);
	return n + 1;
}

static struct session *
begin_session(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, uint64_t key_id)
{
	struct session *s = ticket_begin(m, now, slot, dst, key_id);
	uint8_t assoc[8];

	if (s != NULL)
		return s;
	rng_bytes(&m->sh->rng, assoc, sizeof(assoc));
	s = session_new(m, now, slot, dst, key_id, assoc, true);
	if (s == NULL)
		return NULL;
	s->left = session_has_left(m, dst, now);
	ticket_tell(m, s);
	session_connect(m, s, now);
	s->handshake_after = now + SEND_SOURCE;
	s->last_send = now;
	return s;
}

/* The session has no keys: what the program's send does then. */
static int
send_unconnected(struct mp *m, struct session *s, uint64_t now)
{
	bool pause = now > s->last_send + SESSION_PAUSE;

	if (s->state == MP_S_DOWN || now > s->last_send + SESSION_ANSWER) {
		session_connect(m, s, now);
	} else if (s->handshake >= STATE_HANDSHAKES) {
		s->want_handshake = true; /* it could not begin: once more */
		table_arm(m, s, now);
	} else if (pause) {
		path_retry_handshake(m, s, now);
	}
	s->last_send = s->last_data = now;
	if (s->connect_since != MP_NEVER &&
	    now >= s->connect_since + SESSION_ANSWER)
		return MP_EHOSTUNREACH;
	return MP_EAGAIN;
}

struct flow *
send_choose(struct mp *m, struct session *s, uint64_t now, size_t need)
{
	s->last_send = s->last_data = now;
	flow_fetch(state_flow(m, s, s->current));
	pool_fetch(m, s);
	return path_choice_flow(m, s, now, need);
}

uint64_t
send_numbers_left(const struct flow *f)
{
	return f->tx_seq < SEND_SEQ_END ? SEND_SEQ_END - f->tx_seq : 0;
}

/* The program needs packets of that size: probes are to try it. */
static void
request_mtu(struct mp *m, struct session *s, uint64_t now, size_t need)
{
	if (need > UINT16_MAX || need <= s->mtu_request)
		return;
	s->mtu_request = (uint16_t)need;
	table_arm(m, s, now);
}

/* The largest UDP payload that no flow has shown not to carry. */
static uint16_t
best_ceiling(const struct mp *m, const struct session *s)
{
	struct flow *f;
	uint16_t most = MP_SIZE_MIN, c;

	STATE_FLOWS(m, s, f, id) {
		c = probe_ceiling(f, path_mtu(m, f));
		if (flow_usable(f) && c > most)
			most = c;
	}
	return most;
}

int
mp_send_begin(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, uint64_t key_id, size_t len,
    enum mp_send_flag flags, struct mp_tx tx[])
{
	struct session *s;
	struct flow *f;
	size_t need = len + MP_OVERHEAD, bytes, frame;

	if (!state_slot_open(m, slot) ||
	    addr_unusable(dst))
		return MP_EINVAL;
	if (len > MP_PAYLOAD_MAX)
		return MP_EMSGSIZE;
	rollback_look(m, now);
	s = table_find_addr(m, slot, dst);
	if (s == NULL)
		s = begin_session(m, now, slot, dst, key_id);
	if (s == NULL)
		return MP_ENOBUFS;
	if (key_id != 0 && s->key_id != 0 && s->key_id != key_id)
		return MP_EACCES;
	if (s->state == MP_S_UP && now >= s->last_in + SESSION_SILENT)
		session_down(m, s); /* the peer has no keys any more */
	if (s->plain && s->state == MP_S_DOWN) /* what is staged goes first */
		return s->staged.n > 0 ? MP_EAGAIN : 0;
	if (state_locals_due(m, s)) /* a flow whose address went carries nothing */
		path_locals(m, s, now);
	if (s->state != MP_S_UP)
		return send_unconnected(m, s, now);
	if (probe_idle(s, now))
		path_probe_now(m, s, now, MP_NONE);
	if (child_holds(s, now))
		return MP_EAGAIN;
	frame = child_frame(m, s, now);
	need += frame;
	f = send_choose(m, s, now, need);
	if (f == NULL) /* all flows are new, as after a change of network? */
		return path_choice_hopes(m, s, now) ? MP_EAGAIN :
		    MP_ENETUNREACH;
	if (part_order_waits(m, s, f, now, len, frame))
		return MP_EAGAIN;
	bytes = part_order_parts(s, f, len, frame) ?
	    len + 2 * PART_OVERHEAD : need;
	if (f->unproven && !budget_may(m, s, f, false, bytes +
	    SEND_ROOM * budget_wire(&f->path, SEND_PROBE)))
		return MP_EAGAIN;
	if (send_numbers_left(f) == 0) { /* no rekey succeeded in time */
		session_down(m, s);
		return send_unconnected(m, s, now);
	}
	if (need > f->size) {
		if ((flags & MP_DF) && len > MP_DF_ALWAYS &&
		    need > best_ceiling(m, s))
			return MP_EMSGSIZE;
		request_mtu(m, s, now, need);
	}
	if (s->staged.n > 0) /* no datagram passes one before it */
		return MP_EAGAIN;
	return send_fill_all(m, s, f, now, len, tx);
}

size_t
mp_seal(const struct mp_tx *tx, const void *payload, size_t len, uint8_t *out)
{
	const uint8_t *from = payload;
	size_t frame = tx->frame ? WIRE_CHILD : 0;

	if (tx->part) {
		from += tx->off;
		len = tx->len;
	}
	if (len > 0 && from != out + tx->hdr_len)
		memcpy(out + tx->hdr_len, from, len);
	memcpy(out, tx->hdr, tx->hdr_len);
	return seal_packet(out, frame, tx->hdr_len - frame - WIRE_AD + len,
	    tx->suite, tx->key);
}

bool
send_path_error(int error)
{
	static const int dead[] = { MP_EPERM, MP_EACCES, MP_EINVAL,
		MP_ENETUNREACH, MP_EHOSTUNREACH, -6 /* ENXIO */,
		-19 /* ENODEV */, -99 /* EADDRNOTAVAIL */,
		-100 /* ENETDOWN */, -112 /* EHOSTDOWN */ };
	size_t i;

	for (i = 0; i < sizeof(dead) / sizeof(dead[0]); i++)
		if (dead[i] == error)
			return true;
	return false;
}

/* What the program asked for is kept with its datagram. */
static void
send_keep_option(struct record *r, const struct mp_tx *tx)
{
	r->tos = tx->tos;
	r->ttl = tx->ttl;
	r->df = tx->df;
}

struct record *
send_done(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    const struct mp_tx *tx, const void *payload, size_t len, struct flow *copy)
{
	struct record *r;
	bool waits = f->data_since != MP_NEVER;
	size_t longest = tx->part ? part_len(len, 0) + PART_OVERHEAD :
	    len + MP_OVERHEAD;

	state_count(m, MP_C_data_out);
	if (tx->part) {
		state_count(m, MP_C_part_out);
		part_order_gone(m, s, f, now, len);
	}
	s->tx_datagrams++;
	s->tx_bytes += len;
	f->tx_packets += tx->part ? 2 : 1;
	f->tx_bytes += len + (tx->part ? 2 * PART_OVERHEAD : MP_OVERHEAD);
	if (f->unproven)
		budget_sent(m, s, f, false, len + 2 * PART_OVERHEAD);
	f->send_errors = 0;
	flow_data_sent(f, tx->sent_at);
	if (longest > MP_SIZE_MIN) {
		f->big_out = true;
		if (tx->sent_at >= f->big_check_at) {
			probe_size_used(f, tx->sent_at);
			table_arm(m, s, tx->sent_at);
		}
	}
	if (!waits) {
		path_choice_expect(m, s, f);
		table_arm(m, s, probe_due(m, s, f, tx->sent_at));
	}
	recent_trim(m, s, tx->sent_at, SEND_TRIM);
	r = pool_put(m, POOL_RECENT, s, tx->sent_at, payload, len);
	if (r == NULL)
		return NULL;
	r->seq = (uint32_t)tx->seq; /* WIRE_SEQ_MAX at most */
	r->flow = f->id;
	r->keys = tx->keys; /* the key may be newer by now */
	send_keep_option(r, tx);
	if (copy != NULL) {
		r->via[r->vias++] = copy->id;
		return r;
	}
	/* No COPY went beside it, as the agent sends none of what is staged.
	 * Or a resend began, and ended, before it was here. */
	r->alone = path_choice_copy(m, s, now, f, len + MP_COPY_OVERHEAD) !=
	    NULL;
	if (r->alone || !flow_usable(f) || flow_in_doubt(f, now) ||
	    s->resend_from >= tx->sent_at)
		path_choice_resend_one(m, s, r);
	return r;
}

/* The flow that the COPY went out on in n packets, NULL: it did not. */
static struct flow *
copy_sent(struct mp *m, struct session *s, const struct mp_tx *tx, int n,
    size_t len)
{
	struct flow *f = n > 0 ? state_flow(m, s, tx->flow) : NULL;
	int i;

	for (i = 0; f != NULL && i < n; i++)
		if (tx[i].error != 0)
			loss_skip(f);
	if (f == NULL || tx[0].error != 0 || tx[n - 1].error != 0)
		return NULL;
	state_count(m, MP_C_copy_out);
	f->tx_packets += (unsigned)n;
	f->tx_bytes += len + (n > 1 ? 2 * PART_OVERHEAD : MP_COPY_OVERHEAD);
	flow_copy_sent(f, tx->sent_at);
	path_choice_expect(m, s, f);
	return f;
}

int
send_failed(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    int error, size_t len, bool copied)
{
	bool failed;

	if (error == MP_EMSGSIZE) {
		probe_size_refused(f, len + MP_OVERHEAD);
		request_mtu(m, s, now, len + MP_OVERHEAD);
		table_arm(m, s, now);
	}
	if (!send_path_error(error))
		return copied ? 0 : error;
	failed = path_send_failed(m, s, f, now);
	if (copied)
		return 0;
	/* The same flow once more, the next best, or one that is hoped for. */
	if (!failed || path_choice_flow(m, s, now, len + MP_OVERHEAD) != NULL ||
	    path_choice_hopes(m, s, now))
		return 1;
	return error;
}

void
send_single(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	offload_single(&f->offload);
	send_count_bundles(m, s, f, now);
}

void
send_count_bundles(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	if (!offload_wants_probe(&f->offload, now, f->rtt.srtt_us,
	    loss_sent(f)))
		return;
	f->probe_now = true;
	table_arm(m, s, now);
}

/* It went as CHILD, but meanwhile a handshake took the child's place: what had
 * gone before was staged (child_out.c). */
static bool
send_was_late(const struct session *s, const struct mp_tx *tx)
{
	return tx->frame && s->keys[tx->keys & 1].framed &&
	    (s->state != MP_S_UP || (s->cur & 1) != (tx->keys & 1));
}

/* Such a one is staged, too. */
static void
send_stage(struct mp *m, struct session *s, uint64_t now,
    const struct mp_tx *tx, const void *payload, size_t len)
{
	struct record *r = pool_put(m, POOL_HELD, s, now, payload, len);

	if (r == NULL)
		state_count(m, MP_C_drop_staged);
	else
		send_keep_option(r, tx);
	table_arm(m, s, now);
}

int
mp_send_commit(struct mp *m, uint64_t now, struct mp_tx *tx, int n,
    const void *payload, size_t len)
{
	struct session *s = state_session_gen(m, tx->session, tx->gen);
	struct flow *f = s != NULL ? state_flow(m, s, tx->flow) : NULL;
	struct flow *copy;
	int i, error = tx->error, own = tx->part && n > 1 ? 2 : 1;

	for (i = 0; i < n; i++)
		crypto_wipe(tx[i].key, sizeof(tx[i].key));
	if (error == 0 && own == 2)
		error = tx[1].error;
	if (f == NULL || !state_keys(s)->live)
		return error;
	if (error == 0)
		send_single(m, s, f, now);
	else
		offload_single_failed(&f->offload, error);
	copy = copy_sent(m, s, tx + own, n - own, len);
	for (i = 0; i < own; i++)
		if (tx[i].error != 0)
			loss_skip(f);
	if (error != 0)
		return send_failed(m, s, f, now, error, len, copy != NULL);
	if (send_was_late(s, tx)) {
		send_stage(m, s, now, tx, payload, len);
		return 0;
	}
	(void)send_done(m, s, f, now, tx, payload, len, copy);
	return 0;
}
