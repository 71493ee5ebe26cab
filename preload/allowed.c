/* SPDX-License-Identifier: ISC */
#include "allowed.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "real.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Filters never go; so neither do these.  More than that: nothing is allowed. */
enum { FILTERS = 16, CODE = 8192 };

static struct sock_filter code[CODE];
static struct {
	unsigned at, len; /* in `code' */
} filter[FILTERS];
static _Atomic unsigned filters;
static unsigned used;
static bool mute, deaf; /* sendmsg(2), recvmsg(2) are not allowed */

/* --- Running one ------------------------------------------------------------ */

struct machine {
	const struct seccomp_data *data;
	uint32_t a, x, mem[BPF_MEMWORDS];
};

static uint32_t
load(const struct machine *m, const struct sock_filter *f)
{
	uint32_t word = 0;

	switch (BPF_MODE(f->code)) {
	case BPF_ABS:
		if (f->k <= sizeof(*m->data) - sizeof(word))
			memcpy(&word, (const char *)m->data + f->k,
			    sizeof(word));
		return word;
	case BPF_LEN:
		return sizeof(*m->data);
	case BPF_MEM:
		return m->mem[f->k % BPF_MEMWORDS];
	default:
		return f->k;
	}
}

static uint32_t
compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (BPF_OP(op)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b == 0 ? 0 : a / b;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	case BPF_NEG:
		return -a;
	case BPF_XOR:
		return a ^ b;
	default:
		return 0;
	}
}

/* How many instructions it skips. */
static uint32_t
jump(const struct sock_filter *f, uint32_t a, uint32_t b)
{
	bool yes;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		return f->k;
	case BPF_JEQ:
		yes = a == b;
		break;
	case BPF_JGT:
		yes = a > b;
		break;
	case BPF_JGE:
		yes = a >= b;
		break;
	default:
		yes = (a & b) != 0;
	}
	return yes ? f->jt : f->jf;
}

/* The kernel has looked at it: it ends, and does nothing else than this. */
static uint32_t
run(const struct sock_filter *f, unsigned len, const struct seccomp_data *data)
{
	struct machine m = { .data = data };
	unsigned pc;

	for (pc = 0; pc < len; pc++) {
		uint32_t b = BPF_SRC(f[pc].code) == BPF_X ? m.x : f[pc].k;

		switch (BPF_CLASS(f[pc].code)) {
		case BPF_LD:
			m.a = load(&m, &f[pc]);
			break;
		case BPF_LDX:
			m.x = load(&m, &f[pc]);
			break;
		case BPF_ST:
			m.mem[f[pc].k % BPF_MEMWORDS] = m.a;
			break;
		case BPF_STX:
			m.mem[f[pc].k % BPF_MEMWORDS] = m.x;
			break;
		case BPF_ALU:
			m.a = compute(f[pc].code, m.a, b);
			break;
		case BPF_JMP:
			pc += jump(&f[pc], m.a, b);
			break;
		case BPF_RET:
			return BPF_RVAL(f[pc].code) == BPF_A ? m.a : f[pc].k;
		default:
			if (BPF_MISCOP(f[pc].code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
		}
	}
	return SECCOMP_RET_KILL_THREAD;
}

/* --- All of them -------------------------------------------------------------- */

bool
allowed_all(void)
{
	return atomic_load_explicit(&filters, memory_order_relaxed) == 0;
}

bool
allowed_call(long number, long a, long b, long c, long d, long e, long f)
{
	struct seccomp_data data = { .nr = (int)number,
		.arch = ARCH,
		.args = { (uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d,
		    (uint64_t)e, (uint64_t)f } };
	unsigned i, n = atomic_load(&filters);
	uint32_t action;

	for (i = 0; i < n; i++) {
		if (i >= FILTERS || filter[i].len == 0)
			return false;
		action = run(&code[filter[i].at], filter[i].len, &data) &
		    SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

ssize_t
allowed_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!mute || msg->msg_iovlen != 1)
		return real_sendmsg(fd, msg, flags);
	return real_sendto(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
	    flags, msg->msg_name, msg->msg_namelen);
}

ssize_t
allowed_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (!deaf || msg->msg_iovlen != 1)
		return real_recvmsg(fd, msg, flags);
	n = real_recvfrom(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
	    flags, msg->msg_name, &msg->msg_namelen);
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return n;
}

static int (*instead)(int, int, int, const void *, unsigned);

void
allowed_instead(int (*set)(int, int, int, const void *, unsigned))
{
	instead = set;
}

int
allowed_setsockopt(int fd, int level, int option, const void *value,
    unsigned len)
{
	if (allowed_all() || instead == NULL ||
	    ALLOWED(SYS_setsockopt, fd, level, option, value, len))
		return real_setsockopt(fd, level, option, value, len);
	return instead(fd, level, option, value, len);
}

static void
look_at_messages(void)
{
	mute = !ALLOWED(SYS_sendmsg);
	deaf = !ALLOWED(SYS_recvmsg);
}

void
allowed_add(const struct sock_fprog *prog)
{
	unsigned n = atomic_load(&filters);

	if (n < FILTERS) {
		filter[n].at = used;
		filter[n].len = prog == NULL || prog->len > CODE - used ? 0 :
								   prog->len;
		if (filter[n].len > 0)
			memcpy(&code[used], prog->filter,
			    filter[n].len * sizeof(code[0]));
		used += filter[n].len;
	}
	atomic_store(&filters, n + 1);
	look_at_messages();
}

void
allowed_undo(void)
{
	unsigned n = atomic_load(&filters) - 1;

	if (n < FILTERS)
		used -= filter[n].len;
	atomic_store(&filters, n);
	look_at_messages();
}
