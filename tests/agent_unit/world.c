/* SPDX-License-Identifier: ISC */
#include "../keys.h"
#include "world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "agent/events.h"
#include "agent/group.h"
#include "agent/keyring.h"
#include "agent/netmon.h"
#include "agent/serving.h"
#include "agent/slots.h"
#include "agent/socket_gc.h"
#include "agent/socket_scan.h"
#include "peer.h"
#include "shared/internal.h"

struct agent *world;
static struct {
	struct agent agent;
	struct events events;
	struct netmon netmon;
	struct link link;
	struct address address; /* the host's only one */
	struct socket_scan scan;
	struct keyring *keyring;
} *all;

static void
no_alarm(struct alarm *alarm, uint64_t now)
{
	(void)alarm;
	(void)now;
}

struct mp_addr
world_addr(int host, uint16_t port)
{
	return (struct mp_addr) { .ip = { [10] = 0xff, [11] = 0xff, [12] = 10,
	    [15] = (uint8_t)host }, .port = port };
}

static void
begin_net(void)
{
	struct mp_addr own = world_addr(1, 0);

	all->link = (struct link) { .ifindex = 2, .mtu = 1500, .up = true,
		.name = "eth0" };
	memcpy(all->address.ip, own.ip, sizeof(own.ip));
	all->address.ifindex = 2;
	all->netmon = (struct netmon) { .link = &all->link, .nlinks = 1,
		.address = &all->address, .naddresses = 1 };
}

/* The lists are of the played kernel, not of the host of the tests. */
static void
begin_scan(void)
{
	struct socket_scan *s = world->scan;

	ck_assert_int_eq(socket_scan_open(s, world), 0);
	ck_assert_int_eq(socket_gc_init(world), 0);
	close(s->list[0]);
	if (s->list[1] >= 0)
		close(s->list[1]);
	if (s->diag.fd >= 0)
		close(s->diag.fd);
	s->list[0] = kernel_list();
	s->list[1] = -1;
	s->diag.fd = kernel_diag();
}

void
world_begin(void)
{
	kernel_reset();
	all = calloc(1, sizeof(*all));
	ck_assert_ptr_nonnull(all);
	world = &all->agent;
	world->file_most = UINT64_MAX;
	world->events = &all->events;
	world->netmon = &all->netmon;
	world->scan = &all->scan;
	world->channel = -1; /* no keeper */
	world->netns = KERNEL_NETNS;
	LIST_INIT(&world->ports);
	LIST_INIT(&world->rings);
	TAILQ_INIT(&world->parents);
	LIST_INIT(&world->clients);
	LIST_INIT(&world->processes);
	ck_assert_int_eq(loop_init(&world->loop), 0);
	ck_assert_int_eq(alarm_begin(&world->loop, &world->bye, no_alarm), 0);
	ck_assert_int_eq(events_init(world->events, world), 0);
	begin_scan();
	begin_net();
	ck_assert_int_eq(keyring_none(world, &all->keyring), 0);
	ck_assert_int_eq(test_keys_add(all->keyring->keys, "world", 'A',
	    peer_secret), 0);
}

void
world_begin_refused(void)
{
	world_begin();
	kernel_refuse_diag();
}

void
world_end(void)
{
	while (!LIST_EMPTY(&world->ports))
		serving_close(LIST_FIRST(&world->ports));
	keyring_put(all->keyring);
	close(world->loop.epoll);
	close(world->loop.timer);
	free(world->loop.at);
	free(world->loop.alarm);
	free(all);
	kernel_reset();
}

struct ipc_request *
world_request(uint16_t port)
{
	static struct ipc_request ask;

	memset(&ask, 0, sizeof(ask));
	ask.version = IPC_VERSION;
	ask.kind = IPC_OPEN;
	ask.port = port;
	ask.kernel = MP_DUAL;
	ask.family = AF_INET6;
	ask.local.port = port;
	ask.sessions = 16;
	ask.memory = 65536;
	strcpy(ask.program, "world");
	return &ask;
}

static int
add(struct port *p, uint64_t inode)
{
	struct ipc_request *ask = world_request(p->number);
	int slot;

	ask->cookie = ask->inode = inode;
	slot = slots_add(p, ask, getpid(), false);
	ck_assert_int_ge(slot, 0);
	group_steer(p);
	return slot;
}

struct port *
world_port(uint16_t number)
{
	char why[IPC_TEXT] = "";
	uint64_t first = kernel_bind(number);
	struct port *p = NULL;
	int error = serving_open(world, world_request(number),
	    kernel_bind_control(number), &p, why);

	ck_assert_msg(error == 0, "serving_open: %d %s", error, why);
	ck_assert_int_eq(add(p, first), 0);
	return p;
}

int
world_socket(struct port *p)
{
	return add(p, kernel_bind(p->number));
}

struct port *
world_recover(struct port *p)
{
	char why[IPC_TEXT] = "";
	struct ipc_request how = p->how;
	uint64_t id = p->id;
	int memfd = dup(p->memfd), error;
	int control = kernel_keep_control(p->number);

	serving_close(p);
	error = serving_recover(world, &how, id, memfd, control, &p, why);
	ck_assert_msg(error == 0, "serving_recover: %d %s", error, why);
	return p;
}

void
world_connect(struct port *p, int slot, const struct mp_addr *peer)
{
	struct slot *is = &p->map.arena->slot[slot];

	is->connected = true;
	is->peer = *peer;
	is->gen++;
}

void
world_stage(struct port *p, int slot, const struct mp_addr *to)
{
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_eq(mp_send_begin(&p->map.mp, kernel_now, (uint32_t)slot,
	    to, 0, 4, 0, tx), MP_EAGAIN);
	ck_assert_int_eq(mp_stage(&p->map.mp, kernel_now, (uint32_t)slot, to,
	    NULL, "sent", 4), 0);
}

static int
slot_by_inode(const struct port *p, uint64_t inode)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].inode == inode)
			return i;
	return -1;
}

const char *
world_given(struct port *p)
{
	static char text[16384];
	struct internal in;
	size_t len = 0;
	unsigned i;

	text[0] = '\0';
	for (i = 0; i < kernel_nsent; i++) {
		struct kernel_sent *s = &kernel_sent[i];

		if (s->port != p->number || s->index < 0 ||
		    !internal_open(p->map.arena, &in, s->bytes, s->len) ||
		    (in.kind != INTERNAL_DATA && in.kind != INTERNAL_LAST))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%d:%.*s ", slot_by_inode(p, s->inode), (int)in.len,
		    (const char *)s->bytes + in.off);
	}
	kernel_nsent = 0;
	return text;
}

void
world_close(const struct port *p, int slot)
{
	kernel_close(p->slot[slot].inode);
}
