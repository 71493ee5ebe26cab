/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <check.h>
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

struct agent *world;
static struct {
	struct agent agent;
	struct events events;
	struct netmon netmon; /* a host without addresses */
	struct socket_scan scan;
	struct keyring *no_keys;
} *all;

static void
no_alarm(struct alarm *alarm, uint64_t now)
{
	(void)alarm;
	(void)now;
}

void
world_begin(void)
{
	kernel_reset();
	all = calloc(1, sizeof(*all));
	ck_assert_ptr_nonnull(all);
	world = &all->agent;
	world->events = &all->events;
	world->netmon = &all->netmon;
	world->scan = &all->scan;
	world->channel = -1; /* no keeper */
	world->netns = KERNEL_NETNS;
	LIST_INIT(&world->ports);
	LIST_INIT(&world->rings);
	LIST_INIT(&world->clients);
	LIST_INIT(&world->processes);
	ck_assert_int_eq(loop_init(&world->loop), 0);
	ck_assert_int_eq(alarm_begin(&world->loop, &world->bye, no_alarm), 0);
	ck_assert_int_eq(events_init(world->events, world), 0);
	ck_assert_int_eq(socket_scan_open(world->scan, world), 0);
	ck_assert_int_eq(socket_gc_init(world), 0);
	close(world->scan->list[0]);
	if (world->scan->list[1] >= 0)
		close(world->scan->list[1]);
	world->scan->list[0] = kernel_list();
	world->scan->list[1] = -1;
	ck_assert_int_eq(keyring_none(world, &all->no_keys), 0);
}

void
world_end(void)
{
	while (!LIST_EMPTY(&world->ports))
		serving_close(LIST_FIRST(&world->ports));
	keyring_put(all->no_keys);
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

void
world_close(const struct port *p, int slot)
{
	kernel_close(p->slot[slot].inode);
}
