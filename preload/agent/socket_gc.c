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
#include "loop.h"
#include "port.h"
#include "serving.h"
#include "slots.h"
#include "socket_scan.h"
#include "shared/arena.h"
#include "shared/uapi.h"

enum { PARTING_US = 50000 }; /* between scans while a slot parts */

struct process {
	LIST_ENTRY(process) entry;
	struct watch watch;
	struct agent *agent;
	pid_t pid;
	bool stay;
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
	slots_part(p);
	if (p->nslots == 0 && p->parting == 0)
		serving_close(p);
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

/* --- Processes ------------------------------------------------------------ */

static void
process_free(struct process *p)
{
	int fd = p->watch.fd;

	watch_end(&p->agent->loop, &p->watch);
	close(fd);
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
	process_free(p);
	agent_settle(a);
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
		if (p->pid == pid) {
			a->staying += stay && !p->stay;
			p->stay |= stay;
			return;
		}
	fd = process_open(client, pid);
	if (fd < 0)
		return; /* the scan of each second finds its sockets gone */
	p = calloc(1, sizeof(*p));
	if (p == NULL || watch_begin(&a->loop, &p->watch, fd, EPOLLIN,
	    on_process_end) != 0) {
		free(p);
		close(fd);
		return;
	}
	p->agent = a;
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

	socket_gc_run(a);
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
