/* SPDX-License-Identifier: ISC */
/*
 * preload/shared/bpf.c gives the kernel's verdicts: of random filters, and of
 * those in a table, on datagrams over loopback.
 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/bpf.h"
#include "suites.h"

enum { PROGRAMS = 20000, LONGEST = 24, PAYLOAD = 40 };

static struct bpf bpf;
static uint32_t state;

static uint32_t
chance(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/* Two sockets that are connected to each other. */
static struct sockaddr_in
pair(int fd[2])
{
	struct sockaddr_in at[2];
	socklen_t len = sizeof(at[0]);
	int i;

	for (i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		at[i] = (struct sockaddr_in) { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		ck_assert_int_eq(bind(fd[i], (struct sockaddr *)&at[i], len), 0);
		ck_assert_int_eq(getsockname(fd[i], (struct sockaddr *)&at[i],
		    &len), 0);
	}
	ck_assert_int_eq(connect(fd[0], (struct sockaddr *)&at[1], len), 0);
	ck_assert_int_eq(connect(fd[1], (struct sockaddr *)&at[0], len), 0);
	return at[1];
}

static bool
attached(int fd, size_t n)
{
	struct sock_fprog p = { .len = (unsigned short)n, .filter = bpf.at };

	atomic_store(&bpf.len, (uint32_t)n);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) == 0;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void
put16(uint8_t *to, unsigned n)
{
	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
}

/* The packet from fd[0] to fd[1], but for identifier and checksums. */
static struct bpf_packet
packet(const int fd[2], const uint8_t *payload, size_t len)
{
	struct bpf_packet p = { .payload = payload, .len = len, .iplen = 20,
		.protocol = ETH_P_IP, .ifindex = 1 };
	uint32_t here = htonl(INADDR_LOOPBACK);

	put16(p.udp, port_of(fd[0]));
	put16(p.udp + 2, port_of(fd[1]));
	put16(p.udp + 4, (unsigned)len + 8);
	p.ip[0] = 0x45;
	put16(p.ip + 2, (unsigned)len + 28);
	p.ip[6] = 0x40; /* DF */
	p.ip[8] = 64;
	p.ip[9] = IPPROTO_UDP;
	memcpy(p.ip + 12, &here, 4);
	memcpy(p.ip + 16, &here, 4);
	return p;
}

/* The kernel's socket filter and ours keep the same. */
static void
compare(const int fd[2], size_t len, size_t number)
{
	uint8_t payload[PAYLOAD], got[PAYLOAD];
	struct bpf_packet p = packet(fd, payload, len);
	ssize_t n, want;
	uint32_t keep;
	size_t i;

	for (i = 0; i < len; i++)
		payload[i] = (uint8_t)chance(256);
	keep = bpf_filter(&bpf, &p);
	want = keep == 0 ? -1 : keep <= 8 ? 0 :
	    keep - 8 < len ? (ssize_t)keep - 8 : (ssize_t)len;
	ck_assert_int_eq(send(fd[0], payload, len, 0), (ssize_t)len);
	n = recv(fd[1], got, sizeof(got), MSG_DONTWAIT);
	ck_assert_msg(n == want, "program %zu: %zd of %zu, the kernel %zd",
	    number, want, len, n);
	if (n > 0)
		ck_assert_mem_eq(got, payload, (size_t)n);
}

/* A random offset, not of a checksum or an identifier. */
static uint32_t
somewhere(void)
{
	static const uint32_t at[] = { 0, 1, 2, 4, 8, 9, 11, 20, 44, 47, 48, 60,
		4000, 0x7fffffff, 0x80000000,
		(uint32_t)SKF_NET_OFF, (uint32_t)SKF_NET_OFF + 2,
		(uint32_t)SKF_NET_OFF + 8, (uint32_t)SKF_NET_OFF + 12,
		(uint32_t)SKF_NET_OFF + 16, (uint32_t)SKF_NET_OFF + 20,
		(uint32_t)SKF_NET_OFF + 30, (uint32_t)SKF_NET_OFF + 66,
		(uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL,
		(uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX,
		(uint32_t)SKF_AD_OFF + SKF_AD_ALU_XOR_X };

	return at[chance(COUNT(at))];
}

static struct sock_filter
instruction(size_t left)
{
	static const uint16_t code[] = { BPF_LD | BPF_ABS | BPF_B,
		BPF_LD | BPF_ABS | BPF_H, BPF_LD | BPF_IND | BPF_B,
		BPF_LD | BPF_IMM, BPF_LD | BPF_LEN | BPF_W, BPF_LD | BPF_MEM,
		BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM, BPF_LDX | BPF_LEN | BPF_W,
		BPF_LDX | BPF_MSH | BPF_B, BPF_ST, BPF_STX,
		BPF_ALU | BPF_NEG, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA,
		BPF_RET | BPF_K, BPF_RET | BPF_A };
	static const uint16_t op[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV,
		BPF_MOD, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH };
	static const uint16_t test[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET,
		BPF_JA };
	struct sock_filter f = { .k = chance(70) };

	switch (chance(3)) {
	case 0:
		f.code = (uint16_t)(BPF_ALU | op[chance(COUNT(op))] |
		    (chance(2) ? BPF_X : BPF_K));
		break;
	case 1:
		f.code = (uint16_t)(BPF_JMP | test[chance(COUNT(test))]);
		if (f.code != (BPF_JMP | BPF_JA) && chance(2))
			f.code |= BPF_X;
		else if (f.code == (BPF_JMP | BPF_JA))
			f.k = chance((uint32_t)left);
		f.jt = (uint8_t)chance((uint32_t)left);
		f.jf = (uint8_t)chance((uint32_t)left);
		break;
	default:
		f.code = code[chance(COUNT(code))];
		if (BPF_CLASS(f.code) == BPF_LD && BPF_MODE(f.code) == BPF_ABS)
			f.k = somewhere();
		else if (BPF_MODE(f.code) == BPF_MEM ||
		    BPF_CLASS(f.code) == BPF_ST || BPF_CLASS(f.code) == BPF_STX)
			f.k %= BPF_MEMWORDS;
		break;
	}
	return f;
}

/* Does a random filter read at an offset that could be a checksum's?  Those are
 * left out. */
static bool
reads_chance(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((BPF_CLASS(bpf.at[i].code) == BPF_LD &&
			BPF_MODE(bpf.at[i].code) == BPF_IND) ||
		    (BPF_CLASS(bpf.at[i].code) == BPF_LDX &&
			BPF_MODE(bpf.at[i].code) == BPF_MSH))
			return true;
	return false;
}

START_TEST(by_chance)
{
	size_t i, j, n, taken = 0;
	int fd[2];

	(void)pair(fd);
	state = 2015;
	for (i = 0; i < PROGRAMS; i++) {
		n = 2 + chance(LONGEST);
		for (j = 0; j + 1 < n; j++)
			bpf.at[j] = instruction(n - j - 1);
		bpf.at[j] = (struct sock_filter) { .code = BPF_RET | BPF_A };
		if (reads_chance(n) || !attached(fd[1], n))
			continue;
		taken++;
		compare(fd, chance(PAYLOAD), i);
		compare(fd, chance(PAYLOAD), i);
	}
	ck_assert_uint_gt(taken, PROGRAMS / 20);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

#define LOAD(size, off) BPF_STMT(BPF_LD | BPF_ABS | (size), off)
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define RET_A BPF_STMT(BPF_RET | BPF_A, 0)

static const struct row {
	struct sock_filter at[6];
	size_t n;
} rows[] = {
	{ { RET(0) }, 1 },
	{ { RET(UINT32_MAX) }, 1 },
	{ { RET(1) }, 1 },
	{ { RET(8) }, 1 },
	{ { RET(9) }, 1 },
	/* indirect, from the payload and from before it */
	{ { BPF_STMT(BPF_LDX | BPF_IMM, 8),
	    BPF_STMT(BPF_LD | BPF_IND | BPF_B, 1), RET_A }, 3 },
	{ { BPF_STMT(BPF_LDX | BPF_IMM, 9),
	    BPF_STMT(BPF_LD | BPF_IND | BPF_B, (uint32_t)-1), RET_A }, 3 },
	{ { BPF_STMT(BPF_LDX | BPF_IMM, 1),
	    BPF_STMT(BPF_LD | BPF_IND | BPF_B, (uint32_t)SKF_NET_OFF + 8),
	    RET_A }, 3 },
	{ { BPF_STMT(BPF_LDX | BPF_IMM, 4),
	    BPF_STMT(BPF_LD | BPF_IND | BPF_H, 0), RET_A }, 3 },
	/* an IPv4 header's length */
	{ { BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, (uint32_t)SKF_NET_OFF),
	    BPF_STMT(BPF_MISC | BPF_TXA, 0), RET_A }, 3 },
	{ { BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, 4000), RET(9) }, 2 },
	{ { BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, 10),
	    BPF_STMT(BPF_MISC | BPF_TXA, 0), RET_A }, 3 },
	/* across the end */
	{ { LOAD(BPF_W, 46), RET(12) }, 2 },
	{ { LOAD(BPF_H, 47), RET(12) }, 2 },
	{ { LOAD(BPF_W, (uint32_t)SKF_NET_OFF + 64), RET(12) }, 2 },
	/* by zero, and shifts by more than there are bits */
	{ { BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RET(12) }, 2 },
	{ { BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0), RET(12) }, 2 },
	{ { BPF_STMT(BPF_LD | BPF_IMM, 12), BPF_STMT(BPF_LDX | BPF_IMM, 33),
	    BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), RET_A }, 4 },
};

START_TEST(row)
{
	const struct row *r = &rows[_i];
	size_t len;
	int fd[2];

	(void)pair(fd);
	memcpy(bpf.at, r->at, sizeof(r->at));
	ck_assert(attached(fd[1], r->n));
	for (len = 0; len < PAYLOAD; len++)
		compare(fd, len, (size_t)_i);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* Another thread may be writing the filter: any bytes end, within bounds. */
START_TEST(garbage)
{
	uint8_t payload[PAYLOAD] = { 0 };
	struct bpf_packet p = { .payload = payload, .len = sizeof(payload) };
	int i, j;

	state = 4711;
	for (i = 0; i < 200; i++) {
		for (j = 0; j < BPF_MAXINSNS; j++) {
			bpf.at[j].code = (uint16_t)chance(65536);
			bpf.at[j].jt = (uint8_t)chance(256);
			bpf.at[j].jf = (uint8_t)chance(256);
			bpf.at[j].k = chance(1 << 24) * (chance(2) ? 256 : 1);
		}
		atomic_store(&bpf.len, chance(BPF_MAXINSNS * 2));
		(void)bpf_filter(&bpf, &p);
	}
}
END_TEST

Suite *
suite_bpf(void)
{
	Suite *s = suite_create("bpf");
	TCase *t = tcase_create("bpf");

	tcase_add_test(t, by_chance);
	tcase_add_loop_test(t, row, 0, COUNT(rows));
	tcase_add_test(t, garbage);
	suite_add_tcase(s, t);
	return s;
}
