/* SPDX-License-Identifier: ISC */
/*
 * The address is the one that the program bound, or that connect(2) told it, or
 * else the one that the kernel would use towards the peer.  The interface is
 * the one that has this address (K45); if that is lo (an address of a service,
 * which no link has), it is the one that the route to the peer takes, by which
 * the peer's packets would come as well.
 *
 * The kernel is asked once a second for each peer and socket, since addresses
 * and routes change.  An address that was told stays as long as this host has
 * it, since to many programs another one is another conversation.  No lock: an entry is four words, of which the last one is
 * made of the key and the others, so that words of two writers make none.
 */
#include "own_addr.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "fdtab.h"
#include "fib.h"
#include "mp.h"
#include "shared/clock.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"

enum {
	PLACES = 64,
	LIFE_MS = 1000,
	WHAT_TIME = 32, /* first bit of 32: ms; below is the interface */
};

static struct {
	_Atomic uint64_t half[2], what, check;
} told[PLACES];

struct own_addr {
	struct mp_addr addr;
	uint32_t ifindex; /* 0: unknown */
};

static uint32_t
own_addr_clock(void)
{
	struct timespec ts;

	clock_read(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000 +
	    (uint64_t)ts.tv_nsec / 1000000);
}

static size_t
own_addr_place(uint64_t key)
{
	return (size_t)(key >> 32 ^ key >> 3) % PLACES;
}

static uint64_t
own_addr_check(uint64_t key, const uint64_t half[2], uint64_t what)
{
	return key ^ half[0] ^ (half[1] << 1 | half[1] >> 63) ^
	    what * 0x9e3779b97f4a7c15u;
}

/* False: there is no entry, or an old one, which counts as a proposal. */
static bool
own_addr_recall(uint64_t key, struct own_addr *own)
{
	size_t i = own_addr_place(key);
	uint64_t half[2], what, check;

	half[0] = atomic_load(&told[i].half[0]);
	half[1] = atomic_load(&told[i].half[1]);
	what = atomic_load(&told[i].what);
	check = atomic_load(&told[i].check);
	if (check != own_addr_check(key, half, what))
		return false;
	memcpy(own->addr.ip, half, sizeof(own->addr.ip));
	own->ifindex = (uint32_t)what;
	return own_addr_clock() - (uint32_t)(what >> WHAT_TIME) < LIFE_MS;
}

static void
own_addr_remember(uint64_t key, const struct own_addr *own)
{
	size_t i = own_addr_place(key);
	uint64_t half[2], what = (uint64_t)own_addr_clock() << WHAT_TIME |
	    own->ifindex;

	memcpy(half, own->addr.ip, sizeof(half));
	atomic_store(&told[i].half[0], half[0]);
	atomic_store(&told[i].half[1], half[1]);
	atomic_store(&told[i].what, what);
	atomic_store(&told[i].check, own_addr_check(key, half, what));
}

/* The address by the routes. */
static void
own_addr_route(const struct sock *s, const struct mp_addr *peer,
    uint32_t device, struct mp_addr *own)
{
	struct fib_route r;

	if (device != 0 && fib_find(peer, NULL, device, &r) &&
	    !net_is_any(&r.source))
		*own = r.source;
	else if (!net_source(s->kernel, peer, own))
		*own = s->local;
}

/* Asks the kernel: about the address that the program has chosen, or else one
 * that it was told before, or none. */
static void
own_addr_find(int fd, const struct sock *s, const struct mp_addr *peer,
    bool chosen, struct own_addr *own)
{
	uint32_t device = fd >= 0 && SECCOMP_ALLOWS(SYS_getsockopt, fd,
	    SOL_SOCKET, SO_BINDTOIFINDEX) ? net_device(fd) : 0;
	struct fib_route r;

	own->ifindex = net_is_any(&own->addr) ? 0 : fib_owner(&own->addr);
	if (!chosen && (own->ifindex == 0 ||
	    (device != 0 && own->ifindex != device))) {
		own_addr_route(s, peer, device, &own->addr);
		own->ifindex = fib_owner(&own->addr);
	}
	if ((own->ifindex == 0 || own->ifindex == NET_LOOPBACK) &&
	    (fib_find(peer, &own->addr, device, &r) ||
	    fib_find(peer, NULL, device, &r)))
		own->ifindex = r.ifindex;
}

void
own_addr_tell(int fd, const struct sock *s, const struct mp_addr *peer,
    struct net_info *info)
{
	static const struct mp_addr any;
	bool chosen = s->wide || (s->connected &&
	    net_is_v4(&s->local) == net_is_v4(peer));
	struct own_addr own = { .addr = chosen ? s->local : any };
	uint64_t key = net_hash(peer->ip, sizeof(peer->ip)) ^ s->cookie << 1 ^
	    net_hash(own.addr.ip, sizeof(own.addr.ip)) << 2;

	if (!own_addr_recall(key, &own)) {
		own_addr_find(fd, s, peer, chosen, &own);
		own_addr_remember(key, &own);
	}
	info->local = own.addr;
	if (own.ifindex != 0)
		info->ifindex = own.ifindex;
}
