/* SPDX-License-Identifier: ISC */
#include "loss.h"

#include <string.h>

#include "mp.h"
#include "offload.h"
#include "replay.h"
#include "wire.h"

void
loss_forget(struct flow *f)
{
	memset(&f->tx_loss, 0, sizeof(f->tx_loss));
	memset(&f->rx_loss, 0, sizeof(f->rx_loss));
}

uint32_t
loss_sent(const struct flow *f)
{
	return (uint32_t)f->tx_seq - f->count.skipped;
}

void
loss_new_key(struct flow *f)
{
	memset(&f->count, 0, sizeof(f->count));
	offload_new_key(&f->offload);
}

void
loss_void(struct flow *f)
{
	f->voided = true;
}

void
loss_mended(struct flow *f, uint64_t now)
{
	f->voided = false;
	f->void_until = now + LOSS_VOID;
}

void
loss_was_loss(struct flow *f)
{
	f->voided = false;
}

/* Are most of a few packets missing?  Then the path was dead for a while: they
 * were its probes, and that is a failure, not loss. */
static bool
gap(uint16_t n, int16_t lost)
{
	return n <= LOSS_TELL * 2 && lost >= LOSS_LEAST && lost * 2 > n;
}

static void
halve(struct loss *l)
{
	l->n /= 2;
	l->lost /= 2;
}

/* Surely more than LOSS_HEAVY: 1.22 standard deviations, or 8 of 9 times. */
static bool
heavy(const struct loss *l)
{
	int64_t over = 1000 * (int64_t)l->lost - LOSS_HEAVY * (int64_t)l->n;

	return l->lost >= LOSS_LEAST && over > 0 &&
	    2 * over * over > 3 * INT64_C(1000000) * l->lost;
}

/* It failed, or did so lately: what is lost does not count. */
static bool
loss_is_void(const struct flow *f, uint64_t now)
{
	return f->voided || now < f->void_until;
}

/* Adds n packets of which `lost' are missing; negative: so many arrived late
 * that counted as lost. */
static void
sample(struct flow *f, struct loss *l, uint16_t n, int16_t lost, uint64_t now)
{
	int32_t sum = l->lost + lost;

	if (n == 0 && lost == 0)
		return;
	if (loss_is_void(f, now) || gap(n, lost))
		return;
	if (n > LOSS_MOST) { /* they count as LOSS_MOST, with their share */
		sum = l->lost + (int32_t)lost * LOSS_MOST / n;
		n = LOSS_MOST;
	}
	l->n = (uint16_t)(l->n + n);
	sum = sum < l->n ? sum : l->n;
	l->lost = (int16_t)(sum > LOSS_BACK ? sum : LOSS_BACK);
	if (l->at == 0)
		l->at = now;
	if (now >= l->at + LOSS_FORGET) {
		l->at = now;
		halve(l);
	}
	while (l->n > LOSS_MOST)
		halve(l);
	if (heavy(l))
		l->since = l->since == 0 ? now : l->since;
	else if (l->n >= LOSS_SURE && l->lost * 1000 < LOSS_LIGHT * l->n)
		l->since = 0;
}

/* Compares the packets that arrived with those that were sent. */
static void
loss_compare(struct flow *f, uint64_t now)
{
	struct count *c = &f->count;
	uint16_t sent = (uint16_t)(c->data + c->control);
	uint16_t missing = (uint16_t)(c->data_missing + c->control_missing -
	    c->excused);

	sample(f, &f->rx_loss, (uint16_t)(sent - c->sent),
	    (int16_t)(missing - c->missing), now);
	if ((int16_t)(missing - c->missing) > 0)
		f->suspect = LOSS_TELL;
	c->sent = sent;
	c->missing = missing;
}

/* So many datagrams were sent, of which so many are missing. */
static void
loss_data(struct count *c, uint16_t data, uint16_t missing)
{
	int16_t more = (int16_t)(missing - c->data_missing);

	c->data = data;
	c->data_missing = missing;
	if (more < 0) /* some arrived late */
		c->found -= (uint16_t)(-more < c->found ? -more : c->found);
	else if (more < UINT16_MAX - c->found)
		c->found += (uint16_t)more;
}

uint16_t
loss_found(const struct flow *f)
{
	return f->count.found;
}

uint16_t
loss_excuse(struct flow *f, uint16_t most, uint64_t now)
{
	struct count *c = &f->count;
	uint16_t n = c->found < most ? c->found : most;

	c->found = 0;
	c->excused += n;
	f->exact.missing -= n;
	loss_compare(f, now);
	return n;
}

void
loss_came(struct flow *f, bool control, uint64_t seq, uint64_t now)
{
	struct count *c = &f->count;

	if (control) {
		c->control_came++;
		return;
	}
	if (c->waits && seq > c->probe_seq) {
		c->waits = false;
		loss_data(c, c->probe_data,
		    (uint16_t)(c->probe_data - c->data_came));
		c->exact = true;
		f->exact.sent = (uint16_t)(c->data + f->exact.control);
		f->exact.missing = (uint16_t)(c->data_missing +
		    f->exact.control_missing - c->excused);
		loss_compare(f, now);
	}
	c->data_came++;
}

/* How many datagrams with a number above `seq' have been read; -1: there may be
 * too many to count. */
static int
read_ahead(const struct flow *f, const struct replay *replay, uint64_t seq)
{
	uint64_t i;
	int n = 0;

	if (f->mark[0] > seq + LOSS_EARLY)
		return -1;
	for (i = seq + 1; i <= f->mark[0]; i++)
		n += replay_check(&replay->window, i) == REPLAY_SEEN;
	return n;
}

void
loss_probe(struct flow *f, const struct replay *replay, uint64_t seq,
    const struct wire_msg *msg, uint64_t now)
{
	struct count *c = &f->count;
	uint16_t data = msg->data;
	int ahead;

	if (msg->flags & WIRE_SKIP)
		c->peer_skipped = msg->skipped;
	c->control = (uint16_t)(seq - data - c->peer_skipped);
	c->control_missing = (uint16_t)(c->control - c->control_came);
	if (f->mark[0] > seq) {
		ahead = read_ahead(f, replay, seq);
		if (ahead >= 0) {
			loss_data(c, data,
			    (uint16_t)(data - c->data_came + ahead));
		}
		c->waits = false;
	} else if (c->waits && c->held < LOSS_HOLD) {
		/* Where probes come faster, a program that lags would never
		 * have read behind the last one. */
		c->held++;
	} else {
		c->waits = true;
		c->held = 0;
		c->probe_seq = seq;
		c->probe_data = data;
		f->exact.control = c->control;
		f->exact.control_missing = c->control_missing;
	}
	loss_compare(f, now);
}

void
loss_skip(struct flow *f)
{
	f->count.skipped++;
	f->count.skip_left = LOSS_REPEAT;
}

void
loss_uncount(struct flow *f)
{
	f->count.control_came--;
}

void
loss_report(struct flow *f, struct wire_msg *msg)
{
	struct count *c = &f->count;
	bool exact;

	if (c->skip_left > 0) {
		c->skip_left--;
		msg->flags |= WIRE_SKIP;
		msg->skipped = c->skipped;
	}
	if (c->missing != c->told_missing)
		c->told_left = LOSS_REPEAT;
	else if ((uint16_t)(c->sent - c->told_sent) >= LOSS_TELL &&
	    c->told_left == 0)
		c->told_left = 1;
	if (c->told_left == 0)
		return;
	c->told_left--;
	/* What was sent up to one probe says most to the peer (offload.h). */
	exact = c->exact && (int16_t)(f->exact.sent - c->told_sent) > 0;
	c->exact = false;
	msg->flags |= WIRE_COUNT;
	msg->sent = c->told_sent = exact ? f->exact.sent : c->sent;
	msg->missing = c->told_missing = exact ? f->exact.missing : c->missing;
}

void
loss_told(struct flow *f, uint16_t sent, uint16_t missing, uint64_t now)
{
	struct count *c = &f->count;
	int16_t n = (int16_t)(sent - c->peer_sent);
	int16_t lost;

	if (n < 0)
		return; /* older than the last */
	if ((int16_t)(loss_sent(f) - sent) < 0)
		return; /* of packets that we never sent */
	lost = (int16_t)(missing - c->peer_missing);
	c->peer_sent = sent;
	c->peer_missing = missing;
	if (lost > n)
		lost = n;
	if (offload_told(&f->offload, now, sent, lost,
	    loss_is_void(f, now))) {
		/* It was the bundles', and not the path's. */
		memset(&f->tx_loss, 0, sizeof(f->tx_loss));
		f->suspect = 0;
		return;
	}
	sample(f, &f->tx_loss, (uint16_t)n, lost, now);
	if (lost > 0)
		f->suspect = LOSS_TELL;
}

uint32_t
loss_permille(const struct flow *f)
{
	return f->tx_loss.n == 0 || f->tx_loss.lost < 0 ? 0 :
	    (uint32_t)f->tx_loss.lost * 1000U / f->tx_loss.n;
}

static bool
some(const struct loss *l)
{
	return l->lost >= LOSS_LEAST && l->lost * 1000 > LOSS_LIGHT * l->n;
}

bool
loss_is_some(const struct flow *f)
{
	return some(&f->tx_loss) || some(&f->rx_loss);
}

bool
loss_is_heavy(const struct flow *f)
{
	return f->tx_loss.since != 0;
}

uint64_t
loss_lasting_at(const struct flow *f)
{
	uint64_t a = f->tx_loss.since, b = f->rx_loss.since;

	if (a == 0 && b == 0)
		return MP_NEVER;
	return (a == 0 || (b != 0 && b < a) ? b : a) + LOSS_LEAVE;
}

bool
loss_is_lasting(const struct flow *f, uint64_t now)
{
	return now >= loss_lasting_at(f);
}
