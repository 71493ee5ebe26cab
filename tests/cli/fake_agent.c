/* SPDX-License-Identifier: ISC */
/*
 * Answers one request of mpctl as an agent does, with rows that never change.
 * usage: fake_agent MODE, where MODE is
 *	rows	a server with two clients, and an idle port, out of order
 *	none	an agent without programs
 *	nasty	names with quotes and control characters, without a 0; no times
 *	old	an agent of another version
 *	broken	a row that is too short
 *	refuse	an error
 *	gone	closes the connection at once
 *	silent	no answer at all
 *	events	one event of each kind, then END; refuses the next request
 *	busy	too many follow the events already
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "shared/ipc.h"

#define NOW (10000 * UINT64_C(1000000))

static int client;

static void
send_row(const struct ipc_row *row)
{
	if (send(client, row, sizeof(*row), MSG_NOSIGNAL) < 0 &&
	    errno != EPIPE)
		perror("fake_agent: send");
}

static struct mp_addr
address(const char *text, uint16_t port)
{
	struct mp_addr a = { .port = port };

	memset(a.ip + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, a.ip + 12) != 1)
		(void)inet_pton(AF_INET6, text, a.ip);
	return a;
}

static struct ipc_row
row_of(enum ipc_row_kind kind, uint32_t port)
{
	return (struct ipc_row) { .kind = kind, .port = port, .now = NOW };
}

static void
send_counter(uint32_t port, const char *name, uint64_t value)
{
	struct ipc_row r = row_of(IPC_ROW_COUNTER, port);

	snprintf(r.u.counter_row.name, sizeof(r.u.counter_row.name), "%s",
	    name);
	r.u.counter_row.value = value;
	send_row(&r);
}

static void
send_port(uint32_t port, uint32_t restarts)
{
	struct ipc_row r = row_of(IPC_ROW_PORT, port);

	r.u.port_row.id = 0xfedcba9876543210;
	r.u.port_row.worker = 400;
	r.u.port_row.restarts = restarts;
	send_row(&r);
}

static void
send_slot(uint32_t port, uint32_t slot, const char *program, uint32_t pid,
    const struct mp_addr *local, const struct mp_addr *peer)
{
	struct ipc_row r = row_of(IPC_ROW_SLOT, port);

	r.u.slot_row.slot = slot;
	r.u.slot_row.record.family = slot == 0 ? AF_INET : AF_INET6;
	r.u.slot_row.record.pid = pid;
	r.u.slot_row.record.local = *local;
	if (peer != NULL)
		r.u.slot_row.record.peer = *peer;
	r.u.slot_row.record.connected = peer != NULL;
	r.u.slot_row.drops = slot * 12;
	/* A long name fills its field, without a 0. */
	memcpy(r.u.slot_row.record.program, program,
	    strnlen(program, sizeof(r.u.slot_row.record.program)));
	send_row(&r);
}

static struct ipc_row
session_of(uint32_t session, const char *peer)
{
	struct ipc_row r = row_of(IPC_ROW_SESSION, 60001);

	r.session = session;
	r.u.session_row.info = (struct mp_session_info) { .state = MP_S_UP,
		.key_id = 0x123456789abcdef, .shown = address(peer, 40000),
		.reflexive = address("192.0.2.1", 60001), .flows = 2,
		.current = 1, .why = MP_WHY_silent, .why_at = NOW - 5250000,
		.up_at = NOW - 185000000, .last_in_at = NOW - 120000,
		.last_data_at = NOW - 4200000, .tx_datagrams = 1234,
		.rx_datagrams = 5678, .tx_bytes = 5000000000,
		.rx_bytes = 600000 };
	memcpy(r.u.session_row.suite, "AES-256-GCM", 11);
	memcpy(r.u.session_row.key, "home", 4);
	r.u.session_row.mtu = 1418;
	return r;
}

static struct ipc_row
flow_of(uint32_t session, uint32_t flow, const char *local, const char *remote,
    const char *interface)
{
	struct ipc_row r = row_of(IPC_ROW_FLOW, 60001);

	r.session = session;
	r.flow = flow;
	r.u.flow_row.info = (struct mp_flow_info) { .validated = true,
		.srtt_us = 20123, .rttvar_us = 456, .idle_us = 230000,
		.answer_at = NOW - 250000, .loss_permille = 12, .size = 1452,
		.tx_packets = 100, .rx_packets = 99, .tx_bytes = 10000,
		.rx_bytes = 9900 };
	r.u.flow_row.info.path.local = address(local, 0);
	r.u.flow_row.info.path.remote = address(remote, 40000);
	snprintf(r.u.flow_row.interface, sizeof(r.u.flow_row.interface), "%s",
	    interface);
	return r;
}

/* Bundles were lost there. */
static void
lost_bundles(struct ipc_row *r)
{
	struct mp_flow_info *f = &r->u.flow_row.info;

	f->bundles = MP_BUNDLES_OFF;
	f->bundle_n = 24;
	f->bundle_lost = 4;
	f->single_n = 256;
}

static void
mode_rows(void)
{
	struct mp_addr any = address("0.0.0.0", 60001);
	struct mp_addr any6 = address("::", 60001);
	struct mp_addr one = address("192.0.2.1", 60001);
	struct mp_addr far = address("2001:db8::7", 40000);
	struct ipc_row r;

	send_counter(60001, "drop_auth", 3);
	send_counter(60001, "data_out", 77);
	send_counter(60001, "drop_sid", 0);
	r = flow_of(0, 1, "2001:db8:0:1::1", "2001:db8::7", "eth1");
	r.u.flow_row.info.in_use = true;
	r.u.flow_row.info.srtt_us = 60900;
	lost_bundles(&r);
	send_row(&r);
	r = flow_of(0, 0, "192.0.2.1", "198.51.100.7", "eth0");
	r.u.flow_row.info.failed = true;
	r.u.flow_row.info.idle_us = 3720000000;
	send_row(&r);
	r = flow_of(0, 2, "192.0.2.1", "198.51.100.8", "eth0");
	r.u.flow_row.info.doubt = true;
	r.u.flow_row.info.bundles = MP_BUNDLES_OFF;
	r.u.flow_row.info.bundle_error = -EIO;
	send_row(&r);
	r = flow_of(0, 3, "192.0.2.1", "198.51.100.9", "eth0");
	r.u.flow_row.info.validated = false;
	r.u.flow_row.info.srtt_us = 0;
	r.u.flow_row.info.idle_us = MP_NEVER;
	r.u.flow_row.info.answer_at = 0;
	send_row(&r);
	r = flow_of(1, 0, "192.0.2.1", "198.51.100.20", "eth0");
	send_row(&r);
	r = session_of(1, "198.51.100.20");
	r.u.session_row.info.state = MP_S_CONNECTING;
	r.u.session_row.info.why = MP_WHY_none;
	r.u.session_row.info.current = MP_NONE;
	r.u.session_row.mtu = 0;
	send_row(&r);
	r = session_of(0, "2001:db8::7");
	send_row(&r);
	send_slot(60001, 1, "mosh-server", 124, &any6, &far);
	send_slot(60001, 0, "mosh-server", 123, &one, NULL);
	send_port(60001, 2);
	send_slot(5000, 0, "iperf3", 99, &any, NULL);
	send_port(5000, 0);
}

static void
mode_nasty(void)
{
	struct mp_addr any = address("0.0.0.0", 9);
	struct ipc_row r;

	send_port(60001, 0);
	send_slot(60001, 0,
	    "\"\\\033[31mred\n\377-and-unended-beyond-its-field", 1, &any,
	    NULL);
	r = session_of(0, "192.0.2.9");
	r.u.session_row.info.why = (enum mp_reason)4000;
	r.u.session_row.info.state = (enum mp_session_state)4000;
	r.u.session_row.info.up_at = MP_NEVER;
	r.u.session_row.info.last_in_at = NOW + 5000000;
	memset(r.u.session_row.key, 'k', sizeof(r.u.session_row.key));
	memset(r.u.session_row.suite, '\n', sizeof(r.u.session_row.suite));
	send_row(&r);
	r = flow_of(0, 0, "192.0.2.1", "192.0.2.9", "");
	memset(r.u.flow_row.interface, 'i', sizeof(r.u.flow_row.interface));
	send_row(&r);
	r = flow_of(7, 0, "192.0.2.1", "192.0.2.9", "lost");
	send_row(&r);
	r = row_of(IPC_ROW_COUNTER, 60001);
	memset(r.u.counter_row.name, 'c', sizeof(r.u.counter_row.name));
	send_row(&r);
	r = row_of(77, 60001);
	send_row(&r);
}

/* An event of this kind of row, with values. */
static struct ipc_row
event_of(uint32_t event, uint32_t kind)
{
	struct ipc_row r = row_of((enum ipc_row_kind)kind, 60001);

	if (kind == IPC_ROW_SESSION)
		r = session_of(0, "2001:db8::7");
	else if (kind == IPC_ROW_FLOW)
		r = flow_of(0, 1, "192.0.2.1", "198.51.100.7", "eth0");
	else if (kind == IPC_ROW_SLOT) {
		memcpy(r.u.slot_row.record.program,
		    "\"unended beyond its field, indeed",
		    sizeof(r.u.slot_row.record.program));
		r.u.slot_row.record.family = AF_INET6;
		r.u.slot_row.record.pid = 123;
	} else if (kind == IPC_ROW_COUNTER) {
		memcpy(r.u.counter_row.name, "drop_auth", 10);
		r.u.counter_row.more = 2;
		r.u.counter_row.value = 5;
	} else if (kind == IPC_ROW_ADDRESS) {
		r.port = 0;
		r.u.address_row.addr = address("2001:db8::1", 0);
		memcpy(r.u.address_row.interface, "eth0", 5);
	} else if (kind == IPC_ROW_LINK) {
		r.port = 0;
		memset(r.u.link_row.name, '\n', sizeof(r.u.link_row.name));
	} else if (kind == IPC_ROW_AGENT) {
		r.port = 0;
		r.u.agent_row.pid = 400;
		memcpy(r.u.agent_row.version, "1.2", 4);
	} else if (kind == IPC_ROW_LOST) {
		r.port = 0;
		r.u.lost_row.lines = 17;
	} else if (kind == IPC_ROW_ERROR)
		memcpy(r.u.error_row.text, "it is so", 9);
	if (event == IPC_EVENT_bundles_off)
		lost_bundles(&r);
	r.event = event;
	r.at = NOW - 1000 + event;
	r.wall = 1700000000000000 + event;
	r.before = MP_NONE;
	r.why = MP_WHY_silent;
	return r;
}

static void
mode_events(void)
{
	static const uint32_t kinds[] = { 0,
#define IPC_X(name, kind) IPC_ROW_##kind,
		IPC_EVENT_LIST(IPC_X)
#undef IPC_X
	};
	struct ipc_row r;
	uint32_t e;

	for (e = 1; e < IPC_EVENT_MAX; e++) {
		r = event_of(e, kinds[e]);
		send_row(&r);
	}
	r.event = 4000; /* an event of a newer agent */
	send_row(&r);
	r = event_of(IPC_EVENT_flow_new, IPC_ROW_FLOW);
	r.already = 1;
	send_row(&r);
}

static void
answer(const char *mode)
{
	struct ipc_answer a = { .version = IPC_VERSION, .pid = 400 };
	struct ipc_row end = row_of(IPC_ROW_END, 0);

	if (strcmp(mode, "old") == 0)
		a.error = -EPROTO;
	else if (strcmp(mode, "refuse") == 0)
		a.error = -EACCES;
	else if (strcmp(mode, "busy") == 0) {
		a.error = -EBUSY;
		memcpy(a.text, "8 others\nfollow", 16);
	}
	if (a.error != 0)
		send(client, &a, sizeof(a), MSG_NOSIGNAL);
	else if (strcmp(mode, "rows") == 0)
		mode_rows();
	else if (strcmp(mode, "nasty") == 0)
		mode_nasty();
	else if (strcmp(mode, "events") == 0)
		mode_events();
	else if (strcmp(mode, "broken") == 0)
		send(client, &end, 8, MSG_NOSIGNAL);
	if (a.error == 0 && strcmp(mode, "gone") != 0 &&
	    strcmp(mode, "broken") != 0)
		send_row(&end);
}

/* Answers one request; false: none arrived, or not a right one. */
static bool
serve(int fd, const char *mode)
{
	static struct ipc_request ask;

	client = accept(fd, NULL, NULL);
	if (client < 0 || recv(client, &ask, sizeof(ask), 0) != sizeof(ask) ||
	    ask.version != IPC_VERSION ||
	    (ask.kind != IPC_STATUS && ask.kind != IPC_EVENTS))
		return false;
	if (strcmp(mode, "silent") == 0)
		pause();
	answer(mode);
	close(client);
	return true;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[IPC_PATH];
	int fd;

	if (argc != 2 || connect_agent_path(path, 1) != 0 ||
	    strlen(path) >= sizeof(sun.sun_path))
		return 2;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(fd, 5) != 0) {
		perror("fake_agent");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	if (!serve(fd, argv[1]) || (strcmp(argv[1], "events") == 0 &&
	    !serve(fd, "refuse")))
		return 1;
	unlink(path);
	return 0;
}
