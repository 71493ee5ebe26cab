/* SPDX-License-Identifier: ISC */
/* bind(2), connect(2), and what getsockname(2) and getpeername(2) give then. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topics.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static void
ours(const char *label, int fd)
{
	struct name n;

	name_fresh(&n, sizeof(n.ss));
	CALL(label, getsockname(fd, &n.sa, &n.len));
	if (trace_ret == 0)
		say_name(&n);
}

static void
theirs(const char *label, int fd)
{
	struct name n;

	name_fresh(&n, sizeof(n.ss));
	CALL(label, getpeername(fd, &n.sa, &n.len));
	if (trace_ret == 0)
		say_name(&n);
}

static long
bind_to(int fd, const struct name *to, unsigned port)
{
	struct name n = name_port(to, port);

	return bind(fd, &n.sa, n.len);
}

static long
connect_to(int fd, const struct name *to, unsigned port)
{
	struct name n = name_port(to, port);

	return connect(fd, &n.sa, n.len);
}

static long
dissolve(int fd, socklen_t len)
{
	struct sockaddr_storage none = { .ss_family = AF_UNSPEC };

	return connect(fd, (struct sockaddr *)&none, len);
}

/* Closes the socket and begins a new scene with another one. */
static int
anew(int fd, const struct kind *k)
{
	close(fd);
	trace_scene();
	return sock_of(k);
}

/* An address that this host does not have, which options allow to bind. */
static void
foreign(const struct kind *k)
{
	static const struct {
		const char *name;
		int level, option;
	} way[] = { { "free", IPPROTO_IP, IP_FREEBIND },
		{ "transparent", IPPROTO_IP, IP_TRANSPARENT },
		{ "free6", IPPROTO_IPV6, IPV6_FREEBIND },
		{ "transparent6", IPPROTO_IPV6, IPV6_TRANSPARENT } };
	char label[64];
	size_t i;
	int fd, on = 1;

	for (i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		if (way[i].level == IPPROTO_IPV6 && k->family == AF_INET)
			continue;
		trace_scene();
		fd = sock_of(k);
		snprintf(label, sizeof(label), "foreign-%s", way[i].name);
		CALL(label, setsockopt(fd, way[i].level, way[i].option, &on,
		    sizeof(on)));
		snprintf(label, sizeof(label), "foreign-%s-bind", way[i].name);
		CALL(label, bind_to(fd, &k->alien, k->port + 5));
		snprintf(label, sizeof(label), "foreign-%s-ours", way[i].name);
		ours(label, fd);
		snprintf(label, sizeof(label), "foreign-%s-connect",
		    way[i].name);
		CALL(label, connect_to(fd, &k->peer, PORT_PEER4));
		snprintf(label, sizeof(label), "foreign-%s-then", way[i].name);
		ours(label, fd);
		close(fd);
	}
}

/* bind(2) to each kind of address, and the names afterwards. */
static void
binding(const struct kind *k)
{
	struct name odd = k->any;
	struct name v4, v6;
	int fd = sock_of(k), two = sock_of(k);

	ours("fresh-ours", fd);
	theirs("fresh-theirs", fd);
	CALL("bind", bind_to(fd, &k->any, k->port));
	ours("bind-then", fd);
	theirs("bind-theirs", fd);
	CALL("bind-again", bind_to(fd, &k->any, k->port));
	CALL("bind-again-0", bind_to(fd, &k->any, 0));
	CALL("bind-in-use", bind_to(two, &k->any, k->port));
	CALL("bind-in-use-ours", bind_to(two, &k->ours, k->port));
	CALL("bind-in-use-loop", bind_to(two, &k->loop, k->port));
	ours("bind-in-use-then", two);
	CALL("bind-alien", bind_to(two, &k->alien, k->port + 1));
	CALL("bind-alien-0", bind_to(two, &k->alien, 0));
	odd.byte[0] = 77;
	CALL("bind-family-77", bind_to(two, &odd, k->port + 1));
	odd.byte[0] = AF_UNSPEC;
	CALL("bind-unspec", bind_to(two, &odd, k->port + 1));
	ours("bind-unspec-then", two);
	close(two);
	two = sock_of(k);
	name_set(&v4, AF_INET, "0.0.0.0", k->port + 2);
	name_set(&v6, AF_INET6, "::", k->port + 2);
	if (k->family == AF_INET)
		CALL("bind-other-family", bind(two, &v6.sa, v6.len));
	else
		CALL("bind-other-family", bind(two, &v4.sa, v4.len));
	ours("bind-other-family-then", two);
	CALL("bind-ephemeral", bind_to(two, &k->any, 0));
	ours("bind-ephemeral-ours", two);
	close(two);
	fd = anew(fd, k);
	CALL("bind-after-close", bind_to(fd, &k->any, k->port));
	fd = anew(fd, k);
	CALL("bind-ours", bind_to(fd, &k->ours, k->port + 3));
	ours("bind-ours-ours", fd);
	CALL("bind-ours-connect", connect_to(fd, &k->peer, PORT_PEER4));
	ours("bind-ours-connect-ours", fd);
	CALL("bind-ours-dissolve", dissolve(fd, sizeof(struct sockaddr_in)));
	ours("bind-ours-dissolve-ours", fd);
	fd = anew(fd, k);
	CALL("bind-loop", bind_to(fd, &k->loop, k->port + 4));
	ours("bind-loop-ours", fd);
	CALL("bind-loop-connect", connect_to(fd, &k->peer, PORT_PEER4));
	fd = anew(fd, k);
	two = sock_of(k);
	CALL("bind-ours-one", bind_to(fd, &k->ours, k->port + 5));
	CALL("bind-loop-beside", bind_to(two, &k->loop, k->port + 5));
	ours("bind-loop-beside-ours", two);
	close(two);
	two = sock_of(k);
	CALL("bind-ours-two", bind_to(two, &k->ours, k->port + 5));
	CALL("bind-any-beside", bind_to(two, &k->any, k->port + 5));
	close(two);
	close(fd);
}

/* Not inlined: gcc would warn that CALL's longjmp may clobber fd. */
__attribute__((noinline)) static int
flagged(const struct kind *k, int option)
{
	int fd = sock_of(k), one = 1;

	(void)!setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
	return fd;
}

static void
sharing(const struct kind *k)
{
	int fd, two;

	fd = flagged(k, SO_REUSEADDR);
	two = flagged(k, SO_REUSEADDR);
	CALL("reuseaddr-1", bind_to(fd, &k->any, k->port + 10));
	CALL("reuseaddr-2", bind_to(two, &k->any, k->port + 10));
	close(two);
	two = sock_of(k);
	CALL("reuseaddr-without", bind_to(two, &k->any, k->port + 10));
	close(two);
	two = flagged(k, SO_REUSEPORT);
	CALL("reuseaddr-port", bind_to(two, &k->any, k->port + 10));
	close(two);
	close(fd);
	fd = flagged(k, SO_REUSEPORT);
	two = flagged(k, SO_REUSEPORT);
	CALL("reuseport-1", bind_to(fd, &k->any, k->port + 11));
	CALL("reuseport-2", bind_to(two, &k->any, k->port + 11));
	close(two);
	two = sock_of(k);
	CALL("reuseport-without", bind_to(two, &k->any, k->port + 11));
	close(two);
	close(fd);
	fd = flagged(k, SO_REUSEADDR);
	two = sock_of(k);
	CALL("reuseaddr-first", bind_to(fd, &k->any, k->port + 12));
	CALL("reuseaddr-none", bind_to(two, &k->any, k->port + 12));
	close(two);
	close(fd);
}

static void
connecting(const struct kind *k)
{
	struct name odd = k->peer;
	struct name other;
	int fd = sock_of(k);
	unsigned peer = k->mapped || k->family == AF_INET ? PORT_PEER4 :
							    PORT_PEER6;

	CALL("dissolve-fresh", dissolve(fd, 16));
	CALL("connect", connect_to(fd, &k->peer, peer));
	ours("connect-ours", fd);
	theirs("connect-theirs", fd);
	CALL("connect-again", connect_to(fd, &k->peer, peer));
	ours("connect-again-ours", fd);
	CALL("connect-bind", bind_to(fd, &k->any, k->port + 20));
	CALL("connect-port", connect_to(fd, &k->peer, PORT_NOBODY));
	ours("connect-port-ours", fd);
	theirs("connect-port-theirs", fd);
	CALL("connect-port-0", connect_to(fd, &k->peer, 0));
	ours("connect-port-0-ours", fd);
	theirs("connect-port-0-theirs", fd);
	CALL("dissolve-2", dissolve(fd, 2));
	ours("dissolve-ours", fd);
	theirs("dissolve-theirs", fd);
	CALL("dissolve-again", dissolve(fd, 16));
	CALL("dissolve-connect", connect_to(fd, &k->peer, peer));
	ours("dissolve-connect-ours", fd);
	theirs("dissolve-connect-theirs", fd);
	CALL("dissolve-send", send(fd, "abc", 3, 0));
	say_report(fd);
	CALL("dissolve-1", dissolve(fd, 1));
	theirs("dissolve-1-theirs", fd);
	fd = anew(fd, k);
	CALL("connect-alien", connect_to(fd, &k->alien, peer));
	ours("connect-alien-ours", fd);
	theirs("connect-alien-theirs", fd);
	odd.byte[0] = 77;
	CALL("connect-family-77", connect_to(fd, &odd, peer));
	CALL("connect-any", connect_to(fd, &k->any, k->port + 21));
	ours("connect-any-ours", fd);
	theirs("connect-any-theirs", fd);
	fd = anew(fd, k);
	if (k->family == AF_INET)
		name_set(&other, AF_INET6, "fd04::2", PORT_PEER6);
	else
		name_set(&other, AF_INET, "10.4.0.2", PORT_PEER4);
	CALL("connect-other-family", connect(fd, &other.sa, other.len));
	ours("connect-other-family-ours", fd);
	theirs("connect-other-family-theirs", fd);
	fd = anew(fd, k);
	CALL("connect-loop", connect_to(fd, &k->loop, k->port + 22));
	ours("connect-loop-ours", fd);
	theirs("connect-loop-theirs", fd);
	CALL("connect-loop-peer", connect_to(fd, &k->peer, peer));
	ours("connect-loop-peer-ours", fd);
	close(fd);
	fd = sock_bound(k, k->port + 23);
	CALL("bound-connect", connect_to(fd, &k->peer, peer));
	ours("bound-connect-ours", fd);
	theirs("bound-connect-theirs", fd);
	CALL("bound-dissolve", dissolve(fd, 16));
	ours("bound-dissolve-ours", fd);
	theirs("bound-dissolve-theirs", fd);
	close(fd);
}

/* The first sendto(2) binds the socket to a port. */
static void
sending(const struct kind *k)
{
	struct name loop = name_port(&k->loop, k->port + 25);
	int fd = sock_of(k);

	CALL("sent", sendto(fd, "!efirst", 7, 0, &k->peer.sa, k->peer.len));
	ours("sent-ours", fd);
	CALL("sent-bind", bind_to(fd, &k->any, k->port + 24));
	CALL("sent-connect", connect(fd, &k->peer.sa, k->peer.len));
	ours("sent-connect-ours", fd);
	CALL("sent-dissolve", dissolve(fd, 16));
	fd = anew(fd, k);
	CALL("sent-loop", sendto(fd, "x", 1, 0, &loop.sa, loop.len));
	ours("sent-loop-ours", fd);
	CALL("sent-loop-connect", connect(fd, &loop.sa, loop.len));
	ours("sent-loop-connect-ours", fd);
	close(fd);
}

static void
ending(const struct kind *k)
{
	char buf[64];
	int fd = sock_of(k);

	CALL("listen", listen(fd, 1));
	CALL("accept", accept(fd, NULL, NULL));
	CALL("shutdown-fresh", shutdown(fd, SHUT_RD));
	CALL("shutdown-fresh-how", shutdown(fd, 7));
	close(fd);
	fd = sock_bound(k, k->port + 30);
	CALL("shutdown-bound", shutdown(fd, SHUT_RDWR));
	close(fd);
	fd = sock_connected(k);
	CALL("shutdown-how", shutdown(fd, 7));
	CALL("shutdown-minus", shutdown(fd, -1));
	CALL("shutdown-wr", shutdown(fd, SHUT_WR));
	CALL("shutdown-wr-send", send(fd, "abc", 3, MSG_NOSIGNAL));
	CALL("shutdown-wr-send-sigpipe", send(fd, "abc", 3, 0));
	CALL("shutdown-wr-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("shutdown-rd", shutdown(fd, SHUT_RD));
	CALL("shutdown-rd-recv", recv(fd, buf, 64, 0));
	CALL("shutdown-rd-recv-nowait", recv(fd, buf, 64, MSG_DONTWAIT));
	theirs("shutdown-theirs", fd);
	ours("shutdown-ours", fd);
	CALL("shutdown-again", shutdown(fd, SHUT_RDWR));
	close(fd);
	fd = sock_connected(k);
	ask(fd, k, "!n1 5");
	settle(k);
	CALL("shutdown-rdwr", shutdown(fd, SHUT_RDWR));
	CALL("shutdown-rdwr-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("shutdown-rdwr-recv-again", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("shutdown-rdwr-dissolve", dissolve(fd, 16));
	CALL("shutdown-rdwr-connect",
	    connect(fd, &k->peer.sa, k->peer.len));
	CALL("shutdown-rdwr-send", send(fd, "abc", 3, MSG_NOSIGNAL));
	close(fd);
}

void
topic_names(const struct kind *k)
{
	binding(k);
	sharing(k);
	trace_scene();
	foreign(k);
	trace_scene();
	connecting(k);
	trace_scene();
	sending(k);
	trace_scene();
	ending(k);
}
