/* SPDX-License-Identifier: ISC */
#include "refusal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "control.h"
#include "loop.h"
#include "port.h"
#include "port_send.h"
#include "steering.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "shared/net.h"

static void
refusal_shut(struct port *p, struct refusal *e)
{
	int fd = e->watch.fd;

	if (!e->open)
		return;
	watch_end(&p->agent->loop, &e->watch);
	close(fd);
	e->open = false;
	p->refusals--;
}

/* Has the peer of the slot never answered yet?  [lock] */
static bool
refusal_awaited(const struct port *p, uint32_t slot)
{
	struct mp_session_info info;
	uint32_t session;

	session = mp_session_find(&p->map.mp, slot, &p->refusal[slot].peer);
	return session == MP_NONE ||
	    mp_session_get(&p->map.mp, session, &info) != 0 ||
	    (info.state == MP_S_CONNECTING && info.up_at == 0);
}

uint32_t
refusal_idle(const struct port *p)
{
	uint32_t i, idle = 0;

	for (i = 0; p->refusals > 0 && i < MP_SLOTS_MAX; i++) {
		const struct slot *is = &p->map.arena->slot[i];

		if (p->refusal[i].open && (!p->slot[i].used ||
		    !p->slot[i].connected ||
		    !net_equal(&is->peer, &p->refusal[i].peer) ||
		    !refusal_awaited(p, i)))
			idle |= UINT32_C(1) << i;
	}
	return idle;
}

void
refusal_close(struct port *p, uint32_t slots)
{
	int i;

	for (i = 0; slots != 0 && i < MP_SLOTS_MAX; i++)
		if ((slots >> i & 1) != 0 && p->refusal[i].open) {
			control_take(p, p->refusal[i].watch.fd);
			refusal_shut(p, &p->refusal[i]);
		}
}

void
refusal_close_all(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		refusal_shut(p, &p->refusal[i]);
}

/* Tells the program, once for all that it has sent since it was told last. */
static void
refusal_tell(struct port *p, uint32_t slot)
{
	struct internal inner = { .kind = INTERNAL_ERROR, .slot = slot,
		.from = p->refusal[slot].peer };
	uint32_t error = htonl(ECONNREFUSED);
	uint64_t staged;

	if (!port_lock(p))
		return;
	staged = mp_counter_get(&p->map.mp, MP_C_staged);
	if (staged == p->refusal[slot].staged || !refusal_awaited(p, slot)) {
		port_unlock(p);
		return;
	}
	p->refusal[slot].staged = staged;
	p->map.arena->slot[slot].refused = 1; /* should it send first */
	port_unlock(p);
	port_send_internal(p, &inner, &error, sizeof(error));
}

static void
on_refusal(struct watch *w, uint32_t events)
{
	struct refusal *e = OWNER(w, struct refusal, watch);
	struct port *p = e->port;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == ECONNREFUSED)
		refusal_tell(p, (uint32_t)(e - p->refusal));
	/* Without the lock its packets cannot be read, and it would stay
	 * readable and keep the loop turning. */
	if (!control_take(p, w->fd))
		refusal_shut(p, e);
}

int
refusal_open(struct port *p, uint32_t slot, int fd)
{
	struct refusal *e = &p->refusal[slot];
	int error;

	refusal_shut(p, e);
	if (!port_lock(p)) {
		close(fd);
		return -EAGAIN;
	}
	steering_read_records(p);
	*e = (struct refusal) { .port = p, .peer =
	    p->map.arena->slot[slot].peer,
		.staged = mp_counter_get(&p->map.mp, MP_C_staged) };
	port_unlock(p);
	net_options(fd, p->kernel);
	error = watch_begin(&p->agent->loop, &e->watch, fd, EPOLLIN,
	    on_refusal);
	if (error != 0) {
		close(fd);
		return error;
	}
	e->open = true;
	p->refusals++;
	port_due(p);
	return 0;
}
