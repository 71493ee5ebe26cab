/* SPDX-License-Identifier: ISC */
#include "user_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fdtab.h"
#include "ingress.h"
#include "mp.h"
#include "process/fault.h"
#include "shared/arena.h"
#include "shared/bpf.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"

/* --- Options -------------------------------------------------------------- */

bool
user_filter_is(const struct sock *s, int option)
{
	switch (option) {
	case SO_ATTACH_FILTER: /* also SO_GET_FILTER */
	case SO_DETACH_FILTER: /* also SO_DETACH_BPF */
	case SO_LOCK_FILTER:
	case SO_ATTACH_BPF:
		return atomic_load(&s->state) != SOCK_PLAIN;
	default:
		return false;
	}
}

bool
user_filter_present(const struct sock *s)
{
	return s->filter != NULL && atomic_load(&s->filter->len) > 0;
}

/* Attaches the filter to a scratch socket, to learn whether the kernel accepts
 * it; to the socket itself where the program may make no other.  The
 * descriptor, or a negative errno. */
static int
user_filter_try(int on, const struct sock *s, int option, const void *prog,
    socklen_t len)
{
	int family = s->kernel == MP_INET ? AF_INET : AF_INET6, fd = on, error;

	if (SECCOMP_ALLOWS(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_close))
		fd = real_socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (real_setsockopt(fd, SOL_SOCKET, option, prog, len) == 0)
		return fd;
	error = -errno;
	if (fd != on)
		real_close(fd);
	return error;
}

/* Copies the filter as the kernel has it: the number of instructions, or a
 * negative errno. */
static int
user_filter_copy(int on, const struct sock *s, const void *prog, socklen_t len)
{
	socklen_t n = BPF_MAXINSNS;
	int fd = user_filter_try(on, s, SO_ATTACH_FILTER, prog, len), error =
	    0;

	if (fd < 0)
		return fd;
	if (real_getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, s->filter->at,
	    &n) != 0)
		error = -errno;
	if (fd != on)
		real_close(fd);
	return error != 0 ? error : (int)n;
}

static int
user_filter_install(int fd, struct sock *s, uint32_t len)
{
	int error;

	atomic_store(&s->filter->len, len);
	s->filtered = arena_now();
	error = ingress_filter(fd, s);
	if (error == 0 || len == 0)
		return error;
	atomic_store(&s->filter->len, 0); /* too long behind ours */
	(void)ingress_filter(fd, s);
	return -ENOMEM;
}

static int
user_filter_attach(int fd, struct sock *s, const void *prog, socklen_t len)
{
	int n;

	if (s->filter_locked && len == sizeof(struct sock_fprog))
		return fault_read(fd, prog, len) ? -EFAULT : -EPERM;
	if (s->filter == NULL) {
		void *p = mmap(NULL, sizeof(struct bpf), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -ENOMEM;
		s->filter = p;
	}
	n = user_filter_copy(fd, s, prog, len);
	return n < 0 ? n : user_filter_install(fd, s, (uint32_t)n);
}

static int
user_filter_detach(int fd, struct sock *s)
{
	if (s->filter_locked)
		return -EPERM;
	return user_filter_present(s) ? user_filter_install(fd, s, 0) : -ENOENT;
}

/* eBPF, which only the kernel can run: the error that it would give, else
 * -EOPNOTSUPP. */
static int
user_filter_refuse(int on, struct sock *s, const void *value, socklen_t len)
{
	int fd;

	if (s->filter_locked && len == sizeof(int))
		return -EPERM;
	fd = user_filter_try(on, s, SO_ATTACH_BPF, value, len);
	if (fd < 0)
		return fd;
	if (fd == on)
		(void)ingress_filter(on, s);
	else
		real_close(fd);
	return -EOPNOTSUPP;
}

int
user_filter_set(int fd, struct sock *s, int option, const void *value,
    socklen_t len)
{
	int n;

	if ((int)len < (int)sizeof(n))
		return -EINVAL;
	if (fault_read(fd, value, sizeof(n)))
		return -EFAULT;
	memcpy(&n, value, sizeof(n));
	switch (option) {
	case SO_ATTACH_FILTER:
		return user_filter_attach(fd, s, value, len);
	case SO_DETACH_FILTER:
		return user_filter_detach(fd, s);
	case SO_ATTACH_BPF:
		return user_filter_refuse(fd, s, value, len);
	default:
		if (s->filter_locked && n == 0)
			return -EPERM;
		s->filter_locked = n != 0;
		return 0;
	}
}

/* *len counts instructions. */
int
user_filter_get(int fd, const struct sock *s, void *value, socklen_t *len)
{
	socklen_t n = user_filter_present(s) ? atomic_load(&s->filter->len) : 0;

	if (fault_read(fd, len, sizeof(*len)))
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (n > 0 && *len > 0) {
		if (*len < n)
			return -EINVAL;
		if (fault_write(fd, value, n * sizeof(s->filter->at[0])))
			return -EFAULT;
		memcpy(value, s->filter->at, n * sizeof(s->filter->at[0]));
	}
	*len = n;
	return 0;
}

void
user_filter_leave(int fd, struct sock *s)
{
	struct sock_fprog p;
	int on = 1;

	if (user_filter_present(s)) {
		p.len = (unsigned short)atomic_load(&s->filter->len);
		p.filter = s->filter->at;
		(void)real_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
		    sizeof(p));
	} else if (s->filter != NULL) /* ours, of a filter since detached */
		(void)real_setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on,
		    sizeof(on));
	if (s->filter_locked)
		(void)real_setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on,
		    sizeof(on));
}

/* --- Datagrams ------------------------------------------------------------ */

static void
user_filter_put16(uint8_t *to, size_t n)
{
	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
}

/* Writes the headers as plain UDP would have them, but for the checksums. */
static void
user_filter_headers(struct bpf_packet *p, const struct mp_addr *from,
    const struct mp_addr *to,
    const struct net_info *info)
{
	uint8_t *ip = p->ip, ttl = info->ttl >= 0 ? (uint8_t)info->ttl : 64;
	uint8_t tos = info->tos >= 0 ? (uint8_t)info->tos : 0;
	size_t len = sizeof(p->udp) + p->len;

	user_filter_put16(p->udp, from->port);
	user_filter_put16(p->udp + 2, to->port);
	user_filter_put16(p->udp + 4, len);
	p->ifindex = info->ifindex;
	if (net_is_v4(from)) {
		p->protocol = ETH_P_IP;
		p->iplen = 20;
		ip[0] = 0x45;
		ip[1] = tos;
		user_filter_put16(ip + 2, len + 20);
		ip[8] = ttl;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, from->ip + 12, 4);
		memcpy(ip + 16, to->ip + 12, 4);
	} else {
		p->protocol = ETH_P_IPV6;
		p->iplen = 40;
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)(tos << 4);
		user_filter_put16(ip + 4, len);
		ip[6] = IPPROTO_UDP;
		ip[7] = ttl;
		memcpy(ip + 8, from->ip, 16);
		memcpy(ip + 24, to->ip, 16);
	}
}

bool
user_filter_takes(const struct sock *s, const struct mp_addr *from,
    const struct net_info *info, const uint8_t *payload, size_t *len)
{
	struct bpf_packet p = { .payload = payload, .len = *len };
	struct mp_addr to = net_is_any(&s->local) ? info->local : s->local;
	uint32_t keep;

	if (!user_filter_present(s) || info->arrival < s->filtered)
		return true;
	to.port = (uint16_t)s->map.arena->port;
	user_filter_headers(&p, from, &to, info);
	keep = bpf_filter(s->filter, &p);
	if (keep == 0)
		return false;
	/* The filter cannot cut the UDP header off. */
	keep = keep > sizeof(p.udp) ? keep - (uint32_t)sizeof(p.udp) : 0;
	if (keep < *len)
		*len = keep;
	return true;
}
