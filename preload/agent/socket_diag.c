/* SPDX-License-Identifier: ISC */
#include "socket_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/net.h"

enum {
	EACH = 32768, /* bytes of a datagram of the kernel, at most */
	DROPS = 8,    /* SK_MEMINFO_DROPS */
	HEAD = NLMSG_HDRLEN + sizeof(struct inet_diag_msg),
	TURNS = 60000, /* ports that are not 0 */
};

/* What one list is made of. */
struct socket_diag_reply {
	void (*note)(void *, const struct socket_diag_found *);
	void *arg;
	uint64_t last; /* the cookie of the last one */
	bool whole, failed;
};

int
socket_diag_open(struct socket_diag *d)
{
	d->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);
	return d->fd < 0 ? -errno : 0;
}

static bool
socket_diag_ask(struct socket_diag *d, uint16_t flags,
    const struct inet_diag_req_v2 *req)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = ++d->asked }, .req = *req };

	return d->fd >= 0 && sendto(d->fd, &ask, sizeof(ask), 0, NULL, 0) ==
	    (ssize_t)sizeof(ask);
}

/* The drops in the attributes behind a socket's message. */
static uint32_t
socket_diag_drops(const uint8_t *at, size_t len)
{
	struct rtattr a;
	uint32_t of[DROPS + 1];

	while (len >= sizeof(a)) {
		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len)
			break;
		if (a.rta_type == INET_DIAG_SKMEMINFO &&
		    a.rta_len >= RTA_LENGTH(sizeof(of))) {
			memcpy(of, at + RTA_LENGTH(0), sizeof(of));
			return of[DROPS];
		}
		if (RTA_ALIGN(a.rta_len) >= len)
			break;
		at += RTA_ALIGN(a.rta_len);
		len -= RTA_ALIGN(a.rta_len);
	}
	return 0;
}

/* One message, of `len' bytes. */
static void
socket_diag_take(struct socket_diag_reply *l, const uint8_t *at, size_t len,
    unsigned type)
{
	struct socket_diag_found found;
	struct inet_diag_msg is;

	if (type == NLMSG_DONE)
		l->whole = true;
	if (type == NLMSG_ERROR)
		l->failed = true;
	if (type != SOCK_DIAG_BY_FAMILY || len < HEAD)
		return;
	memcpy(&is, at + NLMSG_HDRLEN, sizeof(is));
	found.port = ntohs(is.id.idiag_sport);
	found.cookie = (uint64_t)is.id.idiag_cookie[1] << 32 |
	    is.id.idiag_cookie[0];
	found.drops = socket_diag_drops(at + HEAD, len - HEAD);
	l->last = found.cookie;
	if (l->note != NULL)
		l->note(l->arg, &found);
}

/* Takes what the kernel says next; false: nothing. */
static bool
socket_diag_read(const struct socket_diag *d, struct socket_diag_reply *l)
{
	static uint8_t bytes[EACH];
	struct nlmsghdr head;
	ssize_t n = recvfrom(d->fd, bytes, sizeof(bytes), MSG_DONTWAIT, NULL,
	    NULL);
	size_t at = 0, len = n > 0 ? (size_t)n : 0;

	while (at + sizeof(head) <= len) {
		memcpy(&head, bytes + at, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len - at)
			break;
		if (head.nlmsg_seq == d->asked)
			socket_diag_take(l, bytes + at, head.nlmsg_len,
			    head.nlmsg_type);
		at += NLMSG_ALIGN(head.nlmsg_len);
	}
	return n > 0;
}

bool
socket_diag_list(struct socket_diag *d, unsigned port,
    void (*note)(void *, const struct socket_diag_found *), void *arg)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct inet_diag_req_v2 req = { .sdiag_protocol = IPPROTO_UDP,
		.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
		.idiag_states = UINT32_MAX,
		.id.idiag_sport = htons((uint16_t)port) };
	struct socket_diag_reply l = { .note = note, .arg = arg };
	size_t i;

	for (i = 0; i < sizeof(families); i++) {
		req.sdiag_family = families[i];
		l.whole = false;
		if (!socket_diag_ask(d, NLM_F_DUMP, &req))
			return false;
		while (!l.whole && !l.failed && socket_diag_read(d, &l))
			continue;
		if (!l.whole)
			return false;
	}
	return true;
}

uint64_t
socket_diag_one(struct socket_diag *d, enum mp_family kernel,
    const struct mp_addr *at, uint32_t device, unsigned turn)
{
	struct inet_diag_req_v2 req = { .sdiag_protocol = IPPROTO_UDP,
		.sdiag_family = kernel == MP_INET ? AF_INET : AF_INET6,
		.idiag_states = UINT32_MAX, .id = {
		.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } };
	struct socket_diag_reply l = { .last = 0 };

	/* The kernel wants the packet's source where the socket's own address
	 * would be. */
	req.id.idiag_sport = htons((uint16_t)(1 + turn % TURNS));
	req.id.idiag_dport = htons(at->port);
	req.id.idiag_if = device;
	if (kernel == MP_INET)
		memcpy(req.id.idiag_dst, at->ip + 12, 4);
	else
		memcpy(req.id.idiag_dst, at->ip, 16);
	if (kernel != MP_INET && net_is_v4(at))
		memcpy(req.id.idiag_src, at->ip, 12);
	if (!socket_diag_ask(d, 0, &req))
		return 0;
	while (l.last == 0 && !l.failed && socket_diag_read(d, &l))
		continue;
	return l.last;
}
