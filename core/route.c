/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * An IPv6 flow is named by its local address and that address's interface, but
 * where its packets leave is the kernel's choice.  For each flow whose pair is
 * new, or for all after a change of addresses, links or routes, the agent asks
 * the kernel, without the lock, and tells the engine.  Until then packets go
 * with source and interface, as the flow says.
 *
 * Sessions that have a flow to be asked about form a list, linked by index in
 * an array beside the sessions (route_next), so that a session that ends need
 * not leave it: it is passed over when its turn comes.  A link of 0 means that
 * the session is not listed, 1 that it is the last, else the next index + 2.
 *
 * Invariants: a session with a flow that is `route_wanted' is listed; a walk
 * takes a session off the list before it looks at the next, so a damaged list
 * ends, too.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 3; doc/design.md, K5, K39.
 */
#include "route.h"

#include <string.h>

#include "addr.h"
#include "flow.h"
#include "mp.h"
#include "state.h"
#include "table.h"

enum { ROUTE_LAST = 1, ROUTE_NEXT = 2 };

/* What is known of the route no longer holds. */
static void
route_forget(struct flow *f)
{
	f->path.any_source = false;
	f->leaves_by = 0;
	f->route_wanted = false;
}

/* Is it for routes to say where packets from the address leave?  Of IPv4 the
 * interface says so (K4), and of link-local addresses. */
static bool
route_decides(const uint8_t ip[16])
{
	enum addr_scope scope = addr_scope_of(ip);

	return !addr_is4(ip) && scope != ADDR_LOOPBACK && scope != ADDR_LINK;
}

static void
route_want(struct mp *m, struct session *s, struct flow *f)
{
	uint32_t i = state_index(m, s);

	if (f->gone || f->path.ifindex == 0 || !route_decides(f->path.local.ip))
		return;
	f->route_wanted = true;
	if (m->route_next[i] != 0)
		return;
	m->route_next[i] = m->sh->route_first != 0 ? m->sh->route_first :
						     ROUTE_LAST;
	m->sh->route_first = i + ROUTE_NEXT;
}

void
route_begin(struct mp *m, struct session *s, struct flow *f)
{
	route_forget(f);
	route_want(m, s, f);
}

void
route_changed(struct mp *m, struct session *s)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id)
		route_want(m, s, f);
}

/* The next flow of the session to be asked about, or NULL. */
static struct flow *
route_next_flow(const struct mp *m, const struct session *s)
{
	struct flow *f;

	if (s->state == MP_S_FREE)
		return NULL;
	STATE_FLOWS(m, s, f, id)
		if (f->route_wanted)
			return f;
	return NULL;
}

bool
mp_route_wanted(struct mp *m, struct mp_route *r)
{
	struct session *s;
	struct flow *f;
	uint32_t first, i;

	while ((first = STATE_ONCE(m->sh->route_first)) >= ROUTE_NEXT) {
		i = first - ROUTE_NEXT;
		s = state_session(m, i);
		if (s == NULL) {
			state_count(m, MP_C_corrupt);
			break;
		}
		f = route_next_flow(m, s);
		if (f != NULL) {
			f->route_wanted = false;
			*r = (struct mp_route) { .path = f->path, .session = i,
				.gen = s->gen, .flow = f->id };
			return true;
		}
		m->sh->route_first = STATE_ONCE(m->route_next[i]);
		m->route_next[i] = 0;
	}
	m->sh->route_first = 0;
	return false;
}

static bool
route_is_of(const struct mp_route *r, const struct flow *f)
{
	return !f->gone && r->path.ifindex == f->path.ifindex &&
	    addr_equal(&r->path.remote, &f->path.remote) &&
	    memcmp(r->path.local.ip, f->path.local.ip, 16) == 0;
}

void
mp_route_set(struct mp *m, uint64_t now, const struct mp_route *r,
    uint32_t leaves_by, bool any_source)
{
	struct session *s = state_session_gen(m, r->session, r->gen);
	struct flow *f = s != NULL ? state_flow(m, s, r->flow) : NULL;

	if (f == NULL || !route_is_of(r, f))
		return;
	if (leaves_by == f->path.ifindex)
		leaves_by = 0;
	if (leaves_by == f->leaves_by && any_source == f->path.any_source)
		return;
	f->link_new |= leaves_by != f->leaves_by;
	f->leaves_by = leaves_by;
	f->path.any_source = any_source;
	f->probe_now = true;
	/* One that never worked gets its first probes again (PROTOCOL.md 4). */
	if (f->answer_at == 0 && !f->validated) {
		f->born_at = now;
		f->probes = 0;
	}
	table_arm(m, s, now);
}
