/* SPDX-License-Identifier: ISC */
#include "attach.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "policy/conf.h"
#include "process/reentry.h"
#include "ksock.h"
#include "process/libc.h"
#include "process/log.h"
#include "sockopt.h"
#include "agent_rpc.h"
#include "policy/dest_policy.h"
#include "policy/rules.h"
#include "ingress.h"

enum { BUSY_MS = 5000 };

/* Maps what the agent gave. */
static int
attach_enter(int fd, struct sock *s, const struct ipc_answer *answer, int memfd)
{
	int error = answer->error;

	if (error == 0 && memfd < 0)
		error = -EPROTO;
	if (error == 0)
		error = answer->slot < MP_SLOTS_MAX ?
		    arena_open(&s->map, memfd) : -EPROTO;
	if (memfd >= 0)
		real_close(memfd);
	if (error != 0)
		return error;
	s->slot = answer->slot;
	(void)net_self_learn(fd, &s->self);
	net_options(fd, s->kernel);
	ingress_filter(fd, s);
	return 0;
}

/* Has another process opened it, which has the socket from a fork? */
static bool
known_already(int fd, struct sock *s)
{
	struct ipc_answer found;
	int got;

	return !fdtab_first() && agent_rpc_find(fd, s, &found, &got) == 0 &&
	    attach_enter(fd, s, &found, got) == 0;
}

static int
open_port(int fd, struct sock *s, struct ipc_answer *answer)
{
	struct mp_addr a;
	int ctl[IPC_PASS] = { -1, -1 }, got = -1, error;

	error = ksock_autobind(fd, s);
	if (error == 0)
		error = ksock_name(fd, &a);
	if (error != 0)
		return error;
	if (known_already(fd, s)) /* another process was first */
		return 0;
	if (!s->second) {
		ctl[0] = ksock_control(fd, s);
		if (ctl[0] < 0)
			return ctl[0];
		/* One that was bound before we knew it. */
		(void)sockfilter_steer_first(ctl[0]);
	}
	error = agent_rpc(IPC_OPEN, fd, s, &a, ctl, answer, &got);
	if (ctl[0] >= 0)
		real_close(ctl[0]);
	return error != 0 ? error : attach_enter(fd, s, answer, got);
}

/* Is there anything left to hear of, or is the peer there for sure? */
static bool
in_doubt(struct sock *s)
{
	struct mp_session_info info;
	uint32_t session;
	bool doubt;

	if (!reentry_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, s->slot, &s->peer);
	doubt = session == MP_NONE ||
	    mp_session_get(&s->map.mp, session, &info) != 0 ||
	    (info.state == MP_S_CONNECTING && info.up_at == 0);
	reentry_unlock(s->map.arena);
	return doubt;
}

/* Bound to our address and connected to the peer, besides the socket, which
 * must not be: a descriptor, or a negative errno. */
static int
make_ear(int fd, const struct sock *s)
{
	struct sockaddr_in6 sin6;
	struct mp_addr at;
	socklen_t len;
	int ear, error = ksock_name(fd, &at);

	if (error != 0 || !net_is_any(&at) || net_is_any(&s->local))
		return -EADDRNOTAVAIL;
	memcpy(at.ip, s->local.ip, sizeof(at.ip));
	ear = ksock_beside(fd, s, &at);
	if (ear < 0)
		return ear;
	len = net_put(&s->peer, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	if (real_connect(ear, (struct sockaddr *)&sin6, len) == 0)
		return ear;
	error = -errno;
	real_close(ear);
	return error;
}

void
attach_refusal(int fd, struct sock *s)
{
	struct ipc_answer answer;
	struct mp_addr a;
	struct dest_policy policy;
	int ear[IPC_PASS] = { -1, -1 }, got;

	if (!s->connected)
		return;
	/* The ear would take plaintext that the program may have. */
	policy = dest_policy_of(&s->peer);
	if (policy.way != WAY_PROTECT || policy.plain_besides || !in_doubt(s))
		return;
	ear[0] = make_ear(fd, s);
	if (ear[0] < 0)
		return;
	if (ksock_name(fd, &a) == 0) {
		(void)agent_rpc(IPC_REFUSAL, fd, s, &a, ear, &answer, &got);
		if (got >= 0)
			real_close(got);
	}
	real_close(ear[0]);
}

/* One thread at a time changes a socket's state. */
static __thread bool changing __attribute__((tls_model("initial-exec")));

static bool
begin_change(struct sock *s)
{
	uint32_t idle = 0;
	int i;

	if (changing) /* a handler: we interrupted it ourselves */
		return false;
	for (i = 0; i < BUSY_MS; i++) {
		if (atomic_compare_exchange_strong(&s->busy, &idle, 1)) {
			changing = true;
			return true;
		}
		idle = 0;
		poll(NULL, 0, 1);
	}
	return false;
}

/* Unless a line told it already. */
static void
attach_say_refused(const struct ipc_answer *answer, int error)
{
	bool why = answer->text[0] != '\0';
	const char *text = why ? answer->text : strerror(-error);

	if (error == -EACCES && !why)
		text = "the agent is another user's";
	if (!conf_get()->told)
		log_say(LOG_ERROR, why ? LOG_KEY : LOG_AGENT,
		    "nothing is sent: %s", text);
}

enum sock_state
attach_socket(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	int error, saved = errno;

	if (atomic_load(&s->state) != SOCK_FRESH || !begin_change(s))
		return atomic_load(&s->state);
	if (atomic_load(&s->state) == SOCK_FRESH) {
		error = open_port(fd, s, &answer);
		if (error == 0) {
			if (reentry_lock(s->map.arena)) {
				attach_publish(s);
				reentry_unlock(s->map.arena);
			}
			atomic_store(&s->state, SOCK_ATTACHED);
			attach_refusal(fd, s);
		} else {
			atomic_store(&s->state, SOCK_REFUSED);
			attach_say_refused(&answer, error);
		}
	}
	changing = false;
	atomic_store(&s->busy, 0);
	errno = saved;
	return atomic_load(&s->state);
}

/* Has it room for peers that the other loses, as it was connected? */
static bool
succeeds(const struct slot *is, const struct slot *other)
{
	return is->cookie != 0 && !is->connected && (net_is_any(&is->local) ||
	    memcmp(is->local.ip, other->local.ip, sizeof(is->local.ip)) == 0);
}

void
attach_publish(struct sock *s)
{
	struct slot *slot = &s->map.arena->slot[s->slot];
	uint32_t i;

	slot->connected = s->connected;
	slot->wide = s->wide;
	slot->peer = s->peer;
	slot->local = s->local;
	slot->v6only = s->v6only;
	s->gen = ++slot->gen;
	if (s->connected)
		slot->since = arena_now();
	if (!s->connected && mp_slot_accept(&s->map.mp, s->slot) == 0)
		return;
	/* New sessions go to the newest socket that takes them. */
	for (i = MP_SLOTS_MAX; i-- > 0;)
		if (succeeds(&s->map.arena->slot[i], slot) &&
		    mp_slot_accept(&s->map.mp, i) == 0) {
			mp_slot_move(&s->map.mp, arena_now(), s->slot, i,
			    &s->peer);
			return;
		}
}

bool
attach_refused(struct sock *s)
{
	struct slot *slot = &s->map.arena->slot[s->slot];

	if (!s->connected || slot->refused == 0)
		return false;
	slot->refused = 0;
	return true;
}

void
attach_refresh(struct sock *s)
{
	const struct slot *slot = &s->map.arena->slot[s->slot];

	if (slot->gen == s->gen)
		return;
	s->gen = slot->gen;
	s->connected = slot->connected;
	s->peer = slot->peer;
	s->local = slot->local;
	s->wide = slot->wide;
}

/* --- Sockets that another process made ------------------------------------ */

struct sock *
attach_find(int fd)
{
	struct ipc_answer answer;
	struct sock *s;
	const struct slot *slot;
	int got, error;

	s = fdtab_new();
	if (s == NULL)
		return NULL;
	s->cookie = ksock_cookie(fd);
	error = agent_rpc_find(fd, s, &answer, &got);
	if (error == 0)
		error = attach_enter(fd, s, &answer, got);
	if (error != 0) {
		fdtab_release(s);
		return NULL;
	}
	slot = &s->map.arena->slot[s->slot];
	s->kernel = sockopt_get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET ?
	    MP_INET :
								     MP_DUAL;
	s->family = slot->family == AF_INET ? AF_INET : AF_INET6;
	s->reuseaddr = slot->reuseaddr;
	s->reuseport = slot->reuseport;
	s->v6only = slot->v6only;
	s->bound = true;
	if (reentry_lock(s->map.arena)) {
		s->gen = slot->gen - 1;
		attach_refresh(s);
		reentry_unlock(s->map.arena);
	}
	ingress_filter(fd, s);
	atomic_store(&s->state, SOCK_ATTACHED);
	return s;
}
