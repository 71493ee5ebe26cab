/* SPDX-License-Identifier: ISC */
#include "ear.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "control.h"
#include "group.h"
#include "net.h"
#include "output.h"

static void
shut(struct port *p, struct ear *e)
{
	int fd = e->watch.fd;

	if (!e->open)
		return;
	watch_end(&p->agent->loop, &e->watch);
	close(fd);
	e->open = false;
	p->ears--;
}

/* May its peer still turn out not to be there?  [lock] */
static bool
hopes(const struct port *p, uint32_t slot)
{
	struct mp_session_info info;
	uint32_t session;

	session = mp_session_find(&p->map.mp, slot, &p->ear[slot].peer);
	return session == MP_NONE ||
	    mp_session_info(&p->map.mp, session, &info) != 0 ||
	    (info.state == MP_S_CONNECTING && info.up_at == 0);
}

uint32_t
ear_idle(const struct port *p)
{
	uint32_t i, idle = 0;

	for (i = 0; p->ears > 0 && i < MP_SLOTS_MAX; i++) {
		const struct slot *is = &p->map.arena->slot[i];

		if (p->ear[i].open && (!p->slot[i].used ||
		    !p->slot[i].connected ||
		    !net_equal(&is->peer, &p->ear[i].peer) || !hopes(p, i)))
			idle |= UINT32_C(1) << i;
	}
	return idle;
}

void
ear_close(struct port *p, uint32_t slots)
{
	int i;

	for (i = 0; slots != 0 && i < MP_SLOTS_MAX; i++)
		if ((slots >> i & 1) != 0 && p->ear[i].open) {
			control_take(p, p->ear[i].watch.fd);
			shut(p, &p->ear[i]);
		}
}

void
ear_close_all(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		shut(p, &p->ear[i]);
}

/* Tells the program, once for what it has sent since it was told last. */
static void
tell(struct port *p, uint32_t slot)
{
	struct inner inner = { .kind = INNER_ERROR, .slot = slot,
		.from = p->ear[slot].peer };
	uint32_t error = htonl(ECONNREFUSED);
	uint64_t held;

	if (!port_lock(p))
		return;
	held = mp_counter(&p->map.mp, MP_C_held);
	if (held == p->ear[slot].held || !hopes(p, slot)) {
		port_unlock(p);
		return;
	}
	p->ear[slot].held = held;
	p->map.arena->slot[slot].refused = 1; /* for who sends first */
	port_unlock(p);
	output_inner(p, &inner, &error, sizeof(error));
}

static void
on_ear(struct watch *w, uint32_t events)
{
	struct ear *e = OWNER(w, struct ear, watch);
	struct port *p = e->port;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == ECONNREFUSED)
		tell(p, (uint32_t)(e - p->ear));
	/* Without the lock it would call us again at once, and for ever. */
	if (!control_take(p, w->fd))
		shut(p, e);
	output_send(p);
}

int
ear_open(struct port *p, uint32_t slot, int fd)
{
	struct ear *e = &p->ear[slot];
	int error;

	shut(p, e);
	if (!port_lock(p)) {
		close(fd);
		return -EAGAIN;
	}
	group_look(p);
	*e = (struct ear) { .port = p, .peer = p->map.arena->slot[slot].peer,
		.held = mp_counter(&p->map.mp, MP_C_held) };
	port_unlock(p);
	net_options(fd, p->kernel);
	error = watch_begin(&p->agent->loop, &e->watch, fd, EPOLLIN, on_ear);
	if (error != 0) {
		close(fd);
		return error;
	}
	e->open = true;
	p->ears++;
	output_send(p);
	return 0;
}
