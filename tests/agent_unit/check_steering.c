/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/control.h"
#include "agent/group.h"
#include "agent/port.h"
#include "agent/pump.h"
#include "agent/slots.h"
#include "agent/steering.h"
#include "kernel.h"
#include "peer.h"
#include "shared/internal.h"
#include "state.h"
#include "wire.h"
#include "world.h"

enum { PORT = 6000 };

/* --- Where packets go ----------------------------------------------------- */

/* The first bytes of a packet for a slot; control: its C bit. */
static int
steer_session(struct port *p, int slot, bool control)
{
	uint8_t packet[100] = { mp_sid_prefix(&p->map.mp),
		(uint8_t)(slot << 3), 0xaa, control ? 1 : 0 };

	return kernel_steer(p->number, packet, sizeof(packet));
}

static int
steer_internal(struct port *p, enum internal_kind kind, int slot)
{
	uint8_t packet[INTERNAL_OVERHEAD] = { 0, (uint8_t)(slot << 3), 0,
		(uint8_t)kind };

	memcpy(packet + 4, p->map.arena->token, ARENA_TOKEN);
	return kernel_steer(p->number, packet, sizeof(packet));
}

static int
steer_plain(const struct port *p)
{
	return kernel_steer(p->number, "plain text", 10);
}

static int
index_of(const struct port *p, int slot)
{
	return kernel_index(p->slot[slot].inode);
}

START_TEST(by_kind)
{
	static const uint8_t magic[100] = { MP_HANDSHAKE_MAGIC >> 24,
		MP_HANDSHAKE_MAGIC >> 16 & 255, MP_HANDSHAKE_MAGIC >> 8 & 255,
		MP_HANDSHAKE_MAGIC & 255 };
	struct port *p = world_port(PORT);
	int i, control = kernel_control_index(PORT);

	for (i = 1; i < 5; i++)
		(void)world_socket(p);
	world_close(p, 1);
	slots_drop(p, 1 << 1);
	group_steer(p);
	for (i = 0; i < 5; i++) {
		if (i == 1)
			continue;
		ck_assert_int_eq(steer_session(p, i, false), index_of(p, i));
		ck_assert_int_eq(steer_session(p, i, true), control);
		ck_assert_int_eq(steer_internal(p, INTERNAL_DATA, i),
		    index_of(p, i));
		ck_assert_int_eq(steer_internal(p, INTERNAL_WAKE, i), control);
	}
	/* A slot without a socket: as plaintext, to the newest. */
	ck_assert_int_eq(steer_session(p, 1, false), index_of(p, 4));
	ck_assert_int_eq(steer_plain(p), index_of(p, 4));
	ck_assert_int_eq(kernel_steer(PORT, magic, sizeof(magic)), control);
	ck_assert_int_eq(kernel_steer(PORT, magic, 20), index_of(p, 4));
	ck_assert_int_eq(steer_internal(p, INTERNAL_LOCATE, 0), PORT_UNKNOWN);
	steering_attach(p, 3);
	ck_assert_int_eq(steer_internal(p, INTERNAL_LOCATE, 0), 3);
	memset(p->map.arena->token, 1, ARENA_TOKEN); /* another port's */
	ck_assert_int_eq(steer_internal(p, INTERNAL_WAKE, 0), index_of(p, 4));
}
END_TEST

/* The kernel chooses among all where an index is unknown. */
START_TEST(unknown)
{
	struct port *p = world_port(PORT);

	(void)world_socket(p);
	p->slot[1].group = PORT_UNKNOWN;
	ck_assert(!steering_knows_indices(p));
	steering_attach(p, PORT_UNKNOWN);
	ck_assert_int_eq(steer_session(p, 0, false), 0);
	ck_assert_int_eq(steer_session(p, 1, false), PORT_UNKNOWN);
	ck_assert_int_eq(steer_plain(p), PORT_UNKNOWN);
	kernel_flood(true); /* the drops of all sockets grow */
	group_steer(p);
	ck_assert(!steering_knows_indices(p));
	ck_assert_int_eq(steer_session(p, 1, false), PORT_UNKNOWN);
	kernel_flood(false);
	pump_port(p); /* it is tried again later, by itself */
	ck_assert(!steering_knows_indices(p));
	kernel_now += 200000;
	pump_port(p);
	ck_assert(steering_knows_indices(p));
	ck_assert_int_eq(steer_session(p, 1, false), index_of(p, 1));
	ck_assert_uint_eq(p->locate_at, 0);
}
END_TEST

/* A probe that comes late counts for the next index: no socket is taken for
 * another one for that. */
START_TEST(late_probe)
{
	struct port *p = world_port(PORT);
	int i;

	for (i = 1; i < 4; i++)
		(void)world_socket(p);
	for (i = 0; i < 4; i++)
		p->slot[i].group = PORT_UNKNOWN;
	p->group = PORT_UNKNOWN;
	kernel_late();
	group_steer(p);
	ck_assert(steering_knows_indices(p));
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(steer_session(p, i, false), index_of(p, i));
	ck_assert_int_eq(p->group, kernel_control_index(PORT));
}
END_TEST

/* Another worker has the arena alone, with indices that are of no use. */
START_TEST(recovered)
{
	struct port *p = world_port(PORT);
	int i;

	for (i = 1; i < 4; i++)
		(void)world_socket(p);
	for (i = 0; i < 4; i++)
		p->map.arena->slot[i].group = 99;
	p = world_recover(p);
	ck_assert_uint_eq(p->nslots, 4);
	ck_assert(steering_knows_indices(p));
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(steer_session(p, i, false), index_of(p, i));
	ck_assert_int_eq(p->group, kernel_control_index(PORT));
}
END_TEST

START_TEST(shut)
{
	struct port *p = world_port(PORT);

	p->steering_due = false;
	p->shut_until = MP_NEVER;
	steering_attach(p, PORT_UNKNOWN);
	ck_assert(p->steering_due); /* the pump tries again */
	p->shut_until = 0;
	pump_port(p);
	ck_assert(!p->steering_due);
}
END_TEST

/* --- Strangers ------------------------------------------------------------ */

/* Of three sockets, those of a mask are connected. */
static const struct stranger {
	uint32_t connected;
	int stranger; /* slot, -1 */
	int plain; /* slot */
} strangers[] = {
	{ 0, 2, 2 },
	{ 1 << 2, 1, 1 },
	{ 1 << 1 | 1 << 2, 0, 0 },
	{ 1 << 0, 2, 2 },
	{ 7, -1, 2 },
};

START_TEST(newest)
{
	const struct stranger *s = &strangers[_i];
	struct port *p = world_port(PORT);
	struct mp_addr peer;
	int i;

	(void)world_socket(p);
	(void)world_socket(p);
	for (i = 0; i < 3; i++) {
		peer = world_addr(20 + i, 1);
		if ((s->connected >> i & 1) != 0)
			world_connect(p, i, &peer);
	}
	ck_assert(!p->steering_due);
	pump_port(p); /* reads the records, and steers */
	ck_assert(!p->steering_due);
	ck_assert_int_eq(steering_stranger(p), s->stranger);
	ck_assert_int_eq(steer_plain(p), index_of(p, s->plain));
	ck_assert_int_eq(p->map.mp.sh->accept_slot, s->plain);
}
END_TEST

/* A socket of a slot, as far as it matters for a stranger. */
struct is {
	int family;
	bool v6only, connected, reuseport;
	int local; /* host of its address; 0: the wildcard */
};

#define V4(local) { AF_INET, false, false, false, (local) }
#define V6 { AF_INET6, false, false, false, 0 }
#define ONLY6 { AF_INET6, true, false, false, 0 }
#define BUSY { AF_INET, false, true, false, 0 }
#define WORKER { AF_INET, false, false, true, 0 }

/* To which of these sockets does a stranger's datagram to 10.0.0.1 go? */
static const struct accept {
	struct is is[3];
	int slot; /* -1: to any */
} accepts[] = {
	{ { V6, V6, V6 }, 2 },		/* the newest */
	{ { V4(0), V6, V6 }, 0 },	/* of the packet's own family */
	{ { V6, ONLY6, ONLY6 }, 0 },	/* that takes IPv4 at all */
	{ { V4(1), V4(0), V6 }, 0 },	/* at the packet's very address */
	{ { V4(2), V6, V4(2) }, 1 },	/* not at another one */
	{ { BUSY, V6, BUSY }, 1 },	/* not connected */
	{ { BUSY, BUSY, BUSY }, 2 },
	{ { BUSY, ONLY6, V4(2) }, 0 },	/* rather a connected one than none */
	{ { WORKER, WORKER, V4(0) }, 2 },
	{ { WORKER, WORKER, WORKER }, -1 },
};

static void
set_record(struct port *p, int slot, const struct is *is)
{
	struct slot *r = &p->map.arena->slot[slot];

	r->family = (uint8_t)is->family;
	r->v6only = is->v6only;
	r->reuseport = is->reuseport;
	r->connected = is->connected;
	r->local = is->local > 0 ? world_addr(is->local, PORT) :
	    is->family == AF_INET6 ? (struct mp_addr) { .port = PORT } :
	    (struct mp_addr) { .ip = { [10] = 0xff, [11] = 0xff },
		.port = PORT };
}

START_TEST(accepted)
{
	const struct accept *a = &accepts[_i];
	struct port *p = world_port(PORT);
	struct mp_path path = { .local = world_addr(1, 0) };
	uint32_t seen = 0;
	int i, host;

	(void)world_socket(p);
	(void)world_socket(p);
	for (i = 0; i < 3; i++)
		set_record(p, i, &a->is[i]);
	for (host = 2; host < 40; host++) {
		path.remote = world_addr(host, 1);
		steering_accept(p, &path);
		seen |= UINT32_C(1) << p->map.mp.sh->accept_slot;
		steering_accept(p, &path); /* the same one again */
		ck_assert((seen >> p->map.mp.sh->accept_slot & 1) != 0);
	}
	if (a->slot >= 0)
		ck_assert_uint_eq(seen, UINT32_C(1) << a->slot);
	else
		ck_assert_uint_eq(seen, 7); /* workers share them */
}
END_TEST

/* --- Plaintext ------------------------------------------------------------ */

/* To which of these sockets does plaintext from 10.0.0.9 or fd00::9 go? */
static const struct plaintext {
	struct is is[3];
	const char *to; /* "41" is 10.0.0.1, "61" fd00::1 */
	int slot; /* -N: to each of the slots of the mask N */
} plaintexts[] = {
	{ { V4(0), ONLY6, ONLY6 }, "41", 0 }, /* by family */
	{ { V4(0), ONLY6, V4(0) }, "61", 1 },
	{ { V4(0), V6, V6 }, "41", 0 },	/* rather of the packet's own family */
	{ { V4(0), V6, V4(0) }, "61", 1 },
	{ { V4(0), V4(0), ONLY6 }, "41", 1 }, /* the newest */
	{ { V4(1), V4(0), V6 }, "41", 0 }, /* at the packet's address */
	{ { V4(1), V4(0), V6 }, "42", 1 },
	{ { V4(1), V4(2), V6 }, "43", 2 },
	{ { BUSY, V4(0), V6 }, "41", 1 }, /* of its peer only */
	{ { WORKER, WORKER, V4(0) }, "41", 2 },
	{ { WORKER, WORKER, V4(1) }, "42", -3 },
	{ { WORKER, WORKER, ONLY6 }, "41", -3 },
	{ { WORKER, WORKER, WORKER }, "41", -7 },
};

static struct mp_addr
plain_addr(char family, int host, uint16_t port)
{
	return family == '4' ? world_addr(host, port) : (struct mp_addr) {
	    .ip = { 0xfd, [15] = (uint8_t)host }, .port = port };
}

START_TEST(plaintext)
{
	const struct plaintext *t = &plaintexts[_i];
	struct mp_addr from, to = plain_addr(t->to[0], t->to[1] - '0', PORT);
	struct port *p = world_port(PORT);
	uint32_t seen = 0, want;
	int i, k, at;

	(void)world_socket(p);
	(void)world_socket(p);
	for (i = 0; i < 3; i++) {
		set_record(p, i, &t->is[i]);
		p->map.arena->slot[i].gen++;
	}
	steering_attach(p, PORT_UNKNOWN);
	for (k = 1; k < 60; k++) {
		from = plain_addr(t->to[0], 9, (uint16_t)k);
		at = kernel_steer_plain(PORT, &from, &to);
		for (i = 0; i < 3; i++)
			if (index_of(p, i) == at)
				seen |= UINT32_C(1) << i;
		ck_assert_int_eq(kernel_steer_plain(PORT, &from, &to), at);
	}
	want = t->slot < 0 ? (uint32_t)-t->slot : UINT32_C(1) << t->slot;
	ck_assert_msg(seen == want, "row %d: %x", _i, seen);
}
END_TEST

/* What the peer of a connected socket sends in plain is that socket's. */
START_TEST(plaintext_connected)
{
	struct mp_addr peer = world_addr(9, 7), other = world_addr(9, 8),
	    to = world_addr(1, PORT);
	struct port *p = world_port(PORT);

	(void)world_socket(p);
	world_connect(p, 0, &peer);
	p->map.arena->slot[0].local = world_addr(1, 0);
	steering_attach(p, PORT_UNKNOWN);
	ck_assert_int_eq(kernel_steer_plain(PORT, &peer, &to), index_of(p, 0));
	ck_assert_int_eq(kernel_steer_plain(PORT, &other, &to),
	    index_of(p, 1));
	to = world_addr(2, PORT); /* another address of this host */
	ck_assert_int_eq(kernel_steer_plain(PORT, &peer, &to), index_of(p, 1));
}
END_TEST

/* --- Connected sockets ---------------------------------------------------- */

/* A server: two peers have come to its socket; it connects that to one of them
 * and binds the next one.  Data of the other peer go to the agent until its
 * session has the next socket's sid, then there. */
START_TEST(connected)
{
	struct port *p = world_port(PORT);
	struct peer own, other;
	uint8_t packet[256];
	size_t len;

	peer_meet(&own, p, 2);
	peer_meet(&other, p, 3);
	ck_assert_int_eq(peer_slot(&own, p), 0);
	ck_assert_int_eq(peer_slot(&other, p), 0);
	world_connect(p, 0, &own.at);
	ck_assert_int_eq(world_socket(p), 1);
	ck_assert_int_eq(peer_slot(&own, p), 0);
	ck_assert_int_eq(peer_slot(&other, p), 1);
	len = peer_seal(&own, p, "mine", packet);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 0));
	/* A session that the socket has just begun: not known to the agent. */
	packet[3] ^= 2;
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 0));
	len = peer_seal(&other, p, "late", packet);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), p->group);

	/* The agent gets it, and gives it on, after what peer_meet() had sent
	 * to the agent. */
	kernel_nsent = 0;
	kernel_deliver(PORT, &(struct mp_path) { .local = world_addr(1, PORT),
	    .remote = other.at, .ifindex = 2 }, packet, len);
	ck_assert(control_take(p, p->control));
	ck_assert_str_eq(world_given(p), "1:hello 1:late ");

	peer_exchange(&other, p, 300); /* its session gets other keys */
	len = peer_seal(&other, p, "next", packet);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 1));
	len = peer_seal(&own, p, "mine", packet);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 0));
	peer_free(&own);
	peer_free(&other);
}
END_TEST

/* A server's second socket is bound and connected to the peer of the first one.
 * The peer's next packet goes there, though its sid names the first one's slot,
 * and so do those by its next keys; another peer's stay.  When the second one is
 * closed, the first one has the peer again. */
START_TEST(sibling)
{
	struct port *p = world_port(PORT);
	struct peer own, other;
	uint8_t packet[256];
	size_t len;
	uint32_t gen;
	int i;

	peer_meet(&own, p, 2);
	peer_meet(&other, p, 3);
	gen = p->map.mp.sessions[own.session].gen;
	ck_assert_int_eq(world_socket(p), 1);
	world_connect(p, 1, &own.at);
	group_steer(p);
	ck_assert_int_eq(peer_slot(&own, p), 1);
	ck_assert_int_eq(peer_slot(&other, p), 0);
	ck_assert_int_eq(steering_stranger(p), 0);
	for (i = 0; i < 2; i++) {
		len = peer_seal(&own, p, "mine", packet);
		ck_assert_int_eq(WIRE_SID_SLOT((uint32_t)packet[0] << 24 |
		    (uint32_t)packet[1] << 16), i);
		ck_assert_int_eq(kernel_steer(PORT, packet, len),
		    index_of(p, 1));
		len = peer_seal(&other, p, "its", packet);
		ck_assert_int_eq(kernel_steer(PORT, packet, len),
		    index_of(p, 0));
		peer_exchange(&own, p, 300); /* its session gets other keys */
	}
	world_close(p, 1);
	slots_drop(p, 1 << 1);
	group_steer(p);
	ck_assert_int_eq(peer_slot(&own, p), 0);
	len = peer_seal(&own, p, "mine", packet);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 0));
	peer_exchange(&own, p, 3000); /* keys again, at their pace */
	len = peer_seal(&own, p, "mine", packet);
	ck_assert_int_eq(packet[1] >> 3, 0);
	ck_assert_int_eq(kernel_steer(PORT, packet, len), index_of(p, 0));
	ck_assert_uint_eq(p->map.mp.sessions[own.session].gen, gen);
	peer_free(&own);
	peer_free(&other);
}
END_TEST

/* A socket that is connected before its peer has a session: it has that session,
 * and nobody else's. */
START_TEST(sibling_first)
{
	struct port *p = world_port(PORT);
	struct mp_addr at = world_addr(2, PEER_PORT);
	struct peer own, other;

	ck_assert_int_eq(world_socket(p), 1);
	world_connect(p, 1, &at);
	group_steer(p);
	peer_meet(&own, p, 2);
	peer_meet(&other, p, 3);
	ck_assert_int_eq(peer_slot(&own, p), 1);
	ck_assert_int_eq(peer_slot(&other, p), 0);
	peer_free(&own);
	peer_free(&other);
}
END_TEST

/* A socket at another address of the host takes and inherits nothing. */
START_TEST(stranger_of_the_port)
{
	struct port *p = world_port(PORT);
	struct peer own;

	peer_meet(&own, p, 2);
	ck_assert_int_eq(world_socket(p), 1);
	p->map.arena->slot[0].local = world_addr(1, PORT);
	p->map.arena->slot[1].local = world_addr(9, PORT);
	world_connect(p, 1, &own.at);
	group_steer(p);
	ck_assert_int_eq(peer_slot(&own, p), 0);
	world_close(p, 0);
	slots_drop(p, 1 << 0);
	ck_assert_int_eq(p->map.mp.sessions[own.session].state, MP_S_CLOSING);
	peer_free(&own);
}
END_TEST

/* Indices are learned from counts of sock_diag, and of /proc/net/udp where
 * that is refused. */
static TCase *
steering_learns(const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, world_end);
	tcase_add_test(t, unknown);
	tcase_add_test(t, late_probe);
	tcase_add_test(t, recovered);
	return t;
}

Suite *
suite_steering(void)
{
	Suite *s = suite_create("steering");
	TCase *t = tcase_create("steering");

	suite_add_tcase(s, steering_learns("asked", world_begin));
	suite_add_tcase(s, steering_learns("refused", world_begin_refused));
	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_test(t, by_kind);
	tcase_add_test(t, shut);
	tcase_add_loop_test(t, newest, 0,
	    sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_loop_test(t, accepted, 0,
	    sizeof(accepts) / sizeof(accepts[0]));
	tcase_add_loop_test(t, plaintext, 0,
	    sizeof(plaintexts) / sizeof(plaintexts[0]));
	tcase_add_test(t, plaintext_connected);
	tcase_add_test(t, connected);
	tcase_add_test(t, sibling);
	tcase_add_test(t, sibling_first);
	tcase_add_test(t, stranger_of_the_port);
	suite_add_tcase(s, t);
	return s;
}
