/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/group.h"
#include "agent/port.h"
#include "agent/slots.h"
#include "kernel.h"
#include "pool.h"
#include "shared/ipc.h"
#include "state.h"
#include "world.h"

enum { PORT = 6000, WALKS = 40, STEPS = 150 };

static void
assert_index(int known, int real, const char *what, int which)
{
	ck_assert_msg(known == PORT_UNKNOWN || known == real,
	    "%s %d: index %d, the kernel has it at %d", what, which, known,
	    real);
}

/* No index is wrong; how many are unknown. */
static unsigned
unknown_indices(const struct port *p)
{
	unsigned n = p->group == PORT_UNKNOWN;
	int i;

	assert_index(p->group, kernel_control_index(p->number), "control", 0);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used)
			continue;
		assert_index(p->slot[i].group, kernel_index(p->slot[i].inode),
		    "slot", i);
		n += p->slot[i].group == PORT_UNKNOWN;
	}
	return n;
}

/* --- Indices -------------------------------------------------------------- */

/* Of so many sockets those of a mask (slots) close between two scans.  The
 * indices: slot 0 has 0, the control socket 1, slot n has n + 1. */
static const struct drop {
	int sockets;
	uint32_t closed;
	unsigned unknown; /* indices afterwards */
} drops[] = {
	{ 1, 0x1, 0 }, /* the control socket moves to 0 */
	{ 2, 0x1, 0 }, /* the last one moves to 0 */
	{ 2, 0x2, 0 }, /* the last one closed: none moves */
	{ 2, 0x3, 0 }, /* the control socket alone is left */
	{ 3, 0x2, 0 },
	{ 3, 0x3, 0 }, /* one hole below, one survivor above */
	{ 3, 0x5, 0 }, /* one of them was the last: it filled no hole */
	{ 3, 0x7, 0 },
	{ 4, 0x3, 2 }, /* two holes, two survivors: which is where? */
	{ 4, 0x9, 0 },
	{ 4, 0xc, 0 }, /* the last two: none moves */
	{ 5, 0x3, 2 },
	{ 5, 0x7, 2 },
	{ 5, 0x13, 2 },
	{ 5, 0x1a, 0 }, /* the control socket, slots 0 and 2 stay */
	{ 8, 0x0f, 4 },
	{ 8, 0xf0, 0 },
	{ 8, 0x81, 0 },
};

/* In the order of the slots, or against it: the result may not depend on it. */
START_TEST(dropped)
{
	const struct drop *d = &drops[_i / 2];
	struct port *p = world_port(PORT);
	unsigned unknown;
	int i, k;

	for (i = 1; i < d->sockets; i++)
		ck_assert_int_eq(world_socket(p), i);
	ck_assert_uint_eq(unknown_indices(p), 0);
	for (k = 0; k < d->sockets; k++) {
		i = _i % 2 == 0 ? k : d->sockets - 1 - k;
		if ((d->closed >> i & 1) != 0)
			world_close(p, i);
	}
	slots_drop(p, d->closed);
	unknown = unknown_indices(p);
	ck_assert_msg(unknown <= d->unknown, "row %d: %u indices are unknown",
	    _i / 2, unknown);
	ck_assert_uint_eq(p->nslots, (unsigned)d->sockets -
	    (unsigned)__builtin_popcount(d->closed));
	group_steer(p);
	ck_assert_uint_eq(unknown_indices(p), 0);
}
END_TEST

static uint32_t
close_some(const struct port *p)
{
	uint32_t closed = 0;
	int i, k;

	for (k = rand() % 3; k >= 0; k--) {
		i = rand() % MP_SLOTS_MAX;
		if (!p->slot[i].used || (closed >> i & 1) != 0)
			continue;
		world_close(p, i);
		closed |= UINT32_C(1) << i;
	}
	return closed;
}

/* A program binds a socket while others close; the agent's scan comes after
 * both, and it steers the group before it knows of the new socket. */
static void
add_raced(struct port *p)
{
	uint64_t inode = rand() % 2 == 0 ? kernel_bind(PORT) : 0;
	uint32_t closed = close_some(p);
	struct ipc_request *ask;

	if (inode == 0)
		inode = kernel_bind(PORT);
	if (closed != 0) {
		slots_drop(p, closed);
		if (rand() % 2 == 0)
			group_steer(p);
	}
	ask = world_request(PORT);
	ask->cookie = ask->inode = inode;
	if (slots_add(p, ask, 1, closed != 0) < 0)
		kernel_close(inode);
}

/* Sockets come and go at random.  No index is ever wrong; after steering all
 * are known. */
START_TEST(walk)
{
	struct port *p = world_port(PORT);
	uint32_t closed;
	int step;

	srand((unsigned)_i);
	for (step = 0; step < STEPS; step++) {
		switch (rand() % 4) {
		case 0:
			if (p->nslots < MP_SLOTS_MAX)
				(void)world_socket(p);
			break;
		case 1:
			closed = close_some(p);
			if (closed != 0)
				slots_drop(p, closed);
			break;
		case 2:
			add_raced(p);
			break;
		default:
			group_steer(p);
			ck_assert_uint_eq(unknown_indices(p), 0);
		}
		(void)unknown_indices(p);
	}
}
END_TEST

/* --- Slots ---------------------------------------------------------------- */

START_TEST(add)
{
	struct port *p = world_port(PORT);
	struct ipc_request *ask = world_request(PORT);
	const struct slot *is = &p->map.arena->slot[1];
	uint32_t gen = is->gen;

	ask->cookie = ask->inode = kernel_bind(PORT);
	ask->family = AF_INET;
	ask->reuseport = 1;
	strcpy(ask->program, "a\033[b c\377");
	ck_assert_int_eq(slots_add(p, ask, 77, false), 1);
	ck_assert_int_eq(slots_find(p, ask->cookie), 1);
	ck_assert_int_eq(slots_find(p, ask->cookie + 1), -1);
	ck_assert_uint_eq(p->nslots, 2);
	ck_assert_uint_eq(is->cookie, ask->cookie);
	ck_assert_uint_eq(is->gen, gen + 1);
	ck_assert_uint_eq(p->slot[1].gen, is->gen);
	ck_assert_uint_eq(is->pid, 77);
	ck_assert(is->reuseport && !is->reuseaddr && !is->connected);
	ck_assert_str_eq(is->program, "a?[b?c?");
	/* New sessions go to the newest socket. */
	ck_assert_uint_eq(p->map.mp.sh->accept_slot, 1);
}
END_TEST

START_TEST(full)
{
	struct port *p = world_port(PORT);
	struct ipc_request *ask;
	int i;

	for (i = 1; i < MP_SLOTS_MAX; i++)
		ck_assert_int_eq(world_socket(p), i);
	ask = world_request(PORT);
	ask->cookie = ask->inode = 1;
	ck_assert_int_eq(slots_add(p, ask, 1, false), -EMFILE);
	world_close(p, 7);
	slots_drop(p, 1 << 7);
	group_steer(p);
	ck_assert_int_eq(world_socket(p), 7); /* the free one */
}
END_TEST

/* Without the lock nothing is half done. */
START_TEST(shut)
{
	struct port *p = world_port(PORT);
	struct ipc_request *ask = world_request(PORT);

	p->shut_until = MP_NEVER;
	ask->cookie = ask->inode = kernel_bind(PORT);
	ck_assert_int_eq(slots_add(p, ask, 1, false), -EAGAIN);
	ck_assert_uint_eq(p->nslots, 1);
	ck_assert(!p->slot[1].used);
	ck_assert_int_eq(slots_find(p, ask->cookie), -1);
	world_close(p, 0);
	slots_drop(p, 1);
	ck_assert_uint_eq(p->nslots, 0);
	p->shut_until = 0;
}
END_TEST

/* A program sends a datagram and exits: its slot stays until that is delivered,
 * or for 3 s, and is not given to another socket. */
START_TEST(parting)
{
	struct port *p = world_port(PORT);
	struct mp_addr to = world_addr(9, 1);
	struct ipc_request *ask = world_request(PORT);

	ck_assert_int_eq(world_socket(p), 1);
	p->map.arena->slot[0].local = world_addr(1, PORT);
	p->map.arena->slot[1].local = world_addr(8, PORT);
	world_stage(p, 1, &to);
	world_close(p, 1);
	slots_drop(p, 1 << 1);
	ck_assert_uint_eq(p->parting, 1 << 1);
	ck_assert_uint_ne(p->map.arena->slot[1].cookie, 0);
	ask->cookie = ask->inode = kernel_bind(PORT);
	ask->local = world_addr(7, PORT); /* no heir of it */
	ck_assert_int_eq(slots_add(p, ask, 1, false), 2);
	kernel_now += 2900 * 1000;
	slots_part(p);
	ck_assert_uint_eq(p->parting, 1 << 1);
	kernel_now += 200 * 1000;
	slots_part(p);
	ck_assert_uint_eq(p->parting, 0);
	ck_assert_uint_eq(p->map.arena->slot[1].cookie, 0);
	ck_assert_uint_eq(mp_session_find(&p->map.mp, 1, &to), MP_NONE);
	ck_assert_int_eq(world_socket(p), 1);
}
END_TEST

/* A program sends one datagram by a session that needs no handshake, and exits:
 * the slot stays until the peer has answered, since it may not know the parent.
 */
START_TEST(parting_child)
{
	struct port *p = world_port(PORT);
	struct mp_addr to = world_addr(9, 1);
	struct session *s;

	ck_assert_int_eq(world_socket(p), 1);
	p->map.arena->slot[0].local = world_addr(1, PORT);
	p->map.arena->slot[1].local = world_addr(8, PORT);
	world_stage(p, 1, &to);
	s = &p->map.mp.sessions[mp_session_find(&p->map.mp, 1, &to)];
	pool_clear(&p->map.mp, POOL_HELD, s);
	s->child_waits = true;
	world_close(p, 1);
	slots_drop(p, 1 << 1);
	ck_assert_uint_eq(p->parting, 1 << 1);
	slots_part(p);
	ck_assert_uint_eq(p->parting, 1 << 1);
	s->child_waits = false;
	slots_part(p);
	ck_assert_uint_eq(p->parting, 0);
}
END_TEST

/* A server ends, with a datagram staged, and begins again at once: meanwhile no
 * stranger gets a session, for nobody would read what he sends; the next socket
 * gets what is left. */
START_TEST(parting_last)
{
	struct port *p = world_port(PORT);
	struct mp_addr to = world_addr(9, 1);

	world_stage(p, 0, &to);
	world_close(p, 0);
	slots_drop(p, 1);
	ck_assert_uint_eq(p->parting, 1);
	ck_assert_uint_eq(mp_slots_accepting(&p->map.mp), 0);
	ck_assert_uint_eq(p->map.mp.sh->accept_slot, UINT8_MAX);
	ck_assert_int_eq(world_socket(p), 1);
	ck_assert_uint_eq(unknown_indices(p), 0);
	ck_assert_uint_eq(p->map.mp.sh->accept_slot, 1);
	ck_assert_uint_ne(mp_session_find(&p->map.mp, 1, &to), MP_NONE);
	slots_part(p);
	ck_assert_uint_eq(p->parting, 0);
	ck_assert_uint_ne(mp_session_find(&p->map.mp, 1, &to), MP_NONE);
}
END_TEST

/* Where another socket has the address, too, the datagram goes from there, and
 * the slot is free at once. */
START_TEST(passed_on)
{
	struct port *p = world_port(PORT);
	struct mp_addr to = world_addr(9, 1);

	ck_assert_int_eq(world_socket(p), 1);
	world_stage(p, 1, &to);
	world_close(p, 1);
	slots_drop(p, 1 << 1);
	ck_assert_uint_eq(p->parting, 0);
	ck_assert_uint_eq(p->map.arena->slot[1].cookie, 0);
	ck_assert_uint_eq(p->map.mp.sessions[mp_session_find(&p->map.mp, 0,
	    &to)].staged.n, 1);
}
END_TEST

/* --- Recovery ------------------------------------------------------------- */

/* As another worker finds the port: nothing is known but the arena. */
static void
forget(struct port *p)
{
	memset(p->slot, 0, sizeof(p->slot));
	p->nslots = 0;
	p->group = 1;
}

START_TEST(recovered)
{
	struct port *p = world_port(PORT);

	(void)world_socket(p);
	(void)world_socket(p);
	world_close(p, 0); /* so that their order is not the first one */
	slots_drop(p, 1);
	group_steer(p);
	p->map.arena->slot[2].connected = true;
	forget(p);
	ck_assert_int_eq(slots_recover(p, false), 0);
	ck_assert_uint_eq(p->nslots, 2);
	ck_assert(!p->slot[0].used && p->slot[1].used && p->slot[2].used);
	ck_assert(!p->slot[1].connected && p->slot[2].connected);
	ck_assert_uint_eq(unknown_indices(p), 0);
	/* The newest is the highest again. */
	ck_assert_uint_gt(p->slot[2].opened, p->slot[1].opened);
}
END_TEST

/* The agent's control socket was closed with it, and the new one was bound
 * after that: the last of the group took its index. */
START_TEST(adopted)
{
	struct port *p = world_port(PORT);
	int i;

	for (i = 1; i < 4; i++)
		(void)world_socket(p);
	kernel_rebind_control(PORT);
	forget(p);
	ck_assert_int_eq(slots_recover(p, true), 0);
	ck_assert_uint_eq(p->nslots, 4);
	ck_assert_uint_eq(unknown_indices(p), 0);
}
END_TEST

/* A program has written into the records. */
START_TEST(recovered_lies)
{
	struct port *p = world_port(PORT);

	(void)world_socket(p);
	p->map.arena->slot[0].group = 201;
	p->map.arena->slot[1].group = 77;
	forget(p);
	ck_assert_int_eq(slots_recover(p, false), 0);
	ck_assert_uint_eq(p->slot[0].group, PORT_UNKNOWN);
	ck_assert_uint_eq(p->slot[1].group, PORT_UNKNOWN);
	p->group = PORT_UNKNOWN;
	group_steer(p); /* asks the kernel */
	ck_assert_uint_eq(unknown_indices(p), 0);
}
END_TEST

START_TEST(recovered_empty)
{
	struct port *p = world_port(PORT);

	memset(p->map.arena->slot, 0, sizeof(p->map.arena->slot));
	forget(p);
	ck_assert_int_eq(slots_recover(p, false), -EINVAL);
}
END_TEST

Suite *
suite_slots(void)
{
	Suite *s = suite_create("slots");
	TCase *t = tcase_create("slots");

	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_loop_test(t, dropped, 0,
	    2 * (int)(sizeof(drops) / sizeof(drops[0])));
	tcase_add_loop_test(t, walk, 0, WALKS);
	tcase_add_test(t, add);
	tcase_add_test(t, full);
	tcase_add_test(t, shut);
	tcase_add_test(t, parting);
	tcase_add_test(t, parting_child);
	tcase_add_test(t, parting_last);
	tcase_add_test(t, passed_on);
	tcase_add_test(t, recovered);
	tcase_add_test(t, adopted);
	tcase_add_test(t, recovered_lies);
	tcase_add_test(t, recovered_empty);
	suite_add_tcase(s, t);
	return s;
}
