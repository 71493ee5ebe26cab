/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A system call for each datagram costs more than all else that happens to it.
 * So where a program sends single datagrams faster than some pace, they are
 * gathered: kept for some microseconds, and sent together by one call
 * (gather_out.c).  This module knows the times, and nothing of datagrams.
 *
 * Where they wait.  Among the staged ones (staged.c), in the block that the
 * agent maps too.  So what the program's call accepted goes out, in order,
 * whatever becomes of the program: killed, stopped, forked, replaced by
 * execve(2).  No datagram passes another, since what comes by another way is
 * staged behind them.
 *
 * Who is in a hurry (gather_hurry()).  Each datagram moves `hurry_at' on by
 * GATHER_GAP; it never lies before now.  A program that is GATHER_BURST ahead is
 * in a hurry: it has sent 50000 datagrams a second, by the measure of some ten
 * of them.  So the first ones of a burst go at once, a talk or a stream of some
 * thousand datagrams a second is never touched, and neither is a program that
 * waits for an answer to each.  Where fewer than GATHER_FEW came together
 * before they had to go, gathering does not pay, as for a server that receives
 * between two sends, or one whose datagrams differ in length: then the program
 * has to prove its hurry anew (gather_calm()).
 *
 * How long they wait.  Until a whole bundle is there; or the program's next
 * call after GATHER_OWN; or the agent comes, at GATHER_MOST.  The program's
 * thread is always the one to send them while it goes on sending, so the agent's
 * time is the later one.  Times of sessions that gather are in a table of their
 * own (`gather' of the block), not in the heap of deadlines: there each bundle
 * would leave an early deadline behind, and the agent would look through the
 * session for nothing 10000 times a second.
 *
 *	gather_at	until then they are left to the program's thread; 0:
 *			nothing is gathered
 *
 * While a thread sends what it took, gather_at is the end of its lease: it was
 * killed, or stopped, if it has not told by then, and the agent sends the same
 * packets once more (staged_expire()).  Where the kernel has no room, the
 * program comes again when it has; if it does not within GATHER_FULL, the agent
 * sends them.
 *
 * Invariants: an entry of the table whose time is not its session's gather_at
 * is void.  mp_deadline() is never later than a valid one, and the agent, which
 * is told of deadlines by notify_due(), looks each GATHER_MOST while gathering
 * goes on (pump.c): so a program need not wake it for each datagram.
 *
 * The caller's lock is held.  Sources: none; measured on two cores, see
 * doc/datagram.md.
 */
#include "gather.h"

#include "mp.h"
#include "state.h"
#include "table.h"

bool
gather_hurry(struct session *s, uint64_t now)
{
	uint64_t at = s->hurry_at > now ? s->hurry_at : now;

	at += GATHER_GAP;
	s->hurry_at = at < now + GATHER_AHEAD ? at : now + GATHER_AHEAD;
	return at > now + GATHER_BURST;
}

void
gather_calm(struct session *s)
{
	s->hurry_at = 0;
}

/* The session's entry; NULL: it has none. */
static struct due *
gather_entry(struct mp *m, const struct session *s)
{
	uint32_t i;

	for (i = 0; i < STATE_GATHERS; i++)
		if (m->sh->gather[i].at != 0 &&
		    m->sh->gather[i].session == state_index(m, s))
			return &m->sh->gather[i];
	return NULL;
}

bool
gather_start(struct mp *m, struct session *s, uint64_t now)
{
	struct due *e = gather_entry(m, s);
	uint32_t i;

	for (i = 0; i < STATE_GATHERS && e == NULL; i++)
		if (m->sh->gather[i].at == 0)
			e = &m->sh->gather[i];
	if (e == NULL)
		return false;
	s->gather_since = now;
	s->gather_at = now + GATHER_MOST;
	*e = (struct due) { s->gather_at, state_index(m, s) };
	return true;
}

void
gather_wait(struct mp *m, struct session *s, uint64_t until)
{
	struct due *e = gather_entry(m, s);

	s->gather_at = e == NULL ? 0 : until;
	if (e != NULL)
		e->at = until;
	else
		table_arm(m, s, until);
}

void
gather_end(struct mp *m, struct session *s)
{
	struct due *e = gather_entry(m, s);

	if (e != NULL)
		*e = (struct due) { 0, 0 };
	s->gather_at = 0;
}

bool
gather_holds(const struct session *s, uint64_t now)
{
	return s->gather_at > now && s->state == MP_S_UP;
}

void
gather_expire(struct mp *m, uint64_t now)
{
	struct session *s;
	struct due *e;

	for (e = m->sh->gather; e < m->sh->gather + STATE_GATHERS; e++) {
		if (e->at == 0 || e->at > now)
			continue;
		s = state_session(m, STATE_ONCE(e->session));
		if (s != NULL && s->gather_at == e->at) {
			s->gather_at = 0;
			gather_calm(s);
			table_arm(m, s, now);
		}
		*e = (struct due) { 0, 0 };
	}
}

uint64_t
gather_due(const struct mp *m)
{
	uint64_t at, first = MP_NEVER;
	uint32_t i;

	for (i = 0; i < STATE_GATHERS; i++) {
		at = STATE_ONCE(m->sh->gather[i].at);
		if (at != 0 && at < first)
			first = at;
	}
	return first;
}
