/* SPDX-License-Identifier: ISC */
#include "../keys.h"
#include "peer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"
#include "agent/port.h"
#include "agent/pump.h"
#include "kernel.h"
#include "shared/net.h"
#include "world.h"

enum { BUF = 65536, MEET_MS = 100 };

const uint8_t peer_secret[32] = "all ends of the world have this";

static void
create(struct peer *peer, int host)
{
	struct mp_setup setup = { .limits = { .sessions = 8, .pool = 65536,
		.pool_each = 65536, .staged = 65536 }, .port = PEER_PORT };
	struct mp_local local = { .ifindex = 3, .mtu = 1500 };
	size_t size = mp_size(&setup.limits);

	memset(peer, 0, sizeof(*peer));
	peer->at = world_addr(host, PEER_PORT);
	setup.seed[0] = (uint8_t)host;
	size = (size + 63) & ~(size_t)63;
	peer->block = aligned_alloc(64, size);
	ck_assert_ptr_nonnull(peer->block);
	memset(peer->block, 0, size);
	ck_assert_int_eq(mp_create(&peer->mp, peer->block, size, &setup,
	    kernel_now), 0);
	ck_assert_int_eq(mp_slot_open(&peer->mp, 0, MP_DUAL), 0);
	memcpy(local.ip, peer->at.ip, sizeof(local.ip));
	mp_locals(&peer->mp, kernel_now, &local, 1);
	ck_assert_int_eq(test_keys_add(&peer->keys, "world", 'B',
	    peer_secret), 0);
}

/* The peer gets a packet of the port. */
static void
take(struct peer *peer, const struct port *p, uint8_t *packet, size_t len)
{
	static uint8_t answer[MP_CONTROL_MAX];
	struct mp_rx rx = { .path = { .local = peer->at,
		.remote = world_addr(1, p->number), .ifindex = 3 },
		.arrival = MP_NEVER };
	struct mp_path back = { .local = rx.path.remote,
		.remote = peer->at, .ifindex = 2 };
	struct mp_out out;
	enum mp_verdict v = mp_recv_begin(&peer->mp, kernel_now, &rx, packet,
	    len);
	size_t off = 0;
	int n;

	if (v == MP_SEALED) {
		n = mp_open(&rx, packet, len, packet);
		v = mp_recv_commit(&peer->mp, kernel_now, &rx, packet, n);
		off = rx.off;
		len = rx.len;
	}
	if (v == MP_HANDSHAKE && mp_handshake(&peer->mp, &peer->keys,
	    kernel_now, &rx, packet + off, len, &out, answer) == 1)
		kernel_deliver(p->number, &back, answer, out.len);
}

void
peer_exchange(struct peer *peer, struct port *p, int ms)
{
	static uint8_t buf[BUF];
	struct mp_path path = { .local = world_addr(1, p->number),
		.remote = peer->at, .ifindex = 2 };
	struct mp_out out;
	unsigned i;

	for (; ms > 0; ms--) {
		kernel_now += 1000;
		while (mp_poll(&peer->mp, &peer->keys, kernel_now, &out, buf,
		    BUF) == 1) {
			kernel_deliver(p->number, &path, buf, out.len);
			mp_poll_sent(&peer->mp, kernel_now, &out);
		}
		kernel_nsent = 0;
		ck_assert(control_take(p, p->control));
		pump_port(p);
		for (i = 0; i < kernel_nsent; i++)
			if (kernel_sent[i].index < 0 &&
			    net_equal(&kernel_sent[i].to, &peer->at))
				take(peer, p, kernel_sent[i].bytes,
				    kernel_sent[i].len);
	}
	kernel_nsent = 0;
}

static uint32_t
find(const struct peer *peer, const struct port *p)
{
	struct mp_session_info info;
	uint32_t i;

	for (i = 0; i < p->map.mp.limits.sessions; i++)
		if (mp_session_get(&p->map.mp, i, &info) == 0 &&
		    net_equal(&info.shown, &peer->at))
			return i;
	return MP_NONE;
}

void
peer_meet(struct peer *peer, struct port *p, int host)
{
	struct mp_addr to = world_addr(1, p->number);
	struct mp_session_info info;
	struct mp_tx tx[MP_TX_MAX];

	create(peer, host);
	ck_assert_int_eq(mp_send_begin(&peer->mp, kernel_now, 0, &to, 0, 5, 0,
	    tx), MP_EAGAIN);
	ck_assert_int_eq(mp_stage(&peer->mp, kernel_now, 0, &to, NULL, "hello",
	    5), 0);
	peer_exchange(peer, p, MEET_MS);
	peer->session = find(peer, p);
	ck_assert_uint_ne(peer->session, MP_NONE);
	ck_assert_int_eq(mp_session_get(&p->map.mp, peer->session, &info), 0);
	ck_assert_int_eq(info.state, MP_S_UP);
}

size_t
peer_seal(struct peer *peer, const struct port *p, const char *text,
    uint8_t packet[256])
{
	struct mp_addr to = world_addr(1, p->number);
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_ge(mp_send_begin(&peer->mp, kernel_now, 0, &to, 0,
	    strlen(text), 0, tx), 1);
	return mp_seal(&tx[0], text, strlen(text), packet);
}

int
peer_slot(const struct peer *peer, const struct port *p)
{
	struct mp_session_info info;

	ck_assert_int_eq(mp_session_get(&p->map.mp, peer->session, &info), 0);
	return (int)info.slot;
}

void
peer_free(struct peer *peer)
{
	free(peer->block);
}
