/* SPDX-License-Identifier: ISC */
/* Readers of events: what they are told; slow, many and dead readers. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "suites.h"

enum { READERS = 8, ADDRESSES = 400, ROUNDS = 4 };

/* Begins to read the events of this host: a descriptor. */
static int
follow(uint32_t port)
{
	struct ipc_request *ask = player_question(IPC_EVENTS);
	int fd = connect_agent_open();

	ck_assert_int_ge(fd, 0);
	ask->port = port;
	ck_assert_int_eq(ipc_send(fd, ask, sizeof(*ask), NULL, 0), 0);
	return fd;
}

/* The next row within so many ms; false: there is none. */
static bool
next(int fd, struct ipc_row *row, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int got[IPC_PASS];

	return poll(&p, 1, wait_ms) == 1 &&
	    ipc_recv(fd, row, sizeof(*row), got) == (int)sizeof(*row);
}

/* Waits for an event. */
static struct ipc_row
await(int fd, enum ipc_event event)
{
	struct ipc_row row;
	uint64_t last = 0;

	do {
		ck_assert_msg(next(fd, &row, 5000), "no event %d", event);
		ck_assert_uint_ge(row.at, last);
		last = row.at;
	} while (row.event != event);
	return row;
}

/* Reads rows until there is a pause: how many. */
static uint64_t
hear_all(int fd)
{
	struct ipc_row row;
	uint64_t n = 0;

	while (next(fd, &row, 200))
		n++;
	return n;
}

START_TEST(life)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 4700), from;
	struct player a, b;
	struct ipc_row row;
	int fd;

	start_both();
	lab_enter(LAB_A);
	fd = follow(0);
	row = await(fd, IPC_EVENT_agent_up);
	ck_assert_int_eq((pid_t)row.u.agent_row.pid, worker_of(LAB_A));
	row = await(fd, IPC_EVENT_address_new);
	ck_assert_uint_eq(row.already, 1);
	ck_assert_int_eq(player_open(&b, LAB_B, 4700, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5700, lab_key(LAB_A)), 0);
	ping(&a, &b, &to, 1000);
	row = await(fd, IPC_EVENT_socket_open);
	ck_assert_uint_eq(row.already, 0);
	ck_assert_uint_eq(row.port, 5700);
	ck_assert_str_eq(row.u.slot_row.record.program, "player");
	row = await(fd, IPC_EVENT_session_up);
	ck_assert_str_eq(row.u.session_row.key, "home");
	ck_assert_str_eq(row.u.session_row.program, "player");
	row = await(fd, IPC_EVENT_choice);
	ck_assert_uint_eq(row.why, MP_WHY_first);
	ck_assert_uint_eq(row.before, MP_NONE);
	from = lab_addr(LAB_A, 1, 0);
	ck_assert_mem_eq(row.u.flow_row.info.path.local.ip, from.ip, 16);
	row = await(fd, IPC_EVENT_sample);
	ck_assert_uint_gt(row.u.flow_row.info.srtt_us, 0);
	lab_ip(LAB_A, "link set l1 down");
	row = await(fd, IPC_EVENT_choice);
	ck_assert_uint_eq(row.why, MP_WHY_gone);
	ck_assert_uint_eq(row.before, 0);
	row = await(fd, IPC_EVENT_link_down);
	ck_assert_str_eq(row.u.link_row.name, "l1");
	player_close(&a);
	await(fd, IPC_EVENT_socket_close);
	await(fd, IPC_EVENT_session_gone);
	close(fd);
}
END_TEST

/* The state at the beginning is told first, and only of the requested port. */
START_TEST(late_comer)
{
	struct player a, b, other;
	struct ipc_row row;
	int fd, seen[IPC_EVENT_MAX] = { 0 };

	meet(&a, &b, 4701);
	ck_assert_int_eq(player_open(&other, LAB_A, 5799, lab_key(LAB_A)), 0);
	lab_enter(LAB_A);
	fd = follow(5701);
	await(fd, IPC_EVENT_agent_up);
	while (next(fd, &row, 300)) {
		ck_assert_uint_lt(row.event, IPC_EVENT_MAX);
		ck_assert(row.port == 0 || row.port == 5701);
		if (row.already)
			seen[row.event]++;
	}
	ck_assert_int_eq(seen[IPC_EVENT_socket_open], 1);
	ck_assert_int_eq(seen[IPC_EVENT_session_up], 1);
	ck_assert_int_eq(seen[IPC_EVENT_choice], 1);
	ck_assert_int_ge(seen[IPC_EVENT_flow_new], 1);
	ck_assert_int_eq(seen[IPC_EVENT_sample], 0);
}
END_TEST

/* Adds or deletes many addresses at once. */
static void
addresses(const char *what)
{
	char path[128];
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s/batch", lab_directory());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (i = 0; i < ADDRESSES; i++)
		fprintf(f, "addr %s 10.99.%d.%d/32 dev l2\n", what, i / 250,
		    i % 250 + 1);
	fclose(f);
	lab_ip(LAB_A, "-batch %s", path);
}

/* A reader that does not read loses rows, is told how many when it reads again,
 * and gets all later ones; the agent serves other clients meanwhile. */
START_TEST(slow_reader)
{
	uint64_t told = 0, lost = 0;
	struct ipc_row row;
	int slow, quick, i;

	start_both();
	lab_enter(LAB_A);
	slow = follow(0);
	await(slow, IPC_EVENT_agent_up);
	quick = follow(0);
	hear_all(slow);
	hear_all(quick);
	for (i = 0; i < ROUNDS; i++) {
		addresses(i % 2 == 0 ? "add" : "del");
		told = told + hear_all(quick);
	}
	ck_assert_uint_ge(told, ROUNDS * ADDRESSES);
	told = 0;
	lab_ip(LAB_A, "link set l1 down");
	await(quick, IPC_EVENT_link_down);
	while (lost == 0 && next(slow, &row, 2000)) {
		told++;
		if (row.event == IPC_EVENT_lost)
			lost = row.u.lost_row.lines;
	}
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_ge(told - 1 + lost, ROUNDS * ADDRESSES);
	/* It lost the event link_down, but gets link_up. */
	lab_ip(LAB_A, "link set l1 up");
	await(slow, IPC_EVENT_link_up);
}
END_TEST

START_TEST(ninth_reader)
{
	struct ipc_answer answer;
	int fd[READERS + 1], got[IPC_PASS], i;

	start_both();
	lab_enter(LAB_A);
	for (i = 0; i < READERS; i++) {
		fd[i] = follow(0);
		await(fd[i], IPC_EVENT_agent_up);
	}
	fd[READERS] = follow(0);
	ck_assert_int_eq(ipc_recv(fd[READERS], &answer, sizeof(answer), got),
	    sizeof(answer));
	ck_assert_int_eq(answer.error, -EBUSY);
	ck_assert_ptr_nonnull(strstr(answer.text, "8 others"));
	/* One leaves: there is room for another once the agent noticed. */
	close(fd[0]);
	ck_assert_int_gt(worker_of(LAB_A), 0);
	fd[0] = follow(0);
	await(fd[0], IPC_EVENT_agent_up);
	for (i = 1; i < READERS; i++) { /* the others go on */
		lab_ip(LAB_A, "addr add 10.98.0.%d/32 dev l2", i);
		await(fd[i], IPC_EVENT_address_new);
	}
}
END_TEST

START_TEST(reader_that_talks)
{
	struct ipc_row row;
	int fd;

	start_both();
	lab_enter(LAB_A);
	fd = follow(0);
	await(fd, IPC_EVENT_agent_up);
	hear_all(fd);
	ck_assert_int_eq(ipc_send(fd, "x", 1, NULL, 0), 0);
	ck_assert(!next(fd, &row, 5000)); /* the end, at once */
	ck_assert_int_gt(worker_of(LAB_A), 0);
}
END_TEST

/* A reader that is stopped, or killed with rows unread, delays nothing. */
START_TEST(dead_reader)
{
	struct player a, b;
	struct mp_addr to;
	pid_t child;
	int fd;

	to = meet(&a, &b, 4703);
	lab_enter(LAB_A);
	fd = follow(0);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	close(fd);
	addresses("add");
	ping(&a, &b, &to, 1000);
	kill(child, SIGKILL);
	ck_assert_int_ge(await_end(child, 1000), 0);
	addresses("del");
	ping(&a, &b, &to, 1000);
}
END_TEST

/* The agent does not stay for readers; they are told that it ends, or see the
 * end of file when it died. */
START_TEST(agent_ends)
{
	struct ipc_row row;
	bool end = false;
	pid_t worker;
	int fd;

	start_both();
	worker = worker_of(LAB_A);
	fd = follow(0);
	await(fd, IPC_EVENT_agent_up);
	ck_assert_int_ge(await_end(worker, 20000), 0);
	while (next(fd, &row, 100))
		end |= row.kind == IPC_ROW_END;
	ck_assert(end);
	close(fd);
	ck_assert_int_eq(lab_agent(), 0);
	worker = worker_of(LAB_A);
	fd = follow(0);
	await(fd, IPC_EVENT_agent_up);
	kill(worker, SIGKILL);
	end = false;
	while (next(fd, &row, 2000))
		end |= row.kind == IPC_ROW_END;
	ck_assert(!end);
	ck_assert_int_gt(await_worker(LAB_A, worker, 5000), 0);
	fd = follow(0);
	row = await(fd, IPC_EVENT_agent_up);
	ck_assert_uint_eq(row.u.agent_row.restarts, 1);
}
END_TEST

TCase *
case_events(void)
{
	TCase *t = tcase_create("events");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, life);
	tcase_add_test(t, late_comer);
	tcase_add_test(t, slow_reader);
	tcase_add_test(t, ninth_reader);
	tcase_add_test(t, reader_that_talks);
	tcase_add_test(t, dead_reader);
	tcase_add_test(t, agent_ends);
	return t;
}
