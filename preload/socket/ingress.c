/* SPDX-License-Identifier: ISC */
#include "ingress.h"

#include <string.h>
#include <sys/socket.h>

#include "shared/bpf.h"
#include "policy/conf.h"
#include "process/reentry.h"
#include "process/log.h"
#include "shared/net.h"
#include "policy/dest_policy.h"
#include "policy/dest_scope.h"
#include "shared/sockfilter.h"

enum { ANSWER_US = 30000000 }; /* how long a name server may take */

static void
filter_fill(const struct sock *s, struct sockfilter_rules *f,
    struct sockfilter_prefix one[1])
{
	const struct conf *conf = conf_get();

	f->v4 = s->family == AF_INET || !s->v6only;
	f->v6 = s->family == AF_INET6;
	f->dns = s->asked_next > 0;
	f->multicast = s->groups;
	f->broadcast = s->broadcast;
	f->local_only = s->wide;
	f->here = true;
	f->local = s->local;
	if (s->connected) { /* plaintext from its peer, if from anyone */
		f->dns = f->multicast = f->broadcast = false;
		if (dest_policy_known(&s->peer).plain_from) {
			one->addr = s->peer;
			one->len = 128;
			one->drop = false;
			f->peers = one;
			f->npeers = 1;
		}
	} else if (s->kconnected) { /* the kernel drops for it */
		f->all_plain = true;
	} else {
		f->peers = conf->filter;
		f->npeers = conf->filters;
		f->all_plain = conf->filter_rest;
	}
}

int
ingress_filter(int fd, struct sock *s)
{
	struct sockfilter_rules f = { .prefix = 0 };
	struct sockfilter_prefix one[1];
	int error;

	if (s->map.arena != NULL) {
		f.prefix = mp_sid_prefix(&s->map.mp);
		memcpy(f.token, s->map.arena->token, ARENA_TOKEN);
	}
	filter_fill(s, &f, one);
	if (s->filter != NULL) {
		f.then = s->filter->at;
		f.nthen = atomic_load(&s->filter->len);
	}
	error = sockfilter_attach(fd, &f);
	if (error != 0)
		log_say(LOG_WARN, LOG_WAY, "no packet filter: %s",
		    strerror(-error));
	return error;
}

void
ingress_answer(int fd, struct sock *s, const struct mp_addr *server)
{
	uint64_t now = arena_now();
	uint32_t i;

	for (i = 0; i < SOCK_ASKED; i++)
		if (net_equal(&s->asked[i], server)) {
			atomic_store(&s->asked_at[i], now);
			return;
		}
	i = s->asked_next++ % SOCK_ASKED;
	atomic_store(&s->asked_at[i], 0);
	s->asked[i] = *server;
	atomic_store(&s->asked_at[i], now);
	if (i == 0 && s->bound)
		ingress_filter(fd, s);
}

static bool
was_asked(const struct sock *s, const struct mp_addr *server)
{
	uint64_t now = arena_now(), at;
	int i;

	for (i = 0; i < SOCK_ASKED; i++) {
		at = atomic_load(&s->asked_at[i]);
		if (at != 0 && now - at < ANSWER_US &&
		    net_equal(&s->asked[i], server))
			return true;
	}
	return false;
}

/* Of what this host sends itself the kernel's filter lets in what came by
 * loopback alone. */
static bool
ingress_plain_from(const struct mp_addr *from, const struct mp_addr *to)
{
	return dest_policy_known(from).plain_from ||
	    memcmp(from->ip, to->ip, sizeof(from->ip)) == 0 ||
	    dest_policy_of(from).scope == DEST_SCOPE_OURS;
}

/* Who may have sent what came then: the peer of a connection, or NULL. */
static const struct mp_addr *
peer_at(const struct sock *s, uint64_t arrival)
{
	if (arrival >= s->since)
		return s->connected ? &s->peer : NULL;
	return s->was_connected ? &s->was : NULL;
}

bool
ingress_plain(const struct sock *s, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival)
{
	const struct mp_addr *peer = peer_at(s, arrival);

	if (s->family == AF_INET ? !net_is_v4(from) :
		s->v6only && net_is_v4(from))
		return false;
	if (peer != NULL)
		return net_equal(from, peer) && ingress_plain_from(from, to);
	if (dest_policy_known(from).is_dns)
		return was_asked(s, from);
	/* To whom a broadcast went only the kernel's filter can tell. */
	return ingress_plain_from(from, to) || (s->groups &&
	    net_is_multicast(to)) ||
	    s->broadcast;
}

/* Did it speak first? */
static bool
is_client(struct sock *s, const struct mp_addr *peer)
{
	struct mp_session_info info = { .initiator = false };
	uint32_t session;

	if (!reentry_lock(s->map.arena))
		return true;
	session = mp_session_find(&s->map.mp, s->slot, peer);
	if (session != MP_NONE &&
	    mp_session_get(&s->map.mp, session, &info) != 0)
		info.initiator = false;
	reentry_unlock(s->map.arena);
	return !info.initiator;
}

enum ingress
ingress_session(struct sock *s, const struct mp_addr *from, uint64_t arrival)
{
	const struct mp_addr *peer = peer_at(s, arrival);

	if (peer == NULL && !s->connected)
		return INGRESS_TAKE;
	if (net_equal(from, peer != NULL ? peer : &s->peer))
		return INGRESS_TAKE;
	if (is_client(s, from))
		return INGRESS_NEXT;
	return peer == NULL ? INGRESS_TAKE : INGRESS_DROP;
}
