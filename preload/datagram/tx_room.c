/* SPDX-License-Identifier: ISC */
#include "tx_room.h"

#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "mp.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/sockopt.h"

enum {
	SMALL = 16, /* datagrams: fewer in the whole buffer take no bundles */
	LEAST = 1024, /* bytes of memory: a power of two that the shortest fits */
	BESIDE = 416, /* bytes that lie with the UDP payload, at most, */
	HEAD = 256, /* ... and elsewhere */
	WHOLE = 4096, /* longer ones may go in fragments: not measured */
};

/* What the kernel knows of a socket's memory: SK_MEMINFO_* of
 * linux/sock_diag.h. */
enum { WMEM = 2, SNDBUF = 3, WORDS };

static bool
tx_room_ask(int fd, uint32_t mem[WORDS])
{
	socklen_t size = WORDS * sizeof(*mem);

	return real_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &size) == 0 &&
	    size == WORDS * sizeof(*mem);
}

/* The memory of a packet with that datagram, at most (K70). */
static unsigned
tx_room_charge(size_t len)
{
	unsigned n = LEAST;

	while (n < len + MP_OVERHEAD + BESIDE)
		n *= 2;
	return n + HEAD;
}

unsigned
tx_room_left(int fd, size_t len)
{
	unsigned charge = tx_room_charge(len), free;
	uint32_t mem[WORDS];

	if (!seccomp_unfiltered() || !tx_room_ask(fd, mem))
		return UINT_MAX;
	if (mem[SNDBUF] / charge < SMALL || mem[WMEM] >= mem[SNDBUF])
		return 1;
	free = mem[SNDBUF] - mem[WMEM];
	return (free + charge - 1) / charge;
}

/* The memory of a datagram of that length.  It is kept for more to come, and
 * dropped with its socket (K71).  0: unknown. */
static uint32_t
tx_room_measure(size_t len, bool v4)
{
	static const char data[WHOLE];
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} lo = { .sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(9),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT } };
	int fd = real_socket(v4 ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mem[WORDS] = { 0 };

	if (fd < 0)
		return 0;
	if (v4)
		lo.sin = (struct sockaddr_in) { .sin_family = AF_INET,
			.sin_port = htons(9),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (real_sendto(fd, data, len, MSG_MORE | MSG_DONTWAIT, &lo.sa,
		v4 ? sizeof(lo.sin) : sizeof(lo.sin6)) < 0 ||
	    !tx_room_ask(fd, mem))
		mem[WMEM] = 0;
	real_close(fd);
	return mem[WMEM];
}

bool
tx_room_grow(int fd, struct sock *s, size_t len, bool v4, bool packet_v4)
{
	static __thread struct {
		size_t len;
		bool v4, packet_v4;
		uint32_t datagram, packet;
	} known __attribute__((tls_model("initial-exec")));

	if (!seccomp_unfiltered() || len + MP_OVERHEAD > WHOLE)
		return false;
	if (known.packet == 0 || known.len != len || known.v4 != v4 ||
	    known.packet_v4 != packet_v4) {
		known.len = len;
		known.v4 = v4;
		known.packet_v4 = packet_v4;
		known.datagram = tx_room_measure(len, v4);
		known.packet = tx_room_measure(len + MP_OVERHEAD, packet_v4);
	}
	return known.datagram > 0 && known.packet > known.datagram &&
	    sockopt_send_room(fd, s, (int)known.packet, (int)known.datagram);
}
