/* SPDX-License-Identifier: ISC */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "clock.h"
#include "seccomp.h"
#include "real.h"
#include "uapi.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
net_is_v4(const struct mp_addr *a)
{
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

bool
net_is_any(const struct mp_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, net_is_v4(a) ? 0 : 16) == 0 &&
	    memcmp(a->ip + 12, zero, 4) == 0;
}

bool
net_is_loopback(const struct mp_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (net_is_v4(a))
		return a->ip[12] == 127;
	return memcmp(a->ip, one, sizeof(one)) == 0;
}

bool
net_is_multicast(const struct mp_addr *a)
{
	return net_is_v4(a) ? (a->ip[12] & 0xf0) == 0xe0 : a->ip[0] == 0xff;
}

bool
net_is_link_local(const struct mp_addr *a)
{
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool
net_is_zoned(const struct mp_addr *a)
{
	uint8_t scope = a->ip[1] & 0x0f; /* of a group: RFC 4291, 2.7 */

	return net_is_link_local(a) ||
	    (a->ip[0] == 0xff && (scope == 1 || scope == 2));
}

bool
net_equal(const struct mp_addr *a, const struct mp_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

/* FNV-1a. */
uint64_t
net_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h | 1;
}

static void
net_set_v4(struct mp_addr *a, const void *ip)
{
	memcpy(a->ip, mapped, sizeof(mapped));
	memcpy(a->ip + 12, ip, 4);
}

bool
net_get(struct mp_addr *a, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	memset(a, 0, sizeof(*a));
	if (name == NULL || len < sizeof(sin.sin_family))
		return false;
	if (name->sa_family == AF_INET && len >= sizeof(sin)) {
		memcpy(&sin, name, sizeof(sin));
		net_set_v4(a, &sin.sin_addr);
		a->port = ntohs(sin.sin_port);
		return true;
	}
	/* SIN6_LEN_RFC2133: without the scope id. */
	if (name->sa_family == AF_INET6 && len >= 24) {
		memcpy(&sin6, name, 24);
		memcpy(a->ip, &sin6.sin6_addr, 16);
		a->port = ntohs(sin6.sin6_port);
		return true;
	}
	return false;
}

socklen_t
net_put(const struct mp_addr *a, int family, struct sockaddr *name,
    socklen_t size)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	if (family == AF_INET6) {
		memcpy(&sin6.sin6_addr, a->ip, 16);
		sin6.sin6_port = htons(a->port);
		memcpy(name, &sin6, size < sizeof(sin6) ? size : sizeof(sin6));
		return sizeof(sin6);
	}
	if (!net_is_v4(a) && !net_is_any(a))
		return 0;
	memcpy(&sin.sin_addr, a->ip + 12, 4);
	sin.sin_port = htons(a->port);
	memcpy(name, &sin, size < sizeof(sin) ? size : sizeof(sin));
	return sizeof(sin);
}

uint32_t
net_zone(const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in6 sin6;
	struct mp_addr a;

	if (!net_get(&a, name, len) || !net_is_zoned(&a) || len < sizeof(sin6))
		return 0;
	memcpy(&sin6, name, sizeof(sin6));
	return sin6.sin6_scope_id;
}

void
net_put_zone(struct sockaddr *name, socklen_t size, uint32_t zone)
{
	struct sockaddr_in6 sin6;
	struct mp_addr a;

	if (!net_get(&a, name, size) || !net_is_zoned(&a) ||
	    size < sizeof(sin6))
		return;
	memcpy(&sin6, name, sizeof(sin6));
	sin6.sin6_scope_id = zone;
	memcpy(name, &sin6, sizeof(sin6));
}

static uint64_t
net_us_of(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000 + (uint64_t)ts->tv_nsec / 1000;
}

/* A time of CLOCK_REALTIME as one of CLOCK_BOOTTIME, us. */
static uint64_t
net_boot_time(const struct timespec *ts)
{
	struct timespec real;
	uint64_t age, boot;

	clock_read(CLOCK_REALTIME, &real);
	boot = clock_now();
	age = net_us_of(&real) - net_us_of(ts);
	return age > boot ? MP_NEVER : boot - age;
}

static void
net_info_ip(const struct cmsghdr *c, struct net_info *info)
{
	struct in_pktinfo pi;
	uint8_t tos;

	if (c->cmsg_type == IP_PKTINFO) {
		memcpy(&pi, CMSG_DATA(c), sizeof(pi));
		net_set_v4(&info->local, &pi.ipi_addr);
		memcpy(info->spec, &pi.ipi_spec_dst, sizeof(info->spec));
		info->ifindex = (uint32_t)pi.ipi_ifindex;
	} else if (c->cmsg_type == IP_TOS) {
		memcpy(&tos, CMSG_DATA(c), sizeof(tos));
		info->tos = tos;
	} else if (c->cmsg_type == IP_TTL)
		memcpy(&info->ttl, CMSG_DATA(c), sizeof(info->ttl));
}

static void
net_info_ipv6(const struct cmsghdr *c, struct net_info *info)
{
	struct in6_pktinfo pi;

	if (c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&pi, CMSG_DATA(c), sizeof(pi));
		memcpy(info->local.ip, &pi.ipi6_addr, 16);
		info->ifindex = pi.ipi6_ifindex;
	} else if (c->cmsg_type == IPV6_TCLASS)
		memcpy(&info->tos, CMSG_DATA(c), sizeof(info->tos));
	else if (c->cmsg_type == IPV6_HOPLIMIT)
		memcpy(&info->ttl, CMSG_DATA(c), sizeof(info->ttl));
}

static void
info_socket(const struct cmsghdr *c, struct net_info *info)
{
	if (c->cmsg_type == SO_TIMESTAMPNS) {
		memcpy(&info->stamp, CMSG_DATA(c), sizeof(info->stamp));
		info->arrival = net_boot_time(&info->stamp);
	} else if (c->cmsg_type == SO_TIMESTAMPING ||
	    c->cmsg_type == SO_TIMESTAMPING_NEW) {
		memcpy(info->stamping, CMSG_DATA(c), sizeof(info->stamping));
		info->stamped = c->cmsg_type;
	} else if (c->cmsg_type == SO_RXQ_OVFL) {
		memcpy(&info->drops, CMSG_DATA(c), sizeof(info->drops));
	} else if (c->cmsg_type == SO_MARK) {
		memcpy(&info->mark, CMSG_DATA(c), sizeof(info->mark));
		info->marked = true;
	} else if (c->cmsg_type == SO_PRIORITY) {
		memcpy(&info->priority, CMSG_DATA(c), sizeof(info->priority));
		info->ranked = true;
	}
}

void
net_info_read(const struct msghdr *msg, struct net_info *info)
{
	const struct cmsghdr *c;

	memset(info, 0, offsetof(struct net_info, stamp));
	info->arrival = MP_NEVER;
	info->tos = info->ttl = -1;
	for (c = CMSG_FIRSTHDR(msg); c != NULL;
	    c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg,
		(struct cmsghdr *)(uintptr_t)c)) {
		if (c->cmsg_level == IPPROTO_IP)
			net_info_ip(c, info);
		else if (c->cmsg_level == IPPROTO_IPV6)
			net_info_ipv6(c, info);
		else if (c->cmsg_level == SOL_SOCKET)
			info_socket(c, info);
		else if (c->cmsg_level == IPPROTO_UDP &&
		    c->cmsg_type == UDP_GRO)
			memcpy(&info->segment, CMSG_DATA(c),
			    sizeof(info->segment));
	}
}

void
net_aim(struct msghdr *msg, enum mp_family kernel, const struct mp_path *path)
{
	struct in6_pktinfo pi6;
	struct in_pktinfo pi;
	struct cmsghdr *c = msg->msg_control;
	bool v4 = kernel == MP_INET;

	msg->msg_namelen = net_put(&path->remote, v4 ? AF_INET : AF_INET6,
	    msg->msg_name, sizeof(struct sockaddr_in6));
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	if (v4) {
		memset(&pi, 0, sizeof(pi));
		pi.ipi_ifindex = (int)path->ifindex;
		memcpy(&pi.ipi_spec_dst, path->local.ip + 12, 4);
		c->cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(c), &pi, sizeof(pi));
		msg->msg_controllen = CMSG_SPACE(sizeof(pi));
	} else {
		pi6.ipi6_ifindex = path->ifindex;
		memset(&pi6.ipi6_addr, 0, 16);
		if (!path->any_source)
			memcpy(&pi6.ipi6_addr, path->local.ip, 16);
		c->cmsg_len = CMSG_LEN(sizeof(pi6));
		memcpy(CMSG_DATA(c), &pi6, sizeof(pi6));
		msg->msg_controllen = CMSG_SPACE(sizeof(pi6));
	}
}

void
net_add(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr c;
	uint8_t *at = (uint8_t *)msg->msg_control + msg->msg_controllen;

	if (msg->msg_controllen + CMSG_SPACE(len) > NET_CONTROL)
		return;
	memset(&c, 0, sizeof(c));
	c.cmsg_len = CMSG_LEN(len);
	c.cmsg_level = level;
	c.cmsg_type = type;
	memcpy(at, &c, sizeof(c));
	memcpy(at + CMSG_LEN(0), data, len);
	memset(at + CMSG_LEN(len), 0, CMSG_SPACE(len) - CMSG_LEN(len));
	msg->msg_controllen += CMSG_SPACE(len);
}

void
net_add_tos(struct msghdr *msg, bool v4, int tos, int ttl)
{
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;

	if (tos == NET_MINUS && !v4)
		net_add(msg, level, IPV6_TCLASS, &(int) { -1 }, sizeof(tos));
	if (tos >= 0)
		net_add(msg, level, v4 ? IP_TOS : IPV6_TCLASS, &tos,
		    sizeof(tos));
	if (ttl >= (v4 ? 1 : 0))
		net_add(msg, level, v4 ? IP_TTL : IPV6_HOPLIMIT, &ttl,
		    sizeof(ttl));
}

/* A scratch socket connected to the address, so that the kernel chose a route;
 * or -1. */
static int
net_route(enum mp_family kernel, const struct mp_addr *to)
{
	struct sockaddr_in6 sin6;
	int family = kernel == MP_INET ? AF_INET : AF_INET6, fd;
	socklen_t len = net_put(to, family, (struct sockaddr *)&sin6,
	    sizeof(sin6));

	if (!SECCOMP_ALLOWS(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC) ||
	    !SECCOMP_ALLOWS(SYS_connect) || !SECCOMP_ALLOWS(SYS_close))
		return -1;
	fd = real_socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (len > 0 &&
	    real_connect(fd, (struct sockaddr *)&sin6, len) == 0))
		return fd;
	real_close(fd);
	return -1;
}

bool
net_source(enum mp_family kernel, const struct mp_addr *to,
    struct mp_addr *local)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);
	int saved = errno, fd = net_route(kernel, to);
	bool found;

	found = fd >= 0 &&
	    real_getsockname(fd, (struct sockaddr *)&sin6, &len) == 0 &&
	    net_get(local, (struct sockaddr *)&sin6, len);
	local->port = 0;
	if (fd >= 0)
		real_close(fd);
	errno = saved;
	return found;
}

int
net_mtu(enum mp_family kernel, const struct mp_addr *to)
{
	int saved = errno, fd = net_route(kernel, to), mtu = 0;
	socklen_t len = sizeof(mtu);
	bool v4 = net_is_v4(to);

	if (fd < 0 || real_getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
	    v4 ? IP_MTU : IPV6_MTU, &mtu, &len) != 0)
		mtu = 0;
	if (fd >= 0)
		real_close(fd);
	errno = saved;
	return mtu;
}

void
net_options(int fd, enum mp_family kernel)
{
	int on = 1;

	if (kernel == MP_INET)
		(void)seccomp_setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on,
		    sizeof(on));
	else
		(void)seccomp_setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO,
		    &on,
		    sizeof(on));
	(void)seccomp_setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on,
	    sizeof(on));
}

uint32_t
net_device(int fd)
{
	int ifindex = 0;
	socklen_t len = sizeof(ifindex);

	return real_getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex,
	    &len) == 0 && ifindex > 0 ? (uint32_t)ifindex : 0;
}

/* Not 127.0.0.1, which another program may have bound on the same port. */
static const uint8_t loopback[4] = { 127, 109, 112, 1 };
/* ff01::1, which never leaves the host: all sockets at a device. */
static const uint8_t device_group[16] = { 0xff, 1, [15] = 1 };

bool
net_is_v6only(int fd)
{
	int v6only = 0;
	socklen_t len = sizeof(v6only);

	return real_getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) ==
	    0 && v6only != 0;
}

bool
net_self_learn(int fd, struct net_self *self)
{
	struct sockaddr_in6 sin6;
	struct mp_addr at;
	socklen_t len = sizeof(sin6);

	self->family = 0;
	if (real_getsockname(fd, (struct sockaddr *)&sin6, &len) != 0 ||
	    !net_get(&at, (struct sockaddr *)&sin6, len))
		return false;
	self->device = net_device(fd);
	if (self->device != 0)
		memcpy(at.ip, device_group, sizeof(device_group));
	else if (net_is_any(&at) && !net_is_v4(&at) && net_is_v6only(fd))
		at.ip[15] = 1; /* ::1 */
	else if (net_is_any(&at))
		net_set_v4(&at, loopback);
	self->at = at;
	self->family = sin6.sin6_family;
	return true;
}

const char *
net_text(const struct mp_addr *a, char text[NET_TEXT])
{
	char ip[INET6_ADDRSTRLEN];

	if (net_is_v4(a)) {
		inet_ntop(AF_INET, a->ip + 12, ip, sizeof(ip));
		snprintf(text, NET_TEXT, "%s:%u", ip, a->port);
	} else {
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		snprintf(text, NET_TEXT, "[%s]:%u", ip, a->port);
	}
	return text;
}
