/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The life of a port in the agent, from the request of a program that binds a
 * protected socket to the end of the last one.
 *
 *	open	   the program has bound its socket and a control socket to the
 *		   port and passes the latter.  The agent makes the arena in a
 *		   sealed memfd, so that no program can shrink it under the
 *		   agent (SIGBUS), and reads its keys by the keeper.
 *	recovered  a worker died: the keeper gives the memfd and the control
 *		   socket to the next one, with the id under which it holds
 *		   them.  Or the whole agent died: a program gives the new agent
 *		   a copy of the arena and a new control socket (IPC_ADOPT); id
 *		   is 0, and the copy must be sealed as the agent's own are.
 *		   Where the keys cannot be read any more, sessions that are
 *		   up go on without it.
 *	served	   its control socket is watched, its alarm calls the pump, the
 *		   keeper holds its descriptors.
 *	closed	   no slot is used and none parts (socket_gc.c), or the opening
 *		   failed half way.  The last run of the pump sends CLOSE to the
 *		   peers; then the agent and the keeper close the control
 *		   socket, after which the number is free for anybody.
 *
 * No session outlives the last socket of its port, though a server may be replaced
 * by another process in a moment.  Were they kept, the port would have to be kept
 * as well, or nobody could tell the peers when no other process comes: then
 * another program, which may not run under mpshim, could not bind it, and the
 * peers' programs would not hear that it is closed.  So the peers get a CLOSE at
 * once, stage what their programs say, and ask until the next process has the
 * port (core/initiator.c).  Where that binds it before the first one ends, it gets
 * the sessions (slots.c).
 *
 * Invariants
 *	agent.port[n] is the list of the ports of number n, of which no two
 *	have the same device; a port is in it only while it is served, and
 *	nports counts those
 *	control socket and memfd are owned by the port from the moment that
 *	they are passed in: every failure closes them
 *	the keeper was sent a port's descriptors before a program is answered
 *	that opened it
 *
 * The pump is run by this module only: when the alarm rings, when a port begins
 * (so that the engine knows its addresses before the first socket sends), and
 * before one ends.
 * Lock: none is held across a call of this module.
 * It must never close a port from within its own pump.
 * Source: K9, K10 and K37 of doc/design.md; shared/ipc.h.
 */
#include "serving.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "backlog.h"
#include "control.h"
#include "events.h"
#include "group.h"
#include "journal.h"
#include "keeper_ipc.h"
#include "keyring.h"
#include "local_addr.h"
#include "loop.h"
#include "parent.h"
#include "port.h"
#include "pump.h"
#include "refusal.h"
#include "slots.h"
#include "socket_scan.h"
#include "shared/arena.h"
#include "shared/net.h"

/* us in which a port that ends says CLOSE to its peers, while other ports wait: to
 * some 25,000.  Others find out by silence. */
enum { CLOSE_US = 250000 };

enum { CURVE_RUNS = 3, CURVE_RUN = 4 }; /* together less than 1 ms */

/* Of an arena that has to be smaller than usual. */
enum {
	SESSIONS_USUAL = 4096,
	SESSIONS_LEAST = 32,
	POOL_USUAL = 32 << 20, /* bytes */
	POOL_LEAST = 1 << 20,
};

static void
serving_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
serving_free(struct port *p)
{
	struct agent *a = p->agent;

	refusal_close_all(p);
	backlog_free(p);
	watch_end(&a->loop, &p->control_watch);
	alarm_end(&a->loop, &p->alarm);
	arena_unmap(&p->map);
	serving_close_fd(p->memfd);
	serving_close_fd(p->control);
	keyring_put(p->keyring);
	free(p);
}

static void
on_port_alarm(struct alarm *alarm, uint64_t now)
{
	struct port *p = OWNER(alarm, struct port, alarm);

	port_resume(p, now);
	pump_ring(p);
}

/* Ports follow the files of their keys. */
static void
on_look_keys(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, look_keys);
	struct keyring *r;
	struct port *p;

	LIST_FOREACH(r, &a->rings, entry) {
		if (r->users == 0 || !keyring_look(a, r))
			continue;
		LIST_FOREACH(p, &a->ports, entry) {
			if (p->keyring != r)
				continue;
			p->keys_new = true;
			port_due(p);
		}
		parent_revoke(a);
	}
	if (a->nports > 0)
		alarm_set(&a->loop, alarm, now + KEYRING_LOOK_US);
}

/* How many operations on the curve this machine does in a second, by the fastest
 * of some short runs: a program may have the core in others. */
static uint32_t
serving_measure_curve(void)
{
	uint8_t pub[32], secret[32] = { 1 };
	uint64_t began, us, best = UINT64_MAX;
	int run, i;

	for (run = 0; run < CURVE_RUNS; run++) {
		began = arena_now();
		for (i = 0; i < CURVE_RUN; i++)
			mp_keyring_public(pub, secret);
		us = arena_now() - began;
		best = us < best ? us : best;
	}
	return (uint32_t)(CURVE_RUN * UINT64_C(1000000) / (best > 0 ? best : 1));
}

int
serving_init(struct agent *a)
{
	a->curve_rate = serving_measure_curve();
	return alarm_begin(&a->loop, &a->look_keys, on_look_keys);
}

/* What every port has.  It owns the descriptors, whatever is returned. */
static int
serving_new(struct agent *a, const struct ipc_request *ask, int control,
    int memfd, struct port **port, char why[IPC_TEXT])
{
	struct port *p = calloc(1, sizeof(*p));

	if (p == NULL ||
	    alarm_begin(&a->loop, &p->alarm, on_port_alarm) != 0) {
		serving_close_fd(control);
		serving_close_fd(memfd);
		free(p);
		return -ENOMEM;
	}
	*port = p;
	STAILQ_INIT(&p->backlog);
	p->agent = a;
	p->number = (uint16_t)ask->port;
	p->kernel = (enum mp_family)ask->kernel;
	p->control = control;
	p->memfd = memfd;
	p->how = *ask;
	p->df = -1;
	p->device = control >= 0 ? net_device(control) : 0;
	p->group = 1; /* bound just after the data socket */
	if (control < 0 || !port_fits(a, control, ask, &p->bound) ||
	    port_find(a, p->number, p->device) != NULL) {
		snprintf(why, IPC_TEXT, "port %u: no control socket of it came",
		    ask->port);
		return -EBADF;
	}
	p->only = p->kernel;
	if (p->kernel == MP_DUAL && net_is_any(&p->bound))
		p->only = net_is_v4(&p->bound) ? MP_INET :
		    net_is_v6only(control) ? MP_INET6 : MP_DUAL;
	return 0;
}

/* From now on it is served. */
static int
serving_begin(struct port *p)
{
	struct agent *a = p->agent;
	int error;

	port_set_options(p->control, p->kernel);
	error = watch_begin(&a->loop, &p->control_watch, p->control, EPOLLIN,
	    control_ready);
	if (error != 0)
		return error;
	atomic_store(&p->map.arena->heard, a->scan->heard);
	p->curve_new = true;
	p->more = a->port[p->number];
	a->port[p->number] = p;
	LIST_INSERT_HEAD(&a->ports, p, entry);
	a->nports++;
	alarm_by(&a->loop, &a->look_keys, arena_now() + KEYRING_LOOK_US);
	local_addr_tell(a->netmon, p);
	agent_settle(a);
	return 0;
}

/* What the configuration asks for; 0 is the default.  The resend pool is as
 * large as the staging pool; one session gets a quarter of it at most. */
static struct mp_limits
serving_limits(const struct ipc_request *how)
{
	uint32_t sessions = how->sessions;

	/* A socket that was bound before it sent, as servers' are, may have as
	 * many peers as the engine can hold: what is not used is no memory. */
	if (sessions == 0 && how->peer.port == 0)
		sessions = MP_SESSIONS_MAX;
	return (struct mp_limits) { .sessions = sessions,
		.pool = how->memory, .pool_each = how->memory / 4,
		.staged = how->memory };
}

/*
 * Makes the arena as large as a file may be that the agent makes: a limit on
 * that (RLIMIT_FSIZE), which the program that started the agent had, holds for
 * memory files, too.  The arena's size, or 0 and why.
 */
static size_t
serving_fit(const struct agent *a, struct mp_limits *l, char why[IPC_TEXT])
{
	size_t size = arena_size(l);

	if (size <= a->file_most)
		return size;
	l->sessions = l->sessions != 0 ? l->sessions : SESSIONS_USUAL;
	l->pool = l->pool != 0 ? l->pool : POOL_USUAL;
	l->staged = l->staged != 0 ? l->staged : POOL_USUAL / 2;
	while (size > a->file_most) {
		if (l->sessions / 2 < SESSIONS_LEAST &&
		    l->pool / 2 < POOL_LEAST) {
			snprintf(why, IPC_TEXT, "the agent's files may have "
			    "%llu bytes (ulimit -f), it needs %zu",
			    (unsigned long long)a->file_most, size);
			return 0;
		}
		if (l->sessions / 2 >= SESSIONS_LEAST)
			l->sessions /= 2;
		if (l->pool / 2 >= POOL_LEAST)
			l->pool /= 2;
		if (l->staged / 2 >= POOL_LEAST)
			l->staged /= 2;
		l->pool_each = l->pool / 4;
		size = arena_size(l);
	}
	return size;
}

/* Without keys the sessions of a port that served before go on: `needed' is
 * false. */
static int
serving_get_keys(struct port *p, bool needed, char why[IPC_TEXT])
{
	int error = keyring_get(p->agent, p->how.keys, &p->keyring, why);

	if (error == 0 || needed)
		return error;
	journal("port %u: no keys any more: %s", p->number, why);
	return keyring_none(p->agent, &p->keyring);
}

int
serving_new_file(size_t size)
{
	int error, fd = memfd_create("mpshim", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int
serving_make_arena(struct port *p, char why[IPC_TEXT])
{
	struct mp_setup setup = { .port = p->number,
		.limits = serving_limits(&p->how),
		.resend_us = p->how.resend_us,
		.tell_private = p->how.tell_private != 0,
		.server = p->how.server,
		.no_aes_hardware = !crypto_aead_aes256gcm_is_available() };
	size_t size = serving_fit(p->agent, &setup.limits, why);
	uint8_t random[96];
	int error;

	if (size == 0)
		return why[0] != '\0' ? -EFBIG : -EINVAL;
	p->memfd = serving_new_file(size);
	if (p->memfd < 0)
		return p->memfd;
	randombytes_buf(random, sizeof(random));
	if (mp_sid_prefix_ok(p->how.prefix)) {
		setup.sid_prefix = p->how.prefix;
		memcpy(random + 64, p->how.arena_token, ARENA_TOKEN);
	}
	error = arena_make(&p->map, p->memfd, size, &setup, random);
	if (p->map.arena != NULL)
		mp_drain(&p->map.mp, p->agent->draining);
	p->id = p->map.arena != NULL ? p->map.arena->id : 0;
	sodium_memzero(random, sizeof(random));
	return error;
}

/* Gives the keeper what the next worker would need. */
static void
serving_store(struct port *p)
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_STORE, .id = p->id,
		.how = p->how };
	const int pass[] = { p->memfd, p->control };
	int error = keeper_ipc_tell(p->agent->channel, &ask, pass, 2);

	if (error != 0)
		journal("port %u: the keeper does not hold it: %s", p->number,
		    strerror(-error));
}

int
serving_open(struct agent *a, const struct ipc_request *ask, int control,
    struct port **port, char why[IPC_TEXT])
{
	struct port *p = NULL;
	int error;

	error = serving_new(a, ask, control, -1, &p, why);
	if (error == 0)
		error = serving_get_keys(p, true, why);
	if (error == 0)
		error = serving_make_arena(p, why);
	if (error == 0)
		error = serving_begin(p);
	if (error != 0) {
		if (p != NULL)
			serving_free(p);
		return error;
	}
	serving_store(p);
	pump_port(p);
	*port = p;
	return 0;
}

/* Can nobody change its size? */
static bool
serving_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

int
serving_recover(struct agent *a, const struct ipc_request *ask, uint64_t id,
    int memfd, int control, struct port **port, char why[IPC_TEXT])
{
	struct port *p = NULL;
	int error;

	error = serving_new(a, ask, control, memfd, &p, why);
	if (error == 0)
		error = serving_get_keys(p, id == 0, why);
	if (error == 0)
		error = serving_is_sealed(memfd) ?
		    arena_open(&p->map, memfd) : -EPERM;
	if (error == 0)
		error = slots_recover(p, id == 0);
	if (error == 0)
		error = serving_begin(p);
	if (error != 0) {
		if (p != NULL)
			serving_free(p);
		return error;
	}
	group_steer(p);
	a->draining |= mp_drains(&p->map.mp);
	p->keys_new = p->keyring->keys->n > 0;
	p->id = id;
	if (id == 0) {
		randombytes_buf(&p->id, sizeof(p->id));
		serving_store(p);
	}
	pump_port(p);
	*port = p;
	return 0;
}

/* Sends what is due, which is a CLOSE to each peer: more than one run of the pump
 * sends, where these are many. */
static void
serving_finish(struct port *p)
{
	uint64_t until = arena_now() + CLOSE_US;

	do
		pump_port(p);
	while (p->shut_us == 0 && mp_deadline(&p->map.mp) <= arena_now() &&
	    arena_now() < until);
}

void
serving_close(struct port *p)
{
	struct agent *a = p->agent;
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_DROP,
	    .id = p->id };
	struct port **at;

	serving_finish(p);
	journal("port %u: closed", p->number);
	events_port_gone(p);
	for (at = &a->port[p->number]; *at != p; at = &(*at)->more)
		continue;
	*at = p->more;
	LIST_REMOVE(p, entry);
	a->nports--;
	serving_free(p);
	(void)keeper_ipc_tell(a->channel, &ask, NULL, 0);
	a->closing = true;
	agent_settle(a);
}

void
serving_await_closed(struct agent *a)
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_ALIVE };
	struct keeper_ipc_answer answer;
	int got;

	if (a->closing)
		(void)keeper_ipc_call(a->channel, &ask, NULL, 0, &answer,
		    &got);
	a->closing = false;
}

int
serving_replace(struct port **port, int control)
{
	struct port *p = *port;
	struct agent *a = p->agent;
	struct ipc_request how = p->how;
	int memfd = p->memfd;
	char why[IPC_TEXT];

	p->memfd = -1;
	serving_close(p);
	return serving_recover(a, &how, 0, memfd, control, port, why);
}
