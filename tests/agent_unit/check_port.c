/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "agent/port.h"
#include "agent/pump.h"
#include "kernel.h"
#include "world.h"

enum { PORT = 6000, OTHER_THREAD = 1 };

static uint64_t
alarm_at(const struct port *p)
{
	return world->loop.at[p->alarm.index];
}

/* Events that the loop would get now. */
static int
ready(void)
{
	struct epoll_event ev[8];

	return epoll_wait(world->loop.epoll, ev, 8, 0);
}

START_TEST(due)
{
	struct port *p = world_port(PORT);

	pump_port(p);
	ck_assert_uint_gt(alarm_at(p), kernel_now);
	port_due(p);
	ck_assert_uint_eq(alarm_at(p), kernel_now);
	kernel_now += 5;
	port_due(p); /* the earlier one stays */
	ck_assert_uint_eq(alarm_at(p), kernel_now - 5);
	pump_port(p);
	ck_assert_uint_gt(alarm_at(p), kernel_now);
}
END_TEST

/* A program keeps the lock.  The pauses double from 2 ms to 1 s, and meanwhile
 * neither is the lock tried nor the control socket read, whatever rings the
 * alarm. */
START_TEST(pauses)
{
	struct port *p = world_port(PORT);
	uint64_t one = 1, pause = PORT_SHUT_US;
	int turn;

	ck_assert_int_eq(write(p->control, &one, sizeof(one)), sizeof(one));
	ck_assert_int_eq(ready(), 1);
	atomic_store(&p->map.arena->lock, OTHER_THREAD);
	for (turn = 0; turn < 12; turn++) {
		ck_assert(!port_lock(p));
		ck_assert_uint_eq(p->shut_until, kernel_now + pause);
		ck_assert_uint_le(alarm_at(p), p->shut_until);
		ck_assert_int_eq(ready(), 0);
		/* Something else makes the port due. */
		kernel_now += pause / 2;
		port_due(p);
		port_resume(p, kernel_now);
		ck_assert(!port_lock(p));
		ck_assert_uint_eq(p->shut_us, pause); /* not tried */
		ck_assert_int_eq(ready(), 0);
		kernel_now = p->shut_until;
		port_resume(p, kernel_now);
		ck_assert_int_eq(ready(), 1);
		pause = pause * 2 < PORT_SHUT_MAX_US ? pause * 2 :
		    PORT_SHUT_MAX_US;
	}
	atomic_store(&p->map.arena->lock, 0);
	ck_assert(port_lock(p));
	port_unlock(p);
	ck_assert_uint_eq(p->shut_us, 0);
}
END_TEST

/* After a pause a request of a program is the first to take the lock, before
 * the port's alarm rings: the control socket is read again all the same. */
START_TEST(pause_ends)
{
	struct port *p = world_port(PORT);
	uint64_t one = 1;

	ck_assert_int_eq(write(p->control, &one, sizeof(one)), sizeof(one));
	atomic_store(&p->map.arena->lock, OTHER_THREAD);
	ck_assert(!port_lock(p));
	ck_assert_int_eq(ready(), 0);
	atomic_store(&p->map.arena->lock, 0);
	kernel_now = p->shut_until;
	ck_assert(port_lock(p));
	port_unlock(p);
	ck_assert_uint_le(alarm_at(p), kernel_now);
	port_resume(p, kernel_now);
	ck_assert_int_eq(ready(), 1);
}
END_TEST

START_TEST(links)
{
	struct port *p = world_port(PORT);
	uint32_t i;

	p->nlinks = 0;
	for (i = 1; i <= PORT_LINKS; i++) {
		port_note_link(p, i);
		port_note_link(p, i); /* once */
	}
	ck_assert_uint_eq(p->nlinks, PORT_LINKS);
	port_note_link(p, 3);
	ck_assert_uint_eq(p->nlinks, PORT_LINKS);
	port_note_link(p, 99); /* one too many: all */
	ck_assert_uint_eq(p->nlinks, 1);
	ck_assert_uint_eq(p->link[0], MP_NONE);
	port_note_link(p, 4);
	ck_assert_uint_eq(p->nlinks, 1);
	pump_port(p); /* tells the engine */
	ck_assert_uint_eq(p->nlinks, 0);
}
END_TEST

Suite *
suite_port(void)
{
	Suite *s = suite_create("port");
	TCase *t = tcase_create("port");

	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_test(t, due);
	tcase_add_test(t, pauses);
	tcase_add_test(t, pause_ends);
	tcase_add_test(t, links);
	suite_add_tcase(s, t);
	return s;
}
