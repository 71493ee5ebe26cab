/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A flow is one pair of addresses of a session (the paper's word).  This file
 * keeps what its packets tell: waits, doubt, and the timestamps that measure it
 * (loss is in loss.c).  It decides nothing about other flows.
 *
 * The record and its id stay with the session when the pair goes, so that a
 * sequence number is never used twice under one key.  Flags say what may
 * happen on the pair:
 *
 * gone: the pair does not exist; nothing is sent, the id waits for a new pair.
 *
 * down: the link has no carrier; nothing is sent, waits end as they would.
 *
 * failed: sending failed twice in a row; no datagrams until an answer comes, or
 * its link or address comes back.
 *
 * validated: the peer answered a challenge on it (PROTOCOL.md 4), so datagrams
 * may go there.  flow_usable() is this without the three above.  3 unanswered
 * probes and a long silence end it (timers.c); proven_once stays set.
 *
 * unproven: validated by a confirming packet whose INIT came from several
 * addresses.  Bytes out stay under 3 times the bytes in until a challenge is
 * answered.
 *
 * in doubt: an unanswered probe is older than SRTT + max(4 RTTVAR, 10 ms) and
 * the flow's lateness (without that, once another flow's later probe has its
 * answer), or the peer made copies of this flow within the last second.
 * `doubted' says that the doubt was noticed and the resending begun.
 *
 * A wait runs from the first packet that wants an answer until an answer comes
 * (paper, 3.4).  wait_since is the wait that runs now: when its dRTO is over,
 * flow_missed() adds one RTO to idle_time, however late the call, and the next
 * probe starts another.  silent_since, data_since and probe1_at go back to the
 * first wait, datagram and probe since the last answer.  An answer is a packet
 * in order that carries a tsreply, and arrived after the silence began.
 *
 * Each packet carries a timestamp and, once for each timestamp received, the
 * peer's last one plus the time that it was held (paper, 2).
 *
 * The caller's lock is held.  Sources: the paper, 2 and 3.4; PROTOCOL.md 1, 4
 * and 5.
 */
#include "flow.h"

#include <string.h>

#include "addr.h"
#include "mp.h"
#include "offload.h"
#include "rtt.h"
#include "state.h"
#include "wire.h"
#include "loss.h"

void
flow_forget(struct flow *f)
{
	rtt_init(&f->rtt);
	memset(&f->late, 0, sizeof(f->late));
	f->suspect = 0;
	loss_forget(f);
	offload_forget(&f->offload);
	f->probe_answered = true;
	memset(f->asked_at, 0, sizeof(f->asked_at));
	f->size = MP_SIZE_MIN;
	f->size_max = UINT16_MAX;
	f->size_mask = f->size_sent = f->size_tries = f->big_lost = 0;
	f->size_again = f->size_lost = false;
	f->size_at = MP_NEVER;
}

void
flow_begin(struct flow *f, const struct mp_path *path, uint64_t now)
{
	f->path = *path;
	f->gone = f->down = f->failed = f->validated = f->proven_once = false;
	f->unproven = false;
	f->ts_pending = false;
	f->ts_arrival = 0;
	f->ack_due = MP_NEVER;
	f->probe_now = true;
	f->doubted = false;
	f->probes = f->send_errors = 0;
	f->wait_since = f->silent_since = f->data_since = MP_NEVER;
	f->probe1_at = f->probe2_at = f->copy_seen = f->alt_at = MP_NEVER;
	f->prompt_at = MP_NEVER;
	f->probe_at = f->answer_at = 0;
	f->data_gap = 0;
	f->data_seen = 0;
	f->ack_one = f->ack_wait = false;
	f->proof_at = f->data_last = f->copy_last = f->peer_at = 0;
	f->fate = 0;
	f->path.any_source = false; /* nothing is known of its route yet */
	f->leaves_by = 0;
	f->link_new = false;
	f->peer_link = f->link_tries = 0;
	f->searched = f->slow = f->voided = false;
	f->born_at = f->heard_at = now;
	f->via = path->ifindex;
	f->moved_at = 0;
	f->move_gap = 0;
	if (f->tx_seq != 0) /* the former pair's packets are no loss of this */
		loss_mended(f, now);
	f->reply = false;
	f->in_bytes = f->out_bytes = 0;
	flow_forget(f);
}

bool
flow_may_move(const struct flow *f, uint64_t now)
{
	uint64_t since = f->moved_at;

	return since == 0 || now >= since + f->move_gap ||
	    (now >= since + FLOW_UNHEARD && now >= f->heard_at + FLOW_UNHEARD);
}

void
flow_moved(struct flow *f, uint64_t now)
{
	uint64_t quiet = FLOW_MOVE_QUIET * (uint64_t)f->move_gap;
	bool lately = f->moved_at != 0 && now < f->moved_at + quiet;

	if (!lately)
		f->move_gap = FLOW_MOVE_GAP;
	else if (f->move_gap < FLOW_MOVE_GAP_MAX)
		f->move_gap *= 2;
	f->former = f->path;
	if (!f->proven_once || f->unproven) /* it may be a third party's */
		f->former.remote.port = 0;
	f->path = f->alt;
	f->in_bytes = f->out_bytes = 0; /* those were of the other address */
	f->alt_at = MP_NEVER;
	f->moved_at = f->heard_at = now;
	f->failed = f->down = false;
	f->proof_at = 0; /* the answer tells nothing of data sent before */
}

void
flow_fetch(const struct flow *f)
{
	const char *p = (const char *)f;
	size_t i;

	for (i = 0; f != NULL && i < STATE_FLOW_HOT; i += STATE_LINE)
		__builtin_prefetch(p + i, 1);
}

void
flow_fetch_seen(const struct replay *replay, bool control, uint64_t seq)
{
	if (control) {
		__builtin_prefetch(&replay->control[0].hi, 1);
		__builtin_prefetch(&replay->control[0].bits[seq / 64 %
		    (REPLAY_TAIL_BITS / 64)], 1);
		return;
	}
	__builtin_prefetch(&replay->window.hi, 1);
	__builtin_prefetch(&replay->window.bits[seq / 64 %
	    (REPLAY_BITS / 64)], 1);
}

void
flow_new_key(struct flow *f, struct replay *replay)
{
	replay_cut(&replay->former, &replay->window);
	memset(&replay->window, 0, sizeof(replay->window));
	replay->control[1] = replay->control[0];
	memset(&replay->control[0], 0, sizeof(replay->control[0]));
	memcpy(f->former_mark, f->mark, sizeof(f->mark));
	memset(f->mark, 0, sizeof(f->mark));
	f->tx_seq = 0;
	f->tx_data = 0;
	loss_new_key(f);
}

void
flow_former_key(struct flow *f, struct replay *replay)
{
	memset(&replay->former, 0, sizeof(replay->former));
	memset(&replay->control[1], 0, sizeof(replay->control[1]));
	memset(f->former_mark, 0, sizeof(f->former_mark));
}

enum replay_says
flow_seen(const struct replay *replay, bool former, bool control, uint64_t seq)
{
	if (control)
		return replay_tail_check(&replay->control[former], seq);
	return former ? replay_tail_check(&replay->former, seq) :
	    replay_check(&replay->window, seq);
}

void
flow_take(struct replay *replay, bool former, bool control, uint64_t seq)
{
	if (control)
		replay_tail_take(&replay->control[former], seq);
	else if (former)
		replay_tail_take(&replay->former, seq);
	else
		replay_take(&replay->window, seq);
}

bool
flow_in_order(const struct flow *f, bool former, bool control, uint64_t seq)
{
	if (!former)
		return seq > f->mark[control];
	/* None is, once a packet under the present key has arrived. */
	return f->mark[control] == 0 && seq > f->former_mark[control];
}

void
flow_mark(struct flow *f, bool former, bool control, uint64_t seq)
{
	if (former)
		f->former_mark[control] = seq;
	else
		f->mark[control] = seq;
}

uint32_t
flow_leaves_by(const struct flow *f)
{
	if (f->leaves_by != 0)
		return f->leaves_by;
	/* Where the kernel chooses: it needs the one that its packets come
	 * by. */
	return f->path.ifindex != 0 ? f->path.ifindex : f->via;
}

bool
flow_usable(const struct flow *f)
{
	return !f->gone && !f->down && !f->failed && f->validated;
}

uint64_t
flow_interval(const struct flow *f)
{
	uint64_t us = rtt_interval(&f->rtt);

	return us < RTT_PROBE_MIN6 && !addr_is4(f->path.remote.ip) ?
	    (uint64_t)RTT_PROBE_MIN6 : us;
}

uint64_t
flow_patience(const struct flow *f)
{
	return rtt_doubt(&f->rtt) + rtt_lateness(&f->late);
}

uint64_t
flow_doubt_at(const struct flow *f)
{
	uint64_t at, prompt, data;

	if (f->probe1_at == MP_NEVER)
		return MP_NEVER;
	at = f->probe1_at + flow_patience(f);
	prompt = f->probe1_at + rtt_doubt(&f->rtt);
	prompt = prompt > f->prompt_at ? prompt : f->prompt_at;
	at = at < prompt ? at : prompt;
	/* Datagrams sent before the probe were answered, and those sent after it
	 * may be soon: then only the probe was lost. */
	if (f->data_since == MP_NEVER || f->data_since <= f->probe1_at)
		return at;
	data = f->data_since + rtt_overdue(&f->rtt) + flow_ack_gap(f);
	return f->data_since < at && data > at ? data : at;
}

void
flow_others_answer(struct flow *f, const struct flow *other, uint64_t sent,
    uint64_t arrival)
{
	uint32_t a = rtt_smoothed(&f->rtt), b = rtt_smoothed(&other->rtt);
	uint64_t at = arrival + RTT_DOUBT_MIN + (a > b ? a - b : 0);

	if (f->probe1_at != MP_NEVER && f->probe1_at <= sent &&
	    at < f->prompt_at)
		f->prompt_at = at;
}

bool
flow_may_send(const struct flow *f, size_t len)
{
	return f->out_bytes + len <= 3 * (size_t)f->in_bytes;
}

bool
flow_own_doubt(const struct flow *f, uint64_t now)
{
	return now >= flow_doubt_at(f);
}

bool
flow_in_doubt(const struct flow *f, uint64_t now)
{
	return flow_own_doubt(f, now) ||
	    (f->copy_seen != MP_NEVER && now < f->copy_seen + FLOW_COPY_SEEN);
}

uint64_t
flow_lost_at(const struct flow *f)
{
	/* Where datagrams go twice anyway there is no hurry. */
	return f->probe2_at == MP_NEVER ? MP_NEVER :
	    f->probe2_at + flow_patience(f) + (loss_is_heavy(f) ? 100 * MS : 0);
}

bool
flow_lost(const struct flow *f, uint64_t now)
{
	return now >= flow_lost_at(f);
}

uint64_t
flow_silent_at(const struct flow *f)
{
	uint64_t wait = 3 * (rtt_smoothed(&f->rtt) +
	    4 * (uint64_t)f->rtt.rttvar_us);

	return f->silent_since == MP_NEVER ? MP_NEVER :
	    f->silent_since + (wait > SEC ? wait : SEC);
}

static void
wait_start(struct flow *f, uint64_t now)
{
	if (f->wait_since == MP_NEVER)
		f->wait_since = now;
	if (f->silent_since == MP_NEVER)
		f->silent_since = now;
}

void
flow_data_sent(struct flow *f, uint64_t now)
{
	uint64_t gap = now - f->data_last;

	wait_start(f, now);
	f->data_gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
	f->data_last = now;
	if (f->data_since == MP_NEVER)
		f->data_since = now;
}

void
flow_copy_sent(struct flow *f, uint64_t now)
{
	wait_start(f, now);
	f->copy_last = now;
	if (f->probe1_at == MP_NEVER)
		f->probe1_at = now;
}

bool
flow_arrived(const struct flow *f, uint64_t at)
{
	return f->proof_at + WIRE_TS_US > at; /* timestamps have such units */
}

uint64_t
flow_ack_gap(const struct flow *f)
{
	/* The peer's own datagrams answer sooner. */
	return f->data_gap <= RTT_SEND_GAP &&
	    f->data_last > f->data_seen + RTT_ACK_GAP ? f->data_gap : 0;
}

uint64_t
flow_overdue_at(const struct flow *f)
{
	return f->silent_since == MP_NEVER ? MP_NEVER :
	    f->silent_since + rtt_overdue(&f->rtt) +
	    (f->silent_since == f->data_since ? flow_ack_gap(f) : 0);
}

bool
flow_carries(const struct flow *f, uint64_t now)
{
	return (f->copy_last != 0 && now < f->copy_last + FLOW_CARRIER) ||
	    (f->data_since != MP_NEVER && now < f->data_last + FLOW_CARRIER);
}

void
flow_probe_sent(struct flow *f, uint64_t now, uint16_t number)
{
	if (f->probe_at != 0 && !f->probe_answered &&
	    now >= f->probe_at + flow_patience(f))
		f->suspect = FLOW_SUSPECT;
	else if (f->suspect > 0)
		f->suspect--;
	if (f->probe1_at == MP_NEVER)
		f->probe1_at = now;
	else if (f->probe2_at == MP_NEVER && now >= f->probe1_at + FLOW_PROBE2)
		f->probe2_at = now;
	if (f->probes < UINT8_MAX)
		f->probes++;
	f->probe_at = now;
	memmove(&f->asked_at[1], &f->asked_at[0],
	    (STATE_ASKED - 1) * sizeof(f->asked_at[0]));
	memmove(&f->asked[1], &f->asked[0],
	    (STATE_ASKED - 1) * sizeof(f->asked[0]));
	f->asked_done = (uint8_t)(f->asked_done << 1);
	f->asked_at[0] = now;
	f->asked[0] = number;
	f->probe_answered = false;
	f->probe_now = false;
	wait_start(f, now);
}

uint64_t
flow_probe_answered(struct flow *f, uint16_t number)
{
	int i = 0;

	while (i < STATE_ASKED && (f->asked_at[i] == 0 ||
	    (f->asked_done >> i & 1) != 0 || f->asked[i] != number))
		i++;
	if (i == STATE_ASKED)
		return 0;
	f->asked_done |= (uint8_t)(1U << i);
	f->proof_at = f->proof_at > f->asked_at[i] ? f->proof_at :
	    f->asked_at[i];
	if (i == 0)
		f->probe_answered = true;
	return f->asked_at[i];
}

void
flow_missed(struct flow *f, uint64_t now)
{
	rtt_miss(&f->rtt, now > f->wait_since ? now - f->wait_since : 0);
	f->wait_since = MP_NEVER;
	f->probe_now = true;
}

uint64_t
flow_wait_end(const struct flow *f, uint64_t now)
{
	uint64_t wait = rtt_drto(&f->rtt), cap = FLOW_WAIT;
	uint64_t answer = rtt_doubt(&f->rtt); /* of a path that works */

	if (f->wait_since == MP_NEVER ||
	    (f->answer_at == 0 && !f->validated)) /* a schedule of its own */
		return MP_NEVER;
	if (f->silent_since != MP_NEVER && now > f->silent_since + 60 * SEC)
		cap = FLOW_WAIT_LATER;
	cap = cap > answer ? cap : answer;
	return f->wait_since + (wait < cap ? wait : cap);
}

/* Was the silence that ends so short that few packets can be missing?  Then the
 * flow did not fail, though it was left: it loses packets, and that counts. */
static bool
flow_lost_few(const struct flow *f, uint64_t arrival)
{
	uint64_t since = f->silent_since < f->copy_seen ? f->silent_since :
	    f->copy_seen; /* the peer noticed it, perhaps */
	uint64_t silence = arrival > since ? arrival - since : 0;

	return silence < FLOW_FAILED && f->probes <= FLOW_PROBES_FEW &&
	    (f->data_gap == 0 || silence < FLOW_FEW * (uint64_t)f->data_gap);
}

void
flow_wait_anew(struct flow *f)
{
	f->wait_since = f->silent_since = f->data_since = MP_NEVER;
	f->probe1_at = f->probe2_at = f->prompt_at = MP_NEVER;
	f->probes = 0;
}

bool
flow_answered(struct flow *f, uint64_t arrival)
{
	bool silent = f->rtt.idle_us > 0 || f->doubted || f->failed ||
	    f->answer_at == 0;

	f->answer_at = f->answer_at > arrival ? f->answer_at : arrival;
	f->failed = false;
	f->send_errors = 0;
	/* An answer that was under way before a wait began ends none. */
	if (f->silent_since != MP_NEVER && arrival < f->silent_since)
		return silent;
	if (f->voided && f->silent_since != MP_NEVER &&
	    flow_lost_few(f, arrival))
		loss_was_loss(f);
	else if (f->voided || (flow_lost(f, arrival) &&
		arrival > f->silent_since + FLOW_FAILED))
		loss_mended(f, arrival);
	flow_wait_anew(f);
	f->copy_seen = MP_NEVER;
	f->doubted = f->searched = false;
	rtt_answer(&f->rtt);
	return silent;
}

void
flow_proved(struct flow *f, uint64_t at, uint64_t rest, uint64_t next)
{
	uint64_t asked = f->probe_answered ? 0 : f->probe_at;

	f->proof_at = f->proof_at > at ? f->proof_at : at;
	if (f->silent_since != MP_NEVER) /* the answer ended no wait */
		return;
	asked = f->copy_last > asked ? f->copy_last : asked;
	if (f->data_last > rest + WIRE_TS_US) {
		next = next < f->data_last ? next : f->data_last;
		wait_start(f, next);
		f->data_since = next;
	}
	if (asked > rest + WIRE_TS_US) {
		wait_start(f, asked);
		f->probe1_at = asked;
		f->silent_since = f->silent_since < asked ?
		    f->silent_since : asked;
	}
}

static uint16_t
clock16(uint64_t us)
{
	return (uint16_t)(us / WIRE_TS_US);
}

void
flow_stamp(struct flow *f, uint64_t now, uint8_t turn, uint16_t *ts,
    uint16_t *tsreply)
{
	uint64_t held = now > f->ts_arrival ? now - f->ts_arrival : 0;

	f->stamp_at = now;
	*ts = clock16(now);
	*tsreply = WIRE_TS_NONE;
	if (turn != 0 && f->ts_turn == turn)
		return;
	if (f->ts_pending && held <= FLOW_HELD_MAX) {
		*tsreply = (uint16_t)(f->ts_recent + clock16(held));
		if (*tsreply == WIRE_TS_NONE)
			*tsreply = WIRE_TS_NONE - 1;
	}
	f->ts_pending = false;
	f->ack_due = MP_NEVER;
}

uint8_t
flow_held(const struct flow *f, uint64_t now)
{
	uint64_t held = now > f->ts_arrival ? now - f->ts_arrival : 0;
	uint8_t n = 0;

	for (held /= WIRE_TS_US; held > 0 && n < WIRE_HELD_MAX; held /= 2)
		n++;
	return n;
}

uint64_t
flow_sent_at(uint64_t arrival, uint16_t tsreply, uint8_t held, bool latest)
{
	uint64_t most = UINT64_C(1) << held, ago;

	ago = (latest ? most / 2 : most - 1) * WIRE_TS_US +
	    flow_rtt(arrival, tsreply);
	return arrival > ago ? arrival - ago : 0;
}

void
flow_stamped(struct flow *f, uint64_t arrival, uint8_t turn, uint16_t ts)
{
	/* Data that the program read late is older than a probe's stamp. */
	if (arrival < f->ts_arrival)
		return;
	f->ts_recent = ts;
	f->ts_arrival = arrival;
	f->ts_turn = turn;
	f->ts_pending = true;
}

uint32_t
flow_rtt(uint64_t arrival, uint16_t tsreply)
{
	uint16_t units = (uint16_t)(clock16(arrival) - tsreply);

	/* Slightly negative: the clock was read at two moments. */
	return units > UINT16_MAX - 8 ? 0 : units * (uint32_t)WIRE_TS_US;
}
