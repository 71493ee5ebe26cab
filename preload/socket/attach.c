/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Attaching gives a socket a slot in the arena of its port, which the agent
 * serves too.  It happens at bind(2), or when the first protected datagram is
 * sent or received, and once in a socket's life.
 *
 * The socket's state (enum sock_state) only moves forward:
 * - SOCK_FRESH: only the kernel knows the socket.  attach_socket() may act.  It
 *   stays so where attaching failed for what goes by, such as an agent that did
 *   not answer in time (patience.h).  The agent may have got the request, so
 *   before the next one it is asked by IPC_FIND.
 * - SOCK_ATTACHED: arena mapped, slot known, record published.
 * - SOCK_REFUSED: attaching failed for good (no agent, no key), or the port or peer
 *   cannot be protected (bind.c, sock.c).  Nothing protected is sent; a line
 *   says why.
 * - SOCK_PLAIN: set elsewhere (bind.c, sock.c); never attached.
 *
 * To attach: bind the socket if it has no port; unless it joined a port that
 * the agent serves (`second'), bind a control socket to the same port, as index
 * 1 of the group, with steering to index 0 meanwhile (sockfilter_group.c; not
 * for a port that the kernel chose, and nobody was told); IPC_OPEN
 * passes it to the agent, which answers with slot and memfd.  The process needs
 * no right but that to bind the port, which it has just used.  If the port's
 * last socket was closed while this one joined, the agent has let go of it and
 * answers -ESTALE: then the socket opens the port anew, as its first.
 *
 * A socket that another process attached (after fork, over execve(2), received
 * as a descriptor) is found by its SO_COOKIE: IPC_FIND gives arena and slot,
 * and the record in the slot tells what the program did with it
 * (attach_find()).
 *
 * The record.  Processes that share a socket tell each other by the slot what
 * connect(2) changed.  attach_publish() writes and increments `gen';
 * attach_refresh(), before each datagram, reads if `gen' differs.  Publishing
 * also decides where sessions go: new ones to this socket unless it is
 * connected, then to another socket of the port that takes them, and with them
 * the sessions with other peers than its own; and the one with its own peer,
 * which another socket may have, comes to it (shared/sibling.h).
 *
 * Locks.  `busy' of the socket, a flag between the threads of one process,
 * guards the change of state: a thread waits for it for BUSY_MS at most; a
 * signal handler of the thread that has it does not wait at all.  Within it the
 * arena's lock may be taken, and the agent asked.  The arena's lock guards the
 * slot.  The agent is never asked under the arena's lock.
 *
 * Never: plaintext to a protected peer because attaching failed.
 *
 * Sources: socket(7) (SO_REUSEPORT); K9 to K13 and K29 of doc/design.md.
 */
#include "attach.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "agent_rpc.h"
#include "ingress.h"
#include "ksock.h"
#include "mp.h"
#include "notify.h"
#include "patience.h"
#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "policy/rules.h"
#include "process/log.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/sibling.h"
#include "shared/sockfilter.h"
#include "shared/uapi.h"
#include "sockopt.h"

enum {
	BUSY_MS = 5000,	  /* wait for another thread's attaching */
	CLOSED_TRIES = 3, /* to open a port whose last socket closed meanwhile */
};

/* Maps the arena of an answer, and makes the socket ready: 0, or the answer's
 * error, or another negative errno. */
static int
attach_map(int fd, struct sock *s, const struct ipc_answer *answer, int memfd)
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
	s->only = ksock_only(fd, s);
	(void)net_self_learn(fd, &s->self);
	net_options(fd, s->kernel);
	ingress_filter_again(fd, s);
	return 0;
}

/* Takes over what the record says of the socket, which another process
 * attached. */
static void
attach_learn(int fd, struct sock *s)
{
	const struct slot *slot = &s->map.arena->slot[s->slot];

	s->kernel = sockopt_get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET ?
	    MP_INET : MP_DUAL;
	s->family = slot->family == AF_INET ? AF_INET : AF_INET6;
	s->reuseaddr = slot->reuseaddr;
	s->reuseport = slot->reuseport;
	s->v6only = slot->v6only;
	s->bound = true;
	s->unasked = false;
	if (reentry_lock(s->map.arena)) {
		s->gen = slot->gen - 1;
		attach_refresh(s);
		reentry_unlock(s->map.arena);
	}
}

/* Was it attached by another process, which shares the socket since a fork, or
 * by a request of ours that was not answered?  Then the same arena is mapped: 0;
 * -ENOENT: no; or the error of an agent that is late. */
static int
attach_known(int fd, struct sock *s)
{
	struct ipc_answer found;
	int got, error;

	if (fdtab_first() && atomic_load(&s->ask_at) == 0)
		return -ENOENT;
	error = agent_rpc_find(fd, s, &found, &got);
	if (error == 0)
		error = attach_map(fd, s, &found, got);
	if (error == 0 && s->unasked)
		attach_learn(fd, s);
	return error == 0 || patience_unanswered(error) ? error : -ENOENT;
}

/* Has the agent to hear of a closed port at the peer?  The kernel would give
 * such a socket the peer's plaintext too, which the program may have to get. */
static bool
attach_wants_refusal(const struct sock *s)
{
	struct dest_policy policy;

	/* One that wants errors hears of this as of others: icmp.c. */
	if (!s->connected || s->options.recverr || s->options.recverr6)
		return false;
	policy = dest_policy_of(&s->peer);
	return policy.way == WAY_PROTECT && !policy.plain_besides;
}

/* Another socket of the port, connected to the peer, so that ICMP errors about
 * the peer's port come to it.  The socket itself must not be connected.  A
 * descriptor, or a negative errno. */
static int
attach_new_refusal(int fd, const struct sock *s)
{
	struct sockaddr_in6 sin6;
	struct mp_addr at;
	socklen_t len;
	int refusal, error = ksock_name(fd, &at);

	if (error != 0 || !net_is_any(&at) || net_is_any(&s->local))
		return -EADDRNOTAVAIL;
	memcpy(at.ip, s->local.ip, sizeof(at.ip));
	refusal = ksock_beside(fd, s, &at);
	if (refusal < 0)
		return refusal;
	len = net_put(&s->peer, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	if (real_connect(refusal, (struct sockaddr *)&sin6, len) == 0)
		return refusal;
	error = -errno;
	real_close(refusal);
	return error;
}

/* IPC_OPEN, with a control socket unless the port has one: 0, or a negative
 * errno of the transport.  *refusal: the agent got one. */
static int
attach_ask(int fd, struct sock *s, const struct mp_addr *a,
    struct ipc_answer *answer, int *got, bool *refusal)
{
	int control = -1, other = -1, error;

	if (!s->second) {
		control = ksock_control(fd, s);
		if (control < 0)
			return control;
		/* ksock_prepare() did this, unless the socket was bound before
		 * the library knew it, or joined a group that was another
		 * port's.  Nobody sends to a port that nobody was told. */
		if (!atomic_load(&s->untold))
			(void)sockfilter_steer_first(control);
		if (attach_wants_refusal(s))
			other = attach_new_refusal(fd, s);
	}
	error = agent_rpc_open(fd, s, a, control, other, answer, got);
	*refusal = other >= 0;
	if (control >= 0)
		real_close(control);
	if (other >= 0)
		real_close(other);
	return error;
}

/* What the socket's filter has dropped until now was for a socket that had the
 * port before: nobody knew of this one. */
static void
attach_count_drops(int fd, struct sock *s)
{
	enum { DROPS = 8, ALL = 9 }; /* SK_MEMINFO_*, linux/sock_diag.h */
	uint32_t of[ALL] = { 0 };
	socklen_t len = sizeof(of);

	if (real_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, of, &len) == 0 &&
	    len == sizeof(of) && of[DROPS] > 0)
		arena_own_drop(&s->map, s->slot, of[DROPS]);
}

static int
attach_open(int fd, struct sock *s, struct ipc_answer *answer, bool *refusal)
{
	struct mp_addr a;
	int i, got = -1, error;

	error = ksock_autobind_quietly(fd, s, 0);
	if (error == 0)
		error = ksock_name(fd, &a);
	if (error != 0)
		return error;
	error = attach_known(fd, s);
	if (error != -ENOENT)
		return error;
	for (i = 0; i < CLOSED_TRIES; i++) {
		error = attach_ask(fd, s, &a, answer, &got, refusal);
		if (error != 0 || answer->error != -ESTALE)
			break;
		s->second = false;
	}
	if (error == 0)
		error = attach_map(fd, s, answer, got);
	if (error == 0)
		attach_count_drops(fd, s);
	return error;
}

/* Can the peer's port still be closed?  Not once it has answered. */
static bool
attach_peer_unsure(struct sock *s)
{
	struct mp_session_info info;
	uint32_t session;
	bool unsure;

	if (!reentry_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, s->slot, &s->peer);
	unsure = session == MP_NONE ||
	    mp_session_get(&s->map.mp, session, &info) != 0 ||
	    (info.state == MP_S_CONNECTING && info.up_at == 0);
	reentry_unlock(s->map.arena);
	return unsure;
}

void
attach_refusal(int fd, struct sock *s)
{
	struct ipc_answer answer;
	struct mp_addr a;
	int refusal[IPC_PASS] = { -1, -1, -1 }, got;

	if (!attach_wants_refusal(s) || !attach_peer_unsure(s))
		return;
	refusal[0] = attach_new_refusal(fd, s);
	if (refusal[0] < 0)
		return;
	if (ksock_name(fd, &a) == 0) {
		(void)agent_rpc(IPC_REFUSAL, fd, s, &a, refusal, &answer, &got);
		if (got >= 0)
			real_close(got);
	}
	real_close(refusal[0]);
}

/* This thread has a socket's `busy'. */
static __thread bool changing __attribute__((tls_model("initial-exec")));

static bool
attach_begin(struct sock *s)
{
	uint32_t idle = 0;
	int i;

	if (changing) /* a signal handler that interrupted this thread */
		return false;
	for (i = 0; i < BUSY_MS; i++) {
		if (atomic_compare_exchange_strong(&s->busy, &idle, 1)) {
			changing = true;
			return true;
		}
		idle = 0;
		real_poll(NULL, 0, 1);
	}
	return false;
}

/* Logs why attaching failed, unless the configuration's own line did. */
static void
attach_log_refused(const struct ipc_answer *answer, int error)
{
	bool why = answer->text[0] != '\0';
	const char *text = why ? answer->text : strerror(-error);

	if (error == -EACCES && !why)
		text = "the agent is another user's";
	if (error == -ENOMEM && !why)
		text = "too little memory (ulimit -v?)";
	if (!conf_get()->told)
		log_say(LOG_ERROR, why ? LOG_KEY : LOG_AGENT,
		    "nothing is sent: %s", text);
}

/* Attaching failed.  What goes by is no refusal. */
static void
attach_failed(int fd, struct sock *s, const struct ipc_answer *answer,
    int error)
{
	bool lacks = patience_lacks(error);

	if (!patience_passes(error)) {
		ingress_refuse(fd, s);
		attach_log_refused(answer, error);
		return;
	}
	if (!atomic_exchange(&s->lacking, lacks) && lacks)
		attach_log_refused(answer, error);
	else if (atomic_load(&s->ask_at) == 0)
		log_say(LOG_WARN, LOG_AGENT, "the agent is late: %s",
		    strerror(-error));
	patience_begin(s);
}

static void
attach_publish(struct sock *s)
{
	struct slot *slot = &s->map.arena->slot[s->slot];
	int heir;

	slot->connected = s->connected;
	slot->wide = s->wide;
	slot->peer = s->peer;
	slot->zone = s->zone;
	slot->local = s->local;
	slot->v6only = s->v6only;
	s->gen = ++slot->gen;
	if (s->connected)
		slot->since = arena_now();
	if (!s->connected && mp_slot_accept(&s->map.mp, s->slot) == 0)
		return;
	sibling_take(&s->map, s->slot);
	heir = sibling_heir(&s->map, s->slot, 0);
	if (heir >= 0 && mp_slot_accept(&s->map.mp, (uint32_t)heir) == 0)
		mp_slot_move(&s->map.mp, arena_now(), s->slot, (uint32_t)heir,
		    &s->peer);
}

/* Lets the agent steer the port's packets by the record.  What arrives after
 * connect(2) must be given as that said. */
static void
attach_steer(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	struct mp_addr at;
	int got = -1;

	if (ksock_name(fd, &at) != 0 || agent_rpc(IPC_STEER, fd, s, &at, NULL,
	    &answer, &got) != 0 || answer.error != 0)
		notify_agent(fd, s);
	if (got >= 0)
		real_close(got);
}

void
attach_tell(int fd, struct sock *s)
{
	bool alone;

	if (!reentry_lock(s->map.arena))
		return;
	attach_publish(s);
	alone = mp_slots(&s->map.mp) == UINT32_C(1) << s->slot;
	reentry_unlock(s->map.arena);
	if (!alone)
		attach_steer(fd, s);
}

enum sock_state
attach_socket(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	int error, saved = errno;
	bool refusal = false;

	if (atomic_load(&s->state) != SOCK_FRESH || !patience_due(s) ||
	    !attach_begin(s))
		return atomic_load(&s->state);
	if (atomic_load(&s->state) == SOCK_FRESH && patience_due(s)) {
		error = attach_open(fd, s, &answer, &refusal);
		if (error == 0) {
			if (s->connected) {
				attach_tell(fd, s);
			} else if (reentry_lock(s->map.arena)) {
				attach_publish(s);
				reentry_unlock(s->map.arena);
			}
			atomic_store(&s->state, SOCK_ATTACHED);
			if (sockopt_room_of(s) == 0)
				sockopt_room(fd, s);
			if (!refusal)
				attach_refusal(fd, s);
		} else {
			attach_failed(fd, s, &answer, error);
		}
	}
	changing = false;
	atomic_store(&s->busy, 0);
	errno = saved;
	return atomic_load(&s->state);
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
	s->zone = slot->zone;
	s->local = slot->local;
	s->wide = slot->wide;
	s->reuseaddr = slot->reuseaddr;
	s->reuseport = slot->reuseport;
}

void
attach_tell_reuse(struct sock *s)
{
	struct slot *slot;

	if (atomic_load(&s->state) != SOCK_ATTACHED ||
	    !reentry_lock(s->map.arena))
		return;
	slot = &s->map.arena->slot[s->slot];
	slot->reuseaddr = s->reuseaddr;
	slot->reuseport = s->reuseport;
	s->gen = ++slot->gen;
	reentry_unlock(s->map.arena);
}

/* --- Sockets that another process attached
 * ---------------------------------- */

struct sock *
attach_find(int fd, bool *late)
{
	struct ipc_answer answer;
	struct sock *s;
	int got, error, i = 0;

	*late = false;
	s = fdtab_new();
	if (s == NULL)
		return NULL;
	s->cookie = ksock_cookie(fd);
	do
		error = agent_rpc_find(fd, s, &answer, &got);
	while (patience_unanswered(error) && ++i < PATIENCE_TRIES);
	*late = patience_unanswered(error);
	if (error == 0)
		error = attach_map(fd, s, &answer, got);
	if (error != 0) {
		fdtab_release(s);
		return NULL;
	}
	attach_learn(fd, s);
	ingress_filter(fd, s);
	atomic_store(&s->state, SOCK_ATTACHED);
	return s;
}
