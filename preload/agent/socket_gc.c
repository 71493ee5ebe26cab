/* SPDX-License-Identifier: ISC */
#include "socket_gc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "group.h"
#include "keyring.h"
#include "loop.h"
#include "port.h"
#include "serving.h"
#include "slots.h"
#include "socket_scan.h"
#include "shared/arena.h"
#include "shared/uapi.h"

enum {
	PORT_DEVICES = 32, /* ports of one number that are looked at */
	PARTING_US = 50000, /* between looks while a slot parts */
	ENDED_US = 50000, /* from a process's end until its sockets are gone */
};

struct process {
	LIST_ENTRY(process) entry;
	struct watch watch;
	struct alarm gone;
	struct agent *agent;
	int fd; /* a pidfd */
	pid_t pid;
	bool stay;
	bool ended;
};

/* --- Closed sockets ------------------------------------------------------- */

static bool
socket_gc_any_parting(const struct agent *a)
{
	const struct port *p;

	LIST_FOREACH(p, &a->ports, entry)
		if (p->parting != 0)
			return true;
	return false;
}

/* Frees a port without a slot. */
static void
socket_gc_close(struct port *p)
{
	slots_part(p);
	if (p->nslots == 0 && p->parting == 0)
		serving_close(p);
}

/* Brings a port in line with what a scan found of it.  May close that port, and
 * no other. */
static void
socket_gc_apply(const struct socket_scan_port *found)
{
	struct port *p = found->port;
	uint32_t gone = socket_scan_missing(found);
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if ((found->found >> i & 1) != 0)
			p->slot[i].drops = found->drops[i];
	if (gone != 0) {
		slots_drop(p, gone);
		group_steer(p);
	}
	socket_gc_close(p);
}

/* All ports, to be scanned; NULL: no memory. */
static struct socket_scan_port *
socket_gc_list_ports(const struct agent *a)
{
	struct socket_scan_port *list = calloc(a->nports, sizeof(*list));
	struct port *p;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	LIST_FOREACH(p, &a->ports, entry)
		list[n++].port = p;
	return list;
}

void
socket_gc_run(struct agent *a)
{
	uint64_t began = arena_now();
	size_t i, n = a->nports;
	struct socket_scan_port *found;

	if (n == 0 || (found = socket_gc_list_ports(a)) == NULL)
		return;
	if (socket_scan_read(a->scan, found, n)) {
		for (i = 0; i < n; i++)
			socket_gc_apply(&found[i]);
		if (socket_gc_any_parting(a))
			alarm_by(&a->loop, &a->scan_all, began + PARTING_US);
		socket_scan_ended(a->scan, began);
	}
	free(found);
}

void
socket_gc_look(struct agent *a, unsigned number)
{
	struct socket_scan_port found[PORT_DEVICES];
	struct port *p;
	size_t n = 0, i;

	for (p = a->port[number]; p != NULL && n < PORT_DEVICES; p = p->more)
		found[n++] = (struct socket_scan_port) { .port = p };
	if (n == 0 || !socket_scan_read(a->scan, found, n))
		return;
	for (i = 0; i < n; i++)
		socket_gc_apply(&found[i]);
	if (socket_gc_any_parting(a))
		alarm_by(&a->loop, &a->scan_all, arena_now() + PARTING_US);
}

void
socket_gc_ended(struct agent *a, unsigned port, uint64_t cookie)
{
	struct port *p = port < AGENT_PORTS ? a->port[port] : NULL;
	int slot = -1;

	for (; p != NULL; p = p->more)
		if ((slot = slots_find(p, cookie)) >= 0)
			break;
	if (p == NULL)
		return;
	if (p->nslots > 1 &&
	    !socket_scan_sees(a->scan, p, UINT32_C(1) << slot)) {
		socket_scan_next(a->scan);
		return;
	}
	slots_drop(p, UINT32_C(1) << slot);
	if (p->nslots > 0)
		group_steer(p);
	if (p->parting != 0)
		alarm_by(&a->loop, &a->scan_all, arena_now() + PARTING_US);
	socket_gc_close(p);
}

/* Looks at ports with slots that part, without a scan. */
static void
socket_gc_part(struct agent *a)
{
	struct port *p, *next;

	LIST_FOREACH_SAFE(p, &a->ports, entry, next)
		if (p->parting != 0)
			socket_gc_close(p);
}

/* --- Processes ------------------------------------------------------------ */

static void
process_free(struct process *p)
{
	watch_end(&p->agent->loop, &p->watch);
	alarm_end(&p->agent->loop, &p->gone);
	close(p->fd);
	LIST_REMOVE(p, entry);
	if (p->stay)
		p->agent->staying--;
	free(p);
}

/* No port is left: of no process the end matters, but of those that the agent
 * stays for. */
static void
socket_gc_forget_processes(struct agent *a)
{
	struct process *p, *next;

	LIST_FOREACH_SAFE(p, &a->processes, entry, next)
		if (!p->stay)
			process_free(p);
}

static void
on_process_end(struct watch *w, uint32_t events)
{
	struct process *p = OWNER(w, struct process, watch);
	struct agent *a = p->agent;

	(void)events;
	p->ended = true;
	watch_end(&a->loop, w);
	alarm_set(&a->loop, &p->gone, arena_now() +
	    (a->scan->heard ? ENDED_US : 0));
}

/* Is a slot in the name of this process? */
static bool
socket_gc_has_slot(const struct agent *a, pid_t pid)
{
	const struct port *p;
	int i;

	LIST_FOREACH(p, &a->ports, entry)
		for (i = 0; i < MP_SLOTS_MAX; i++)
			if (p->slot[i].used && p->map.arena->slot[i].pid ==
			    (uint32_t)pid)
				return true;
	return false;
}

static void
on_process_gone(struct alarm *alarm, uint64_t now)
{
	struct process *p = OWNER(alarm, struct process, gone);
	struct agent *a = p->agent;
	pid_t pid = p->pid;

	(void)now;
	process_free(p);
	agent_settle(a);
	if (!a->scan->heard || socket_gc_has_slot(a, pid))
		socket_scan_next(a->scan);
}

static int
process_open(int client, pid_t pid)
{
	int fd = -1;
	socklen_t len = sizeof(fd);

	if (client >= 0 &&
	    getsockopt(client, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0)
		return fd;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

void
socket_gc_watch(struct agent *a, int client, pid_t pid, bool stay)
{
	struct process *p;
	int fd;

	LIST_FOREACH(p, &a->processes, entry)
		if (p->pid == pid && !p->ended) {
			a->staying += stay && !p->stay;
			p->stay |= stay;
			return;
		}
	fd = process_open(client, pid);
	if (fd < 0)
		return; /* the scan of each second finds its sockets gone */
	p = calloc(1, sizeof(*p));
	if (p == NULL || alarm_begin(&a->loop, &p->gone, on_process_gone) !=
	    0 || watch_begin(&a->loop, &p->watch, fd, EPOLLIN,
	    on_process_end) != 0) {
		if (p != NULL)
			alarm_end(&a->loop, &p->gone);
		free(p);
		close(fd);
		return;
	}
	p->agent = a;
	p->fd = fd;
	p->pid = pid;
	p->stay = stay;
	a->staying += stay;
	LIST_INSERT_HEAD(&a->processes, p, entry);
}

/* --- Alarms --------------------------------------------------------------- */

static void
on_scan_again(struct alarm *alarm, uint64_t now)
{
	struct socket_scan *s = OWNER(alarm, struct socket_scan, again);

	socket_scan_rang(s, now);
	socket_gc_run(s->agent);
}

static void
on_scan_all(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, scan_all);

	if (a->scan->heard && now < a->scan->last + AGENT_SCAN_HEARD_US)
		socket_gc_part(a);
	else
		socket_gc_run(a);
	keyring_tidy(a);
	if (a->nports > 0)
		alarm_set(&a->loop, alarm, now + (socket_gc_any_parting(a) ?
		    PARTING_US : AGENT_SCAN_US));
	else
		socket_gc_forget_processes(a);
}

int
socket_gc_init(struct agent *a)
{
	int error;

	error = alarm_begin(&a->loop, &a->scan_all, on_scan_all);
	return error != 0 ? error : alarm_begin(&a->loop, &a->scan->again,
	    on_scan_again);
}
