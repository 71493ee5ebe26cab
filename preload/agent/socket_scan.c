/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Tells which of a port's sockets still exist.  A socket may be held by any
 * process, be passed on, and be closed by exit, execve or death; nobody tells
 * the agent.  But the kernel lists the UDP sockets of a port, or all, with
 * their cookies when it is asked by sock_diag (socket_diag.h), so a slot whose
 * cookie is not listed has no socket any more.  Where it cannot be asked, it
 * lists every UDP socket of the network namespace with its inode in
 * /proc/net/udp and udp6 (K17 of doc/design.md), of which 20,000 take half a
 * second.  These lists are opened before the sandbox, which opens no file, and
 * read by pread(2) from their beginning each time.
 *
 * A scan has two outcomes: the result is complete, or false is returned and
 * the result means nothing; then the caller does as if it had not looked.
 * The result belongs to the caller, and in the ports nothing is noted but where
 * in a result they are, so a scan that begins while another one's result is
 * walked takes nothing from it.
 * (socket_gc.c walks all ports; group.c scans one of them meanwhile.)
 *
 * The kernel finds its place on any list by counting, so that it may skip
 * one when an earlier socket is closed between two reads.  What was
 * not found is therefore looked for SURE times; it is gone if none had it.  A
 * socket is never reported missing because of one incomplete reading.
 *
 * When a scan is due (the caller does it):
 *	every second while there are ports	agent_settle(), AGENT_SCAN_US
 *	1, 5 and 50 ms after a program said	socket_scan_soon(): the close
 *	  that it closes a socket		  follows its announcement
 *	when a process that had a socket ends	socket_scan_next()
 *	before an answer that depends on it	ipc_handler.c, ipc_server.c
 * but for the last, at most one part in COST_TIMES of the time is spent so: the
 * lists of a host with 10^5 sockets take milliseconds.  Where the kernel tells
 * of closed sockets (`heard', socket_end.c) it is instead
 *	twice a minute, should it have missed one
 *	when one of several sockets of a port is gone
 *	50 ms after the end of a process, if a slot is still in its name
 *	before an answer that depends on it
 *
 * Not a scan: whether all sockets of a port are there, as they nearly always
 * are, the kernel tells of one after the other (socket_scan_sees()).  It answers
 * with the socket that a packet would go to, in a group by a hash of the sender;
 * so it is asked of several senders until all were named.
 *
 * No lock: slots are the agent's own (struct own_slot), the arena is not read.
 * It must never change a port otherwise, nor call what does.
 */
#include "socket_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "port.h"
#include "shared/arena.h"

enum {
	SURE = 3, /* readings of the lists while a socket is missing */
	COST_TIMES = 8,
	FEW = 4, /* ports whose sockets are listed one port after the other */
	TURNS = 24, /* questions for each socket of a group: in one of
		     * 10^6 times one is not named, which costs a scan */
};

/* us from the announcement of a close to a scan. */
static const uint64_t again_us[SOCKET_SCAN_AGAIN] = { 1000, 5000, 50000 };

/* The result of one scan while it is made. */
struct socket_scan_result {
	struct socket_scan_port *at;
	size_t n;
};

/* --- The lists ------------------------------------------------------------ */

/* The place of a port in the result; NULL: it is not looked for.  scan_place
 * may be what earlier scans left there. */
static struct socket_scan_port *
socket_scan_place(const struct socket_scan_result *r, const struct port *p)
{
	return p->scan_place < r->n && r->at[p->scan_place].port == p ?
	    &r->at[p->scan_place] : NULL;
}

/* A socket is on a list: its cookie, or its inode if that is 0. */
static void
socket_scan_note_slot(struct socket_scan_port *to, uint64_t cookie,
    uint64_t inode, uint64_t drops)
{
	const struct own_slot *s = to->port->slot;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (s[i].used && (cookie != 0 ? s[i].cookie == cookie :
			s[i].inode == inode)) {
			to->found |= UINT32_C(1) << i;
			to->drops[i] = drops;
		}
}

static void
socket_scan_note_port(const struct socket_scan *s,
    const struct socket_scan_result *r, unsigned number, uint64_t cookie,
    uint64_t inode, uint64_t drops)
{
	struct socket_scan_port *to;
	const struct port *p;

	for (p = s->agent->port[number]; p != NULL; p = p->more)
		if ((to = socket_scan_place(r, p)) != NULL)
			socket_scan_note_slot(to, cookie, inode, drops);
}

/* Notes the slot that a line of a list is about.
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
 *      uid  timeout inode ref pointer drops */
static void
socket_scan_note(const struct socket_scan *s,
    const struct socket_scan_result *r, const char *line)
{
	uint64_t inode, drops;
	unsigned number;

	if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %*x %*x:%*x "
	    "%*x:%*x %*x %*u %*u %" SCNu64 " %*u %*s %" SCNu64, &number,
	    &inode, &drops) != 3 || number >= AGENT_PORTS)
		return;
	socket_scan_note_port(s, r, number, 0, inode, drops);
}

/* Reads one list: false, it could not be read to its end. */
static bool
socket_scan_read_list(const struct socket_scan *s,
    const struct socket_scan_result *r, int fd)
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
			socket_scan_note(s, r, line);
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
	}
	return n == 0;
}

static bool
socket_scan_read_lists(const struct socket_scan *s,
    const struct socket_scan_result *r)
{
	int i;

	for (i = 0; i < 2; i++)
		if (s->list[i] >= 0 &&
		    !socket_scan_read_list(s, r, s->list[i]))
			return false;
	return true;
}

/* What socket_scan_note_found() needs. */
struct socket_scan_asked {
	const struct socket_scan *scan;
	const struct socket_scan_result *result;
};

static void
socket_scan_note_found(void *arg, const struct socket_diag_found *f)
{
	const struct socket_scan_asked *a = arg;

	if (f->port < AGENT_PORTS)
		socket_scan_note_port(a->scan, a->result, f->port, f->cookie,
		    0, f->drops);
}

/* Asks the kernel; false: it does not tell. */
static bool
socket_scan_ask(struct socket_scan *s, const struct socket_scan_result *r)
{
	struct socket_scan_asked a = { .scan = s, .result = r };
	bool told = s->diag.fd >= 0;
	size_t i;

	if (r->n > FEW)
		return told && socket_diag_list(&s->diag, 0,
		    socket_scan_note_found, &a);
	for (i = 0; i < r->n && told; i++)
		told = socket_diag_list(&s->diag, r->at[i].port->number,
		    socket_scan_note_found, &a);
	return told;
}

uint32_t
socket_scan_missing(const struct socket_scan_port *r)
{
	uint32_t used = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (r->port->slot[i].used)
			used |= UINT32_C(1) << i;
	return used & ~r->found;
}

static bool
socket_scan_found_all(const struct socket_scan_result *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (socket_scan_missing(&r->at[i]) != 0)
			return false;
	return true;
}

bool
socket_scan_read(struct socket_scan *s, struct socket_scan_port *ports,
    size_t n)
{
	const struct socket_scan_result r = { .at = ports, .n = n };
	bool all = false;
	int turn;
	size_t i;

	for (i = 0; i < n; i++) {
		ports[i].port->scan_place = i;
		ports[i].found = 0;
	}
	for (turn = 0; turn < SURE && !all; turn++) {
		if (!socket_scan_ask(s, &r) && !socket_scan_read_lists(s, &r))
			return false;
		all = socket_scan_found_all(&r);
	}
	return true;
}

bool
socket_scan_sees(struct socket_scan *s, const struct port *p, uint32_t gone)
{
	struct mp_addr at = p->bound;
	uint32_t missing = 0;
	uint64_t cookie;
	unsigned turn, i, turns = TURNS * (p->nslots + 1);

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used)
			missing |= UINT32_C(1) << i & ~gone;
	for (turn = 0; turn < turns && missing != 0; turn++) {
		cookie = socket_diag_one(&s->diag, p->kernel, &at, p->device,
		    turn);
		if (cookie == 0)
			return false;
		for (i = 0; i < MP_SLOTS_MAX; i++)
			if (p->slot[i].used && p->slot[i].cookie == cookie)
				missing &= ~(UINT32_C(1) << i);
	}
	return missing == 0;
}

int
socket_scan_open(struct socket_scan *s, struct agent *a)
{
	int i;

	s->agent = a;
	s->list[0] = open("/proc/self/net/udp", O_RDONLY | O_CLOEXEC);
	if (s->list[0] < 0)
		return -errno;
	if (socket_diag_open(&s->diag) == 0 && !socket_diag_list(&s->diag, 1,
	    NULL, NULL)) {
		close(s->diag.fd);
		s->diag.fd = -1;
	}
	s->list[1] = open("/proc/self/net/udp6", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		s->due[i] = MP_NEVER;
	return 0;
}

/* --- When ----------------------------------------------------------------- */

static void
socket_scan_arm(struct socket_scan *s)
{
	uint64_t at = MP_NEVER, least = s->last + COST_TIMES * s->cost;
	int i;

	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		at = s->due[i] < at ? s->due[i] : at;
	if (at != MP_NEVER)
		at = at < least ? least : at;
	alarm_set(&s->agent->loop, &s->again, at);
}

void
socket_scan_soon(struct socket_scan *s)
{
	uint64_t now = arena_now();
	int i;

	if (s->heard)
		return;
	/* The later scans count from the last announcement, the first scan from
	 * the first, so that a stream of announcements puts none off for
	 * ever. */
	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		if (i > 0 || s->due[i] == MP_NEVER)
			s->due[i] = now + again_us[i];
	socket_scan_arm(s);
}

void
socket_scan_next(struct socket_scan *s)
{
	s->due[0] = arena_now();
	socket_scan_arm(s);
}

void
socket_scan_rang(struct socket_scan *s, uint64_t now)
{
	int i;

	for (i = 0; i < SOCKET_SCAN_AGAIN; i++)
		if (s->due[i] <= now)
			s->due[i] = MP_NEVER;
	socket_scan_arm(s);
}

void
socket_scan_ended(struct socket_scan *s, uint64_t began)
{
	s->last = arena_now();
	s->cost = s->last - began;
	s->began = began;
	socket_scan_arm(s);
}
