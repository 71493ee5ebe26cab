/* SPDX-License-Identifier: ISC */
#include "ingress_rule.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>

#include "fdtab.h"
#include "mp.h"
#include "policy/conf.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

void
ingress_rule_filter(const struct sock *s, const struct conf *conf,
    bool from_peer, struct sockfilter_rules *rules,
    struct sockfilter_prefix *one)
{
	rules->v4 = s->family == AF_INET || !s->v6only;
	rules->v6 = s->family == AF_INET6;
	rules->dns = s->asked_next > 0;
	rules->multicast = s->groups;
	rules->broadcast = s->broadcast;
	rules->local_only = s->wide;
	rules->here = true;
	rules->local = s->local;
	if (s->connected) { /* plaintext from its peer, if from anyone */
		rules->dns = rules->multicast = rules->broadcast = false;
		if (from_peer) {
			one->addr = s->peer;
			one->len = 128;
			one->drop = false;
			rules->peers = one;
			rules->npeers = 1;
		}
	} else if (s->kconnected) { /* the kernel drops for it */
		rules->all_plain = true;
	} else {
		rules->peers = conf->filter;
		rules->npeers = conf->filters;
		rules->all_plain = conf->filter_rest;
	}
}

/* The socket's only peer at that time; NULL: it was not connected. */
static const struct mp_addr *
ingress_rule_peer_at(const struct sock *s, uint64_t arrival)
{
	if (arrival >= s->since)
		return s->connected ? &s->peer : NULL;
	return s->was_connected ? &s->was : NULL;
}

static bool
ingress_rule_was_asked(const struct sock *s, const struct mp_addr *server,
    uint64_t now)
{
	uint64_t at;
	int i;

	for (i = 0; i < SOCK_ASKED; i++) {
		at = atomic_load(&s->asked_at[i]);
		if (at != 0 && now - at < INGRESS_RULE_ANSWER_US &&
		    net_equal(&s->asked[i], server))
			return true;
	}
	return false;
}

enum ingress_verdict
ingress_rule_plain(const struct sock *s, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival, uint64_t now, bool dns)
{
	const struct mp_addr *peer = ingress_rule_peer_at(s, arrival);

	if (s->family == AF_INET ? !net_is_v4(from) :
		s->v6only && net_is_v4(from))
		return INGRESS_PLAIN_NO;
	if (peer != NULL)
		return net_equal(from, peer) ? INGRESS_PLAIN_BY_POLICY :
					       INGRESS_PLAIN_NO;
	if (dns)
		return ingress_rule_was_asked(s, from, now) ?
		    INGRESS_PLAIN_YES : INGRESS_PLAIN_NO;
	/* Only the kernel's filter can tell what was sent to a broadcast
	 * address; the others are the policy's, which it asked as well. */
	return s->broadcast || (s->groups && net_is_multicast(to)) ?
	    INGRESS_PLAIN_YES : INGRESS_PLAIN_BY_POLICY;
}

bool
ingress_rule_zone(const struct sock *s, uint32_t zone, uint64_t arrival)
{
	const struct mp_addr *peer = ingress_rule_peer_at(s, arrival);

	return peer == NULL || zone == (peer == &s->peer ? s->zone :
	    s->was_zone);
}

bool
ingress_rule_expected(const struct sock *s, const struct mp_addr *from,
    uint64_t arrival)
{
	const struct mp_addr *peer = ingress_rule_peer_at(s, arrival);

	if (peer == NULL && !s->connected)
		return true;
	return net_equal(from, peer != NULL ? peer : &s->peer);
}

enum ingress
ingress_rule_unexpected(const struct sock *s, uint64_t arrival, bool client)
{
	if (client)
		return INGRESS_NEXT;
	return ingress_rule_peer_at(s, arrival) == NULL ? INGRESS_TAKE :
							  INGRESS_DROP;
}

bool
ingress_rule_ask(struct sock *s, const struct mp_addr *server, uint64_t now)
{
	bool first = s->asked_next == 0;
	uint32_t i;

	for (i = 0; i < SOCK_ASKED; i++)
		if (net_equal(&s->asked[i], server)) {
			atomic_store(&s->asked_at[i], now);
			return false;
		}
	i = s->asked_next++ % SOCK_ASKED;
	/* Another thread may look at the entry meanwhile. */
	atomic_store(&s->asked_at[i], 0);
	s->asked[i] = *server;
	atomic_store(&s->asked_at[i], now);
	return first;
}
