/* SPDX-License-Identifier: ISC */
/* What rtnetlink tells of the interface that carries another one. */
#include "fact.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VXLAN_GROUP = 2 }; /* IFLA_VXLAN_GROUP */

static union {
	struct nlmsghdr head;
	char bytes[16384];
} answer;

/* An attribute of those from `a' on, or NULL. */
static const struct rtattr *
attribute(const struct rtattr *a, size_t len, unsigned short type)
{
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* Asks for one interface; its attributes. */
static const struct rtattr *
ask(unsigned ifindex, size_t *len)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} q = { .head = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETLINK,
		    .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = (int)ifindex } };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (fd < 0 || send(fd, &q, sizeof(q), 0) != sizeof(q) ||
	    (n = recv(fd, &answer, sizeof(answer), 0)) < 0 ||
	    answer.head.nlmsg_type != RTM_NEWLINK)
		broken("RTM_GETLINK");
	close(fd);
	*len = answer.head.nlmsg_len - NLMSG_SPACE(sizeof(q.info));
	return (const struct rtattr *)(const void *)(answer.bytes +
	    NLMSG_SPACE(sizeof(q.info)));
}

/* IFLA_LINK; 0: it is 0, or is not told. */
static uint32_t
carrier(unsigned ifindex)
{
	uint32_t by = 0;
	size_t len;
	const struct rtattr *a = ask(ifindex, &len);

	a = attribute(a, len, IFLA_LINK);
	if (a != NULL)
		memcpy(&by, RTA_DATA(a), sizeof(by));
	return by;
}

static void
run(const struct way *w)
{
	static const unsigned char remote[4] = { 192, 0, 2, 9 };
	const struct rtattr *a;
	size_t len;

	(void)w;
	links(1);
	here();
	if (try_command("ip link add m0 link v0 type macvlan"))
		claim(carrier(index_of("m0")) == index_of("v0"),
		    "of a macvlan, IFLA_LINK is the interface under it", "%s",
		    "it is not");
	if (!try_command("ip link add x0 type vxlan id 9 remote 192.0.2.9 "
	    "dstport 4789"))
		skip("no vxlan");
	claim(carrier(index_of("x0")) == 0,
	    "a vxlan that is bound to no interface tells none", "%s", "it is not");
	a = ask(index_of("x0"), &len);
	a = attribute(a, len, IFLA_LINKINFO);
	if (a != NULL)
		a = attribute(RTA_DATA(a), RTA_PAYLOAD(a), IFLA_INFO_DATA);
	if (a != NULL)
		a = attribute(RTA_DATA(a), RTA_PAYLOAD(a), VXLAN_GROUP);
	claim(a != NULL && RTA_PAYLOAD(a) == sizeof(remote) &&
	    memcmp(RTA_DATA(a), remote, sizeof(remote)) == 0,
	    "but its other end", "%s", "it is not");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K72",
		.holds = "rtnetlink tells which interface carries another, or the "
		    "other end of a tunnel",
		.breaks = "a path within a tunnel over an uplink counts as one "
		    "that does not fail with it",
		.ways = ALL, .net = true, .run = run });
}
