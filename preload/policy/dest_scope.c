/* SPDX-License-Identifier: ISC */
#include "dest_scope.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "mp.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"

enum { DISCARD = 9 }; /* a port to connect to; nothing is sent */

/* What this system call says to the address, on a socket of its own: 0, or a
 * negative errno. */
static int
dest_scope_try(const struct mp_addr *a, int (*call)(int,
    const struct sockaddr *, socklen_t))
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

static int
dest_scope_try_connect(const struct mp_addr *a)
{
	struct mp_addr to = *a;

	to.port = DISCARD;
	return dest_scope_try(&to, real_connect);
}

/* Only this host's own addresses can be bound, unless ip_nonlocal_bind is on:
 * then an address of the documentation (RFC 5737, RFC 3849) can be, too. */
static bool
dest_scope_is_ours(const struct mp_addr *a)
{
	struct mp_addr at = *a, foreign = { .ip = { 0x20, 1, 0x0d, 0xb8,
		[15] = 1 } };

	at.port = 0;
	if (net_is_v4(a)) {
		foreign = at;
		memcpy(foreign.ip + 12, (const uint8_t[]) { 192, 0, 2, 1 }, 4);
	}
	return dest_scope_try(&at, real_bind) == 0 &&
	    dest_scope_try(&foreign, real_bind) != 0;
}

bool
dest_scope_may_ask(void)
{
	return seccomp_unfiltered() ||
	    (SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC) &&
	    SECCOMP_ALLOWS(SYS_bind) && SECCOMP_ALLOWS(SYS_connect) &&
	    SECCOMP_ALLOWS(SYS_close));
}

/*
 * connect(2) of a UDP socket looks up the route and sends nothing.  It fails
 * with EACCES for a broadcast address, since SO_BROADCAST is off.
 */
enum dest_scope
dest_scope_ask(const struct mp_addr *a)
{
	enum dest_scope scope = DEST_SCOPE_UNKNOWN;
	int saved = errno, error;

	if (!dest_scope_may_ask())
		return DEST_SCOPE_UNKNOWN;
	error = dest_scope_try_connect(a);
	if (error == -EACCES)
		scope = DEST_SCOPE_ALL;
	else if (error == -ENETUNREACH || error == -EHOSTUNREACH)
		scope = DEST_SCOPE_PEER;
	else if (error == 0)
		scope = dest_scope_is_ours(a) ? DEST_SCOPE_OURS :
		    DEST_SCOPE_PEER;
	errno = saved;
	return scope;
}

bool
dest_scope_is_broadcast(const struct mp_addr *a)
{
	int saved = errno;
	bool is = dest_scope_may_ask() && dest_scope_try_connect(a) == -EACCES;

	errno = saved;
	return is;
}
