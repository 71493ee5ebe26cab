/* SPDX-License-Identifier: ISC */
#include "dest_scope.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>

#include "shared/seccomp.h"
#include "shared/net.h"
#include "shared/real.h"

enum { KNOWN = 1024, /* a power of two */ DISCARD = 9, KINDS = 3 };

/* By hash, with what it is in the lowest bits.  A lost entry is asked for
 * again. */
static _Atomic uint64_t known[KNOWN];

/* FNV-1a of the address without its port. */
static uint64_t
dest_scope_hash(const struct mp_addr *a)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 1099511628211u;
	return h;
}

static _Atomic uint64_t *
dest_scope_place(uint64_t h)
{
	return &known[(h >> 32 ^ h >> 8) & (KNOWN - 1)];
}

static void
dest_scope_remember(const struct mp_addr *a, enum dest_scope reach)
{
	uint64_t h = dest_scope_hash(a);

	atomic_store(dest_scope_place(h), (h & ~(uint64_t)KINDS) | reach);
}

/* Does this call of the kernel take the address?  0, or a negative errno. */
static int
takes(const struct mp_addr *a, int (*call)(int, const struct sockaddr *,
    socklen_t))
{
	int family = net_is_v4(a) ? AF_INET : AF_INET6, fd, error = 0;
	struct sockaddr_in6 name;
	socklen_t len = net_put(a, family, (struct sockaddr *)&name,
	    sizeof(name));

	fd = real_socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (call(fd, (struct sockaddr *)&name, len) != 0)
		error = -errno;
	real_close(fd);
	return error;
}

/* Any address can be bound on some hosts: one for documentation would be. */
static bool
dest_scope_is_ours(const struct mp_addr *a)
{
	struct mp_addr at = *a, nobodys = { .ip = { 0x20, 1, 0x0d, 0xb8,
		[15] = 1 } };

	at.port = 0;
	if (net_is_v4(a)) {
		nobodys = at;
		memcpy(nobodys.ip + 12, (const uint8_t[]) { 192, 0, 2, 1 }, 4);
	}
	return takes(&at, real_bind) == 0 && takes(&nobodys, real_bind) != 0;
}

enum dest_scope
dest_scope_known(const struct mp_addr *a)
{
	uint64_t h = dest_scope_hash(a), is = atomic_load(dest_scope_place(h));

	return ((is ^ h) & ~(uint64_t)KINDS) == 0 ? is & KINDS :
						     DEST_SCOPE_UNKNOWN;
}

static bool
may_try(void)
{
	return seccomp_unfiltered() ||
	    (SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_bind) && SECCOMP_ALLOWS(SYS_connect) &&
	    SECCOMP_ALLOWS(SYS_close));
}

enum dest_scope
dest_scope_of(const struct mp_addr *a)
{
	enum dest_scope reach = dest_scope_known(a);
	struct mp_addr to = *a;
	int saved = errno, error;

	if (reach != DEST_SCOPE_UNKNOWN)
		return reach;
	if (!may_try())
		return DEST_SCOPE_PEER;
	to.port = DISCARD;
	error = takes(&to, real_connect);
	reach = error == -EACCES ? DEST_SCOPE_ALL :
	    error == 0 && dest_scope_is_ours(a) ? DEST_SCOPE_OURS :
	    DEST_SCOPE_PEER;
	if (error == 0 || error == -EACCES)
		dest_scope_remember(a, reach);
	errno = saved;
	return reach;
}

void
dest_scope_note(const struct mp_addr *a)
{
	dest_scope_remember(a, DEST_SCOPE_PEER);
}
