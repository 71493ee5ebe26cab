/* SPDX-License-Identifier: ISC */
#include "ipc_handler.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "refusal.h"
#include "events.h"
#include "journal.h"
#include "shared/net.h"
#include "pump.h"
#include "bind_rule.h"
#include "slots.h"
#include "shared/uapi.h"
#include "worker.h"

/* The port that is asked for; NULL: there is none. */
static struct port *
ipc_handler_port_of(const struct ipc_question *q)
{
	return q->ask.port > 0 && q->ask.port < AGENT_PORTS ?
	    q->agent->port[q->ask.port] : NULL;
}

/* Takes a descriptor that came. */
static int
ipc_handler_take(struct ipc_question *q, int i)
{
	int fd = q->got[i];

	q->got[i] = -1;
	return fd;
}

/* The last descriptor that came, not ours to close; or -1. */
static int
last(const struct ipc_question *q)
{
	int i = IPC_PASS;

	while (--i >= 0 && q->got[i] < 0)
		continue;
	return i >= 0 ? q->got[i] : -1;
}

/*
 * Who comes by the abstract socket holds the socket that he asks about.  If it
 * is to share a port that we serve, it has the owner of the port: the kernel
 * lets no others share one, but at other addresses.
 */
static bool
holds(struct ipc_question *q, const struct port *p)
{
	int fd = last(q);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	struct mp_addr at;
	struct stat is, other;

	if (!q->abstract)
		return true;
	if (fd < 0 || fstat(fd, &is) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0 ||
	    cookie != q->ask.cookie)
		return false;
	q->ask.inode = is.st_ino;
	return q->ask.port == 0 || (port_fits(q->agent, fd, &q->ask, &at) &&
	    (p == NULL || (fstat(p->control, &other) == 0 &&
	    is.st_uid == other.st_uid)));
}

static int
found(struct ipc_question *q, struct port *p, int slot)
{
	q->answer.slot = (uint32_t)slot;
	q->give = p->memfd;
	socket_scan_watch(q->agent, q->client, q->pid, q->abstract ||
	    q->ask.stay);
	return 0;
}

/* A socket more on a port that we serve. */
static int
open_more(struct ipc_question *q, struct port *p, bool raced)
{
	int slot = slots_find(p, q->ask.cookie);

	if (slot >= 0)
		return found(q, p, slot); /* asked twice */
	if (strcmp(p->how.keys, q->ask.keys) != 0) {
		snprintf(q->answer.text, IPC_TEXT,
		    "port %u is in use under other keys", p->number);
		return -EADDRINUSE;
	}
	slot = slots_add(p, &q->ask, q->pid, raced);
	if (slot < 0)
		return slot;
	pump_port(p);
	return found(q, p, slot);
}

static int
open_new(struct ipc_question *q)
{
	struct port *p;
	int slot, error;

	error = port_open(q->agent, &q->ask, ipc_handler_take(q, 0), &p,
	    q->answer.text);
	if (error != 0)
		return error;
	slot = slots_add(p, &q->ask, q->pid, false);
	if (slot < 0) {
		port_close(p);
		return slot;
	}
	pump_port(p);
	journal("port %u: opened by %s, %d", p->number,
	    p->map.arena->slot[slot].program, (int)q->pid);
	return found(q, p, slot);
}

static int
on_open(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	unsigned before = p != NULL ? p->nslots : 0;

	if (q->ask.port == 0 || q->ask.port >= AGENT_PORTS ||
	    q->ask.cookie == 0)
		return -EINVAL;
	if (!holds(q, p))
		return -EACCES;
	if (p == NULL)
		return open_new(q);
	socket_scan_now(q->agent);
	if (ipc_handler_port_of(q) == NULL) /* its last socket had gone */
		return open_new(q);
	return open_more(q, p, p->nslots != before);
}

static int
on_find(struct ipc_question *q)
{
	struct port *p;
	int slot;

	q->ask.port = 0;
	if (!holds(q, NULL))
		return -EACCES;
	LIST_FOREACH(p, &q->agent->ports, entry) {
		slot = slots_find(p, q->ask.cookie);
		if (slot >= 0)
			return found(q, p, slot);
	}
	return -ENOENT;
}

/* -EADDRINUSE: a socket of the port rules it out. */
static int
judge(struct port *p, const struct ipc_request *ask)
{
	struct slot is;
	int i, error = 0;

	if (!port_lock(p))
		return -EAGAIN;
	for (i = 0; i < MP_SLOTS_MAX && error == 0; i++) {
		if (!p->slot[i].used)
			continue;
		is = p->map.arena->slot[i];
		if (!bind_rule_allows(&is, ask))
			error = -EADDRINUSE;
	}
	port_unlock(p);
	return error;
}

static int
on_ask(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	int error;

	if (p == NULL)
		return -ENOENT;
	error = judge(p, &q->ask);
	if (error != -EADDRINUSE)
		return error;
	socket_scan_now(q->agent); /* is who rules it out still there? */
	p = ipc_handler_port_of(q);
	return p == NULL ? -ENOENT : judge(p, &q->ask);
}

static int
on_adopt(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	int slot, error, control, memfd;

	if (q->abstract)
		return -EACCES;
	if (q->ask.port == 0 || q->ask.port >= AGENT_PORTS)
		return -EINVAL;
	if (p != NULL) { /* another process of the port was first */
		slot = slots_find(p, q->ask.cookie);
		return slot >= 0 ? found(q, p, slot) : -EADDRINUSE;
	}
	control = ipc_handler_take(q, 0);
	memfd = ipc_handler_take(q, 1);
	error = port_recover(q->agent, &q->ask, 0, memfd, control, &p,
	    q->answer.text);
	if (error != 0)
		return error;
	journal("port %u: adopted", p->number);
	slot = slots_find(p, q->ask.cookie);
	socket_scan_now(q->agent);
	if (ipc_handler_port_of(q) != p || slot < 0)
		return -ENOENT;
	return found(q, p, slot);
}

static int
on_hear(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	int slot = p != NULL ? slots_find(p, q->ask.cookie) : -1;
	struct mp_addr at;

	if (slot < 0)
		return -ENOENT;
	if (!holds(q, p))
		return -EACCES;
	/* One at the port's own address would be of its group. */
	if (q->got[0] < 0 || !port_fits(q->agent, q->got[0], &q->ask, &at) ||
	    net_equal(&at, &p->bound))
		return -EBADF;
	return refusal_open(p, (uint32_t)slot, ipc_handler_take(q, 0));
}

/* What the library sets of a socket. */
static const int settable[][2] = {
	{ SOL_SOCKET, SO_ATTACH_FILTER },
	{ SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF },
	{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_REUSEPORT },
	{ SOL_SOCKET, SO_TIMESTAMPNS }, { SOL_SOCKET, SO_TIMESTAMPING },
	{ SOL_SOCKET, SO_TIMESTAMPING_NEW },
	{ IPPROTO_IP, IP_PKTINFO }, { IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_RECVTOS }, { IPPROTO_IP, IP_RECVTTL },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER }, { IPPROTO_IPV6, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO }, { IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_TCLASS }, { IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_UDP, UDP_GRO },
};

static bool
may_set(int level, int option)
{
	size_t i;

	for (i = 0; i < sizeof(settable) / sizeof(settable[0]); i++)
		if (settable[i][0] == level && settable[i][1] == option)
			return true;
	return false;
}

static int
on_set(struct ipc_question *q)
{
	struct sock_fprog prog = { .filter =
		(struct sock_filter *)(void *)q->ask.value };
	const void *value = q->ask.value;
	socklen_t len = q->ask.len;

	if (len > sizeof(q->ask.value) ||
	    !may_set(q->ask.level, q->ask.option))
		return -EINVAL;
	if (q->got[0] < 0 || !port_udp(q->agent, q->got[0]))
		return -EBADF;
	if (q->ask.option == SO_ATTACH_FILTER ||
	    q->ask.option == SO_ATTACH_REUSEPORT_CBPF) {
		prog.len = (unsigned short)(len / sizeof(*prog.filter));
		value = &prog;
		len = sizeof(prog);
	}
	return setsockopt(q->got[0], q->ask.level, q->ask.option, value,
	    len) == 0 ? 0 : -errno;
}

static int
on_look(struct ipc_question *q)
{
	socket_scan_now(q->agent);
	return 0;
}

/* Those who can be heard do not come here. */
static int
on_events(struct ipc_question *q)
{
	if (q->abstract)
		return -EPERM;
	snprintf(q->answer.text, IPC_TEXT, "%d others follow the events already",
	    EVENTS_READERS);
	return -EBUSY;
}

static int
on_hello(struct ipc_question *q)
{
	if (q->ask.stay)
		socket_scan_watch(q->agent, q->client, q->pid, true);
	snprintf(q->answer.text, IPC_TEXT, "%s", worker_version);
	return 0;
}

static int (*const handler[])(struct ipc_question *) = {
	[IPC_HELLO] = on_hello,
	[IPC_OPEN] = on_open,
	[IPC_FIND] = on_find,
	[IPC_MAY_BIND] = on_ask,
	[IPC_ADOPT] = on_adopt,
	[IPC_CLOSING] = on_look,
	[IPC_SET] = on_set,
	[IPC_REFUSAL] = on_hear,
	[IPC_EVENTS] = on_events,
};

enum { HANDLERS = sizeof(handler) / sizeof(handler[0]) };

/* Strings from outside end somewhere. */
static void
terminate_strings(struct ipc_request *ask)
{
	ask->keys[sizeof(ask->keys) - 1] = '\0';
	ask->interfaces[sizeof(ask->interfaces) - 1] = '\0';
	ask->no_interfaces[sizeof(ask->no_interfaces) - 1] = '\0';
	ask->program[sizeof(ask->program) - 1] = '\0';
}

static int
decide(struct ipc_question *q)
{
	const struct listener *d = q->agent->at;

	if (q->ask.version != IPC_VERSION) {
		snprintf(q->answer.text, IPC_TEXT,
		    "the agent that runs is of another version");
		return -EPROTO;
	}
	terminate_strings(&q->ask);
	memcpy(q->answer.abstract, d->name, sizeof(q->answer.abstract));
	if (d->name[0] != '\0')
		listener_token(d, q->ask.keys, q->answer.token);
	if (q->ask.kind >= HANDLERS || handler[q->ask.kind] == NULL)
		return -EINVAL;
	return handler[q->ask.kind](q);
}

void
ipc_handler_answer(struct ipc_question *q)
{
	q->answer.version = IPC_VERSION;
	q->answer.pid = (uint32_t)getpid();
	q->answer.error = decide(q);
	if (q->answer.error == 0)
		return;
	q->give = -1;
	journal("question %u of %d, port %u: %s %s", q->ask.kind, (int)q->pid,
	    q->ask.port, strerror(-q->answer.error), q->answer.text);
	if (q->answer.text[0] != '\0' && q->ask.kind != IPC_EVENTS)
		events_error(q->agent, q->ask.port, q->answer.text);
}
