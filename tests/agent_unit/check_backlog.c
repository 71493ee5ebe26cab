/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdio.h>
#include <string.h>

#include "agent/backlog.h"
#include "agent/port.h"
#include "agent/socket_scan.h"
#include "kernel.h"
#include "shared/internal.h"
#include "world.h"

enum {
	PORT = 6000,
	MOST = 512, /* datagrams of one port that wait */
	BYTES = 1 << 20, /* of their payloads */
	STAY_US = 2000000,
};

static void
put(struct port *p, int host, const char *text)
{
	struct internal in = { .kind = INTERNAL_BACKLOG,
		.from = world_addr(host, 1) };

	backlog_put(p, &in, text, strlen(text));
}

/* The engine has a session of the slot with the peer on that host. */
static void
know(struct port *p, int slot, int host)
{
	struct mp_addr peer = world_addr(host, 1);
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_eq(mp_send_begin(&p->map.mp, kernel_now, (uint32_t)slot,
	    &peer, 0, 1, 0, tx), MP_EAGAIN);
}

static void
give(struct port *p, const char *what)
{
	backlog_give(p);
	ck_assert_str_eq(world_given(p), what);
}

/* A datagram waits for a socket with its peer's session, and is given at
 * once. */
START_TEST(waits)
{
	struct port *p = world_port(PORT);

	put(p, 2, "a");
	give(p, "");
	ck_assert_uint_eq(p->backlog_n, 1);
	know(p, 0, 3); /* another peer's */
	give(p, "");
	know(p, 0, 2);
	give(p, "0:a ");
	ck_assert_uint_eq(p->backlog_n, 0);
	ck_assert_uint_eq(p->backlog_bytes, 0);
	give(p, "");
}
END_TEST

/* One that went astray waits until closed sockets are known; then whichever
 * socket has the session gets it. */
START_TEST(astray)
{
	struct port *p = world_port(PORT);
	struct internal in = { .kind = INTERNAL_ASTRAY,
		.from = world_addr(2, 1) };

	ck_assert_int_eq(world_socket(p), 1);
	know(p, 0, 2); /* not the one that takes strangers */
	backlog_put(p, &in, "a", 1);
	give(p, "");
	world->scan->began = kernel_now;
	give(p, "");
	kernel_now++;
	world->scan->began = kernel_now;
	give(p, "0:a ");
	give(p, "");
}
END_TEST

/* The datagrams of one peer keep their order.  A socket that takes strangers
 * gets those of one peer, and those of the next 10 ms later. */
START_TEST(strangers)
{
	struct port *p = world_port(PORT);

	put(p, 2, "a");
	put(p, 3, "b");
	put(p, 2, "c");
	know(p, 0, 2);
	know(p, 0, 3);
	give(p, "0:a 0:c ");
	give(p, "");
	kernel_now += BACKLOG_PAUSE_US - 1;
	give(p, "");
	kernel_now++;
	give(p, "0:b ");
}
END_TEST

/* A connected socket gets its peer's at once, and no other's. */
START_TEST(connected)
{
	struct port *p = world_port(PORT);
	struct mp_addr peer = world_addr(2, 1);

	(void)world_socket(p);
	know(p, 0, 2);
	know(p, 0, 4);
	world_connect(p, 0, &peer);
	put(p, 4, "x");
	ck_assert_str_eq(world_given(p), "");
	put(p, 2, "a");
	ck_assert_str_eq(world_given(p), "0:a ");
	put(p, 2, "b"); /* no pause */
	ck_assert_str_eq(world_given(p), "0:b ");
	know(p, 1, 4);
	give(p, "1:x ");
}
END_TEST

/* Of two sockets that are not connected the newer one takes strangers: the
 * older one does not get them, even if it has the session. */
START_TEST(newer)
{
	struct port *p = world_port(PORT);

	know(p, 0, 2);
	(void)world_socket(p);
	put(p, 2, "a");
	ck_assert_str_eq(world_given(p), "");
	know(p, 1, 2);
	give(p, "1:a ");
}
END_TEST

START_TEST(too_old)
{
	struct port *p = world_port(PORT);

	put(p, 2, "old");
	kernel_now += STAY_US / 2;
	put(p, 2, "new");
	kernel_now += STAY_US / 2;
	backlog_give(p);
	ck_assert_uint_eq(p->backlog_n, 2);
	kernel_now++;
	backlog_give(p);
	ck_assert_uint_eq(p->backlog_n, 1);
	know(p, 0, 2);
	give(p, "0:new ");
}
END_TEST

START_TEST(too_many)
{
	struct port *p = world_port(PORT);
	char text[16], given[32];
	int i;

	for (i = 0; i < MOST + 3; i++) {
		snprintf(text, sizeof(text), "%d", i);
		put(p, 2, text);
		ck_assert_uint_le(p->backlog_n, MOST);
	}
	ck_assert_uint_eq(p->backlog_n, MOST);
	know(p, 0, 2);
	backlog_give(p);
	snprintf(given, sizeof(given), "0:3 0:4 0:5 "); /* the oldest went */
	ck_assert_int_eq(strncmp(world_given(p), given, strlen(given)), 0);
}
END_TEST

START_TEST(too_large)
{
	static char text[60001];
	struct port *p = world_port(PORT);
	size_t each = sizeof(text) - 1;
	int i;

	memset(text, 'x', each);
	for (i = 0; i < 30; i++) {
		put(p, 2, text);
		ck_assert_uint_le(p->backlog_bytes, BYTES);
		ck_assert_uint_eq(p->backlog_bytes, p->backlog_n * each);
	}
	ck_assert_uint_eq(p->backlog_n, BYTES / each);
	backlog_free(p);
	ck_assert_uint_eq(p->backlog_n, 0);
	ck_assert_uint_eq(p->backlog_bytes, 0);
}
END_TEST

/* Without the lock they stay. */
START_TEST(shut)
{
	struct port *p = world_port(PORT);

	know(p, 0, 2);
	p->shut_until = MP_NEVER;
	put(p, 2, "a");
	ck_assert_str_eq(world_given(p), "");
	p->shut_until = 0;
	give(p, "0:a ");
}
END_TEST

Suite *
suite_backlog(void)
{
	Suite *s = suite_create("backlog");
	TCase *t = tcase_create("backlog");

	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_test(t, waits);
	tcase_add_test(t, astray);
	tcase_add_test(t, strangers);
	tcase_add_test(t, connected);
	tcase_add_test(t, newer);
	tcase_add_test(t, too_old);
	tcase_add_test(t, too_many);
	tcase_add_test(t, too_large);
	tcase_add_test(t, shut);
	suite_add_tcase(s, t);
	return s;
}
