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

#include "mp.h"
#include "agent.h"
#include "bind_rule.h"
#include "events.h"
#include "group.h"
#include "journal.h"
#include "listener.h"
#include "local_addr.h"
#include "parent.h"
#include "port.h"
#include "refusal.h"
#include "serving.h"
#include "slots.h"
#include "socket_gc.h"
#include "socket_scan.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/uapi.h"

/* The port of the request; NULL: it is not served. */
static struct port *
ipc_handler_port_of(const struct ipc_question *q)
{
	return port_find(q->agent, q->ask.port, q->ask.device);
}

/* Takes a descriptor that came with the request. */
static int
ipc_handler_take(struct ipc_question *q, int i)
{
	int fd = q->got[i];

	q->got[i] = -1;
	return fd;
}

/* The last descriptor that came, which is the socket in question; or -1. */
static int
ipc_handler_last(const struct ipc_question *q)
{
	int i = IPC_PASS;

	while (--i >= 0 && q->got[i] < 0)
		continue;
	return i >= 0 ? q->got[i] : -1;
}

/*
 * A client of the abstract socket must pass the socket in question.  To join a
 * port, its socket must have the owner of the port's: the kernel lets only the
 * same user share a port, but for sockets at different addresses.
 */
static bool
ipc_handler_may(struct ipc_question *q, const struct port *p)
{
	int fd = ipc_handler_last(q);
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
	q->ask.device = net_device(fd);
	return q->ask.port == 0 || (port_fits(q->agent, fd, &q->ask, &at) &&
	    (p == NULL || (fstat(p->control, &other) == 0 &&
	    is.st_uid == other.st_uid)));
}

static int
ipc_handler_give(struct ipc_question *q, struct port *p, int slot)
{
	q->answer.slot = (uint32_t)slot;
	q->give = p->memfd;
	socket_gc_watch(q->agent, q->client, q->pid, q->abstract ||
	    q->ask.stay);
	return 0;
}

/* One more socket of a port that is served. */
static int
ipc_handler_open_more(struct ipc_question *q, struct port *p, bool raced)
{
	int slot = slots_find(p, q->ask.cookie);

	if (slot >= 0)
		return ipc_handler_give(q, p, slot); /* requested twice */
	if (strcmp(p->how.keys, q->ask.keys) != 0) {
		snprintf(q->answer.text, IPC_TEXT,
		    "port %u is in use under other keys", p->number);
		return -EADDRINUSE;
	}
	slot = slots_add(p, &q->ask, q->pid, raced);
	if (slot < 0)
		return slot;
	(void)parent_give(p, &q->ask.local, &q->ask.peer);
	group_steer(p);
	port_due(p);
	return ipc_handler_give(q, p, slot);
}

/* A socket that came with IPC_OPEN, and hears of a closed port for the slot.
 * The kernel would also give it the datagrams of a peer that needs no handshake
 * any more. */
static void
ipc_handler_take_refusal(struct ipc_question *q, struct port *p, int slot,
    bool known)
{
	struct mp_addr at;

	if (!known && q->ask.refusal != 0 && q->got[1] >= 0 &&
	    port_fits(q->agent, q->got[1], &q->ask, &at) &&
	    !net_equal(&at, &p->bound))
		(void)refusal_open(p, (uint32_t)slot,
		    ipc_handler_take(q, 1));
}

static int
ipc_handler_open_new(struct ipc_question *q)
{
	struct port *p;
	int slot, error;
	bool known;

	/* It joined the port, whose last socket was closed since.  Its next
	 * control socket has to be the second of the group: the keeper may not
	 * have closed the old one yet. */
	if (q->got[q->abstract ? 1 : 0] < 0) {
		serving_await_closed(q->agent);
		return -ESTALE;
	}
	error = serving_open(q->agent, &q->ask, ipc_handler_take(q, 0), &p,
	    q->answer.text);
	if (error != 0)
		return error;
	slot = slots_add(p, &q->ask, q->pid, false);
	if (slot < 0) {
		serving_close(p);
		return slot;
	}
	known = parent_give(p, &q->ask.local, &q->ask.peer);
	group_steer(p);
	ipc_handler_take_refusal(q, p, slot, known);
	port_due(p);
	journal("port %u: opened by %s, %d", p->number,
	    p->map.arena->slot[slot].program, (int)q->pid);
	return ipc_handler_give(q, p, slot);
}

static int
on_open(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	unsigned before = p != NULL ? p->nslots : 0;

	if (q->ask.port == 0 || q->ask.port >= AGENT_PORTS ||
	    q->ask.cookie == 0)
		return -EINVAL;
	if (!ipc_handler_may(q, p))
		return -EACCES;
	if (p == NULL)
		return ipc_handler_open_new(q);
	if (!socket_scan_sees(q->agent->scan, p, 0))
		socket_gc_look(q->agent, q->ask.port);
	if (ipc_handler_port_of(q) == NULL) /* its last socket was closed */
		return ipc_handler_open_new(q);
	return ipc_handler_open_more(q, p, p->nslots != before);
}

static int
on_find(struct ipc_question *q)
{
	struct port *p;
	int slot;

	q->ask.port = 0;
	if (!ipc_handler_may(q, NULL))
		return -EACCES;
	LIST_FOREACH(p, &q->agent->ports, entry) {
		slot = slots_find(p, q->ask.cookie);
		if (slot >= 0)
			return ipc_handler_give(q, p, slot);
	}
	return -ENOENT;
}

/* The newest socket of that port number that was opened before, and its record:
 * 0, -ENOENT, or -EAGAIN. */
static int
ipc_handler_next_bound(const struct agent *a, uint32_t number, uint64_t *before,
    struct port **at, struct slot *is)
{
	uint64_t newest = 0;
	struct port *p;
	int i, slot = 0;

	for (p = a->port[number]; p != NULL; p = p->more)
		for (i = 0; i < MP_SLOTS_MAX; i++)
			if (p->slot[i].used && p->slot[i].opened < *before &&
			    p->slot[i].opened > newest) {
				newest = p->slot[i].opened;
				*at = p;
				slot = i;
			}
	if (newest == 0)
		return -ENOENT;
	*before = newest;
	if (!port_lock(*at))
		return -EAGAIN;
	*is = (*at)->map.arena->slot[slot];
	port_unlock(*at);
	return 0;
}

/* May the socket be bound besides those of that port number?  0, -EADDRINUSE,
 * or -ENOENT: none is served. */
static int
ipc_handler_check_bind(const struct ipc_question *q)
{
	uint32_t number = q->ask.port;
	uint64_t before = UINT64_MAX;
	enum bind_rule rule = BIND_RULE_APART;
	struct port *p;
	struct slot is;
	int error = 0;

	if (number >= AGENT_PORTS || q->agent->port[number] == NULL)
		return -ENOENT;
	while (rule == BIND_RULE_APART && (error = ipc_handler_next_bound(
	    q->agent, number, &before, &p, &is)) == 0)
		rule = bind_rule_of(&is, p->device, &q->ask);
	if (error == -EAGAIN)
		return error;
	return rule == BIND_RULE_REFUSED ? -EADDRINUSE : 0;
}

static int
on_may_bind(struct ipc_question *q)
{
	int error = ipc_handler_check_bind(q);

	if (error == -ENOENT)
		serving_await_closed(q->agent);
	if (error != -EADDRINUSE)
		return error;
	/* Does the socket that forbids it still exist? */
	socket_gc_look(q->agent, q->ask.port);
	serving_await_closed(q->agent);
	return ipc_handler_check_bind(q);
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
		return slot >= 0 ? ipc_handler_give(q, p, slot) : -EADDRINUSE;
	}
	control = ipc_handler_take(q, 0);
	memfd = ipc_handler_take(q, 1);
	error = serving_recover(q->agent, &q->ask, 0, memfd, control, &p,
	    q->answer.text);
	if (error != 0)
		return error;
	journal("port %u: adopted", p->number);
	slot = slots_find(p, q->ask.cookie);
	socket_gc_look(q->agent, q->ask.port);
	if (ipc_handler_port_of(q) != p || slot < 0)
		return -ENOENT;
	return ipc_handler_give(q, p, slot);
}

static int
on_refusal_socket(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);
	int slot = p != NULL ? slots_find(p, q->ask.cookie) : -1;
	struct mp_addr at;

	if (slot < 0)
		return -ENOENT;
	if (!ipc_handler_may(q, p))
		return -EACCES;
	/* At the port's own address it would be in the port's group. */
	if (q->got[0] < 0 || !port_fits(q->agent, q->got[0], &q->ask, &at) ||
	    net_equal(&at, &p->bound))
		return -EBADF;
	if (parent_give(p, &q->ask.local, &q->ask.peer))
		return 0;
	return refusal_open(p, (uint32_t)slot, ipc_handler_take(q, 0));
}

/* The options that the library sets. */
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
ipc_handler_may_set(int level, int option)
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
	    !ipc_handler_may_set(q->ask.level, q->ask.option))
		return -EINVAL;
	if (q->got[0] < 0 || !port_is_udp(q->agent, q->got[0]))
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

/* The socket of a slot was bound to another device: it moves to a port of its
 * own, with this control socket.  Linux took it out of the group. */
static int
ipc_handler_move(struct ipc_question *q, struct port *p, int slot, int control)
{
	struct port *to;
	int error;

	q->ask.port = p->number;
	error = serving_open(q->agent, &q->ask, control, &to, q->answer.text);
	if (error != 0)
		return error;
	slots_drop(p, UINT32_C(1) << slot);
	group_steer(p);
	slot = slots_add(to, &q->ask, q->pid, false);
	if (slot < 0) {
		serving_close(to);
		return slot;
	}
	group_steer(to);
	port_due(to);
	journal("port %u: slot %d is at another device", to->number, slot);
	return ipc_handler_give(q, to, slot);
}

static int
on_links(struct ipc_question *q)
{
	int slot = -1, fd = ipc_handler_last(q);
	struct port *p;

	q->ask.port = 0;
	if (!ipc_handler_may(q, NULL))
		return -EACCES;
	LIST_FOREACH(p, &q->agent->ports, entry)
		if ((slot = slots_find(p, q->ask.cookie)) >= 0)
			break;
	if (p == NULL)
		return -ENOENT;
	if (fd < 0 || !port_is_udp(q->agent, fd))
		return -EBADF;
	q->ask.device = net_device(fd);
	if (q->ask.device != p->device) {
		/* Two groups of one device would not share its packets. */
		if (port_find(q->agent, p->number, q->ask.device) != NULL)
			return -EBUSY;
		if (q->got[1] < 0)
			return -EXDEV;
		if (p->nslots > 1)
			return ipc_handler_move(q, p, slot,
			    ipc_handler_take(q, 0));
		if (serving_replace(&p, ipc_handler_take(q, 0)) != 0)
			return -EBADF;
	}
	local_addr_exclude(p, q->ask.no_interfaces);
	local_addr_tell(q->agent->netmon, p);
	port_due(p);
	return 0;
}

static int
on_file(struct ipc_question *q)
{
	if (q->abstract)
		return -EACCES;
	q->made = serving_new_file((size_t)q->ask.len * IPC_PAGE);
	return q->made < 0 ? q->made : 0;
}

static int
on_steer(struct ipc_question *q)
{
	struct port *p = ipc_handler_port_of(q);

	if (p == NULL || slots_find(p, q->ask.cookie) < 0)
		return -ENOENT;
	if (!ipc_handler_may(q, p))
		return -EACCES;
	group_steer(p);
	port_due(p);
	return 0;
}

static int
on_drain(struct ipc_question *q)
{
	struct port *p;
	int error = 0;

	if (q->abstract)
		return -EACCES;
	q->agent->draining = q->ask.len != 0;
	LIST_FOREACH(p, &q->agent->ports, entry) {
		if (!port_lock(p)) {
			error = -EAGAIN; /* of this one; the others do */
			continue;
		}
		mp_drain(&p->map.mp, q->ask.len != 0);
		port_unlock(p);
	}
	return error;
}

static int
on_closing(struct ipc_question *q)
{
	socket_gc_run(q->agent);
	serving_await_closed(q->agent);
	return 0;
}

/* ipc_server.c handles those that it can accept. */
static int
on_events(struct ipc_question *q)
{
	if (q->abstract)
		return -EPERM;
	snprintf(q->answer.text, IPC_TEXT,
	    "%d others follow the events already", EVENTS_READERS);
	return -EBUSY;
}

static int
on_hello(struct ipc_question *q)
{
	if (q->ask.stay)
		socket_gc_watch(q->agent, q->client, q->pid, true);
	snprintf(q->answer.text, IPC_TEXT, "%s", agent_version);
	return 0;
}

static int (*const handler[])(struct ipc_question *) = {
	[IPC_HELLO] = on_hello,
	[IPC_OPEN] = on_open,
	[IPC_FIND] = on_find,
	[IPC_MAY_BIND] = on_may_bind,
	[IPC_ADOPT] = on_adopt,
	[IPC_CLOSING] = on_closing,
	[IPC_SET] = on_set,
	[IPC_REFUSAL] = on_refusal_socket,
	[IPC_LINKS] = on_links,
	[IPC_EVENTS] = on_events,
	[IPC_FILE] = on_file,
	[IPC_STEER] = on_steer,
	[IPC_DRAIN] = on_drain,
};

enum { HANDLERS = sizeof(handler) / sizeof(handler[0]) };

static void
ipc_handler_terminate_strings(struct ipc_request *ask)
{
	ask->keys[sizeof(ask->keys) - 1] = '\0';
	ask->interfaces[sizeof(ask->interfaces) - 1] = '\0';
	ask->no_interfaces[sizeof(ask->no_interfaces) - 1] = '\0';
	ask->program[sizeof(ask->program) - 1] = '\0';
}

static int
ipc_handler_run(struct ipc_question *q)
{
	const struct listener *d = q->agent->listener;

	if (q->ask.version != IPC_VERSION) {
		snprintf(q->answer.text, IPC_TEXT,
		    "the agent that runs is of another version");
		return -EPROTO;
	}
	ipc_handler_terminate_strings(&q->ask);
	memcpy(q->answer.abstract, d->name, sizeof(q->answer.abstract));
	if (d->name[0] != '\0')
		listener_token(d, q->ask.keys, q->answer.token);
	if (q->ask.kind >= HANDLERS || handler[q->ask.kind] == NULL)
		return -EINVAL;
	return handler[q->ask.kind](q);
}

void
ipc_handler_no_descriptors(struct ipc_question *q)
{
	q->answer.error = -EMFILE;
	snprintf(q->answer.text, IPC_TEXT,
	    "the agent may have no more descriptors (ulimit -n)");
}

void
ipc_handler_answer(struct ipc_question *q)
{
	q->answer.version = IPC_VERSION;
	q->answer.pid = (uint32_t)getpid();
	q->answer.error = ipc_handler_run(q);
	if (q->answer.error == -EMFILE && q->answer.text[0] == '\0')
		ipc_handler_no_descriptors(q);
	if (q->answer.error == 0)
		return;
	q->give = -1;
	journal("request %u of %d, port %u: %s %s", q->ask.kind, (int)q->pid,
	    q->ask.port, strerror(-q->answer.error), q->answer.text);
	if (q->answer.text[0] != '\0' && q->ask.kind != IPC_EVENTS)
		events_error(q->agent->events, q->ask.port, q->answer.text);
}
