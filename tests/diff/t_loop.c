/* SPDX-License-Identifier: ISC */
/* Two sockets of this host, by loopback and by its own address; ICMP errors;
 * multicast. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topics.h"

static char buf[64];

static int
at(const struct name *where, unsigned port, int family)
{
	struct name n = name_port(where, port);
	int fd = socket(family, SOCK_DGRAM, 0);

	if (bind(fd, &n.sa, n.len) != 0)
		say("(bind: %s)", strerrorname_np(errno));
	return fd;
}

/* Datagrams there and back between two sockets at an address of this host. */
static void
pair(const char *where, const struct kind *k, const struct name *address,
    unsigned port)
{
	struct name to = name_port(address, port), n;
	int server = at(address, port, k->family), client = sock_of(k);
	struct message m;
	char label[64];
	int one = 1;

	trace_scene();
	(void)!setsockopt(server, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (k->family == AF_INET6)
		(void)!setsockopt(server, IPPROTO_IPV6, IPV6_RECVPKTINFO,
		    &one, sizeof(one));
	snprintf(label, sizeof(label), "%s-to", where);
	CALL(label, sendto(client, "hello", 5, 0, &to.sa, to.len));
	comes(server);
	snprintf(label, sizeof(label), "%s-from", where);
	CALL(label, recvmsg(server, message_fresh(&m, 64, 128), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	snprintf(label, sizeof(label), "%s-back", where);
	CALL(label, sendto(server, "back", 4, 0, &m.name.sa,
	    m.hdr.msg_namelen));
	comes(client);
	name_fresh(&n, sizeof(n.ss));
	snprintf(label, sizeof(label), "%s-back-from", where);
	CALL(label, recvfrom(client, buf, 64, MSG_DONTWAIT, &n.sa, &n.len));
	say_bytes(buf, trace_ret);
	say_name(&n);
	snprintf(label, sizeof(label), "%s-connect", where);
	CALL(label, connect(client, &to.sa, to.len));
	name_fresh(&n, sizeof(n.ss));
	snprintf(label, sizeof(label), "%s-connect-ours", where);
	CALL(label, getsockname(client, &n.sa, &n.len));
	say_name(&n);
	snprintf(label, sizeof(label), "%s-send", where);
	CALL(label, send(client, "again", 5, 0));
	comes(server);
	snprintf(label, sizeof(label), "%s-recv", where);
	CALL(label, recv(server, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(server);
	snprintf(label, sizeof(label), "%s-refused-send", where);
	CALL(label, send(client, "gone", 4, 0));
	poll(NULL, 0, 10);
	snprintf(label, sizeof(label), "%s-refused-recv", where);
	CALL(label, recv(client, buf, 64, MSG_DONTWAIT));
	snprintf(label, sizeof(label), "%s-refused-again", where);
	CALL(label, recv(client, buf, 64, MSG_DONTWAIT));
	close(client);
}

/* A port of the peer's host that no socket has. */
static void
refused(const struct kind *k)
{
	struct name to = name_port(&k->peer, PORT_NOBODY);
	struct pollfd p = { .events = POLLIN };
	struct message m;
	int fd = sock_of(k), one = 1, error = 77;
	socklen_t len = sizeof(error);

	CALL("nobody-connect", connect(fd, &to.sa, to.len));
	CALL("nobody-send", send(fd, "hello", 5, 0));
	p.fd = fd;
	CALL("nobody-poll", poll(&p, 1, 1500));
	say("%x", (unsigned)p.revents);
	CALL("nobody-so-error", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error,
	    &len));
	say("%s", error == 0 ? "0" : strerrorname_np(error));
	CALL("nobody-poll-then", poll(&p, 1, 0));
	CALL("nobody-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("nobody-send-2", send(fd, "hello", 5, 0));
	(void)poll(&p, 1, 1500);
	CALL("nobody-recv-2", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("nobody-recv-3", recv(fd, buf, 64, MSG_DONTWAIT));
	close(fd);
	fd = sock_of(k);
	(void)!setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	if (k->family == AF_INET6)
		(void)!setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &one,
		    sizeof(one));
	CALL("nobody-free-to", sendto(fd, "hello", 5, 0, &to.sa, to.len));
	p.fd = fd;
	/* POLLERR, or POLLIN if the agent heard it: that goes by hash. */
	CALL("nobody-free-poll", poll(&p, 1, 1500));
	CALL("nobody-free-errqueue", recvmsg(fd, message_fresh(&m, 64, 256),
	    MSG_ERRQUEUE));
	say_message(&m, trace_ret);
	CALL("nobody-free-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	close(fd);
}

/* A multicast group on the link that a socket of this host has joined. */
static void
group(const struct kind *k)
{
	struct ip_mreqn r4 = { .imr_ifindex = 2 };
	struct ipv6_mreq r6 = { .ipv6mr_interface = 2 };
	struct name to, n;
	int server, client = sock_of(k), one = 1;

	name_set(&to, k->family, k->family == AF_INET ? "239.1.2.3" :
	    k->mapped ? "::ffff:239.1.2.3" : "ff02::1:2:3", k->port + 80);
	server = at(&k->any, k->port + 80, k->family);
	if (k->family == AF_INET || k->mapped) {
		r4.imr_multiaddr.s_addr = htonl(0xef010203);
		CALL("group-join", setsockopt(server, IPPROTO_IP,
		    IP_ADD_MEMBERSHIP, &r4, sizeof(r4)));
		CALL("group-join-again", setsockopt(server, IPPROTO_IP,
		    IP_ADD_MEMBERSHIP, &r4, sizeof(r4)));
		CALL("group-if", setsockopt(client, IPPROTO_IP,
		    IP_MULTICAST_IF, &r4, sizeof(r4)));
		CALL("group-loop", setsockopt(client, IPPROTO_IP,
		    IP_MULTICAST_LOOP, &one, sizeof(one)));
	} else {
		memcpy(&r6.ipv6mr_multiaddr, to.byte + 8, 16);
		CALL("group-join", setsockopt(server, IPPROTO_IPV6,
		    IPV6_ADD_MEMBERSHIP, &r6, sizeof(r6)));
		CALL("group-join-again", setsockopt(server, IPPROTO_IPV6,
		    IPV6_ADD_MEMBERSHIP, &r6, sizeof(r6)));
		one = 2;
		CALL("group-if", setsockopt(client, IPPROTO_IPV6,
		    IPV6_MULTICAST_IF, &one, sizeof(one)));
		one = 1;
		CALL("group-loop", setsockopt(client, IPPROTO_IPV6,
		    IPV6_MULTICAST_LOOP, &one, sizeof(one)));
	}
	CALL("group-to", sendto(client, "group", 5, 0, &to.sa, to.len));
	comes(server);
	name_fresh(&n, sizeof(n.ss));
	CALL("group-from", recvfrom(server, buf, 64, MSG_DONTWAIT, &n.sa,
	    &n.len));
	say_bytes(buf, trace_ret);
	say_name(&n);
	CALL("group-back", sendto(server, "back", 4, 0, &n.sa, n.len));
	close(server);
	close(client);
}

void
topic_loop(const struct kind *k)
{
	pair("loop", k, &k->loop, k->port + 81);
	pair("own", k, &k->ours, k->port + 82);
	refused(k);
	group(k);
}
