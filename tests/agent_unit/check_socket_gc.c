/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdbool.h>
#include <unistd.h>

#include "agent/port.h"
#include "agent/socket_gc.h"
#include "agent/socket_scan.h"
#include "kernel.h"
#include "peer.h"
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

/* sock_diag can be opened, but lists nothing, as without inet_diag: it is done
 * without, and nothing of it stays open. */
START_TEST(no_diag)
{
	struct socket_scan s;

	kernel_reset_diag();
	kernel_refuse_diag();
	ck_assert_int_eq(socket_scan_open(&s, world), 0);
	ck_assert_int_lt(s.diag.fd, 0);
	ck_assert(!kernel_has_diag());
	close(s.list[0]);
	if (s.list[1] >= 0)
		close(s.list[1]);
}
END_TEST

/* Control packets that left since kernel_nsent was 0. */
static unsigned
control_packets(void)
{
	unsigned i, n = 0;

	for (i = 0; i < kernel_nsent; i++)
		n += kernel_sent[i].index < 0 &&
		    (kernel_sent[i].bytes[3] & 1) != 0;
	return n;
}

/* The last socket closed: its peers are told before the port is closed. */
START_TEST(closes)
{
	struct port *p = world_port(LIVE);
	struct peer peer;

	peer_meet(&peer, p, 2);
	world_close(p, 0);
	socket_gc_run(world);
	ck_assert_ptr_null(world->port[LIVE]);
	ck_assert_uint_eq(world->nports, 0);
	ck_assert_uint_ge(control_packets(), 1);
	peer_free(&peer);
}
END_TEST

/* The port stays until what its program sent is delivered, or for 3 s. */
START_TEST(parts)
{
	struct port *p = world_port(LIVE);
	struct mp_addr to = world_addr(9, 1);

	world_stage(p, 0, &to);
	world_close(p, 0);
	socket_gc_run(world);
	ck_assert_ptr_eq(world->port[LIVE], p);
	ck_assert_uint_eq(p->nslots, 0);
	/* and is looked at soon */
	ck_assert_uint_le(world->loop.at[world->scan_all.index],
	    kernel_now + 50000);
	kernel_now += 3000001;
	socket_gc_run(world);
	ck_assert_ptr_null(world->port[LIVE]);
}
END_TEST

/* What the kernel dropped at a socket is in its slot after a scan. */
START_TEST(drops)
{
	struct port *p = world_port(LIVE);

	kernel_flood(true);
	socket_gc_run(world);
	ck_assert_uint_eq(p->slot[0].drops, 5);
	socket_gc_run(world);
	ck_assert_uint_eq(p->slot[0].drops, 10);
}
END_TEST

/* An announced close is looked for after 1, 5 and 50 ms; later announcements
 * put off the later scans, and not the first. */
START_TEST(announced)
{
	struct socket_scan *scan = world->scan;
	uint64_t began = kernel_now, *at = &world->loop.at[scan->again.index];

	ck_assert_uint_eq(*at, MP_NEVER);
	socket_scan_soon(scan);
	ck_assert_uint_eq(*at, began + 1000);
	kernel_now += 900;
	socket_scan_soon(scan);
	ck_assert_uint_eq(*at, began + 1000);
	kernel_now = began + 1000;
	socket_scan_rang(scan, kernel_now);
	ck_assert_uint_eq(*at, began + 900 + 5000);
	/* A scan of 10 ms: no other one for 80 ms. */
	kernel_now += 10000;
	socket_scan_ended(scan, kernel_now - 10000);
	ck_assert_uint_eq(*at, kernel_now + 80000);
	socket_scan_rang(scan, kernel_now + 80000);
	ck_assert_uint_eq(*at, MP_NEVER);
}
END_TEST

/* The kernel tells of a closed socket: with the only one of a port goes the
 * port, and nothing is read of the lists. */
START_TEST(heard)
{
	struct port *p = world_port(LIVE);
	uint64_t cookie = p->slot[0].cookie;

	world->scan->heard = true;
	kernel_fail_readings(0);
	socket_gc_ended(world, LIVE, cookie + 1);
	socket_gc_ended(world, LOST, cookie);
	socket_gc_ended(world, 65536, cookie);
	ck_assert_ptr_eq(world->port[LIVE], p);
	ck_assert_uint_eq(p->nslots, 1);
	world_close(p, 0);
	socket_gc_ended(world, LIVE, cookie);
	ck_assert_ptr_null(world->port[LIVE]);
	ck_assert_uint_eq(world->loop.at[world->scan->again.index], MP_NEVER);
}
END_TEST

/* It stays for what is to be delivered yet. */
START_TEST(heard_while_staged)
{
	struct port *p = world_port(LOST);
	struct mp_addr to = world_addr(9, 1);

	world_stage(p, 0, &to);
	world_close(p, 0);
	socket_gc_ended(world, LOST, p->slot[0].cookie);
	ck_assert_ptr_eq(world->port[LOST], p);
	ck_assert_uint_eq(p->nslots, 0);
	ck_assert_uint_le(world->loop.at[world->scan_all.index],
	    kernel_now + 50000);
}
END_TEST

/* Of several sockets of a port it is asked which are left: in which order they
 * left the group is not told. */
START_TEST(heard_of_some)
{
	struct port *p = world_port(LIVE);
	int i;

	for (i = 0; i < 3; i++)
		(void)world_socket(p);
	world->scan->heard = true;
	world_close(p, 1);
	world_close(p, 0);
	socket_gc_ended(world, LIVE, p->slot[0].cookie);
	ck_assert_uint_eq(p->nslots, 4);
	ck_assert_uint_eq(world->loop.at[world->scan->again.index],
	    kernel_now);
	socket_gc_run(world);
	ck_assert_uint_eq(p->nslots, 2);
	for (i = 2; i < 4; i++)
		ck_assert_int_eq(p->slot[i].group,
		    kernel_index(p->slot[i].inode));
	/* An announcement of a program is no news then. */
	socket_scan_rang(world->scan, kernel_now);
	socket_scan_soon(world->scan);
	ck_assert_uint_eq(world->loop.at[world->scan->again.index], MP_NEVER);
}
END_TEST

/* Of several sockets one ended, and the kernel names all others: it goes at
 * once, without a reading of a list for that. */
START_TEST(heard_of_one)
{
	struct port *p = world_port(LIVE);
	int i;

	for (i = 0; i < 3; i++)
		(void)world_socket(p);
	world->scan->heard = true;
	world_close(p, 3); /* the group's last: the indices stay known */
	kernel_fail_readings(0);
	socket_gc_ended(world, LIVE, p->slot[3].cookie);
	ck_assert_uint_eq(p->nslots, 3);
	ck_assert(!p->slot[3].used);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(p->slot[i].group,
		    kernel_index(p->slot[i].inode));
	ck_assert_uint_eq(world->loop.at[world->scan->again.index], MP_NEVER);
}
END_TEST

/* Sockets of several ports, more than are asked for one by one: each port's
 * count goes to its own slot. */
START_TEST(many_ports)
{
	struct port *p[6];
	int i;

	for (i = 0; i < 6; i++)
		p[i] = world_port((uint16_t)(LIVE + i));
	(void)world_socket(p[5]);
	world_close(p[1], 0);
	world_close(p[5], 0);
	kernel_flood(true);
	socket_gc_run(world);
	ck_assert_uint_eq(world->nports, 5);
	ck_assert_ptr_null(world->port[LIVE + 1]);
	ck_assert_uint_eq(p[5]->nslots, 1);
	ck_assert(p[5]->slot[1].used);
	for (i = 0; i < 6; i++)
		if (i != 1)
			ck_assert_uint_gt(p[i]->slot[i == 5].drops, 0);
}
END_TEST

/* What is found by sock_diag, and by /proc/net/udp where that is refused. */
static TCase *
socket_gc_scans(const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, world_end);
	tcase_add_loop_test(t, live_ports_stay, 0, READINGS);
	tcase_add_test(t, closes);
	tcase_add_test(t, parts);
	tcase_add_test(t, drops);
	tcase_add_test(t, heard_of_some);
	tcase_add_test(t, many_ports);
	return t;
}

Suite *
suite_socket_gc(void)
{
	Suite *s = suite_create("socket_gc");
	TCase *t = tcase_create("sockets");

	suite_add_tcase(s, socket_gc_scans("asked", world_begin));
	suite_add_tcase(s, socket_gc_scans("refused", world_begin_refused));
	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_test(t, no_diag);
	tcase_add_test(t, announced);
	tcase_add_test(t, heard);
	tcase_add_test(t, heard_while_staged);
	tcase_add_test(t, heard_of_one);
	suite_add_tcase(s, t);
	return s;
}
