/* SPDX-License-Identifier: ISC */
#include "port.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent.h"
#include "keeper_ipc.h"
#include "shared/net.h"
#include "shared/uapi.h"

/* --- The lock ------------------------------------------------------------- */

/* While the lock is not available, packets stay in the kernel's queue: a
 * readable socket that is not read would keep the loop turning. */
static void
port_pause(struct port *p)
{
	if (p->control_watch.ready == NULL)
		return;
	watch_change(&p->agent->loop, &p->control_watch, 0);
	p->paused = true;
}

void
port_resume(struct port *p, uint64_t now)
{
	if (p->control_watch.ready == NULL || !p->paused ||
	    now < p->shut_until)
		return;
	watch_change(&p->agent->loop, &p->control_watch, EPOLLIN);
	p->paused = false;
}

bool
port_lock(struct port *p)
{
	uint64_t now = arena_now();

	if (now < p->shut_until) {
		alarm_by(&p->agent->loop, &p->alarm, p->shut_until);
		return false;
	}
	if (arena_try(p->map.arena)) {
		p->shut_us = 0;
		return true;
	}
	p->shut_us = p->shut_us == 0 ? PORT_SHUT_US : p->shut_us * 2;
	if (p->shut_us > PORT_SHUT_MAX_US)
		p->shut_us = PORT_SHUT_MAX_US;
	p->shut_until = arena_now() + p->shut_us;
	port_pause(p);
	alarm_by(&p->agent->loop, &p->alarm, p->shut_until);
	return false;
}

void
port_unlock(struct port *p)
{
	arena_unlock(p->map.arena);
}

void
port_due(struct port *p)
{
	p->due = true;
	alarm_by(&p->agent->loop, &p->alarm, arena_now());
}

/* --- The table ------------------------------------------------------------ */

struct port *
port_find(const struct agent *a, uint32_t number, uint32_t device)
{
	struct port *p = number > 0 && number < AGENT_PORTS ?
	    a->port[number] : NULL;

	while (p != NULL && p->device != device)
		p = p->more;
	return p;
}

/* --- The control socket --------------------------------------------------- */

static bool
port_has_option(int fd, int option, int value)
{
	int is = 0;
	socklen_t len = sizeof(is);

	return getsockopt(fd, SOL_SOCKET, option, &is, &len) == 0 &&
	    is == value;
}

bool
port_is_udp(const struct agent *a, int fd)
{
	uint64_t netns = 0;
	socklen_t len = sizeof(netns);

	return port_has_option(fd, SO_TYPE, SOCK_DGRAM) &&
	    port_has_option(fd, SO_PROTOCOL, IPPROTO_UDP) &&
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) == 0 &&
	    netns == a->netns;
}

bool
port_fits(const struct agent *a, int fd, const struct ipc_request *ask,
    struct mp_addr *at)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	if (!port_is_udp(a, fd) ||
	    !port_has_option(fd, SO_DOMAIN, ask->kernel == MP_INET ? AF_INET :
	    AF_INET6))
		return false;
	return getsockname(fd, (struct sockaddr *)&sin6, &len) == 0 &&
	    net_get(at, (struct sockaddr *)&sin6, len) &&
	    at->port == ask->port;
}

/* The program is told TOS and TTL of a datagram that comes by way of the agent,
 * too, and what ICMP says of one that the agent sent. */
static void
port_ask(int fd, enum mp_family kernel)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	if (kernel == MP_INET)
		return;
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

void
port_set_options(int fd, enum mp_family kernel)
{
	int size = KEEPER_IPC_BUFFER;

	net_options(fd, kernel);
	port_ask(fd, kernel);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* --- What the engine is to be told ---------------------------------------- */

void
port_note_link(struct port *p, uint32_t ifindex)
{
	unsigned i;

	for (i = 0; i < p->nlinks; i++)
		if (p->link[i] == ifindex || p->link[i] == MP_NONE)
			return;
	if (p->nlinks == PORT_LINKS) { /* too many: all of them */
		p->link[0] = MP_NONE;
		p->nlinks = 1;
	} else
		p->link[p->nlinks++] = ifindex;
}
