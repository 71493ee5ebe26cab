/* SPDX-License-Identifier: ISC */
/* preload/shared/internal.c: only datagrams that this arena made open. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/internal.h"
#include "shared/net.h"
#include "suites.h"

enum { MOST = 65000 };

static struct arena_map map;
static uint8_t packet[MOST + INTERNAL_OVERHEAD], payload[MOST];

static void
setup(void)
{
	size_t i;

	close(arena_fresh(&map));
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
}

static void
teardown(void)
{
	arena_unmap(&map);
}

static const struct round_row {
	enum internal_kind kind;
	uint32_t slot;
	const char *ip;
	unsigned port;
	size_t len;
} rounds[] = {
	{ INTERNAL_DATA, 0, "192.0.2.1", 53, 0 },
	{ INTERNAL_DATA, 31, "2001:db8::1", 65535, 1 },
	{ INTERNAL_DATA, 7, "::", 0, 1400 },
	{ INTERNAL_DATA, 16, "255.255.255.255", 256, MOST },
	{ INTERNAL_AGAIN, 3, "192.0.2.1", 53, 1400 },
	{ INTERNAL_BACKLOG, 3, "2001:db8::1", 53, 1400 },
	{ INTERNAL_ERROR, 1, "192.0.2.1", 255, 4 },
	{ INTERNAL_WAKE, 0, "::", 0, 0 },
	{ INTERNAL_CLOSING, 0, "::", 0, 0 },
	{ INTERNAL_LOCATE, 30, "::", 0, 0 },
};

START_TEST(round_trip)
{
	const struct round_row *r = &rounds[_i];
	struct internal in = { .kind = r->kind, .slot = r->slot,
		.from = addr_of(r->ip, r->port), .tos = -1, .ttl = 255 }, out;
	size_t len;

	len = internal_make(map.arena, &in, payload, r->len, packet);
	ck_assert_uint_eq(len, r->len + INTERNAL_OVERHEAD);
	ck_assert(internal_is(map.arena, packet, len));
	ck_assert_uint_eq(packet[0], 0);
	ck_assert_uint_eq(packet[3] & 1, r->kind & 1);
	ck_assert(internal_open(map.arena, &out, packet, len));
	ck_assert_int_eq(out.kind, r->kind);
	ck_assert_uint_eq(out.slot, r->slot);
	ck_assert(net_equal(&out.from, &in.from));
	ck_assert_int_eq(out.tos, -1);
	ck_assert_int_eq(out.ttl, 255);
	ck_assert_uint_eq(out.len, r->len);
	ck_assert_mem_eq(packet + out.off, payload, r->len);
}
END_TEST

/* The payload may lie anywhere in the buffer that the packet goes to. */
START_TEST(in_place)
{
	static const size_t at[] = { 0, 1, 20, INTERNAL_OVERHEAD - 16,
		INTERNAL_OVERHEAD };
	struct internal in = { .kind = INTERNAL_DATA, .slot = 3,
		.from = addr_of("192.0.2.1", 9) }, out;
	size_t len;

	memcpy(packet + at[_i], payload, 1400);
	len = internal_make(map.arena, &in, packet + at[_i], 1400, packet);
	ck_assert(internal_open(map.arena, &out, packet, len));
	ck_assert_mem_eq(packet + out.off, payload, 1400);
}
END_TEST

START_TEST(never_twice_the_same)
{
	struct internal in = { .kind = INTERNAL_DATA };
	uint8_t other[INTERNAL_OVERHEAD + 4];

	internal_make(map.arena, &in, payload, 4, packet);
	internal_make(map.arena, &in, payload, 4, other);
	ck_assert_mem_ne(packet + INTERNAL_HEAD, other + INTERNAL_HEAD, 12);
	ck_assert_mem_ne(packet + 32, other + 32, 18);
}
END_TEST

static bool
opens(const uint8_t *made, size_t len)
{
	uint8_t copy[INTERNAL_OVERHEAD + 16];
	struct internal out;

	memcpy(copy, made, len);
	return internal_open(map.arena, &out, copy, len);
}

START_TEST(damaged)
{
	struct internal in = { .kind = INTERNAL_DATA, .slot = 5,
		.from = addr_of("192.0.2.1", 9) };
	uint8_t made[INTERNAL_OVERHEAD + 16] = { 0 };
	size_t len = internal_make(map.arena, &in, payload, 5, made), i;
	int bit;

	ck_assert(opens(made, len));
	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++) {
			made[i] ^= (uint8_t)(1 << bit);
			ck_assert_msg(!opens(made, len), "byte %zu bit %d", i,
			    bit);
			made[i] ^= (uint8_t)(1 << bit);
		}
	for (i = 0; i < len; i++)
		ck_assert_msg(!opens(made, i), "%zu bytes", i);
	ck_assert(!opens(made, len + 1));
	ck_assert(opens(made, len));
}
END_TEST

/* Datagrams of another arena, also of one with the same token but another
 * key. */
START_TEST(another_arena)
{
	struct internal in = { .kind = INTERNAL_DATA }, out;
	struct arena_map other;
	size_t len = internal_make(map.arena, &in, payload, 5, packet);

	close(arena_fresh(&other));
	ck_assert(!internal_is(other.arena, packet, len));
	ck_assert(!internal_open(other.arena, &out, packet, len));
	memcpy(other.arena->token, map.arena->token, ARENA_TOKEN);
	ck_assert(internal_is(other.arena, packet, len));
	ck_assert(!internal_open(other.arena, &out, packet, len));
	arena_unmap(&other);
}
END_TEST

/* --- Through the kernel --------------------------------------------------- */

static const struct send_row {
	int family;
	const char *bound;
} sends[] = {
	{ AF_INET, "0.0.0.0" },
	{ AF_INET, "127.0.0.9" },
	{ AF_INET6, "::" },
	{ AF_INET6, "::1" },
	{ AF_INET6, "127.0.0.9" },
};

START_TEST(to_own_port)
{
	const struct send_row *r = &sends[_i];
	struct mp_addr a = addr_of(r->bound, 0);
	struct internal in = { .kind = INTERNAL_ERROR, .slot = 2,
		.from = addr_of("2001:db8::1", 99) }, out;
	struct sockaddr_in6 name;
	struct pollfd p = { .events = POLLIN };
	socklen_t len;
	ssize_t n;
	int fd = socket(r->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	len = net_put(&a, r->family, (struct sockaddr *)&name, sizeof(name));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, len), 0);
	ck_assert_int_eq(internal_send(map.arena, fd, &in, "oops", 4, packet),
	    0);
	p.fd = fd;
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	n = recv(fd, packet, sizeof(packet), 0);
	ck_assert_int_eq(n, INTERNAL_OVERHEAD + 4);
	ck_assert(internal_open(map.arena, &out, packet, (size_t)n));
	ck_assert_int_eq(out.kind, INTERNAL_ERROR);
	ck_assert_mem_eq(packet + out.off, "oops", 4);
	close(fd);
}
END_TEST

START_TEST(no_own_port)
{
	struct internal in = { .kind = INTERNAL_WAKE };
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(internal_send(map.arena, fds[1], &in, NULL, 0, packet),
	    -EADDRNOTAVAIL);
	ck_assert_int_eq(internal_send(map.arena, -1, &in, NULL, 0, packet),
	    -EADDRNOTAVAIL);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

Suite *
suite_internal(void)
{
	Suite *s = suite_create("inner");
	TCase *t = tcase_create("inner");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, round_trip, 0, COUNT(rounds));
	tcase_add_loop_test(t, in_place, 0, 5);
	tcase_add_test(t, never_twice_the_same);
	tcase_add_test(t, damaged);
	tcase_add_test(t, another_arena);
	tcase_add_loop_test(t, to_own_port, 0, COUNT(sends));
	tcase_add_test(t, no_own_port);
	suite_add_tcase(s, t);
	return s;
}
