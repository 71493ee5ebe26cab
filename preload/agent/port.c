/* SPDX-License-Identifier: ISC */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "control.h"
#include "refusal.h"
#include "events.h"
#include "keeper_ipc.h"
#include "journal.h"
#include "local_addr.h"
#include "shared/net.h"
#include "pump.h"
#include "backlog.h"
#include "keyring.h"
#include "slots.h"
#include "shared/uapi.h"

enum { BUFFER = 4 << 20 }; /* of the control socket, where it is allowed */

static void
port_close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* --- The lock ------------------------------------------------------------- */

bool
port_lock(struct port *p)
{
	uint64_t now = arena_now();

	if (now < p->shut_until) {
		alarm_by(&p->agent->loop, &p->alarm, p->shut_until);
		return false;
	}
	if (arena_try(p->map.arena)) {
		p->shut_us = 0;
		return true;
	}
	p->shut_us = p->shut_us == 0 ? PORT_SHUT_US : p->shut_us * 2;
	if (p->shut_us > PORT_SHUT_MOST_US)
		p->shut_us = PORT_SHUT_MOST_US;
	p->shut_until = arena_now() + p->shut_us;
	control_pause(p);
	alarm_by(&p->agent->loop, &p->alarm, p->shut_until);
	return false;
}

void
port_unlock(struct port *p)
{
	arena_unlock(p->map.arena);
}

/* --- The control socket --------------------------------------------------- */

static bool
port_has(int fd, int option, int value)
{
	int is = 0;
	socklen_t len = sizeof(is);

	return getsockopt(fd, SOL_SOCKET, option, &is, &len) == 0 &&
	    is == value;
}

bool
port_udp(const struct agent *a, int fd)
{
	uint64_t netns = 0;
	socklen_t len = sizeof(netns);

	return port_has(fd, SO_TYPE, SOCK_DGRAM) &&
	    port_has(fd, SO_PROTOCOL, IPPROTO_UDP) &&
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) == 0 &&
	    netns == a->netns;
}

bool
port_fits(const struct agent *a, int fd, const struct ipc_request *ask,
    struct mp_addr *at)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	if (!port_udp(a, fd) ||
	    !port_has(fd, SO_DOMAIN, ask->kernel == MP_INET ? AF_INET :
	    AF_INET6))
		return false;
	return getsockname(fd, (struct sockaddr *)&sin6, &len) == 0 &&
	    net_get(at, (struct sockaddr *)&sin6, len) &&
	    at->port == ask->port;
}

static void
control_options(int fd, enum mp_family kernel)
{
	int size = BUFFER;

	net_options(fd, kernel);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* --- Coming and going ----------------------------------------------------- */

static void
port_free(struct port *p)
{
	struct agent *a = p->agent;

	refusal_close_all(p);
	backlog_free(p);
	watch_end(&a->loop, &p->control_watch);
	alarm_end(&a->loop, &p->alarm);
	arena_unmap(&p->map);
	port_close_one(p->memfd);
	port_close_one(p->control);
	keyring_put(p->keyring);
	free(p);
}

static void
on_alarm(struct alarm *alarm, uint64_t now)
{
	struct port *p = OWNER(alarm, struct port, alarm);

	(void)now;
	control_resume(p);
	pump_port(p);
}

/* What every port has; the descriptors are its own from now on, whatever
 * comes. */
static int
port_new(struct agent *a, const struct ipc_request *ask, int control, int memfd,
    struct port **port, char why[IPC_TEXT])
{
	struct port *p = calloc(1, sizeof(*p));

	if (p == NULL || alarm_begin(&a->loop, &p->alarm, on_alarm) != 0) {
		port_close_one(control);
		port_close_one(memfd);
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
	if (control < 0 || !port_fits(a, control, ask,
	    &p->bound)) {
		snprintf(why, IPC_TEXT, "port %u: no control socket of it came",
		    ask->port);
		return -EBADF;
	}
	return 0;
}

/* Begins to serve it. */
static int
port_begin(struct port *p)
{
	struct agent *a = p->agent;
	int error;

	control_options(p->control, p->kernel);
	error = watch_begin(&a->loop, &p->control_watch, p->control, EPOLLIN,
	    control_ready);
	if (error != 0)
		return error;
	a->port[p->number] = p;
	LIST_INSERT_HEAD(&a->ports, p, entry);
	a->nports++;
	local_addr_tell(&a->netmon, p);
	agent_settle(a);
	return 0;
}

/* As far as something was asked for.  What is kept for sending again is as much
 * as what waits, and a quarter of it at most is one session's. */
static struct mp_limits
limits(const struct ipc_request *how)
{
	return (struct mp_limits) { .sessions = how->sessions,
		.pool = how->memory, .pool_each = how->memory / 4,
		.staged = how->memory };
}

static int
make_arena(struct port *p)
{
	struct mp_setup setup = { .port = p->number,
		.limits = limits(&p->how),
		.tell_private = p->how.tell_private != 0,
		.no_aes_hardware = !crypto_aead_aes256gcm_is_available() };
	size_t size = arena_size(&setup.limits);
	uint8_t random[96];
	int error;

	if (size == 0)
		return -EINVAL;
	p->memfd = memfd_create("mpshim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->memfd < 0 || ftruncate(p->memfd, (off_t)size) != 0 ||
	    fcntl(p->memfd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return -errno;
	randombytes_buf(random, sizeof(random));
	error = arena_make(&p->map, p->memfd, size, &setup, random);
	p->id = p->map.arena != NULL ? p->map.arena->id : 0;
	sodium_memzero(random, sizeof(random));
	return error;
}

/* Gives the keeper what another worker would need. */
static void
store(struct port *p)
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_STORE, .id = p->id,
		.how = p->how };
	int error, got, pass[IPC_PASS] = { p->memfd, p->control };
	struct keeper_ipc_answer answer;

	error = keeper_ipc_call(p->agent->channel, &ask, pass, IPC_PASS,
	    &answer,
	    &got);
	if (error != 0)
		journal("port %u: the keeper does not hold it: %s", p->number,
		    strerror(-error));
}

int
port_open(struct agent *a, const struct ipc_request *ask, int control,
    struct port **port, char why[IPC_TEXT])
{
	struct port *p = NULL;
	int error;

	error = port_new(a, ask, control, -1, &p, why);
	if (error == 0)
		error = keyring_get(a, ask->keys, &p->keyring, why);
	if (error == 0)
		error = make_arena(p);
	if (error == 0)
		error = port_begin(p);
	if (error != 0) {
		if (p != NULL)
			port_free(p);
		return error;
	}
	store(p);
	*port = p;
	return 0;
}

/* May its size not change under us? */
static bool
port_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

int
port_recover(struct agent *a, const struct ipc_request *ask, uint64_t id,
    int memfd, int control, struct port **port, char why[IPC_TEXT])
{
	struct port *p = NULL;
	int error;

	error = port_new(a, ask, control, memfd, &p, why);
	if (error == 0)
		error = keyring_get(a, ask->keys, &p->keyring, why);
	if (error != 0 && p != NULL && id != 0) { /* sessions go on */
		journal("port %u: no keys any more: %s", p->number, why);
		error = keyring_none(a, &p->keyring);
	}
	if (error == 0)
		error = port_sealed(memfd) ? arena_open(&p->map, memfd) :
		    -EPERM;
	if (error == 0)
		error = slots_recover(p, id == 0);
	if (error == 0)
		error = port_begin(p);
	if (error != 0) {
		if (p != NULL)
			port_free(p);
		return error;
	}
	p->id = id;
	if (id == 0) {
		randombytes_buf(&p->id, sizeof(p->id));
		store(p);
	}
	pump_port(p);
	*port = p;
	return 0;
}

void
port_close(struct port *p)
{
	struct agent *a = p->agent;
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_DROP,
	    .id = p->id };
	struct keeper_ipc_answer answer;
	int got;

	journal("port %u: closed", p->number);
	events_port_gone(p);
	a->port[p->number] = NULL;
	LIST_REMOVE(p, entry);
	a->nports--;
	port_free(p);
	(void)keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &got);
	agent_settle(a);
}
