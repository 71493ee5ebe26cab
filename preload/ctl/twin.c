/* SPDX-License-Identifier: ISC */
#include "twin.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/arena.h"

enum {
	TWIN_WAIT_US = 300000,
	TWIN_PROBES = 2, /* a probe, or its answer, can be lost */
};

/* The hardware address of an Ethernet; false: it is none. */
static bool
twin_own_hardware(int fd, uint32_t ifindex, uint8_t mac[ETH_ALEN])
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	if (if_indextoname(ifindex, r.ifr_name) == NULL ||
	    ioctl(fd, SIOCGIFHWADDR, &r) != 0 ||
	    r.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(mac, r.ifr_hwaddr.sa_data, ETH_ALEN);
	return true;
}

/* A socket for ARP on the link, or -1. */
static int
twin_open(uint32_t ifindex)
{
	struct sockaddr_ll on = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)ifindex };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&on, sizeof(on)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
twin_ask(int fd, uint32_t ifindex, const uint8_t mac[ETH_ALEN],
    const struct mp_addr *ours)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)ifindex,
		.sll_halen = ETH_ALEN };
	struct ether_arp ask = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
		.ar_pro = htons(ETH_P_IP), .ar_hln = ETH_ALEN, .ar_pln = 4,
		.ar_op = htons(ARPOP_REQUEST) } };

	memset(all.sll_addr, 0xff, ETH_ALEN);
	memcpy(ask.arp_sha, mac, ETH_ALEN);
	memcpy(ask.arp_tpa, ours->ip + 12, 4);
	return sendto(fd, &ask, sizeof(ask), 0, (struct sockaddr *)&all,
	    sizeof(all)) == sizeof(ask);
}

/* Is it the hardware address of an interface of this host?  The kernel answers
 * on each of them for the addresses of all, so two on one link answer for each
 * other (arp_ignore of ip-sysctl.rst). */
static bool
twin_is_this_host(const uint8_t mac[ETH_ALEN])
{
	struct ifaddrs *all, *i;
	const struct sockaddr_ll *l;
	bool is = false;

	if (getifaddrs(&all) != 0)
		return true; /* not to be told, so nobody is blamed */
	for (i = all; i != NULL && !is; i = i->ifa_next) {
		l = (const struct sockaddr_ll *)(const void *)i->ifa_addr;
		is = l != NULL && l->sll_family == AF_PACKET &&
		    l->sll_halen == ETH_ALEN &&
		    memcmp(l->sll_addr, mac, ETH_ALEN) == 0;
	}
	freeifaddrs(all);
	return is;
}

/* Does another host say that the address is its own? */
static bool
twin_is_claimed(int fd, const struct mp_addr *ours, char other[TWIN_TEXT])
{
	struct ether_arp said;
	const uint8_t *m = said.arp_sha;

	while (recv(fd, &said, sizeof(said), 0) == sizeof(said)) {
		if (memcmp(said.arp_spa, ours->ip + 12, 4) != 0 ||
		    twin_is_this_host(said.arp_sha))
			continue;
		snprintf(other, TWIN_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x",
		    m[0], m[1], m[2], m[3], m[4], m[5]);
		return true;
	}
	return false;
}

bool
twin_found(uint32_t ifindex, const struct mp_addr *ours, char other[TWIN_TEXT])
{
	uint8_t mac[ETH_ALEN];
	struct pollfd p = { .fd = twin_open(ifindex), .events = POLLIN };
	uint64_t now = arena_now(), until = now + TWIN_WAIT_US, again = now;
	bool found = false;

	if (p.fd < 0)
		return false;
	if (!twin_own_hardware(p.fd, ifindex, mac))
		until = now;
	for (; now < until && !found; now = arena_now()) {
		if (now >= again && !twin_ask(p.fd, ifindex, mac, ours))
			break;
		if (now >= again)
			again += TWIN_WAIT_US / TWIN_PROBES;
		(void)poll(&p, 1, (int)((again - now) / 1000 + 1));
		found = twin_is_claimed(p.fd, ours, other);
	}
	close(p.fd);
	return found;
}
