/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdbool.h>

#include "agent/socket_gc.h"
#include "kernel.h"
#include "world.h"

enum { LIVE = 5000, LOST = 5001, READINGS = 60 };

/* Two sockets of a port closed at once, so that the indices of the two others
 * have to be asked of the kernel in the midst of the walk over all ports; the
 * list of sockets cannot be read from the _i-th time on.  A port whose sockets
 * live is neither closed nor does it lose a slot. */
START_TEST(live_ports_stay)
{
	struct port *live = world_port(LIVE), *lost;

	(void)world_socket(live);
	lost = world_port(LOST); /* the newest is the first of the walk */
	(void)world_socket(lost);
	(void)world_socket(lost);
	(void)world_socket(lost);
	world_close(lost, 0);
	world_close(lost, 1);
	kernel_fail_readings((unsigned)_i);
	socket_gc_run(world);
	ck_assert_msg(world->port[LIVE] == live,
	    "a port with two live sockets was closed");
	ck_assert_uint_eq(live->nslots, 2);
	ck_assert(live->slot[0].used && live->slot[1].used);
	ck_assert_ptr_eq(world->port[LOST], lost);
	ck_assert(lost->slot[2].used && lost->slot[3].used);

	/* The list can be read again. */
	kernel_fail_readings(KERNEL_NEVER);
	socket_gc_run(world);
	ck_assert_uint_eq(live->nslots, 2);
	ck_assert_uint_eq(lost->nslots, 2);
}
END_TEST

Suite *
suite_socket_scan(void)
{
	Suite *s = suite_create("socket_scan");
	TCase *t = tcase_create("walk");

	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_loop_test(t, live_ports_stay, 0, READINGS);
	suite_add_tcase(s, t);
	return s;
}
