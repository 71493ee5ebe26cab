/* SPDX-License-Identifier: ISC */
/*
 * The agent stirs a port's generator with randomness of the kernel before every
 * ephemeral key: a program that read the arena before does not know the key.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../keys.h"
#include "crypto.h"
#include "shared/net.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum {
	AHEAD = 4096, /* bytes of the generator's output that are looked at */
	STEP = 4,     /* every number drawn is a multiple of this many bytes */
	TIMES = 3,    /* ephemeral keys that are looked at */
	WAIT_MS = 2000,
	PACKET = 2048,
};

/* Is it the public key of a secret that this state of a generator gives? */
static bool
key_follows_from(const struct rng *state, const uint8_t e[32])
{
	struct rng r = *state;
	uint8_t stream[AHEAD], public[32];
	size_t at;

	rng_bytes(&r, stream, sizeof(stream));
	for (at = 0; at + 32 <= sizeof(stream); at += STEP) {
		crypto_public(public, stream + at);
		if (memcmp(public, e, 32) == 0)
			return true;
	}
	return false;
}

/* What a program of the port reads in its memory. */
static struct rng
generator_of(struct player *p)
{
	struct rng r;

	arena_lock(p->map.arena);
	r = p->map.mp.sh->rng;
	arena_unlock(p->map.arena);
	return r;
}

/* A socket without mpshim at that address. */
static int
socket_without_mpshim(const struct mp_addr *at)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	net_put(at, AF_INET, (struct sockaddr *)&sin, sizeof(sin));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

/* The next packet of a handshake that comes to a stranger: its length. */
static size_t
await_handshake(int fd, enum wire_type type, uint8_t packet[PACKET])
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct wire_handshake h;
	ssize_t n;

	do {
		ck_assert_int_eq(poll(&wait, 1, WAIT_MS), 1);
		n = recv(fd, packet, PACKET, 0);
		ck_assert_int_ge(n, 0);
	} while (!wire_get_handshake(packet, (size_t)n, &h) ||
	    h.type != type);
	return (size_t)n;
}

START_TEST(init)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 0);
	uint8_t packet[PACKET];
	struct player a;
	struct rng read;
	int fd, i;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 4700, lab_key(LAB_A)), 0);
	for (i = 0; i < TIMES; i++) {
		to.port = (uint16_t)(4701 + i);
		lab_enter(LAB_B);
		fd = socket_without_mpshim(&to);
		lab_enter(LAB_A);
		read = generator_of(&a);
		ck_assert_int_eq(player_send(&a, &to, "ping", 5), 0);
		(void)await_handshake(fd, WIRE_T_INIT, packet);
		ck_assert_msg(!key_follows_from(&read, packet + WIRE_HANDSHAKE),
		    "ephemeral %d of an INIT was known", i);
		close(fd);
	}
}
END_TEST

/* An engine of host A's, not in any agent, that has a datagram for B. */
static void
client_engine_begin(struct mp *m, struct mp_keyring *keys,
    const struct mp_addr *to)
{
	static const struct mp_limits small = { .sessions = 4, .flows = 16,
		.flows_each = 4, .pool = 1 << 16, .pool_each = 1 << 15,
		.staged = 1 << 16 };
	struct mp_setup setup = { .limits = small, .port = 4711,
		.tell_private = true, .no_aes_hardware = true };
	struct mp_local local = { .ifindex = 1, .mtu = 1500 };
	size_t size = (mp_size(&small) + 63) & ~(size_t)63;
	void *block = aligned_alloc(64, size);
	struct mp_addr at = lab_addr(LAB_A, 1, 0);
	struct mp_tx tx[MP_TX_MAX];
	uint8_t secret[32];
	int i;

	for (i = 0; i < 32; i++)
		secret[i] = (uint8_t)(i * 7 + 1); /* as lab_fresh() writes it */
	memset(keys, 0, sizeof(*keys));
	ck_assert_int_eq(test_keys_add(keys, "home", 'A', secret), 0);
	ck_assert_ptr_nonnull(block);
	memset(block, 0, size);
	ck_assert_int_eq(mp_create(m, block, size, &setup, arena_now()), 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	memcpy(local.ip, at.ip, sizeof(local.ip));
	mp_locals(m, arena_now(), &local, 1);
	ck_assert_int_eq(mp_send_begin(m, arena_now(), 0, to, 0, 5,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	ck_assert_int_eq(mp_stage(m, arena_now(), 0, to, NULL, "ping", 5), 0);
}

START_TEST(resp)
{
	static struct mp_keyring keys;
	struct mp_addr to = lab_addr(LAB_B, 1, 4710), from;
	uint8_t packet[PACKET];
	struct sockaddr_in sin;
	struct player b;
	struct mp_out out;
	struct rng read;
	struct mp m;
	int fd, i;

	lab_fresh();
	lab_enter(LAB_B);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&b, LAB_B, 4710, lab_key(LAB_B)), 0);
	net_put(&to, AF_INET, (struct sockaddr *)&sin, sizeof(sin));
	for (i = 0; i < TIMES; i++) {
		lab_enter(LAB_A);
		from = lab_addr(LAB_A, 1, (uint16_t)(4711 + i));
		fd = socket_without_mpshim(&from);
		client_engine_begin(&m, &keys, &to);
		mp_stir(&m, (const uint8_t[32]) { (uint8_t)i });
		ck_assert_int_eq(mp_poll(&m, &keys, arena_now(), &out, packet,
		    sizeof(packet)), 1);
		read = generator_of(&b);
		ck_assert_int_eq(sendto(fd, packet, out.len, 0,
		    (struct sockaddr *)&sin, sizeof(sin)), (ssize_t)out.len);
		(void)await_handshake(fd, WIRE_T_RESP, packet);
		ck_assert_msg(!key_follows_from(&read, packet + WIRE_HANDSHAKE),
		    "ephemeral %d of a RESP was known", i);
		close(fd);
	}
}
END_TEST

TCase *
case_ephemeral(void)
{
	TCase *t = tcase_create("ephemeral");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, init);
	tcase_add_test(t, resp);
	return t;
}
