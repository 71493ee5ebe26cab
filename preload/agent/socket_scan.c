/* SPDX-License-Identifier: ISC */
#include "socket_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "journal.h"
#include "slots.h"
#include "shared/uapi.h"

enum {
	EVERY_US = 1000000,
	PARTING_US = 50000, /* while a slot outlives its socket */
	SURE = 3,      /* readings of a list that changes as we read */
	COST_TIMES = 8, /* at most an eighth of a processor for looking */
};

/* A close comes just after its announcement. */
static const uint64_t again_us[SOCKET_SCAN_AGAIN] = { 1000, 5000, 50000 };

struct process {
	LIST_ENTRY(process) entry;
	struct watch watch;
	struct agent *agent;
	pid_t pid;
	bool stay;
};

/* --- The lists ------------------------------------------------------------ */

/* Marks the slot that a line of a list is of.
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
 *      uid  timeout inode ref pointer drops */
static void
socket_scan_mark(struct agent *a, const char *line)
{
	unsigned port;
	uint64_t inode, drops;
	struct port *p;
	int i;

	if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %*x %*x:%*x "
	    "%*x:%*x %*x %*u %*u %" SCNu64 " %*u %*s %" SCNu64, &port, &inode,
	    &drops) != 3 ||
	    port >= AGENT_PORTS || (p = a->port[port]) == NULL)
		return;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].inode == inode) {
			p->seen |= UINT32_C(1) << i;
			p->slot[i].drops = drops;
		}
}

/* Reads one list: false, it could not be read to its end. */
static bool
read_list(struct agent *a, int fd)
{
	static char buf[16384];
	size_t have = 0;
	off_t at = 0;
	ssize_t n;
	char *line, *end;

	while ((n = pread(fd, buf + have, sizeof(buf) - 1 - have, at)) > 0) {
		at += n;
		have += (size_t)n;
		buf[have] = '\0';
		for (line = buf; (end = strchr(line, '\n')) != NULL;
		     line = end + 1) {
			*end = '\0';
			socket_scan_mark(a, line);
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
	}
	return n == 0;
}

static uint32_t
missing(const struct port *p)
{
	uint32_t used = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used)
			used |= UINT32_C(1) << i;
	return used & ~p->seen;
}

bool
socket_scan_all(struct agent *a)
{
	struct port *p;
	bool all = false;
	int i, turn;

	LIST_FOREACH(p, &a->ports, entry)
		p->seen = 0;
	/* The kernel may skip a line when one before it goes: so what is not
	 * there is looked for again. */
	for (turn = 0; turn < SURE && !all; turn++) {
		for (i = 0; i < 2; i++)
			if (a->scan.list[i] >= 0 &&
			    !read_list(a, a->scan.list[i]))
				return false;
		all = true;
		LIST_FOREACH(p, &a->ports, entry)
			all &= missing(p) == 0;
	}
	return true;
}

static bool
any_parting(const struct agent *a)
{
	const struct port *p;

	LIST_FOREACH(p, &a->ports, entry)
		if (p->parting != 0)
			return true;
	return false;
}

void
socket_scan_now(struct agent *a)
{
	uint64_t began = arena_now();
	struct port *p, *next;
	uint32_t gone;

	if (a->nports == 0 || !socket_scan_all(a))
		return;
	LIST_FOREACH_SAFE(p, &a->ports, entry, next) {
		gone = missing(p);
		if (gone != 0)
			slots_drop(p, gone);
		slots_part(p);
		if (p->nslots == 0 && p->parting == 0)
			port_close(p);
	}
	if (any_parting(a))
		alarm_by(&a->loop, &a->scan.every, began + PARTING_US);
	a->scan.last = arena_now();
	a->scan.cost = a->scan.last - began;
}

/* --- When ----------------------------------------------------------------- */

static void
set_again(struct agent *a)
{
	struct socket_scan *l = &a->scan;
	uint64_t at = MP_NEVER, least = l->last + COST_TIMES * l->cost;
	int i;

	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		at = l->due[i] < at ? l->due[i] : at;
	if (at != MP_NEVER)
		at = at < least ? least : at;
	alarm_set(&a->loop, &l->again, at);
}

static void
on_again(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, scan.again);
	int i;

	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		if (a->scan.due[i] <= now)
			a->scan.due[i] = MP_NEVER;
	socket_scan_now(a);
	set_again(a);
}

void
socket_scan_soon(struct agent *a)
{
	uint64_t now = arena_now();
	int i;

	/* The later ones count from the last announcement, the first one from
	 * the first, so that none is put off for ever. */
	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		if (i > 0 || a->scan.due[i] == MP_NEVER)
			a->scan.due[i] = now + again_us[i];
	set_again(a);
}

static void
on_every(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, scan.every);

	socket_scan_now(a);
	if (a->nports > 0)
		alarm_set(&a->loop, alarm, now + (any_parting(a) ? PARTING_US :
		    EVERY_US));
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
		p->agent->scan.staying--;
	free(p);
}

static void
on_end(struct watch *w, uint32_t events)
{
	struct process *p = OWNER(w, struct process, watch);
	struct agent *a = p->agent;

	(void)events;
	process_free(p);
	agent_settle(a);
	a->scan.due[0] = arena_now(); /* it holds nothing any more */
	set_again(a);
}

static int
open_process(int client, pid_t pid)
{
	int fd = -1;
	socklen_t len = sizeof(fd);

	if (client >= 0 &&
	    getsockopt(client, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0)
		return fd;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

void
socket_scan_watch(struct agent *a, int client, pid_t pid, bool stay)
{
	struct process *p;
	int fd;

	LIST_FOREACH(p, &a->scan.processes, entry)
		if (p->pid == pid) {
			a->scan.staying += stay && !p->stay;
			p->stay |= stay;
			return;
		}
	fd = open_process(client, pid);
	if (fd < 0)
		return; /* the clock does it */
	p = calloc(1, sizeof(*p));
	if (p == NULL || watch_begin(&a->loop, &p->watch, fd, EPOLLIN,
	    on_end) != 0) {
		free(p);
		close(fd);
		return;
	}
	p->agent = a;
	p->pid = pid;
	p->stay = stay;
	a->scan.staying += stay;
	LIST_INSERT_HEAD(&a->scan.processes, p, entry);
}

void
socket_scan_settle(struct agent *a)
{
	struct process *p, *next;

	if (a->nports > 0) {
		alarm_by(&a->loop, &a->scan.every, arena_now() + EVERY_US);
		return;
	}
	LIST_FOREACH_SAFE(p, &a->scan.processes, entry, next)
		if (!p->stay)
			process_free(p);
}

int
socket_scan_init(struct agent *a)
{
	struct socket_scan *l = &a->scan;
	int i, error;

	LIST_INIT(&l->processes);
	l->list[0] = open("/proc/self/net/udp", O_RDONLY | O_CLOEXEC);
	l->list[1] = open("/proc/self/net/udp6", O_RDONLY | O_CLOEXEC);
	if (l->list[0] < 0)
		return -errno;
	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		l->due[i] = MP_NEVER;
	error = alarm_begin(&a->loop, &l->every, on_every);
	return error != 0 ? error : alarm_begin(&a->loop, &l->again, on_again);
}
