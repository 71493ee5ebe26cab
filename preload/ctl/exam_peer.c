/* SPDX-License-Identifier: ISC */
/* mpctl doctor PEER: a real handshake with the peer, with each key, then a
 * probe on every pair of addresses. */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "talk.h"
#include "shared/net.h"

enum {
	TALKS = 16,	    /* keys that are tried */
	HANDSHAKE_US = 3000000, /* four rounds of a handshake */
};

static bool known;  /* why it cannot be, without a talk */
static bool closed; /* the peer's host said that nobody has the port */
static bool through, same_half;

/* Waits for what comes first. */
static void
wait_any(const struct talk *t, int n, uint64_t until)
{
	struct pollfd p[TALKS];
	uint64_t now = arena_now(), at;
	int i;

	for (i = 0; i < n; i++) {
		p[i] = (struct pollfd) { .fd = t[i].fd, .events = POLLIN };
		at = mp_deadline(&t[i].mp);
		until = at < until ? at : until;
	}
	at = now + 20000;
	until = until < at ? until : at;
	(void)poll(p, (nfds_t)n, until > now ?
	    (int)((until - now + 999) / 1000) : 0);
}

/* Until one got through and has heard of its pairs, or nobody did. */
static struct talk *
converse(struct talk *t, int n, struct exam *x)
{
	uint64_t until = arena_now() + HANDSHAKE_US, now;
	struct talk *up = NULL;
	int i;

	while ((now = arena_now()) < until || up != NULL) {
		for (i = 0; i < n; i++) {
			talk_hear(&t[i]);
			closed |= t[i].closed;
			talk_look(&t[i], x, now);
			talk_say(&t[i], x);
			if (t[i].up_at != 0)
				up = &t[i];
		}
		if (up != NULL && up->done)
			break;
		wait_any(t, n, up != NULL ? MP_NEVER : until);
	}
	return up;
}

/* Tries all keys, with our ends or with the others: the one that got through,
 * by its name in x->key. */
static bool
try_keys(struct exam *x, bool other_end)
{
	static struct talk talk[TALKS];
	struct talk *up;
	size_t i;
	int n = 0, k;

	memset(talk, 0, sizeof(talk));
	for (i = 0; i < exam_keys() && n < TALKS; i++) {
		talk[n].fd = -1;
		if (exam_keyring(x, i, other_end, &talk[n].keyring) &&
		    talk_begin(&talk[n], x, arena_now()))
			n++;
		else
			talk_end(&talk[n]);
	}
	up = converse(talk, n, x);
	if (up != NULL && !other_end)
		talk_pairs(up, x);
	if (up != NULL)
		snprintf(x->key, sizeof(x->key), "%s", up->keyring.key[0].name);
	for (k = 0; k < n; k++)
		talk_end(&talk[k]);
	return up != NULL;
}

/* --- What becomes of it -------------------------------------------------- */

/* That it is an address of this host, or that there is no key, was found
 * already. */
static void
look_policy(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];
	size_t i;

	known = exam_keys() == 0;
	for (i = 0; i < x->host.naddrs; i++)
		known |= memcmp(x->host.addr[i].is.ip, x->peer->ip, 16) == 0;
	if (known || rules_apply(&x->settings.rules, x->peer).way == WAY_PROTECT)
		return;
	known = true;
	exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* Talks; the others look at what that brought. */
static void
look_closed(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (known)
		return;
	through = sodium_init() >= 0 && try_keys(x, false);
	if (!through && closed)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
	else if (!through && try_keys(x, true))
		same_half = true;
}

static void
look_same_half(struct exam *x, const struct check *c)
{
	if (same_half)
		exam_found(x, c, x->key, NULL, NULL);
}

static void
look_silent(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (!through && !closed && !same_half && !known)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* A fault of it was found, which tells why. */
static bool
exam_peer_explained(const struct exam *x, const struct host_link *l)
{
	size_t i;

	for (i = 0; i < x->nfound; i++)
		if (strcmp(x->found[i].about, l->name) == 0)
			return true;
	return false;
}

/* An uplink none of whose pairs answered, though others do. */
static void
look_pairs(struct exam *x, const struct check *c)
{
	const struct host_link *l;
	size_t i, k, tried, answered;

	for (i = 0; through && i < x->host.nlinks; i++) {
		l = &x->host.link[i];
		tried = answered = 0;
		for (k = 0; k < x->npairs; k++)
			if (x->pair[k].path.ifindex == l->ifindex) {
				tried++;
				answered += x->pair[k].answered;
			}
		if (host_leads_on(&x->host, l) && tried > 0 &&
		    answered == 0 && !exam_peer_explained(x, l))
			exam_found(x, c, l->name, NULL, NULL);
	}
}

const struct check exam_peer[] = {
	{ "policy", look_policy, EXAM_FAULT,
	    "what goes to %1 is not to be protected", "mpctl check-config %1" },
	{ "closed", look_closed, EXAM_FAULT,
	    "%1: no program has that port there (ICMP)", NULL },
	{ "same-half", look_same_half, EXAM_FAULT,
	    "the other end has the same half of key %1: give it the other "
	    "one, %1.peer.key, or make a new key", "mpctl keygen %1-new" },
	{ "silent", look_silent, EXAM_FAULT,
	    "%1 does not answer: no program there, or not under mpshim, or "
	    "with another key, or a firewall is between",
	    "mpctl doctor" },
	{ "pairs", look_pairs, EXAM_FAULT,
	    "%1 leads out, but gets no answer: a firewall, or no route back",
	    NULL },
	{ .name = NULL },
};
