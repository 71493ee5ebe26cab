/* SPDX-License-Identifier: ISC */
/* Link-local addresses, which the policy of every run leaves plain.  Both links
 * have the same two: only the scope id tells one from the other. */
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "topics.h"

static char buf[256];

/* The peer's link-local address, by that link; NULL: by none. */
static struct name
peer_by(const char *link)
{
	struct sockaddr_in6 sin6;
	struct name n;

	name_set(&n, AF_INET6, "fe80::2", PORT_PEER6);
	memcpy(&sin6, n.byte, sizeof(sin6));
	sin6.sin6_scope_id = link != NULL ? if_nametoindex(link) : 0;
	memcpy(n.byte, &sin6, sizeof(sin6));
	return n;
}

static void
on(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		say("(option %d/%d: %s)", level, option,
		    strerrorname_np(errno));
}

/* The two ways to get a socket: the kernel's until it is bound; or bound, and
 * so attached under mpshim. */
static int
made(const struct kind *k, bool bound, unsigned port)
{
	return bound ? sock_bound(k, k->port + port) : sock_of(k);
}

static void
names_of(int fd, const char *how)
{
	char label[64];
	struct name n;

	snprintf(label, sizeof(label), "%s-ours", how);
	name_fresh(&n, sizeof(n.ss));
	CALL(label, getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	snprintf(label, sizeof(label), "%s-peer", how);
	name_fresh(&n, sizeof(n.ss));
	CALL(label, getpeername(fd, &n.sa, &n.len));
	say_name(&n);
}

/* The sender's whole name, by each call that tells it. */
static void
senders(const struct kind *k, bool bound, const char *link, const char *how)
{
	struct name to = peer_by(link), n;
	struct mmsghdr mm;
	struct message m;
	char label[64];
	int fd = made(k, bound, 80);

	trace_scene();
	on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	on(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
	snprintf(label, sizeof(label), "%s-to", how);
	CALL(label, sendto(fd, "!eone", 5, 0, &to.sa, to.len));
	comes(fd);
	snprintf(label, sizeof(label), "%s-peek", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256),
	    MSG_DONTWAIT | MSG_PEEK));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-msg", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-again", how);
	CALL(label, sendto(fd, "!etwo", 5, 0, &m.name.sa,
	    m.hdr.msg_namelen));
	comes(fd);
	snprintf(label, sizeof(label), "%s-from", how);
	name_fresh(&n, sizeof(n.ss));
	CALL(label, recvfrom(fd, buf, 64, MSG_DONTWAIT, &n.sa, &n.len));
	say_name(&n);
	(void)!sendto(fd, "!ethree", 7, 0, &to.sa, to.len);
	comes(fd);
	snprintf(label, sizeof(label), "%s-short", how);
	name_fresh(&n, 24);
	CALL(label, recvfrom(fd, buf, 64, MSG_DONTWAIT, &n.sa, &n.len));
	say_name(&n);
	(void)!sendto(fd, "!efour", 6, 0, &to.sa, to.len);
	comes(fd);
	snprintf(label, sizeof(label), "%s-mmsg", how);
	mm.msg_hdr = *message_fresh(&m, 64, 256);
	CALL(label, recvmmsg(fd, &mm, 1, MSG_DONTWAIT, NULL));
	m.hdr = mm.msg_hdr;
	say_message(&m, trace_ret);
	close(fd);
}

/* A socket that is connected by one link hears nothing by the other. */
static void
connected(const struct kind *k, bool bound, const char *link, const char *how)
{
	struct sockaddr_storage none = { .ss_family = AF_UNSPEC };
	struct name to = peer_by(link), other = peer_by(*link == 'a' ? "b" :
	    "a"), n;
	struct sockaddr_in6 ours;
	struct message m;
	char label[64];
	int fd = made(k, bound, 81), third = sock_of(k);

	trace_scene();
	snprintf(label, sizeof(label), "%s-connect", how);
	CALL(label, connect(fd, &to.sa, to.len));
	names_of(fd, how);
	snprintf(label, sizeof(label), "%s-send", how);
	CALL(label, send(fd, "!eone", 5, 0));
	comes(fd);
	snprintf(label, sizeof(label), "%s-recv", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	n.len = sizeof(ours);
	(void)!getsockname(fd, &n.sa, &n.len);
	memcpy(&ours, n.byte, sizeof(ours));
	snprintf((char *)buf, sizeof(buf), "!p %u",
	    ntohs(ours.sin6_port));
	snprintf(label, sizeof(label), "%s-elsewhere", how);
	CALL(label, sendto(third, buf, strlen(buf), 0, &other.sa,
	    other.len) > 0);
	(void)!sendto(third, "!eafter", 7, 0, &other.sa, other.len);
	comes(third);
	snprintf(label, sizeof(label), "%s-deaf", how);
	CALL(label, recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	snprintf((char *)buf, sizeof(buf), "!p %u",
	    ntohs(ours.sin6_port));
	(void)!sendto(third, buf, strlen(buf), 0, &to.sa, to.len);
	comes(fd);
	snprintf(label, sizeof(label), "%s-hears", how);
	CALL(label, recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	snprintf(label, sizeof(label), "%s-dissolve", how);
	CALL(label, connect(fd, (struct sockaddr *)&none, sizeof(none)));
	names_of(fd, label);
	close(fd);
	close(third);
}

/* Who else names the link where the address does not. */
static void
by_others(const struct kind *k, bool bound, const char *how)
{
	struct name to = peer_by(NULL);
	struct in6_pktinfo pi = { .ipi6_ifindex = if_nametoindex("b") };
	char control[64], label[64];
	struct iovec v = { .iov_base = wrong("!ehi"), .iov_len = 4 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_name = &to.sa, .msg_namelen = to.len,
		.msg_control = control };
	struct message m;
	int fd = made(k, bound, 82);

	trace_scene();
	snprintf(label, sizeof(label), "%s-none-to", how);
	CALL(label, sendto(fd, "!ehi", 4, 0, &to.sa, to.len));
	snprintf(label, sizeof(label), "%s-none-connect", how);
	CALL(label, connect(fd, &to.sa, to.len));
	control_add(&h, IPPROTO_IPV6, IPV6_PKTINFO, &pi, sizeof(pi));
	snprintf(label, sizeof(label), "%s-pktinfo", how);
	CALL(label, sendmsg(fd, &h, 0));
	comes(fd);
	snprintf(label, sizeof(label), "%s-pktinfo-from", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-device", how);
	CALL(label, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "b", 2));
	snprintf(label, sizeof(label), "%s-device-to", how);
	CALL(label, sendto(fd, "!ehi", 4, 0, &to.sa, to.len));
	comes(fd);
	snprintf(label, sizeof(label), "%s-device-from", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-device-connect", how);
	CALL(label, connect(fd, &to.sa, to.len));
	snprintf(label, sizeof(label), "%s-device-names", how);
	names_of(fd, label);
	snprintf(label, sizeof(label), "%s-device-send", how);
	CALL(label, send(fd, "!ehi", 4, 0));
	comes(fd);
	snprintf(label, sizeof(label), "%s-device-recv", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	close(fd);
}

/* A group of the link, heard by this host itself. */
static void
group(const struct kind *k, const char *link, const char *how)
{
	struct ipv6_mreq join = { .ipv6mr_interface = if_nametoindex(link) };
	unsigned index = if_nametoindex(link);
	struct sockaddr_in6 sin6;
	struct message m;
	struct name to;
	char label[64];
	int fd = sock_bound(k, k->port + 83);

	trace_scene();
	name_set(&to, AF_INET6, "ff02::7:7", k->port + 83);
	memcpy(&sin6, to.byte, sizeof(sin6));
	join.ipv6mr_multiaddr = sin6.sin6_addr;
	on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	on(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
	snprintf(label, sizeof(label), "%s-join", how);
	CALL(label, setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &join,
	    sizeof(join)));
	sin6.sin6_scope_id = index;
	snprintf(label, sizeof(label), "%s-scope-to", how);
	CALL(label, sendto(fd, "one", 3, 0, (struct sockaddr *)&sin6,
	    sizeof(sin6)));
	comes(fd);
	snprintf(label, sizeof(label), "%s-scope-from", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	on(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
	snprintf(label, sizeof(label), "%s-if-to", how);
	CALL(label, sendto(fd, "two", 3, 0, &to.sa, to.len));
	comes(fd);
	snprintf(label, sizeof(label), "%s-if-from", how);
	CALL(label, recvmsg(fd, message_fresh(&m, 64, 256), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-connect", how);
	CALL(label, connect(fd, &to.sa, to.len));
	names_of(fd, how);
	snprintf(label, sizeof(label), "%s-send", how);
	CALL(label, send(fd, "three", 5, 0));
	close(fd);
}

/* Bound to one address of a link: that is the source of all that it sends. */
static void
bound_here(const struct kind *k)
{
	struct name to = peer_by("b"), at = peer_by("b"), n;
	struct sockaddr_in6 sin6;
	struct message m;
	int fd = sock_of(k);

	trace_scene();
	memcpy(&sin6, at.byte, sizeof(sin6));
	sin6.sin6_addr.s6_addr[15] = 1;
	sin6.sin6_port = htons((uint16_t)(k->port + 84));
	CALL("at-link", bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)));
	name_fresh(&n, sizeof(n.ss));
	CALL("at-link-ours", getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	CALL("at-link-to", sendto(fd, "abc", 3, 0, &to.sa, to.len));
	comes(fd);
	CALL("at-link-from", recvmsg(fd, message_fresh(&m, 200, 256),
	    MSG_DONTWAIT));
	say_message(&m, trace_ret);
	close(fd);
	fd = sock_of(k);
	at = name_port(&k->ours, k->port + 85);
	CALL("at-global", bind(fd, &at.sa, at.len));
	to = peer_by("b");
	CALL("at-global-to", sendto(fd, "abc", 3, 0, &to.sa, to.len));
	comes(fd);
	CALL("at-global-from", recvmsg(fd, message_fresh(&m, 200, 256),
	    MSG_DONTWAIT));
	say_message(&m, trace_ret);
	close(fd);
}

void
topic_zone(const struct kind *k)
{
	senders(k, false, "a", "fresh-a");
	senders(k, false, "b", "fresh-b");
	senders(k, true, "a", "bound-a");
	senders(k, true, "b", "bound-b");
	connected(k, false, "b", "fresh-conn");
	connected(k, true, "a", "bound-conn-a");
	connected(k, true, "b", "bound-conn-b");
	by_others(k, false, "fresh");
	by_others(k, true, "bound");
	group(k, "a", "group-a");
	group(k, "b", "group-b");
	bound_here(k);
}
