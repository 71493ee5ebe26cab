/* SPDX-License-Identifier: ISC */
/* The agent asks the kernel which sockets a port has. */
#include "fact.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

enum { GROUP = 3, TURNS = 100 };

static void
ask(int ears, const struct way *w, uint16_t flags, unsigned from)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) },
		.req = { .sdiag_family = (uint8_t)w->domain,
		.sdiag_protocol = IPPROTO_UDP, .idiag_states = UINT32_MAX,
		.id = { .idiag_cookie = { INET_DIAG_NOCOOKIE,
		INET_DIAG_NOCOOKIE } } } };

	if (flags == 0) {
		ask.req.id.idiag_sport = htons((uint16_t)from);
		ask.req.id.idiag_dport = htons(PORT);
	} else {
		ask.req.id.idiag_sport = htons(PORT);
	}
	if (send(ears, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		skip("this kernel has no sock_diag: %s", said(-errno));
}

/* Which of the group's sockets are named in what the kernel says, as bits; of
 * others, bit GROUP. */
static unsigned
named(int ears, const uint64_t *cookie)
{
	static char bytes[32768];
	struct nlmsghdr *m = (struct nlmsghdr *)(void *)bytes;
	struct inet_diag_msg *is;
	unsigned seen = 0, i;
	uint64_t found;
	int n;

	while ((n = (int)recv(ears, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		for (m = (struct nlmsghdr *)(void *)bytes; NLMSG_OK(m,
		    (unsigned)n); m = NLMSG_NEXT(m, n)) {
			if (m->nlmsg_type == NLMSG_ERROR)
				skip("this kernel does not tell");
			if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY)
				continue;
			is = NLMSG_DATA(m);
			found = (uint64_t)is->id.idiag_cookie[1] << 32 |
			    is->id.idiag_cookie[0];
			for (i = 0; i < GROUP && cookie[i] != found; i++)
				continue;
			seen |= 1U << i;
		}
	return seen;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), other = at_any(w, PORT + 1);
	uint64_t cookie[GROUP];
	unsigned seen = 0, i;
	int fd[GROUP], ears;

	if (is_root() && setuid(NOBODY) != 0)
		broken("setuid");
	powerless();
	ears = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (ears < 0)
		skip("this kernel has no sock_diag: %s", said(-errno));
	(void)sock_at(w, &other);
	for (i = 0; i < GROUP; i++) {
		fd[i] = sock(w);
		set(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind_to(fd[i], &any) != 0)
			broken("bind");
		cookie[i] = cookie_of(fd[i]);
	}
	(void)ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF, BPF_STMT(BPF_RET, 0));
	ask(ears, w, NLM_F_DUMP, 0);
	seen = named(ears, cookie);
	claim(seen == (1U << GROUP) - 1, "the sockets of the port, and no "
	    "other, are listed with their cookies", "%#x are", seen);
	for (seen = i = 0; i < TURNS; i++) {
		ask(ears, w, 0, 1 + i);
		seen |= named(ears, cookie);
	}
	claim(seen == (1U << GROUP) - 1, "each of a group is named to some "
	    "sender, whatever its program says", "%#x are", seen);
	close(fd[1]);
	for (seen = i = 0; i < TURNS; i++) {
		ask(ears, w, 0, 1 + i);
		seen |= named(ears, cookie);
	}
	claim(seen == 5, "one that is closed is not", "%#x are", seen);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K63",
		.holds = "sock_diag tells anybody the SO_COOKIE of each socket "
		    "of a port, in a list, or one that a sender would reach",
		.breaks = "the agent reads /proc/net/udp, which takes half a "
		    "second where the host has 20,000 sockets",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
