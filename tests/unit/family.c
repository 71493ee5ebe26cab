/* SPDX-License-Identifier: ISC */
#include "family.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"
#include "wire.h"

/* One more endpoint of the client's host: the same addresses, another port. */
void
family_add(struct duo *d)
{
	struct duo_end *c = &d->end[CLIENT], *s;
	int e = duo_add_end(d, c->n_addrs, 'A');

	ck_assert_int_eq(e, SIBLING);
	s = &d->end[e];
	memcpy(s->addr, c->addr, sizeof(s->addr));
	memcpy(d->link[e], d->link[CLIENT], sizeof(d->link[e]));
	for (int i = 0; i < DUO_ENDS; i++)
		for (int j = 0; j < DUO_ADDRS; j++)
			memcpy(d->link[i][j][e], d->link[i][j][CLIENT],
			    sizeof(d->link[i][j][e]));
	duo_tell(d, e);
}

/* The parent of the client's session with the server. */
struct mp_parent
family_parent(struct duo *d)
{
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_parent p;

	ck_assert_int_eq(mp_parent_take(m, d->now, state_index(m,
	    duo_session(d, CLIENT)), &p, NULL), 0);
	return p;
}

void
family_ticket(struct duo *d, int e, struct mp_parent *p)
{
	struct mp_ticket t;

	ck_assert_int_eq(mp_parent_ticket(p, d->now, &t), 0);
	mp_ticket_put(&d->end[e].mp, &t);
}

/* Client and server have a session; the sibling has a ticket of it. */
struct duo *
family_new(int clients, int servers, struct mp_parent *p)
{
	struct duo *d = duo_new(clients, servers);

	duo_up(d);
	family_add(d);
	*p = family_parent(d);
	family_ticket(d, SIBLING, p);
	return d;
}

/* The server's session that began without a handshake; NULL. */
struct session *
family_child(const struct duo *d)
{
	const struct mp *m = &d->end[SERVER].mp;

	for (uint32_t i = 0; i < m->limits.sessions; i++)
		if (m->sessions[i].state == MP_S_UP &&
		    state_keys(&m->sessions[i])->child)
			return &m->sessions[i];
	return NULL;
}

struct family_seen seen;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_child c;
	struct wire_handshake h;

	(void)d;
	(void)arg;
	if (p->from == SERVER && p->path.remote.port == DUO_PORT + SERVER &&
	    p->to == SIBLING)
		return seen.lose_back ? DUO_DROP : DUO_PASS;
	if (p->from != SIBLING)
		return DUO_PASS;
	if (wire_get_child(p->data, p->len, &c)) {
		seen.child++;
		if (seen.first == NULL) {
			seen.first = malloc(sizeof(*p) + p->len);
			ck_assert_ptr_nonnull(seen.first);
			memcpy(seen.first, p, sizeof(*p) + p->len);
		}
		return seen.lose_child ? DUO_DROP : DUO_PASS;
	}
	if (wire_get_handshake(p->data, p->len, &h) && h.type == WIRE_T_INIT) {
		seen.init++;
		return seen.lose_init ? DUO_DROP : DUO_PASS;
	}
	return DUO_PASS;
}

void
family_watch(struct duo *d)
{
	free(seen.first);
	memset(&seen, 0, sizeof(seen));
	d->tap = watch;
}

void
family_done(struct duo *d)
{
	free(seen.first);
	memset(&seen, 0, sizeof(seen));
	duo_free(d);
}
