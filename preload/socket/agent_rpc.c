/* SPDX-License-Identifier: ISC */
#include "agent_rpc.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "fdtab.h"
#include "ksock.h"
#include "mp.h"
#include "patience.h"
#include "policy/conf.h"
#include "process/reentry.h"
#include "process/spawn_agent.h"
#include "shared/net.h"
#include "shared/raw.h"
#include "shared/real.h"
#include "shared/seccomp.h"

enum {
	TRIES = 3,	/* to start an agent and ask it */
	LOCKED = 200,	/* to ask again while the port's lock is taken */
	LOCKED_MS = 5,	/* pause before that */
	TIGHT_SESSIONS = 4096, /* of a port, where address space is limited */
};

/* Is the address space of this process limited (ulimit -v)?  An arena with all
 * the sessions that a port may have takes 700 MB of it, of which only what is
 * used is ever memory. */
static bool
agent_rpc_is_tight(void)
{
	struct rlimit limit;
	int saved = errno;
	bool tight;

	tight = !SECCOMP_ALLOWS(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) ||
	    RAW(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) != 0 ||
	    limit.rlim_cur != RLIM_INFINITY;
	errno = saved;
	return tight;
}

static void
agent_rpc_fill(struct ipc_request *ask, enum ipc_kind kind,
    const struct sock *s)
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
	ask->connected = s->connected;
	ask->peer = s->connected ? s->peer : s->first;
	ask->prefix = s->prefix;
	memcpy(ask->arena_token, s->token, sizeof(ask->arena_token));
	ask->tell_private = conf->set.tell_private;
	ask->server = conf->set.server;
	ask->sessions = conf->set.sessions;
	if (ask->sessions == 0 && kind == IPC_OPEN && agent_rpc_is_tight())
		ask->sessions = TIGHT_SESSIONS;
	ask->memory = conf->set.memory;
	ask->resend_us = conf->set.resend_us;
	memcpy(ask->keys, conf->keys, sizeof(ask->keys));
	memcpy(ask->interfaces, conf->set.interfaces,
	    sizeof(ask->interfaces));
	memcpy(ask->no_interfaces, conf->set.no_interfaces,
	    sizeof(ask->no_interfaces));
	memcpy(ask->program, conf->program, sizeof(ask->program));
}

/* Does this error of ipc_call() say that no agent listens? */
static bool
agent_rpc_no_agent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED ||
	    error == -ECONNRESET || error == -EPIPE || error == -EPROTO;
}

/* Asks the agent, and waits so long for an answer; if there is none and `start'
 * is set, starts it. */
static int
agent_rpc_ask_once(unsigned ms, struct ipc_request *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got, bool start)
{
	int i, error = -ENOENT;

	for (i = 0; i < TRIES; i++) {
		error = ipc_call_within(ms, ask, pass, n, show, answer, got);
		if (error == 0 || !agent_rpc_no_agent(error) || !start)
			return error;
		error = spawn_agent(ask->kind == IPC_HELLO);
		if (error != 0)
			return error;
	}
	/* It runs, but is not ready yet, or gone again. */
	return error == -EPROTO ? error : -EAGAIN;
}

/* The same until the agent gets the port's lock (-EAGAIN), for which it does
 * not wait itself: the owner may not be running just now. */
static int
agent_rpc_ask(unsigned ms, struct ipc_request *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got, bool start)
{
	int i, error;

	for (i = 0;; i++) {
		error = agent_rpc_ask_once(ms, ask, pass, n, show, answer, got,
		    start);
		if (error != 0 || answer->error != -EAGAIN || i == LOCKED)
			return error;
		real_poll(NULL, 0, LOCKED_MS);
	}
}

/* The request lies in a buffer of the thread: small stacks have no room. */
static int
agent_rpc_about(enum ipc_kind kind, int fd, const struct sock *s,
    const struct mp_addr *at, const int pass[IPC_PASS], bool refusal,
    struct ipc_answer *answer, int *got)
{
	struct reentry_buf *buf = reentry_take();
	struct ipc_request *ask;
	int n, error;

	*got = -1;
	if (buf == NULL)
		return -ENOBUFS;
	ask = (struct ipc_request *)(void *)buf->packet;
	agent_rpc_fill(ask, kind, s);
	ask->port = at->port;
	ask->stay = kind == IPC_HELLO;
	ask->refusal = refusal;
	if (kind == IPC_MAY_BIND)
		ask->local = *at;
	if (fd >= 0) {
		ask->inode = ksock_inode(fd);
		ask->device = ksock_device(fd);
	}
	for (n = 0; n < IPC_PASS && pass != NULL && pass[n] >= 0; n++)
		continue;
	error = agent_rpc_ask(patience_ms(s), ask, pass, n, fd, answer, got,
	    kind == IPC_OPEN || kind == IPC_HELLO);
	reentry_give(buf);
	return error;
}

int
agent_rpc(enum ipc_kind kind, int fd, const struct sock *s,
    const struct mp_addr *at, const int pass[IPC_PASS],
    struct ipc_answer *answer, int *got)
{
	return agent_rpc_about(kind, fd, s, at, pass, false, answer, got);
}

int
agent_rpc_open(int fd, const struct sock *s, const struct mp_addr *at,
    int control, int refusal, struct ipc_answer *answer, int *got)
{
	const int pass[IPC_PASS] = { control, refusal, -1 };

	return agent_rpc_about(IPC_OPEN, fd, s, at, pass,
	    control >= 0 && refusal >= 0, answer, got);
}

int
agent_rpc_find(int fd, const struct sock *s, struct ipc_answer *answer,
    int *got)
{
	static const struct mp_addr anywhere;

	return agent_rpc(IPC_FIND, fd, s, &anywhere, NULL, answer, got);
}

void
agent_rpc_greet(void)
{
	static const struct sock none;
	static const struct mp_addr anywhere;
	struct ipc_answer answer;
	int got;

	(void)agent_rpc(IPC_HELLO, -1, &none, &anywhere, NULL, &answer, &got);
	if (got >= 0)
		real_close(got);
}

/* Copies the value into the request, of a filter its instructions: the length,
 * or -1. */
static int
agent_rpc_put_value(struct ipc_request *ask, const void *value, socklen_t len)
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
agent_rpc_option(int fd, int level, int option, const void *value,
    socklen_t len)
{
	static const struct sock none;
	struct reentry_buf *buf = reentry_take();
	struct ipc_request *ask;
	struct ipc_answer answer = { .error = -ENOBUFS };
	int got = -1, n, error = -ENOBUFS;

	if (buf != NULL) {
		ask = (struct ipc_request *)(void *)buf->packet;
		agent_rpc_fill(ask, IPC_SET, &none);
		ask->level = level;
		ask->option = option;
		n = agent_rpc_put_value(ask, value, len);
		ask->len = (uint32_t)n;
		error = n < 0 ? -ENOBUFS : agent_rpc_ask(IPC_WAIT_MS, ask, &fd,
		    1, -1,
		    &answer, &got, false);
		reentry_give(buf);
	}
	if (got >= 0)
		real_close(got);
	error = error != 0 ? error : answer.error;
	errno = -error;
	return error == 0 ? 0 : -1;
}

int
agent_rpc_may_bind(int fd, const struct sock *s, const struct mp_addr *a)
{
	struct ipc_answer answer;
	int got, error, i = 0;

	do {
		error = agent_rpc(IPC_MAY_BIND, fd, s, a, NULL, &answer, &got);
		if (got >= 0)
			real_close(got);
	} while (patience_unanswered(error) && ++i < PATIENCE_TRIES);
	if (patience_unanswered(error)) /* it may be one of ours */
		return -EADDRINUSE;
	return error != 0 ? -ENOENT : answer.error;
}

int
agent_rpc_adopt(int fd, struct sock *s, const int pass[IPC_PASS],
    struct ipc_answer *answer, int *got)
{
	struct mp_addr a;
	int error;

	*got = -1;
	error = ksock_name(fd, &a);
	if (error != 0)
		return error;
	error = agent_rpc(IPC_ADOPT, fd, s, &a, pass, answer, got);
	return error != 0 ? error : answer->error;
}

/* The memory file that came with an answer: its descriptor, or a negative errno;
 * `error': of the question. */
static int
agent_rpc_file_of(const struct ipc_answer *answer, int got, int error)
{
	if (error == 0)
		error = answer->error;
	if (error == 0 && got >= 0)
		return got;
	if (got >= 0)
		real_close(got);
	return error != 0 ? error : -EPROTO;
}

int
agent_rpc_file(size_t size)
{
	static const struct sock none;
	struct reentry_buf *buf = reentry_take();
	struct ipc_request *ask;
	struct ipc_answer answer;
	int got = -1, error;

	if (buf == NULL)
		return -ENOBUFS;
	ask = (struct ipc_request *)(void *)buf->packet;
	agent_rpc_fill(ask, IPC_FILE, &none);
	ask->len = (uint32_t)(size / IPC_PAGE);
	error = agent_rpc_ask(IPC_WAIT_MS, ask, NULL, 0, -1, &answer,
	    &got, false);
	reentry_give(buf);
	return agent_rpc_file_of(&answer, got, error);
}

int
agent_rpc_memfd(int fd, struct sock *s)
{
	struct ipc_answer answer;
	int got, error;

	error = agent_rpc_find(fd, s, &answer, &got);
	return agent_rpc_file_of(&answer, got, error);
}
