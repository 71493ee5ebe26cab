/* SPDX-License-Identifier: ISC */
/* preload/shared/seccomp.c: its verdicts on filters are the kernel's. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ARG(n) ((uint32_t)offsetof(struct seccomp_data, args) + 8 * (n))
#define NO (SECCOMP_RET_ERRNO | ENOTTY)
#define YES SECCOMP_RET_ALLOW
#define OP BPF_STMT
#define JUMP BPF_JUMP
#define LOAD(at) OP(BPF_LD | BPF_W | BPF_ABS, (at))
#define RET(k) OP(BPF_RET | BPF_K, (k))
/* What follows is about getegid(2) alone, which no sanitizer calls. */
#define GETEGID                                                                \
	LOAD(offsetof(struct seccomp_data, nr)),                               \
	    JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getegid, 1, 0), RET(YES)

/* Filters that allow the call by its arguments. */
static struct sock_filter none[] = { GETEGID, RET(NO) };
static struct sock_filter all[] = { RET(YES) };
static struct sock_filter logged[] = { RET(SECCOMP_RET_LOG) };
static struct sock_filter equal[] = { GETEGID, LOAD(ARG(0)),
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1), RET(YES), RET(NO) };
static struct sock_filter high[] = { GETEGID, LOAD(ARG(0) + 4),
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), RET(YES), RET(NO) };
static struct sock_filter range[] = { GETEGID, LOAD(ARG(1)),
	JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, 0, 2),
	JUMP(BPF_JMP | BPF_JGE | BPF_K, 5, 1, 0), RET(YES), RET(NO) };
static struct sock_filter bits[] = { GETEGID, LOAD(ARG(2)),
	JUMP(BPF_JMP | BPF_JSET | BPF_K, 6, 0, 1), RET(NO), RET(YES) };
/* (a0 ^ 3 | 8) + a1 * 2 == a2 - 1 >> 1 << 1, by X and memory. */
static struct sock_filter sums[] = { GETEGID, LOAD(ARG(1)),
	OP(BPF_ALU | BPF_MUL | BPF_K, 2), OP(BPF_ST, 3),
	OP(BPF_LDX | BPF_W | BPF_MEM, 3), LOAD(ARG(0)),
	OP(BPF_ALU | BPF_XOR | BPF_K, 3), OP(BPF_ALU | BPF_OR | BPF_K, 8),
	OP(BPF_ALU | BPF_ADD | BPF_X, 0), OP(BPF_MISC | BPF_TAX, 0),
	LOAD(ARG(2)), OP(BPF_ALU | BPF_SUB | BPF_K, 1),
	OP(BPF_ALU | BPF_RSH | BPF_K, 1), OP(BPF_ALU | BPF_LSH | BPF_K, 1),
	JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), RET(YES), RET(NO) };
static struct sock_filter rest[] = { GETEGID, LOAD(ARG(0)), OP(BPF_STX, 15),
	OP(BPF_ALU | BPF_DIV | BPF_K, 3), OP(BPF_ALU | BPF_NEG, 0),
	OP(BPF_ALU | BPF_AND | BPF_K, 0xff), OP(BPF_MISC | BPF_TAX, 0),
	OP(BPF_LD | BPF_IMM, 1), OP(BPF_MISC | BPF_TXA, 0),
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xfe, 0, 1), JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	RET(NO), RET(YES) };
static struct sock_filter result[] = { GETEGID, LOAD(ARG(0)),
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 2), OP(BPF_LD | BPF_IMM, YES),
	OP(BPF_RET | BPF_A, 0), OP(BPF_LD | BPF_IMM, NO),
	OP(BPF_RET | BPF_A, 0) };
static struct sock_filter machine[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
#if defined(__x86_64__)
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), RET(NO),
#else
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0), RET(NO),
#endif
	GETEGID, RET(YES)
};

#define ROW(name) { #name, { LEN(name), name } }
static const struct {
	const char *name;
	struct sock_fprog prog;
} rows[] = { ROW(none), ROW(all), ROW(logged), ROW(equal), ROW(high),
	ROW(range), ROW(bits), ROW(sums), ROW(rest), ROW(result),
	ROW(machine) };

static const long calls[][3] = { { 0, 0, 0 }, { 7, 0, 0 }, { 6, 0, 1 },
	{ 0x100000000, 0, 6 }, { 0x100000007, 3, 7 }, { 7, 4, 2 }, { 8, 5, 4 },
	{ 1, 2, 15 }, { 1, 2, 16 }, { 2, 3, 16 }, { 5, 5, 25 }, { -1, -1, -1 } };

static void
must_agree(const char *name)
{
	size_t i;

	for (i = 0; i < LEN(calls); i++) {
		bool kernel = syscall(SYS_getegid, calls[i][0], calls[i][1],
		    calls[i][2]) >= 0;

		ck_assert_msg(kernel == SECCOMP_ALLOWS(SYS_getegid, calls[i][0],
			calls[i][1], calls[i][2]), "%s, call %zu: the kernel "
		    "lets it %s", name, i, kernel ? "through" : "not");
	}
}

START_TEST(agrees)
{
	const struct sock_fprog *prog = &rows[_i].prog;

	ck_assert(seccomp_unfiltered());
	seccomp_add(prog);
	ck_assert(!seccomp_unfiltered());
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prog), 0);
	must_agree(rows[_i].name);
}
END_TEST

/* The strictest of several filters decides; one that the kernel refused does
 * not count. */
START_TEST(several)
{
	const struct sock_fprog first = { LEN(equal), equal },
				second = { LEN(bits), bits };

	seccomp_add(&first);
	seccomp_add(&second);
	ck_assert(SECCOMP_ALLOWS(SYS_getegid, 7, 0, 1));
	ck_assert(!SECCOMP_ALLOWS(SYS_getegid, 7, 0, 2));
	ck_assert(!SECCOMP_ALLOWS(SYS_getegid, 6, 0, 1));
	seccomp_undo();
	ck_assert(SECCOMP_ALLOWS(SYS_getegid, 7, 0, 2));
	seccomp_undo();
	ck_assert(seccomp_unfiltered());
	ck_assert(SECCOMP_ALLOWS(SYS_getegid, 6, 0, 2));
}
END_TEST

/* A filter that cannot be read, or for which there is no room, allows
 * nothing. */
START_TEST(unknown)
{
	const struct sock_fprog yes = { LEN(all), all };
	static struct sock_filter code[BPF_MAXINSNS];
	const struct sock_fprog large = { BPF_MAXINSNS, code };
	int i;

	seccomp_add(NULL);
	ck_assert(!SECCOMP_ALLOWS(SYS_getegid));
	seccomp_undo();
	ck_assert(SECCOMP_ALLOWS(SYS_getegid));
	for (i = 0; i < BPF_MAXINSNS; i++)
		code[i] = (struct sock_filter)RET(YES);
	for (i = 0; i < 2; i++)
		seccomp_add(&large);
	ck_assert(SECCOMP_ALLOWS(SYS_getegid));
	seccomp_add(&yes);
	ck_assert(!SECCOMP_ALLOWS(SYS_getegid));
	seccomp_undo();
	ck_assert(SECCOMP_ALLOWS(SYS_getegid));
	for (i = 0; i < 2; i++)
		seccomp_undo();
	for (i = 0; i < 16; i++)
		seccomp_add(&yes);
	ck_assert(SECCOMP_ALLOWS(SYS_getegid));
	seccomp_add(&yes);
	ck_assert(!SECCOMP_ALLOWS(SYS_getegid));
	for (i = 0; i < 17; i++)
		seccomp_undo();
	ck_assert(seccomp_unfiltered());
}
END_TEST

Suite *
suite_seccomp(void)
{
	Suite *s = suite_create("allowed");
	TCase *t = tcase_create("allowed");

	tcase_add_loop_test(t, agrees, 0, LEN(rows));
	tcase_add_test(t, several);
	tcase_add_test(t, unknown);
	suite_add_tcase(s, t);
	return s;
}
