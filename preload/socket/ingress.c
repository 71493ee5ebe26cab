/* SPDX-License-Identifier: ISC */
#include "ingress.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>

#include "fdtab.h"
#include "mp.h"
#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "policy/dest_scope.h"
#include "process/log.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/bpf.h"
#include "shared/raw.h"
#include "shared/seccomp.h"
#include "shared/sockfilter.h"

/* Chooses what the packets of the socket's arena begin with.  In a fleet that
 * is settled. */
static void
ingress_choose_prefix(struct sock *s)
{
	uint8_t fresh[1 + ARENA_TOKEN], server = conf_get()->set.server;

	while (s->prefix == 0 &&
	    SECCOMP_ALLOWS(SYS_getrandom, fresh, sizeof(fresh)) &&
	    RAW(SYS_getrandom, fresh, sizeof(fresh), 0) ==
		(long)sizeof(fresh)) {
		memcpy(s->token, fresh + 1, ARENA_TOKEN);
		if (server != 0)
			fresh[0] = mp_sid_prefix_of(server);
		if (mp_sid_prefix_ok(fresh[0]))
			s->prefix = fresh[0];
	}
}

int
ingress_filter(int fd, struct sock *s)
{
	s->mark = 0;
	return ingress_filter_again(fd, s);
}

int
ingress_filter_again(int fd, struct sock *s)
{
	struct sockfilter_rules rules = { .prefix = 0 };
	struct sockfilter_prefix one;
	int error;

	if (atomic_load(&s->state) == SOCK_REFUSED) {
		/* no session: nothing of ours comes in */
	} else if (s->map.arena != NULL) {
		rules.prefix = mp_sid_prefix(&s->map.mp);
		memcpy(rules.token, s->map.arena->token, ARENA_TOKEN);
	} else if (atomic_load(&s->state) == SOCK_FRESH && !s->second) {
		ingress_choose_prefix(s);
		rules.prefix = s->prefix;
		memcpy(rules.token, s->token, ARENA_TOKEN);
	}
	ingress_rule_filter(s, conf_get(),
	    s->connected && dest_policy_known(&s->peer).plain_from, &rules,
	    &one);
	if (s->filter != NULL) {
		rules.then = s->filter->at;
		rules.nthen = atomic_load(&s->filter->len);
	}
	error = sockfilter_attach(fd, &rules, &s->mark);
	if (error != 0)
		log_say(LOG_WARN, LOG_WAY, "no packet filter: %s",
		    strerror(-error));
	return error;
}

void
ingress_refuse(int fd, struct sock *s)
{
	atomic_store(&s->state, SOCK_REFUSED);
	if (s->mark != 0)
		(void)ingress_filter(fd, s);
}

void
ingress_answer(int fd, struct sock *s, const struct mp_addr *server)
{
	if (ingress_rule_ask(s, server, arena_now()) && s->bound)
		ingress_filter(fd, s);
}

/* Does the policy let plaintext in?  Of what this host sends to itself, the
 * socket filter lets in only what arrived on the loopback interface. */
static bool
ingress_policy_allows(const struct mp_addr *from, const struct mp_addr *to)
{
	return dest_policy_known(from).plain_from ||
	    memcmp(from->ip, to->ip, sizeof(from->ip)) == 0 ||
	    dest_policy_of(from).scope == DEST_SCOPE_OURS;
}

bool
ingress_plain(const struct sock *s, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival)
{
	switch (ingress_rule_plain(s, from, to, arrival, arena_now(),
	    dest_policy_known(from).is_dns)) {
	case INGRESS_PLAIN_NO:
		return false;
	case INGRESS_PLAIN_YES:
		return true;
	default:
		return ingress_policy_allows(from, to);
	}
}

/* Did this peer begin its session?  Yes if it has none. */
static bool
ingress_is_client(struct sock *s, const struct mp_addr *peer)
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
	if (ingress_rule_expected(s, from, arrival))
		return INGRESS_TAKE;
	return ingress_rule_unexpected(s, arrival, ingress_is_client(s, from));
}
