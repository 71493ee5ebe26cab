/* SPDX-License-Identifier: ISC */
#include "seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bpf.h"
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

/* The words of a call, which filters see as the machine has them. */
static bool
get_word(const void *of, uint32_t off, unsigned size, uint32_t *to)
{
	if (size != sizeof(*to) || off > sizeof(struct seccomp_data) - size)
		return false;
	memcpy(to, (const char *)of + off, sizeof(*to));
	return true;
}

bool
seccomp_unfiltered(void)
{
	return atomic_load_explicit(&filters, memory_order_relaxed) == 0;
}

bool
seccomp_allows(long number, long a, long b, long c, long d, long e, long f)
{
	struct seccomp_data data = { .nr = (int)number,
		.arch = ARCH,
		.args = { (uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d,
		    (uint64_t)e, (uint64_t)f } };
	const struct bpf_data of = { .of = &data, .len = sizeof(data),
		.get = get_word };
	unsigned i, n = atomic_load(&filters);
	uint32_t action;

	for (i = 0; i < n; i++) {
		if (i >= FILTERS || filter[i].len == 0)
			return false;
		action = bpf_run(&code[filter[i].at], filter[i].len, &of) &
		    SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

ssize_t
seccomp_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!mute || msg->msg_iovlen != 1)
		return real_sendmsg(fd, msg, flags);
	return real_sendto(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
	    flags, msg->msg_name, msg->msg_namelen);
}

ssize_t
seccomp_recvmsg(int fd, struct msghdr *msg, int flags)
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
seccomp_set_fallback(int (*set)(int, int, int, const void *, unsigned))
{
	instead = set;
}

int
seccomp_setsockopt(int fd, int level, int option, const void *value,
    unsigned len)
{
	if (seccomp_unfiltered() || instead == NULL ||
	    SECCOMP_ALLOWS(SYS_setsockopt, fd, level, option, value, len))
		return real_setsockopt(fd, level, option, value, len);
	return instead(fd, level, option, value, len);
}

static void
look_at_messages(void)
{
	mute = !SECCOMP_ALLOWS(SYS_sendmsg);
	deaf = !SECCOMP_ALLOWS(SYS_recvmsg);
}

void
seccomp_add(const struct sock_fprog *prog)
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
seccomp_undo(void)
{
	unsigned n = atomic_load(&filters) - 1;

	if (n < FILTERS)
		used -= filter[n].len;
	atomic_store(&filters, n);
	look_at_messages();
}
