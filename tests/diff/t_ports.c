/* SPDX-License-Identifier: ISC */
/* Several sockets at one port: who may bind it, and who gets what. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topics.h"

enum { AGAIN = 12, MOST = 4 };

/* A socket of a scene: its family and address, and options before bind(2). */
struct made {
	char family; /* '4'; '6': IPV6_V6ONLY; 'd': IPv6 without */
	const char *at; /* NULL: the wildcard */
	int option;	/* of SOL_SOCKET; 0: none */
	const char *device;
};

static int
made_socket(const struct made *m)
{
	int one = 1, fd;

	fd = socket(m->family == '4' ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
	if (m->family == '6')
		(void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
		    sizeof(one));
	if (m->option != 0)
		(void)!setsockopt(fd, SOL_SOCKET, m->option, &one,
		    sizeof(one));
	if (m->device != NULL)
		(void)!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, m->device,
		    (socklen_t)strlen(m->device) + 1);
	return fd;
}

static long
made_bind(int fd, const struct made *m, unsigned port)
{
	struct name n;

	name_set(&n, m->family == '4' ? AF_INET : AF_INET6, m->at != NULL ?
	    m->at : m->family == '4' ? "0.0.0.0" : "::", port);
	return bind(fd, &n.sa, n.len);
}

/* Receives all that came, and says what, and at which of the sockets. */
static void
say_arrived(const int *fds, int n)
{
	char buf[64];
	ssize_t len;
	int i, k;

	poll(NULL, 0, 150);
	for (i = 0; i < n; i++)
		for (k = 0; k < 8 && (len = recv(fds[i], buf, sizeof(buf),
		    MSG_DONTWAIT)) >= 0; k++) {
			say("%d has", i);
			say_bytes(buf, len);
		}
}

/* Sends a datagram to an address of this host from a socket besides. */
static void
from_beside(const char *label, const char *to, unsigned port)
{
	struct name n;
	int fd;

	name_set(&n, strchr(to, ':') != NULL ? AF_INET6 : AF_INET, to, port);
	fd = socket(n.sa.sa_family, SOCK_DGRAM, 0);
	CALL(label, sendto(fd, to, strlen(to), 0, &n.sa, n.len));
	close(fd);
}

static const char *
labelled(const char *scene, const char *what, int i)
{
	static char label[80];

	snprintf(label, sizeof(label), "%s-%s-%d", scene, what, i);
	return label;
}

/* Asks the peer from this socket, and says what comes, and where. */
static void
ask_from(const char *scene, int i, const struct made *m, const int *fds, int n)
{
	const struct kind *k = kind_find(m->family == '4' ? "4" : "6");
	struct name peer = k->peer;
	char text[32];
	int len;

	if (m->device != NULL && m->device[0] == 'b')
		name_set(&peer, peer.sa.sa_family, m->family == '4' ?
		    "10.5.0.2" : "fd05::2", m->family == '4' ? PORT_PEER4 :
		    PORT_PEER6);
	len = snprintf(text, sizeof(text), "!eanswer %d", i);
	CALL(labelled(scene, "ask", i), sendto(fds[i], text, (size_t)len, 0,
	    &peer.sa, peer.len));
	(void)comes(fds[i]);
	say_arrived(fds, n);
}

/* A group of this family that the socket joins; a datagram to it. */
static void
join(const char *label, int fd, char family)
{
	struct ip_mreqn r4 = { .imr_ifindex = (int)if_nametoindex("a") };
	struct ipv6_mreq r6 = { .ipv6mr_interface = if_nametoindex("a") };

	inet_pton(AF_INET, "239.1.2.3", &r4.imr_multiaddr);
	inet_pton(AF_INET6, "ff02::1:2:3", &r6.ipv6mr_multiaddr);
	if (family == '4')
		CALL(label, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r4,
		    sizeof(r4)));
	else
		CALL(label, setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP,
		    &r6, sizeof(r6)));
}

static void
to_group(const char *label, char family, unsigned port)
{
	struct ip_mreqn r4 = { .imr_ifindex = (int)if_nametoindex("a") };
	int v4 = family == '4', index = r4.imr_ifindex, fd;
	const char *to = v4 ? "239.1.2.3" : "ff02::1:2:3";
	struct name n;

	name_set(&n, v4 ? AF_INET : AF_INET6, to, port);
	fd = socket(n.sa.sa_family, SOCK_DGRAM, 0);
	if (v4)
		(void)!setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &r4,
		    sizeof(r4));
	else
		(void)!setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index,
		    sizeof(index));
	CALL(label, sendto(fd, to, strlen(to), 0, &n.sa, n.len));
	close(fd);
}

/* Is it one of several that share the wildcard?  Which of them gets a datagram
 * is chance. */
static bool
one_of_many(const struct made *m, int n, int i)
{
	int k, many = 0;

	for (k = 0; k < n; k++)
		many += m[k].at == NULL && m[k].option == SO_REUSEPORT;
	return many > 1 && m[i].option == SO_REUSEPORT;
}

/* Binds the sockets of a scene to one port, and says who gets what. */
static void
scene(const char *name, unsigned port, const struct made *m, int n)
{
	static const char *const to[] = { "127.0.0.1", "10.4.0.1", "10.5.0.1",
		"::1", "fd04::1" };
	int fds[MOST], i;

	trace_scene();
	for (i = 0; i < n; i++) {
		fds[i] = made_socket(&m[i]);
		CALL(labelled(name, "bind", i), made_bind(fds[i], &m[i], port));
	}
	for (i = 0; i < (int)(sizeof(to) / sizeof(to[0])); i++) {
		from_beside(labelled(name, "to", i), to[i], port);
		say_arrived(fds, n);
	}
	for (i = 0; i < n; i++)
		if (m[i].at == NULL && !one_of_many(m, n, i))
			ask_from(name, i, &m[i], fds, n);
	for (i = 0; i < n; i++)
		join(labelled(name, "join", i), fds[i], m[i].family);
	to_group(labelled(name, "group", 4), '4', port);
	say_arrived(fds, n);
	to_group(labelled(name, "group", 6), '6', port);
	say_arrived(fds, n);
	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void
families(unsigned port)
{
	static const struct made both[] = { { .family = '4' },
		{ .family = '6' } }, turned[] = { { .family = '6' },
		{ .family = '4' } };
	static const struct made at[] = {
		{ .family = '4', .option = SO_REUSEADDR },
		{ .family = '6', .option = SO_REUSEADDR },
		{ .family = '4', .at = "10.4.0.1", .option = SO_REUSEADDR },
		{ .family = '6', .at = "fd04::1", .option = SO_REUSEADDR } };
	const struct made from[] = { at[3], at[2], at[1], at[0] };
	static const struct made dual[] = {
		{ .family = 'd', .option = SO_REUSEADDR },
		{ .family = '4', .option = SO_REUSEADDR } };

	static const struct made group[] = {
		{ .family = '4', .option = SO_REUSEADDR },
		{ .family = '4', .at = "239.1.2.3", .option = SO_REUSEADDR },
		{ .family = '4', .at = "127.0.0.1", .option = SO_REUSEADDR } };

	scene("both", port, both, 2);
	scene("turned", port + 1, turned, 2);
	scene("at", port + 2, at, 4);
	scene("from", port + 3, from, 4);
	scene("dual", port + 4, dual, 2);
	scene("group-too", port + 5, group, 3);
}

/* A socket at a loopback address shares its port with one at the wildcard. */
static void
loopback_too(unsigned port)
{
	static const struct made lo4[] = {
		{ .family = '4', .at = "127.0.0.1", .option = SO_REUSEPORT },
		{ .family = '4', .option = SO_REUSEPORT } };
	static const struct made lo6[] = {
		{ .family = '6', .at = "::1", .option = SO_REUSEPORT },
		{ .family = '6', .option = SO_REUSEPORT } };
	static const struct made dual[] = { lo4[0], lo6[0],
		{ .family = 'd', .option = SO_REUSEPORT } };
	const struct made later[] = { lo4[1], lo4[0] };
	static const struct made unshared[] = { { .family = '4' },
		{ .family = '4', .at = "127.0.0.1", .option = SO_REUSEPORT } };

	scene("lo-4", port, lo4, 2);
	scene("lo-6", port + 1, lo6, 2);
	scene("lo-dual", port + 2, dual, 3);
	scene("lo-later", port + 3, later, 2);
	scene("lo-unshared", port + 4, unshared, 2);
}

/* A socket at a loopback address that does not share its port, and others that
 * would. */
static void
loopback_first(unsigned port)
{
	static const struct made m[] = {
		{ .family = '4', .at = "127.0.0.1" },
		{ .family = '4', .at = "127.0.0.1", .option = SO_REUSEPORT },
		{ .family = '4', .option = SO_REUSEPORT } };
	int fds[3], i;

	trace_scene();
	for (i = 0; i < 3; i++) {
		fds[i] = made_socket(&m[i]);
		CALL(labelled("lo-before", "bind", i), made_bind(fds[i], &m[i],
		    port));
	}
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

static long
set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

/* SO_REUSEADDR and SO_REUSEPORT, set after bind(2): they count when another
 * socket is bound. */
static void
late(const char *name, int option, unsigned port)
{
	static const struct made any = { .family = '4' }, one = {
		.family = '4', .at = "10.4.0.1" };
	int fds[3], i;

	trace_scene();
	for (i = 0; i < 3; i++)
		fds[i] = made_socket(i == 0 ? &any : &one);
	CALL(labelled(name, "bind", 0), made_bind(fds[0], &any, port));
	(void)set(fds[1], option, 1);
	CALL(labelled(name, "early", 1), made_bind(fds[1], &one, port));
	CALL(labelled(name, "set", 0), set(fds[0], option, 1));
	CALL(labelled(name, "bind", 1), made_bind(fds[1], &one, port));
	CALL(labelled(name, "unset", 0), set(fds[0], option, 0));
	(void)set(fds[2], option, 1);
	CALL(labelled(name, "late", 2), made_bind(fds[2], &one, port));
	CALL(labelled(name, "set-again", 0), set(fds[0], option, 1));
	CALL(labelled(name, "unset", 2), set(fds[2], option, 0));
	CALL(labelled(name, "bind", 2), made_bind(fds[2], &one, port));
	from_beside(labelled(name, "to", 0), "127.0.0.1", port);
	say_arrived(fds, 3);
	if (option == SO_REUSEADDR) { /* else two sockets share it by chance */
		from_beside(labelled(name, "to", 1), "10.4.0.1", port);
		say_arrived(fds, 3);
	}
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

/* Opens, uses and closes a port again and again, without a pause; `two': by
 * another socket, which is bound before the first is closed. */
static void
again(const char *name, unsigned port, bool two)
{
	static const struct made any = { .family = '4',
		.option = SO_REUSEADDR };
	const struct kind *k = kind_find("4");
	int i, fd, other = -1, good = 0;
	char buf[64];

	trace_scene();
	for (i = 0; i < AGAIN; i++) {
		fd = made_socket(&any);
		if (made_bind(fd, &any, port) == 0 &&
		    connect(fd, &k->peer.sa, k->peer.len) == 0) {
			if (two)
				other = made_socket(&any);
			if (two && made_bind(other, &any, port) != 0)
				say("(other: %s)", strerrorname_np(errno));
			good += send(fd, "!ehello", 7, 0) == 7 && comes(fd) &&
			    recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 5;
		}
		close(fd);
		if (two)
			close(other);
	}
	CALL(name, good);
}

/* One port, a socket for each device. */
static void
devices(unsigned port)
{
	static const struct made each[] = { { .family = '4', .device = "a" },
		{ .family = '4', .device = "b" } };
	const struct made plus[] = { each[0], each[1],
		{ .family = '6', .device = "b" } };

	scene("devices", port, each, 2);
	scene("devices-6", port + 1, plus, 3);
}

/* Binds a socket to a device, while its port is in use. */
static void
to_device(const char *label, int fd, const char *device)
{
	CALL(label, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
	    (socklen_t)strlen(device) + 1));
}

/* SO_BINDTODEVICE after bind(2), of the only socket of a port, to and fro; or of
 * one of several, once. */
static void
moved(const char *name, unsigned port, int n)
{
	static const char *const devices[] = { "b", "a", "", "b", "a" };
	struct made m[] = { { .family = '4' }, { .family = '6' } };
	char label[32];
	int fds[2], i, k;

	trace_scene();
	for (i = 0; i < n; i++) {
		fds[i] = made_socket(&m[i]);
		CALL(labelled(name, "bind", i), made_bind(fds[i], &m[i], port));
	}
	for (k = 0; k < (n == 1 ? 5 : 1); k++) {
		to_device(labelled(name, "to-device", k), fds[0], devices[k]);
		m[0].device = devices[k];
		for (i = 0; i < n; i++) {
			snprintf(label, sizeof(label), "%s-%d", name, k);
			ask_from(label, i, &m[i], fds, n);
		}
	}
	for (i = 0; i < n; i++)
		close(fds[i]);
}

void
topic_ports(const struct kind *k)
{
	families(k->port);
	loopback_too(k->port + 40);
	loopback_first(k->port + 45);
	late("reuseaddr", SO_REUSEADDR, k->port + 10);
	late("reuseport", SO_REUSEPORT, k->port + 11);
	again("again", k->port + 12, false);
	again("again-two", k->port + 13, true);
	devices(k->port + 20);
	moved("moved", k->port + 30, 1);
	moved("moved-one", k->port + 31, 2);
}
