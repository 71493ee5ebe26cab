/* SPDX-License-Identifier: ISC */
#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "allowed.h"
#include "conf.h"
#include "guard.h"
#include "ipc.h"
#include "libc.h"
#include "log.h"
#include "net.h"
#include "opts.h"
#include "reach.h"
#include "spawn.h"
#include "steer.h"
#include "uapi.h"
#include "want.h"

enum { TRIES = 3, LOCKED = 200, LOCKED_MS = 5, BUSY_MS = 5000, DISCARD = 9 };

/* --- The kernel's side ------------------------------------------------------ */

uint64_t
join_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return ALLOWED(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ?
	    cookie : 0;
}

bool
join_same(int fd, const struct sock *s)
{
	return !ALLOWED(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE) ||
	    join_cookie(fd) == s->cookie;
}

static uint64_t
inode(int fd)
{
	struct stat st;

	return ALLOWED(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) &&
	    fstat(fd, &st) == 0 ? st.st_ino : 0;
}

int
join_name(int fd, struct mp_addr *a)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	memset(a, 0, sizeof(*a));
	if (real_getsockname(fd, (struct sockaddr *)&sin6, &len) != 0)
		return -errno;
	return net_get(a, (struct sockaddr *)&sin6, len) ? 0 : -EINVAL;
}

bool
join_bound(int fd)
{
	struct mp_addr a;

	return join_name(fd, &a) == 0 && a.port != 0;
}

/* The bind itself is without SO_REUSEPORT, so that it fails where it has to. */
void
join_prepare(int fd)
{
	int on = 1, off = 0;

	if (allowed_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return;
	(void)steer_first(fd);
	(void)allowed_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off));
}

/* The kernel lets a socket that has a group of its own into no other.  It loses
 * its group with its port, so it gets one for a moment. */
void
join_unprepare(int fd, const struct sock *s)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct mp_addr loopback = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
		.port = DISCARD };
	struct sockaddr_in6 sin6;
	socklen_t len = net_put(&loopback, s->kernel == MP_INET ? AF_INET :
	    AF_INET6, (struct sockaddr *)&sin6, sizeof(sin6));

	(void)real_connect(fd, (struct sockaddr *)&sin6, len);
	(void)real_connect(fd, &none, sizeof(none));
}

int
join_bind(int fd, const struct sock *s, const struct mp_addr *a)
{
	struct sockaddr_in6 sin6;
	struct mp_addr to = *a;
	socklen_t len;

	if (s->kernel == MP_DUAL && net_is_any(&to))
		memset(to.ip, 0, 16);
	len = net_put(&to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	return real_bind(fd, (struct sockaddr *)&sin6, len) != 0 ? -errno : 0;
}

int
join_autobind_to(int fd, struct sock *s, uint16_t port)
{
	struct mp_addr any;
	int error;

	if (s->bound)
		return 0;
	if (join_bound(fd)) { /* who did that? */
		s->bound = true;
		want_filter(fd, s);
		return 0;
	}
	memset(&any, 0, sizeof(any));
	if (s->kernel == MP_INET)
		memset(any.ip + 10, 0xff, 2);
	s->local = any;
	any.port = port;
	join_prepare(fd);
	want_filter(fd, s); /* before the first packet can come */
	error = join_bind(fd, s, &any);
	if (error == -EADDRINUSE && port != 0) {
		any.port = 0;
		error = join_bind(fd, s, &any);
	}
	if (error == 0)
		s->bound = s->autobound = true;
	return error;
}

int
join_autobind(int fd, struct sock *s)
{
	return join_autobind_to(fd, s, 0);
}

void
join_copy_ways(int from, int to)
{
	static const int option[][2] = { { SOL_SOCKET, SO_BINDTOIFINDEX },
		{ SOL_SOCKET, SO_MARK }, { SOL_SOCKET, SO_PRIORITY },
		{ IPPROTO_IP, IP_UNICAST_IF },
		{ IPPROTO_IPV6, IPV6_UNICAST_IF } };
	socklen_t len;
	size_t i;
	int is;

	for (i = 0; i < sizeof(option) / sizeof(option[0]); i++) {
		is = 0;
		len = sizeof(is);
		if (ALLOWED(SYS_getsockopt, from, option[i][0], option[i][1]) &&
		    real_getsockopt(from, option[i][0], option[i][1], &is,
			&len) == 0 && is != 0)
			(void)allowed_setsockopt(to, option[i][0], option[i][1],
			    &is, len);
	}
}

/* A socket that is bound to `at' besides ours, or a negative errno. */
static int
beside(int fd, const struct sock *s, const struct mp_addr *at)
{
	int other, on = 1, off = 0, error;

	if (allowed_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return -errno;
	other = real_socket(s->kernel == MP_INET ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (other < 0)
		return -errno;
	if (s->kernel != MP_INET)
		(void)allowed_setsockopt(other, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
	(void)allowed_setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on,
	    sizeof(on));
	join_copy_ways(fd, other);
	error = join_bind(other, s, at);
	if (error == 0)
		return other;
	real_close(other);
	return error;
}

int
join_control_socket(int fd, const struct sock *s)
{
	struct mp_addr a;
	int error = join_name(fd, &a);

	return error != 0 ? error : beside(fd, s, &a);
}

/* --- The agent's side -------------------------------------------------------- */

static void
fill(struct ipc_ask *ask, enum ipc_kind kind, const struct sock *s)
{
	const struct conf *conf = conf_get();

	memset(ask, 0, sizeof(*ask));
	ask->version = IPC_VERSION;
	ask->kind = kind;
	ask->cookie = s->cookie;
	ask->kernel = (uint8_t)s->kernel;
	ask->family = (uint8_t)s->family;
	ask->v6only = s->v6only;
	ask->reuseaddr = s->reuseaddr;
	ask->reuseport = s->reuseport;
	ask->local = s->local;
	ask->tell_private = conf->set.tell_private;
	ask->sessions = conf->set.sessions;
	ask->memory = conf->set.memory;
	memcpy(ask->keys, conf->keys, sizeof(ask->keys));
	memcpy(ask->interfaces, conf->set.interfaces,
	    sizeof(ask->interfaces));
	memcpy(ask->no_interfaces, conf->set.no_interfaces,
	    sizeof(ask->no_interfaces));
	memcpy(ask->program, conf->program, sizeof(ask->program));
}

static bool
nobody_there(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED ||
	    error == -ECONNRESET || error == -EPIPE || error == -EPROTO;
}

/* Asks the agent; starts it where there is none and `start' says so. */
static int
ask_once(struct ipc_ask *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got, bool start)
{
	int i, error = -ENOENT;

	for (i = 0; i < TRIES; i++) {
		error = ipc_ask(ask, pass, n, show, answer, got);
		if (error == 0 || !nobody_there(error) || !start)
			return error;
		error = spawn_agent(ask->kind == IPC_HELLO);
		if (error != 0)
			return error;
	}
	return error;
}

/* The same until it can have the port's lock, whose holder may not run just
 * now: the agent itself does not wait for it. */
static int
ask_agent(struct ipc_ask *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got, bool start)
{
	int i, error;

	for (i = 0;; i++) {
		error = ask_once(ask, pass, n, show, answer, got, start);
		if (error != 0 || answer->error != -EAGAIN || i == LOCKED)
			return error;
		poll(NULL, 0, LOCKED_MS);
	}
}

/*
 * Asks about a socket, which is to be or is at this address and port.  The
 * question is too large for the least of stacks.
 */
static int
question(enum ipc_kind kind, int fd, const struct sock *s,
    const struct mp_addr *at, const int pass[IPC_PASS],
    struct ipc_answer *answer, int *got)
{
	struct guard_buf *buf = guard_take();
	struct ipc_ask *ask;
	int n, error;

	*got = -1;
	if (buf == NULL)
		return -ENOBUFS;
	ask = (struct ipc_ask *)(void *)buf->packet;
	fill(ask, kind, s);
	ask->port = at->port;
	ask->stay = kind == IPC_HELLO;
	if (kind == IPC_ASK)
		ask->local = *at;
	if (fd >= 0)
		ask->inode = inode(fd);
	for (n = 0; n < IPC_PASS && pass != NULL && pass[n] >= 0; n++)
		continue;
	error = ask_agent(ask, pass, n, fd, answer, got,
	    kind == IPC_OPEN || kind == IPC_HELLO);
	guard_give(buf);
	return error;
}

/* The memory of the socket's arena and its slot, if the agent knows it. */
static int
find(int fd, const struct sock *s, struct ipc_answer *answer, int *got)
{
	static const struct mp_addr anywhere;

	return question(IPC_FIND, fd, s, &anywhere, NULL, answer, got);
}

void
join_greet(void)
{
	static const struct sock none;
	static const struct mp_addr anywhere;
	struct ipc_answer answer;
	int got;

	(void)question(IPC_HELLO, -1, &none, &anywhere, NULL, &answer, &got);
	if (got >= 0)
		real_close(got);
}

/* The value as the agent takes it: its length, or -1. */
static int
flatten(struct ipc_ask *ask, const void *value, socklen_t len)
{
	const struct sock_fprog *prog = value;

	if (ask->option == SO_ATTACH_FILTER ||
	    ask->option == SO_ATTACH_REUSEPORT_CBPF) {
		value = prog->filter;
		len = prog->len * (socklen_t)sizeof(*prog->filter);
	}
	if (len > sizeof(ask->value))
		return -1;
	memcpy(ask->value, value, len);
	return (int)len;
}

int
join_option(int fd, int level, int option, const void *value, socklen_t len)
{
	static const struct sock none;
	struct guard_buf *buf = guard_take();
	struct ipc_ask *ask;
	struct ipc_answer answer = { .error = -ENOBUFS };
	int got = -1, n, error = -ENOBUFS;

	if (buf != NULL) {
		ask = (struct ipc_ask *)(void *)buf->packet;
		fill(ask, IPC_SET, &none);
		ask->level = level;
		ask->option = option;
		n = flatten(ask, value, len);
		ask->len = (uint32_t)n;
		error = n < 0 ? -ENOBUFS : ask_agent(ask, &fd, 1, -1, &answer,
		    &got, false);
		guard_give(buf);
	}
	if (got >= 0)
		real_close(got);
	error = error != 0 ? error : answer.error;
	errno = -error;
	return error == 0 ? 0 : -1;
}

int
join_ask(const struct sock *s, const struct mp_addr *a)
{
	struct ipc_answer answer;
	int got, error;

	error = question(IPC_ASK, -1, s, a, NULL, &answer, &got);
	if (got >= 0)
		real_close(got);
	return error != 0 ? -ENOENT : answer.error;
}

/* Maps what the agent gave. */
static int
enter(int fd, struct sock *s, const struct ipc_answer *answer, int memfd)
{
	int error = answer->error;

	if (error == 0 && memfd < 0)
		error = -EPROTO;
	if (error == 0)
		error = answer->slot < MP_SLOTS_MAX ?
		    arena_map(&s->map, memfd) : -EPROTO;
	if (memfd >= 0)
		real_close(memfd);
	if (error != 0)
		return error;
	s->slot = answer->slot;
	(void)net_self(fd, &s->self);
	net_options(fd, s->kernel);
	want_filter(fd, s);
	return 0;
}

/* Has another process opened it, which has the socket from a fork? */
static bool
known_already(int fd, struct sock *s)
{
	struct ipc_answer found;
	int got;

	return !fdtab_first() && find(fd, s, &found, &got) == 0 &&
	    enter(fd, s, &found, got) == 0;
}

static int
open_port(int fd, struct sock *s, struct ipc_answer *answer)
{
	struct mp_addr a;
	int ctl[IPC_PASS] = { -1, -1 }, got = -1, error;

	error = join_autobind(fd, s);
	if (error == 0)
		error = join_name(fd, &a);
	if (error != 0)
		return error;
	if (known_already(fd, s)) /* another process was first */
		return 0;
	if (!s->second) {
		ctl[0] = join_control_socket(fd, s);
		if (ctl[0] < 0)
			return ctl[0];
		/* One that was bound before we knew it. */
		(void)steer_first(ctl[0]);
	}
	error = question(IPC_OPEN, fd, s, &a, ctl, answer, &got);
	if (ctl[0] >= 0)
		real_close(ctl[0]);
	return error != 0 ? error : enter(fd, s, answer, got);
}

/* Is there anything left to hear of, or is the peer there for sure? */
static bool
in_doubt(struct sock *s)
{
	struct mp_session_info info;
	uint32_t session;
	bool doubt;

	if (!guard_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, s->slot, &s->peer);
	doubt = session == MP_NONE ||
	    mp_session_info(&s->map.mp, session, &info) != 0 ||
	    (info.state == MP_S_CONNECTING && info.up_at == 0);
	guard_unlock(s->map.arena);
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
	int ear, error = join_name(fd, &at);

	if (error != 0 || !net_is_any(&at) || net_is_any(&s->local))
		return -EADDRNOTAVAIL;
	memcpy(at.ip, s->local.ip, sizeof(at.ip));
	ear = beside(fd, s, &at);
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
join_hear(int fd, struct sock *s)
{
	struct ipc_answer answer;
	struct mp_addr a;
	int ear[IPC_PASS] = { -1, -1 }, got;

	/* It takes plaintext away that the program may be to get. */
	if (!s->connected || conf_way(&s->peer) != WAY_PROTECT ||
	    conf_plain_besides(&s->peer) ||
	    reach_ask(&s->peer) != REACH_PEER || !in_doubt(s))
		return;
	ear[0] = make_ear(fd, s);
	if (ear[0] < 0)
		return;
	if (join_name(fd, &a) == 0) {
		(void)question(IPC_HEAR, fd, s, &a, ear, &answer, &got);
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
say_refused(const struct ipc_answer *answer, int error)
{
	bool why = answer->text[0] != '\0';

	if (!conf_get()->told)
		log_say(LOG_ERROR, why ? LOG_KEY : LOG_AGENT,
		    "nothing is sent: %s", why ? answer->text :
			error == -EACCES ? "the agent is another user's" :
					   strerror(-error));
}

enum sock_state
join_make(int fd, struct sock *s)
{
	struct ipc_answer answer = { .error = 0 };
	int error, saved = errno;

	if (atomic_load(&s->state) != SOCK_FRESH || !begin_change(s))
		return atomic_load(&s->state);
	if (atomic_load(&s->state) == SOCK_FRESH) {
		error = open_port(fd, s, &answer);
		if (error == 0) {
			if (guard_lock(s->map.arena)) {
				join_publish(s);
				guard_unlock(s->map.arena);
			}
			atomic_store(&s->state, SOCK_JOINED);
			join_hear(fd, s);
		} else {
			atomic_store(&s->state, SOCK_REFUSED);
			say_refused(&answer, error);
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
join_publish(struct sock *s)
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
join_refused(struct sock *s)
{
	struct slot *slot = &s->map.arena->slot[s->slot];

	if (!s->connected || slot->refused == 0)
		return false;
	slot->refused = 0;
	return true;
}

void
join_refresh(struct sock *s)
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

/* --- Sockets that another process made ---------------------------------------- */

struct sock *
join_find(int fd)
{
	struct ipc_answer answer;
	struct sock *s;
	const struct slot *slot;
	int got, error;

	s = fdtab_new();
	if (s == NULL)
		return NULL;
	s->cookie = join_cookie(fd);
	error = find(fd, s, &answer, &got);
	if (error == 0)
		error = enter(fd, s, &answer, got);
	if (error != 0) {
		fdtab_release(s);
		return NULL;
	}
	slot = &s->map.arena->slot[s->slot];
	s->kernel = opts_get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET ? MP_INET :
								     MP_DUAL;
	s->family = slot->family == AF_INET ? AF_INET : AF_INET6;
	s->reuseaddr = slot->reuseaddr;
	s->reuseport = slot->reuseport;
	s->v6only = slot->v6only;
	s->bound = true;
	if (guard_lock(s->map.arena)) {
		s->gen = slot->gen - 1;
		join_refresh(s);
		guard_unlock(s->map.arena);
	}
	want_filter(fd, s);
	atomic_store(&s->state, SOCK_JOINED);
	return s;
}

/* --- An arena whose agent died --------------------------------------------- */

int
join_adopt(int fd, struct sock *s, const int pass[2], struct ipc_answer *answer,
    int *got)
{
	struct mp_addr a;
	int error;

	*got = -1;
	error = join_name(fd, &a);
	if (error != 0)
		return error;
	error = question(IPC_ADOPT, fd, s, &a, pass, answer, got);
	return error != 0 ? error : answer->error;
}

int
join_memfd(int fd, struct sock *s)
{
	struct ipc_answer answer;
	int got, error;

	error = find(fd, s, &answer, &got);
	if (error == 0)
		error = answer.error;
	if (error == 0 && got >= 0)
		return got;
	if (got >= 0)
		real_close(got);
	return error != 0 ? error : -EPROTO;
}
