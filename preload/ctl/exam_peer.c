/* SPDX-License-Identifier: ISC */
/* mpctl doctor PEER: a real handshake with the peer, with each key at once,
 * then probes on every pair of addresses. */
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "exam.h"
#include "host.h"
#include "mp.h"
#include "talk.h"
#include "policy/rules.h"
#include "shared/arena.h"
#include "shared/net.h"

enum {
	TALKS = 16,	    /* keys that are tried */
	/* For the first answer: three turns of each pair (INITIATOR_EACH). */
	HANDSHAKE_US = 3000000,
	WAIT_US = 20000,    /* longest wait for a packet */
};

/* Results of exam_check_policy() and exam_check_closed(), for the later
 * checks. */
static bool no_talk;   /* a finding already tells why a talk would fail */
static bool closed;    /* ICMP: no program has the port on the peer's host */
static bool through;   /* a handshake succeeded */
static bool prohibited; /* ICMP: a firewall refuses it, on this host: */
static struct mp_addr prohibited_by;

/* Waits for a packet, for the next deadline of an engine, or until `until'. */
static void
exam_wait_talks(const struct talk *t, int n, uint64_t until)
{
	struct pollfd p[TALKS];
	uint64_t now = arena_now(), at;
	int i;

	for (i = 0; i < n; i++) {
		p[i] = (struct pollfd) { .fd = t[i].fd, .events = POLLIN };
		at = mp_deadline(&t[i].mp);
		until = at < until ? at : until;
	}
	at = now + WAIT_US;
	until = until < at ? until : at;
	(void)poll(p, (nfds_t)n, until > now ?
	    (int)((until - now + 999) / 1000) : 0);
}

/* Runs the talks until one is up and has probed its pairs: that one; or NULL,
 * no handshake succeeded in time. */
static struct talk *
exam_run_talks(struct talk *t, int n, struct exam *x)
{
	uint64_t until = arena_now() + HANDSHAKE_US, now;
	struct talk *up = NULL;
	int i;

	while ((now = arena_now()) < until || up != NULL) {
		for (i = 0; i < n; i++) {
			talk_receive(&t[i]);
			closed |= t[i].closed;
			if (t[i].prohibited && !prohibited) {
				prohibited = true;
				prohibited_by = t[i].prohibited_by;
			}
			talk_update(&t[i], x, now);
			talk_send_due(&t[i], x);
			if (t[i].up_at != 0)
				up = &t[i];
		}
		if (up != NULL && up->done)
			break;
		exam_wait_talks(t, n, up != NULL ? MP_NEVER : until);
	}
	return up;
}

/* Is that of the talk a key to try: any one, until one has succeeded? */
static bool
exam_is_key(const struct exam *x, const struct talk *t)
{
	return x->key[0] == '\0' ||
	    strcmp(x->key, t->keyring.key[0].name) == 0;
}

bool
exam_talk(struct exam *x)
{
	static struct talk talk[TALKS];
	struct talk *up;
	size_t i;
	int n = 0, k;

	if (sodium_init() < 0)
		return false;
	memset(talk, 0, sizeof(talk));
	for (i = 0; i < exam_count_keys() && n < TALKS; i++) {
		talk[n].fd = -1;
		if (exam_make_keyring(x, i, &talk[n].keyring) &&
		    exam_is_key(x, &talk[n]) &&
		    talk_begin(&talk[n], x, arena_now()))
			n++;
		else
			talk_end(&talk[n]);
	}
	up = exam_run_talks(talk, n, x);
	if (up != NULL) {
		talk_note_pairs(up, x);
		snprintf(x->key, sizeof(x->key), "%s", up->keyring.key[0].name);
	}
	for (k = 0; k < n; k++)
		talk_end(&talk[k]);
	return up != NULL;
}

/* --- What becomes of it -------------------------------------------------- */

/* Other checks have reported that the peer's address is one of this host, or
 * that there is no key. */
static void
exam_check_policy(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];
	size_t i;

	no_talk = exam_count_keys() == 0;
	for (i = 0; i < x->host.naddrs; i++)
		no_talk |= memcmp(x->host.addr[i].is.ip, x->peer->ip, 16) == 0;
	if (no_talk || rules_apply(&x->settings.rules, x->peer).way ==
	    WAY_PROTECT)
		return;
	no_talk = true;
	exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* The talks try each peer; a program takes one by its address. */
static void
exam_check_at(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (!no_talk && !exam_has_peer_at(x, x->peer))
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* The talks are held here; the checks below use the results. */
static void
exam_check_closed(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (no_talk)
		return;
	through = exam_talk(x);
	if (!through && closed)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

static void
exam_check_prohibited(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT], by[64];

	if (!through && prohibited)
		exam_found(x, c, net_text(x->peer, peer),
		    host_text(&prohibited_by, by), NULL);
}

static void
exam_check_silent(struct exam *x, const struct check *c)
{
	char peer[NET_TEXT];

	if (!through && !closed && !prohibited && !no_talk)
		exam_found(x, c, net_text(x->peer, peer), NULL, NULL);
}

/* Does a finding about the link, or about one of its addresses, explain why it
 * gets no answer? */
static bool
exam_is_explained(const struct exam *x, const char *about)
{
	size_t i;

	for (i = 0; i < x->nfound; i++)
		if (strcmp(x->found[i].about, about) == 0)
			return true;
	return false;
}

/* Which pairs are meant; NULL and 0 are all. */
struct pairs {
	uint32_t ifindex;
	int family; /* HOST_FAMILIES: both */
	const struct mp_addr *remote;
};

static bool
exam_pair_is_of(const struct exam_pair *p, const struct pairs *of)
{
	return (of->ifindex == 0 || p->path.ifindex == of->ifindex) &&
	    (of->family == HOST_FAMILIES ||
		host_family(&p->path.remote) == of->family) &&
	    (of->remote == NULL || net_equal(&p->path.remote, of->remote));
}

/* Were some of these tried, and none answered? */
static bool
exam_pairs_silent(const struct exam *x, const struct pairs *of)
{
	size_t i, tried = 0;

	for (i = 0; i < x->npairs; i++)
		if (exam_pair_is_of(&x->pair[i], of)) {
			if (x->pair[i].answered)
				return false;
			tried++;
		}
	return tried > 0;
}

/* An uplink of which no pair answers, though the peer answers on others. */
static void
exam_check_pairs(struct exam *x, const struct check *c)
{
	const struct host_link *l;
	size_t i;

	for (i = 0; through && i < x->host.nlinks; i++) {
		l = &x->host.link[i];
		if (host_leads_on(&x->host, l) && exam_pairs_silent(x,
		    &(struct pairs) { l->ifindex, HOST_FAMILIES, NULL }) &&
		    !exam_is_explained(x, l->name))
			exam_found(x, c, l->name, NULL, NULL);
	}
}

/* An address of the peer that answers nobody. */
static void
exam_check_peer_addresses(struct exam *x, const struct check *c)
{
	const struct mp_addr *remote;
	char text[NET_TEXT];
	size_t i;

	for (i = 0; through && i < x->npairs; i++) {
		remote = &x->pair[i].path.remote;
		(void)net_text(remote, text);
		if (exam_pairs_silent(x, &(struct pairs) { 0, HOST_FAMILIES,
		    remote }) && !exam_is_explained(x, text))
			exam_found(x, c, text, NULL, NULL);
	}
}

/* A family that gets no answer over an uplink that gets some of the other. */
static void
exam_check_families(struct exam *x, const struct check *c)
{
	static const char *const names[] = { "IPv4", "IPv6" };
	const struct host_link *l;
	size_t i;
	int f;

	for (i = 0; through && i < x->host.nlinks; i++)
		for (f = 0; f < HOST_FAMILIES; f++) {
			l = &x->host.link[i];
			if (!exam_is_explained(x, l->name) &&
			    exam_pairs_silent(x, &(struct pairs) { l->ifindex,
			    f, NULL }) && !exam_pairs_silent(x,
			    &(struct pairs) { 0, f, NULL }))
				exam_found(x, c, l->name, names[f],
				    f == HOST_V4 ? "-4" : "-6");
		}
}

/* What none of the findings above is about. */
static void
exam_check_rest(struct exam *x, const struct check *c)
{
	char local[64], remote[64];
	const struct exam_pair *p;
	const char *link;
	size_t i;

	for (i = 0; through && i < x->npairs; i++) {
		p = &x->pair[i];
		link = host_link_name(&x->host, p->path.ifindex);
		(void)net_text(&p->path.remote, remote);
		if (p->answered || exam_is_explained(x, link) ||
		    exam_is_explained(x, remote))
			continue;
		exam_found(x, c, host_text(&p->path.local, local),
		    host_text(&p->path.remote, remote), link);
	}
}

const struct check exam_peer[] = {
	{ "policy", exam_check_policy, EXAM_FAULT,
	    "what goes to %1 is not to be protected", "mpctl check-config %1" },
	{ "no-peer-at", exam_check_at, EXAM_FAULT,
	    "several peers are known, and by its at= none is at %1",
	    "mprun -k NAME PROGRAM" },
	{ "closed", exam_check_closed, EXAM_FAULT,
	    "%1: no program has that port there (ICMP); ss tells on that host "
	    "which are taken", "ss -ulpn" },
	{ "prohibited", exam_check_prohibited, EXAM_FAULT,
	    "%1 cannot be reached: a firewall on %2 refuses it (ICMP)",
	    "nft list ruleset" },
	{ "silent", exam_check_silent, EXAM_FAULT,
	    "%1 does not answer: no program there, or not under mpshim, or "
	    "the hosts do not know each other, or a firewall is between",
	    "mpctl doctor" },
	{ "pairs", exam_check_pairs, EXAM_FAULT,
	    "%1 leads out, but gets no answer: a firewall, no route back, or "
	    "a strict rp_filter at the peer, where the doctor tells more",
	    "mpctl doctor" },
	{ "peer-address", exam_check_peer_addresses, EXAM_FAULT,
	    "%1, an address of the peer, answers on no path: the doctor there "
	    "may tell why", "mpctl doctor" },
	{ "family", exam_check_families, EXAM_FAULT,
	    "%2 gets no answer over %1, as it does over others: a firewall, or "
	    "no %2 there", "ip %3 route show dev %1" },
	{ "no-answer", exam_check_rest, EXAM_FAULT,
	    "%1 gets no answer from %2 over %3, and nothing here tells why",
	    "ip route get %2 from %1" },
	{ .name = NULL },
};
