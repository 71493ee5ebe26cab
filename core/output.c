/* SPDX-License-Identifier: ISC */
/*
 * mp_poll(): all packets that the agent sends, one a call, of the session with
 * the first deadline: resent and staged datagrams, control packets, handshakes.
 */
#include <string.h>

#include "addr.h"
#include "budget.h"
#include "change.h"
#include "flow.h"
#include "gather.h"
#include "handshake.h"
#include "loss.h"
#include "initiator.h"
#include "initiator_reply.h"
#include "mp.h"
#include "offload.h"
#include "path.h"
#include "path_choice.h"
#include "policy.h"
#include "probe.h"
#include "resend.h"
#include "rollback.h"
#include "send.h"
#include "session.h"
#include "staged.h"
#include "state.h"
#include "table.h"
#include "timers.h"
#include "wire.h"

/* Sessions that one call runs, so that the lock is not held for long: less than
 * 1 ms; to adapt to new addresses takes longer than to run. */
enum {
	OUTPUT_RUNS = 512,
	OUTPUT_ADAPT = 8,
	/* bytes of a probe that tells all it can */
	OUTPUT_PROBE = WIRE_MIN + WIRE_DATA + WIRE_LINK + WIRE_TOKEN + 4 +
	    WIRE_REPORT + WIRE_SKIPPED,
};

/* Where one call of mp_poll() writes. */
struct output {
	struct mp_out *out;
	uint8_t *buf;
	size_t size;
};

static int
send_probe(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_PROBE };
	size_t len;
	bool learn;

	/* A challenge tells the peer by which link the flow leaves.  Its answer
	 * tells the peer's link: flows that the handshake proved have not heard
	 * of that. */
	learn = s->initiator && f->peer_link == 0 &&
	    f->link_tries < FLOW_LINK_TRIES;
	f->link_tries += learn;
	if (!f->validated || f->unproven || learn || f->link_new) {
		msg.flags |= WIRE_CHALLENGE;
		memcpy(msg.challenge, f->challenge, WIRE_TOKEN);
	}
	if (s->initiator && f->id == s->current && !s->select_acked) {
		msg.flags |= WIRE_SELECT;
		msg.select = s->choice;
	}
	loss_report(f, &msg);
	len = send_control(m, s, f, now, &msg, 0, o->out, o->buf);
	if (len == 0)
		return 0;
	f->link_new = false;
	budget_sent(m, s, f, false, len);
	flow_probe_sent(f, now, (uint16_t)f->tx_seq);
	f->probe_selects = (msg.flags & WIRE_SELECT) != 0;
	path_choice_expect(m, s, f);
	state_count(m, MP_C_probe_out);
	return 1;
}

/* Answers a probe, or acknowledges data that no other packet did. */
static int
send_reply(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_PROBE | WIRE_REPLY,
		.number = f->probe_seen };
	bool alt = f->reply && f->reply_alt && f->alt_at != MP_NEVER;

	if (f->reply && f->reply_token) {
		msg.flags |= WIRE_RESPONSE;
		memcpy(msg.response, f->token, WIRE_TOKEN);
	}
	f->reply = false;
	f->ack_due = MP_NEVER;
	if (!budget_may(m, s, f, alt, OUTPUT_PROBE + WIRE_NUMBER))
		return 0;
	loss_report(f, &msg);
	if (send_control(m, s, f, now, &msg, 0, o->out, o->buf) == 0)
		return 0;
	if (alt)
		o->out->path = f->alt;
	budget_sent(m, s, f, alt, o->out->len);
	state_count(m, MP_C_reply_out);
	return 1;
}

/* Challenges the address to which the peer may have moved. */
static int
send_alt(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct output *o)
{
	static const uint64_t gap[FLOW_ALT_TRIES] = { 300 * MS, 600 * MS };
	uint8_t tries = STATE_ONCE(f->alt_tries) % FLOW_ALT_TRIES;
	struct wire_msg msg = { .flags = WIRE_PROBE | WIRE_CHALLENGE };

	f->alt_at = now + gap[tries];
	f->alt_tries++;
	if (!budget_may(m, s, f, true,
		WIRE_MIN + WIRE_DATA + WIRE_LINK + WIRE_TOKEN))
		return 0;
	memcpy(msg.challenge, f->alt_challenge, WIRE_TOKEN);
	if (send_control(m, s, f, now, &msg, 0, o->out, o->buf) == 0)
		return 0;
	o->out->path = f->alt;
	budget_sent(m, s, f, true, o->out->len);
	state_count(m, MP_C_probe_out);
	return 1;
}

/* Sends a probe padded to the next size that is to be proven. */
static int
send_size(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_PROBE | WIRE_CHALLENGE };
	size_t size, head = send_frame(s) + WIRE_MIN + WIRE_DATA + WIRE_LINK +
	    WIRE_TOKEN;
	int i = 0;

	while ((f->size_mask >> i & 1) == 0)
		i++;
	f->size_mask &= (uint8_t)~(1U << i);
	size = i == PROBE_SAME ? f->size :
	    probe_rung(f, path_mtu(m, f), i);
	if (size < head || size > o->size ||
	    !budget_may(m, s, f, false, size))
		return 0;
	memcpy(msg.challenge, f->size_token, WIRE_TOKEN);
	msg.challenge[WIRE_TOKEN - 1] ^= (uint8_t)i;
	if (send_control(m, s, f, now, &msg, size - head, o->out,
		o->buf) == 0)
		return 0;
	budget_sent(m, s, f, false, size);
	loss_skip(f);
	f->size_sent |= (uint8_t)(1U << i);
	o->out->df = true;
	state_count(m, MP_C_probe_out);
	return 1;
}

/* Tells the peer our sid, for it sends CHILD. */
static int
send_welcome(struct mp *m, struct session *s, uint64_t now, struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_REKEY };
	struct flow *f = state_flow(m, s, s->welcome_flow);
	const struct keys *k = state_keys(s);
	struct wire_welcome w = { .sid = k->sid_in,
		.max_flows = (uint16_t)m->limits.flows_each,
		.flow = s->frame_flow, .seq = s->frame_seq };

	s->welcome = false;
	if (f == NULL || f->gone || f->down || !k->child ||
	    !budget_may(m, s, f, false, WIRE_MIN + WIRE_WELCOME))
		return 0;
	w.yours = f->path.remote;
	wire_put_welcome(o->buf + WIRE_AD + WIRE_HEAD, k->sid_out, &w);
	if (send_control(m, s, f, now, &msg, WIRE_WELCOME, o->out,
		o->buf) == 0)
		return 0;
	budget_sent(m, s, f, false, o->out->len);
	return 1;
}

static int
output_flow(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct output *o)
{
	if (f->gone || f->down)
		return 0;
	if (f->reply && send_reply(m, s, f, now, o))
		return 1;
	if (now >= probe_due(m, s, f, now) ||
	    (now >= f->ack_due && probe_joins(s, f, now))) {
		if (budget_may(m, s, f, false, OUTPUT_PROBE))
			return send_probe(m, s, f, now, o);
		if (s->initiator && !f->unproven)
			budget_refused(s, now);
		else /* counts as sent, so that the next has its time */
			flow_probe_sent(f, now, (uint16_t)f->tx_seq);
	}
	if (now >= f->alt_at && send_alt(m, s, f, now, o))
		return 1;
	if (now >= f->ack_due && send_reply(m, s, f, now, o))
		return 1;
	while (f->size_mask != 0)
		if (send_size(m, s, f, now, o))
			return 1;
	return 0;
}

/* --- Addresses ----------------------------------------------------------- */

/* May this peer be told of the address? */
static bool
tellable(const struct mp *m, const struct flow *f, const struct mp_local *l)
{
	return !l->down &&
	    addr_may_tell(l->ip, f->path.remote.ip, m->sh->tell_private);
}

/* How many of our addresses the peer is told. */
static uint32_t
list_len(const struct mp *m, const struct flow *f)
{
	uint32_t i, n = 0;

	for (i = 0; i < m->sh->nlocals && i < MP_LOCALS_MAX; i++)
		n += tellable(m, f, &m->sh->local[i]);
	return n < MP_TOLD_MAX ? n : MP_TOLD_MAX;
}

/* Writes a part of the list of our addresses that this peer may know. */
static size_t
put_list(const struct mp *m, const struct flow *f, uint32_t part,
    uint8_t *body)
{
	struct mp_addr a = { .port = m->sh->port };
	uint32_t i, n = 0, first = part * WIRE_LIST_MAX;
	uint32_t all = list_len(m, f), end = first + WIRE_LIST_MAX;
	size_t len = 0;

	if (all > WIRE_LIST_MAX)
		len = wire_put_part(body, (part > 0 ? WIRE_PART_NEXT : 0) |
		    (all > end ? WIRE_PART_MORE : 0));
	end = end < all ? end : all;
	for (i = 0; i < m->sh->nlocals && i < MP_LOCALS_MAX && n < end; i++) {
		if (!tellable(m, f, &m->sh->local[i]) || n++ < first)
			continue;
		memcpy(a.ip, m->sh->local[i].ip, 16);
		len += wire_put_addr(body + len, &a);
	}
	return len;
}

/* Sends a part of the list; the next one, if there is one, is due then. */
static int
send_list(struct mp *m, struct session *s, struct flow *f, uint32_t part,
    uint64_t now, struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_ADDR | WIRE_REPLY };
	size_t len = put_list(m, f, part, o->buf + send_frame(s) + WIRE_AD +
	    WIRE_HEAD);

	s->list_part = 0;
	if (!budget_may(m, s, f, false, WIRE_MIN + len))
		return 0;
	if (send_control(m, s, f, now, &msg, len, o->out, o->buf) == 0)
		return 0;
	budget_sent(m, s, f, false, o->out->len);
	if (list_len(m, f) > (part + 1) * WIRE_LIST_MAX) {
		s->list_part = (uint8_t)(part + 1);
		s->list_flow = f->id;
	}
	return 1;
}

/* The flow for address packets: the one in use if it works. */
static struct flow *
addr_flow(struct mp *m, struct session *s, uint64_t now)
{
	struct policy_ask ask = { .now = now };
	struct flow *f = state_flow(m, s, s->current);

	if (f != NULL && flow_usable(f))
		return f;
	f = policy_best(m, s, &ask);
	return f != NULL ? f : path_choice_flow(m, s, now, 0);
}

static int
output_addr(struct mp *m, struct session *s, uint64_t now, struct output *o)
{
	static const uint64_t again[4] = { 300 * MS, 600 * MS, 1200 * MS,
		5 * SEC };
	uint8_t tries;
	struct wire_msg msg = { .flags = WIRE_ADDR };
	struct flow *f;

	if (s->list_part > 0) {
		tries = STATE_ONCE(s->list_part);
		s->list_part = 0;
		f = state_flow(m, s, s->list_flow);
		if (f != NULL && !f->gone && tries < MP_TOLD_MAX &&
		    send_list(m, s, f, tries, now, o))
			return 1;
	}
	if (s->addr_reply) {
		s->addr_reply = false;
		f = state_flow(m, s, s->addr_flow);
		if (f != NULL && !f->gone && send_list(m, s, f, 0, now, o))
			return 1;
	}
	if (now >= s->push_at && (f = addr_flow(m, s, now)) != NULL) {
		tries = STATE_ONCE(s->push_tries);
		s->push_at = tries < 2 ? now + again[tries] : MP_NEVER;
		s->push_tries = tries < 2 ? tries + 1 : tries;
		if (send_list(m, s, f, 0, now, o))
			return 1;
	}
	if (s->initiator && now >= s->addr_at && !probe_idle(s, now) &&
	    (f = addr_flow(m, s, now)) != NULL) {
		tries = STATE_ONCE(s->addr_tries);
		s->addr_at = now + (tries < 4 ? again[tries] : 60 * SEC);
		s->addr_tries = tries < 4 ? tries + 1 : tries;
		if (!budget_may(m, s, f, false, WIRE_MIN) || send_control(m, s,
		    f, now, &msg, 0, o->out, o->buf) == 0)
			return 0;
		budget_sent(m, s, f, false, o->out->len);
		return 1;
	}
	return 0;
}

/* --- One session, all sessions ------------------------------------------- */

/* Sends what is staged, then CLOSE on the flow in use and on another; then
 * frees the session. */
static int
output_close(struct mp *m, struct session *s, uint64_t now, struct output *o)
{
	struct wire_msg msg = { .flags = WIRE_CLOSE };
	struct policy_ask ask = { .now = now };
	struct flow *f;

	if (s->staged.n > 0 && staged_send(m, s, now, o->out, o->buf, o->size) >
	    0)
		return 1;
	if (s->staged.n > 0 && staged_due(s, now) > now)
		return 0; /* somebody is about to send the last ones */
	f = state_flow(m, s, s->current);
	if (s->close_tries > 0) {
		ask.not = f;
		f = policy_best(m, s, &ask);
	}
	if (s->close_tries++ < 2 && f != NULL && !f->gone && !f->down &&
	    budget_may(m, s, f, false, WIRE_MIN) &&
	    send_control(m, s, f, now, &msg, 0, o->out, o->buf) > 0) {
		budget_sent(m, s, f, false, o->out->len);
		return 1;
	}
	session_free(m, s);
	return 0;
}

static int
output_session(struct mp *m, const struct mp_keyring *ring, struct session *s,
    uint64_t now, struct output *o)
{
	struct flow *f;

	if (s->state == MP_S_CLOSING)
		return output_close(m, s, now, o);
	if (state_locals_due(m, s))
		path_locals(m, s, now);
	initiator_reply_settle(m, ring, s, now);
	timers_session(m, s, now);
	if (s->plain && s->state == MP_S_DOWN && s->staged.n > 0)
		return staged_send_plain(m, s, now, o->out, o->buf,
		    o->size);
	if (s->state == MP_S_CLOSED) {
		if (session_keys_end(s) == MP_NEVER) /* the keys are gone */
			session_free(m, s);
		return 0;
	}
	if (s->state == MP_S_UP) {
		if (s->welcome && send_welcome(m, s, now, o))
			return 1;
		if (s->resend &&
		    resend_next(m, s, now, o->out, o->buf, o->size))
			return 1;
		if (s->staged.n > 0 &&
		    staged_send(m, s, now, o->out, o->buf, o->size) > 0)
			return 1;
		STATE_FLOWS(m, s, f, id)
			if (output_flow(m, s, f, now, o))
				return 1;
		if (output_addr(m, s, now, o))
			return 1;
	}
	return initiator_poll(m, ring, s, now, o->out, o->buf);
}

/* Runs the sessions whose deadline has come, up to the first packet: 1; or 0. */
static int
output_due(struct mp *m, const struct mp_keyring *ring, uint64_t now,
    struct output *o)
{
	struct session *s;
	uint64_t at;
	int runs = 0;

	while (runs < OUTPUT_RUNS && (s = table_first(m)) != NULL &&
	    table_first_at(m) <= now) {
		runs += state_locals_due(m, s) ? OUTPUT_ADAPT : 1;
		if (output_session(m, ring, s, now, o))
			return 1;
		if (s->state == MP_S_FREE) {
			table_remove(m, s);
			continue;
		}
		at = timers_next(m, s, now);
		/* What could not be sent now is tried again after 1 ms, not at
		 * once. */
		table_set_deadline(m, s, at > now ? at : now + MS);
	}
	return 0;
}

int
mp_poll(struct mp *m, const struct mp_keyring *ring, uint64_t now,
    struct mp_out *out, uint8_t *buf, size_t size)
{
	struct output o = { out, buf, size };

	if (size < MP_CONTROL_MAX)
		return 0;
	rollback_look(m, now);
	if (now >= m->sh->sweep_at)
		handshake_sweep(m, now);
	gather_expire(m, now);
	if (output_due(m, ring, now, &o))
		return 1;
	return table_first_at(m) > now && change_go_on(m, now) &&
	    output_due(m, ring, now, &o);
}

void
mp_poll_sent(struct mp *m, uint64_t now, const struct mp_out *out)
{
	struct session *s = state_session_gen(m, out->session, out->gen);

	if (out->staged && s != NULL)
		staged_poll_sent(m, s, now, out, 0);
}

void
mp_poll_refused(struct mp *m, uint64_t now, struct mp_out *out, int error)
{
	struct session *s = state_session_gen(m, out->session, out->gen);
	struct flow *f = s != NULL ? state_flow(m, s, out->flow) : NULL;

	if (f == NULL)
		return;
	offload_bundled(&f->offload, -(int)out->bundled);
	if (error != 0)
		(void)offload_refused(&f->offload, now, error);
	out->bundled = 0;
	out->together = false;
}

void
mp_poll_failed(struct mp *m, uint64_t now, const struct mp_out *out, int error)
{
	struct session *s = state_session_gen(m, out->session, out->gen);
	struct flow *f = s != NULL ? state_flow(m, s, out->flow) : NULL;

	if (out->staged && s != NULL)
		staged_poll_sent(m, s, now, out, error);
	if (f != NULL)
		loss_skip(f);
	if (f == NULL || !send_path_error(error))
		return;
	if (f->alt_at != MP_NEVER &&
	    !addr_equal(&out->path.remote, &f->path.remote))
		f->alt_at = MP_NEVER; /* the peer is not there */
	else
		path_send_failed(m, s, f, now);
}

uint64_t
mp_deadline(const struct mp *m)
{
	uint64_t at = table_first_at(m), gather = gather_due(m);

	if (m->sh->changing && at > m->sh->change_at)
		at = m->sh->change_at;
	at = at < gather ? at : gather;
	return at < m->sh->sweep_at ? at : m->sh->sweep_at;
}
