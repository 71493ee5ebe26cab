/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The engine does nothing by itself: it has a deadline, and packets to send
 * when that has come.  The pump is the one place where the agent gives it
 * time.  It runs for one port at a time, when the port's alarm rings: at the
 * engine's deadline, or at once after port_due().  Everything that changes a
 * port (a packet, a request, an address, a closed socket) calls port_due(),
 * however often; the loop turns that into one run.
 *
 * One run is at most ROUNDS rounds of
 *	under the lock: tell the engine of addresses and links, and of the
 *	  routes that it wants to know (uplink.c, which gives the lock up to ask
 *	  the kernel), read the slots' records, take up to BATCH packets, find
 *	  peers that never answered,
 *	  announce when the agent looks next (wakeup_at)
 *	without it: send the packets, those of many sessions by one system
 *	  call (sendmmsg), datagrams that a program gathered together where they are alike (UDP_SEGMENT; where that is refused, one
 *	  by one), close refusal sockets, tell programs of
 *	  peers without an answer, steer the group where that is due, give on
 *	  the backlog
 *	under the lock again, where sending failed, or a staged datagram went:
 *	  tell the engine
 * A round that was not full is the last one, but for staged datagrams, which
 * the program stages until all have gone.
 *
 * Invariants
 *	The port's alarm is never later than the wakeup_at that was announced
 *	in the arena.  A program that makes the engine's deadline earlier than
 *	wakeup_at wakes the agent (INTERNAL_WAKE, or IPC_WAKE); else it need
 *	not.
 *	wakeup_at does not move to later before it has passed: a program may
 *	have relied on it.
 *	batch[] is filled and emptied within one round; no function that a round
 *	calls pumps (see the floors), so one for all ports is enough.
 *
 * Lock: without it nothing is sent; port_lock() has set the alarm to when it is
 * tried again.  It is not held in a system call.
 * It must never be called from below: that is what port_due() is for.
 * Source: core/PROTOCOL.md; core/mp.h on mp_poll() and mp_deadline().
 */
#include "pump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "mp.h"
#include "agent.h"
#include "backlog.h"
#include "events.h"
#include "group.h"
#include "icmp_judge.h"
#include "journal.h"
#include "keyring.h"
#include "loop.h"
#include "parent.h"
#include "port.h"
#include "port_send.h"
#include "refusal.h"
#include "steering.h"
#include "uplink.h"
#include "shared/arena.h"
#include "shared/internal.h"

enum {
	BATCH = 16,    /* packets taken under one lock */
	ROUNDS = 16,   /* batches of one run */
	POLL_US = 5000, /* between two runs while datagrams come and go */
	WATCH_US = 2000, /* after the last datagram was gathered */
	OVER_US = 60 * 1000 * 1000, /* between two lines of the log on shares */
};

/* The packets of one round. */
static struct {
	struct mp_out out;
	int error;
	int refused; /* as that of mp_poll_refused(); 1: that is not to be
		      * called */
	uint8_t bytes[PORT_SEND_MAX];
} batch[BATCH];

/* --- What the engine has to be told, and says --------------------------- */

/* [lock] */
static void
pump_tell_engine(struct port *p, uint64_t now)
{
	unsigned i;

	if (p->curve_new)
		mp_curve_rate(&p->map.mp, p->agent->curve_rate);
	if (p->keys_new)
		mp_revoke(&p->map.mp, p->keyring->keys, now);
	if (p->locals_new)
		mp_locals(&p->map.mp, now, p->locals, p->nlocals);
	for (i = 0; i < p->nlinks; i++)
		mp_link_event(&p->map.mp, now, p->link[i]);
	p->curve_new = p->keys_new = p->locals_new = false;
	p->nlinks = 0;
}

/* Finds the peers of connected sockets that never answered, so that a program
 * that waits for a datagram learns of it: how many.  [lock] */
static int
pump_find_unanswered(struct port *p, struct internal lost[MP_SLOTS_MAX])
{
	uint64_t count = mp_counter_get(&p->map.mp, MP_C_drop_unanswered);
	struct mp_session_info info;
	struct mp_addr peer;
	uint32_t i, session;
	int n = 0;

	if (count == p->unanswered)
		return 0;
	p->unanswered = count;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used || !p->slot[i].connected)
			continue;
		peer = p->map.arena->slot[i].peer;
		session = mp_session_find(&p->map.mp, i, &peer);
		if (session == MP_NONE || mp_session_get(&p->map.mp, session,
			&info) != 0 || info.state == MP_S_UP ||
		    p->slot[i].told == info.gen + UINT64_C(1))
			continue;
		p->slot[i].told = info.gen + UINT64_C(1);
		lost[n++] = (struct internal) { .kind = INTERNAL_ERROR,
			.slot = i, .from = peer };
	}
	return n;
}

/*
 * When to pump again: at the engine's deadline.  While datagrams come and go
 * each of them moves the deadline; then it is looked at every POLL_US, and
 * programs need not wake the agent.  An announced time stays until it has
 * passed.  [lock]
 */
static uint64_t
pump_next(struct port *p, uint64_t now)
{
	uint64_t at = mp_deadline(&p->map.mp);
	uint64_t gathered = mp_counter_get(&p->map.mp, MP_C_gathered);
	uint64_t told = atomic_load(&p->map.arena->wakeup_at);
	uint64_t traffic = mp_counter_get(&p->map.mp, MP_C_data_in) +
	    mp_counter_get(&p->map.mp, MP_C_data_out);

	if (traffic != p->traffic && at > now + POLL_US)
		at = now + POLL_US;
	p->traffic = traffic;
	if (p->locate_at != 0 && at > p->locate_at)
		at = p->locate_at > now ? p->locate_at : now;
	if (icmp_judge_waits(p) && at > now + ICMP_JUDGE_PAUSE_US)
		at = now + ICMP_JUDGE_PAUSE_US;
	if (p->backlog_n > 0 && at > now + BACKLOG_PAUSE_US)
		at = now + BACKLOG_PAUSE_US;
	p->next = at;
	if (gathered != p->gathered)
		p->watch_until = now + WATCH_US;
	p->gathered = gathered;
	if (now < p->watch_until && at > now + MP_GATHER_US)
		at = now + MP_GATHER_US;
	return told > now && told < at ? told : at;
}

/*
 * While a program gathers, its next datagrams may be due MP_GATHER_US from now
 * on: looks that early, so that the program need not wake the agent.  True:
 * that was all, since nothing is due.  Without the lock, which the program's
 * thread wants: a number that changes meanwhile is seen by the next look, and
 * what is gathered after `now' is due no earlier than that.
 */
static bool
pump_watch(struct port *p)
{
	uint64_t now = arena_now(), at = mp_deadline(&p->map.mp);
	uint64_t gathered = mp_counter_get(&p->map.mp, MP_C_gathered);

	if (p->due || p->shut_us != 0 || now >= p->watch_until ||
	    now >= p->next || now >= at)
		return false;
	if (gathered != p->gathered)
		p->watch_until = now + WATCH_US;
	p->gathered = gathered;
	at = at < p->next ? at : p->next;
	at = at < now + MP_GATHER_US ? at : now + MP_GATHER_US;
	atomic_store(&p->map.arena->wakeup_at, at);
	alarm_set(&p->agent->loop, &p->alarm, at);
	return true;
}

/*
 * Is the log to say that a peer takes more than its share?  At most once in
 * OVER_US.  Then *hog is that peer: NULL, if its key is gone.  [lock]
 */
static bool
pump_finds_hog(struct port *p, uint64_t now, const struct mp_key **hog,
    uint64_t *refused)
{
	uint64_t over = mp_counter_get(&p->map.mp, MP_C_drop_share);

	if (over == p->over || (p->over_at != 0 && now < p->over_at + OVER_US))
		return false;
	*refused = over - p->over;
	*hog = mp_keyring_find(p->keyring->keys, mp_hog(&p->map.mp));
	p->over = over;
	p->over_at = now;
	return true;
}

/* Takes what is due: how many packets, or -1: the lock is not available. */
static int
pump_take(struct port *p, struct internal lost[MP_SLOTS_MAX], int *nlost,
    uint32_t *idle)
{
	struct agent *a = p->agent;
	const struct mp_key *hog;
	uint64_t now, at, refused;
	bool more, fresh, over;
	int n = 0;

	if (!port_lock(p))
		return -1;
	pump_tell_engine(p, arena_now());
	if (!uplink_ask(p, &more))
		return -1;
	now = arena_now();
	mp_recv_given(&p->map.mp); /* control.c is done with what it read */
	steering_read_records(p);
	/* Before session ids and challenges are drawn (ephemeral secrets are
	 * the kernel's: keyring.c).  In a steady talk the port is looked at
	 * each POLL_US, and nothing is due. */
	fresh = mp_deadline(&p->map.mp) <= now && arena_stir(&p->map);
	while (fresh && n < BATCH && mp_poll(&p->map.mp, p->keyring->keys, now,
	    &batch[n].out, batch[n].bytes, PORT_SEND_MAX) == 1)
		n++;
	parent_look(p, now);
	over = pump_finds_hog(p, now, &hog, &refused);
	*nlost = pump_find_unanswered(p, lost);
	*idle = refusal_idle(p);
	at = more ? now : pump_next(p, now);
	atomic_store(&p->map.arena->wakeup_at, at);
	port_unlock(p);
	if (over)
		journal("port %u: peer %s takes more than its share: refused "
		    "%llu times", p->number, hog != NULL ? hog->name :
		    "(unknown)", (unsigned long long)refused);
	alarm_set(&a->loop, &p->alarm, at);
	return n;
}

/* Did an earlier staged datagram of the same session not go? */
static bool
pump_would_pass(int i)
{
	int j;

	for (j = 0; batch[i].out.staged && j < i; j++)
		if (batch[j].out.staged && batch[j].error != 0 &&
		    batch[j].out.session == batch[i].out.session)
			return true;
	return false;
}

/* Can packet j follow packet i, which `together' has, in one send? */
static bool
pump_is_alike(int i, int j)
{
	const struct mp_out *a = &batch[i].out, *b = &batch[j].out;

	return b->together && b->session == a->session && b->gen == a->gen &&
	    b->flow == a->flow && b->df == a->df && b->tos == a->tos &&
	    b->ttl == a->ttl && b->len <= a->len &&
	    batch[j - 1].out.len == a->len;
}

/* Sends packets, from the first of n on, by one call: how many; 0: that one is
 * to go by itself. */
static int
pump_send_together(struct port *p, int first, int n)
{
	struct iovec packets[BATCH];
	size_t bytes = 0;
	int i, error;

	for (i = first; i < n; i++) {
		bytes += batch[i].out.len;
		if (bytes > MP_BUNDLE_BYTES || (i > first && !pump_is_alike(first, i)))
			break;
		packets[i - first] = (struct iovec) { batch[i].bytes,
			batch[i].out.len };
	}
	if (!batch[first].out.together || i - first < 2 ||
	    pump_would_pass(first))
		return 0;
	error = port_send_together(p, &batch[first].out, packets,
	    (unsigned)(i - first));
	for (n = i, i = first; i < n; i++) {
		batch[i].error = error;
		if (error != 0 && error != -EAGAIN)
			batch[i].refused = i == first ? error : 0;
	}
	return batch[first].refused > 0 ? n - first : 0;
}

/* Sends packets that no other one has to wait for, such as answers to the probes of
 * many sessions, from the first of n on, by one call: how many have gone. */
static int
pump_send_many(struct port *p, int first, int n)
{
	const struct mp_out *out[BATCH];
	struct iovec packets[BATCH];
	int i, sent;

	for (i = first; i < n && !batch[i].out.staged &&
	    batch[i].out.df == batch[first].out.df; i++) {
		out[i - first] = &batch[i].out;
		packets[i - first] = (struct iovec) { batch[i].bytes,
			batch[i].out.len };
	}
	if (i - first < 2)
		return 0;
	sent = (int)port_send_many(p, out, packets, (unsigned)(i - first));
	for (i = first; i < first + sent; i++)
		batch[i].error = 0;
	return sent;
}

/* Sends the packets; true: the engine is to be told how it went. */
static bool
pump_send_all(struct port *p, int n)
{
	bool tell = false;
	int i, end;

	for (i = 0; i < n; i++)
		batch[i].refused = 1;
	for (i = 0; i < n; i = end) {
		end = i + pump_send_together(p, i, n);
		if (end == i)
			end = i + pump_send_many(p, i, n);
		if (end == i) {
			batch[i].error = pump_would_pass(i) ? -EAGAIN :
			    port_send_packet(p, &batch[i].out, batch[i].bytes);
			end++;
		}
		for (; i < end; i++)
			tell |= batch[i].error != 0 || batch[i].out.staged;
	}
	return tell;
}

static void
pump_tell_sent(struct port *p, int n)
{
	uint64_t now = arena_now();
	int i;

	if (!port_lock(p))
		return;
	for (i = 0; i < n; i++)
		if (batch[i].refused <= 0)
			mp_poll_refused(&p->map.mp, now, &batch[i].out,
			    batch[i].refused);
	for (i = 0; i < n; i++) {
		if (batch[i].error != 0)
			mp_poll_failed(&p->map.mp, now, &batch[i].out,
			    batch[i].error);
		else if (batch[i].out.staged)
			mp_poll_sent(&p->map.mp, now, &batch[i].out);
	}
	port_unlock(p);
}

static void
pump_tell_lost(struct port *p, const struct internal *lost, int n)
{
	uint32_t error = htonl(EHOSTUNREACH);
	int i;

	for (i = 0; i < n; i++)
		port_send_internal(p, &lost[i], &error, sizeof(error));
}

void
pump_port(struct port *p)
{
	struct internal lost[MP_SLOTS_MAX];
	uint32_t idle;
	int n, nlost, round;
	bool tell;

	p->due = false;
	events_touch(p);
	for (round = 0; round < ROUNDS; round++) {
		n = pump_take(p, lost, &nlost, &idle);
		if (n < 0)
			return;
		refusal_close(p, idle);
		tell = pump_send_all(p, n);
		if (tell)
			pump_tell_sent(p, n);
		pump_tell_lost(p, lost, nlost);
		if (group_is_due(p, arena_now()))
			group_steer(p);
		backlog_give(p);
		icmp_judge_run(p);
		if (!tell && n < BATCH)
			return;
	}
}

void
pump_ring(struct port *p)
{
	if (!pump_watch(p))
		pump_port(p);
}
