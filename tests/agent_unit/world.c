/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "agent/slots.h"

struct agent *world;
static struct keyring *no_keys;

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
	world = calloc(1, sizeof(*world));
	ck_assert_ptr_nonnull(world);
	world->channel = -1; /* no keeper */
	world->netns = KERNEL_NETNS;
	LIST_INIT(&world->ports);
	LIST_INIT(&world->rings);
	LIST_INIT(&world->clients);
	ck_assert_int_eq(loop_init(&world->loop), 0);
	ck_assert_int_eq(alarm_begin(&world->loop, &world->bye, no_alarm), 0);
	ck_assert_int_eq(events_init(world), 0);
	ck_assert_int_eq(socket_scan_init(world), 0);
	close(world->scan.list[0]);
	if (world->scan.list[1] >= 0)
		close(world->scan.list[1]);
	world->scan.list[0] = kernel_list();
	world->scan.list[1] = -1;
	ck_assert_int_eq(keyring_none(world, &no_keys), 0);
}

void
world_end(void)
{
	while (!LIST_EMPTY(&world->ports))
		port_close(LIST_FIRST(&world->ports));
	keyring_put(no_keys);
	close(world->loop.epoll);
	close(world->loop.timer);
	free(world->loop.at);
	free(world->loop.alarm);
	free(world);
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
	return slot;
}

struct port *
world_port(uint16_t number)
{
	char why[IPC_TEXT] = "";
	uint64_t first = kernel_bind(number);
	struct port *p = NULL;
	int error = port_open(world, world_request(number),
	    kernel_bind_control(number), &p, why);

	ck_assert_msg(error == 0, "port_open: %d %s", error, why);
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
