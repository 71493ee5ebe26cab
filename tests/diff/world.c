/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 5000,
	WOKEN = 3, /* times that poll(2) may report without a datagram */
	MISSED = 4,  /* after so many failures PATIENCE_MS is a tenth */
	ALL = 10000, /* datagrams; a queue never has more */
	SHOWN = 6,   /* datagrams of the rest that are shown */
};

/* --- Kinds --------------------------------------------------------------- */

static struct kind kinds[] = {
	{ .name = "4", .family = AF_INET, .level = IPPROTO_IP,
	    .port = 7100 },
	{ .name = "6", .family = AF_INET6, .level = IPPROTO_IPV6,
	    .port = 7300 },
	{ .name = "m", .family = AF_INET6, .mapped = true,
	    .level = IPPROTO_IPV6, .port = 7500 },
};

void
name_set(struct name *n, int family, const char *ip, unsigned port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };

	memset(n, 0, sizeof(*n));
	if (family == AF_INET) {
		if (inet_pton(AF_INET, ip, &sin.sin_addr) != 1)
			errx(2, "%s", ip);
		memcpy(n->byte, &sin, sizeof(sin));
		n->len = sizeof(sin);
	} else {
		if (inet_pton(AF_INET6, ip, &sin6.sin6_addr) != 1)
			errx(2, "%s", ip);
		memcpy(n->byte, &sin6, sizeof(sin6));
		n->len = sizeof(sin6);
	}
	n->room = n->len;
}

struct name
name_port(const struct name *of, unsigned port)
{
	struct name n = *of;
	uint16_t p = htons((uint16_t)port);

	/* The port has the same offset in sockaddr_in and sockaddr_in6. */
	memcpy(n.byte + offsetof(struct sockaddr_in, sin_port), &p, sizeof(p));
	return n;
}

const struct kind *
kind_find(const char *name)
{
	size_t i;
	struct kind *k;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return NULL;
	k = &kinds[i];
	if (k->family == AF_INET) {
		name_set(&k->peer, AF_INET, "10.4.0.2", PORT_PEER4);
		name_set(&k->ours, AF_INET, "10.4.0.1", 0);
		name_set(&k->any, AF_INET, "0.0.0.0", 0);
		name_set(&k->loop, AF_INET, "127.0.0.1", 0);
		name_set(&k->alien, AF_INET, "10.99.0.1", 0);
	} else if (k->mapped) {
		name_set(&k->peer, AF_INET6, "::ffff:10.4.0.2", PORT_PEER4);
		name_set(&k->ours, AF_INET6, "::ffff:10.4.0.1", 0);
		name_set(&k->any, AF_INET6, "::", 0);
		name_set(&k->loop, AF_INET6, "::ffff:127.0.0.1", 0);
		name_set(&k->alien, AF_INET6, "::ffff:10.99.0.1", 0);
	} else {
		name_set(&k->peer, AF_INET6, "fd04::2", PORT_PEER6);
		name_set(&k->ours, AF_INET6, "fd04::1", 0);
		name_set(&k->any, AF_INET6, "::", 0);
		name_set(&k->loop, AF_INET6, "::1", 0);
		name_set(&k->alien, AF_INET6, "fd99::1", 0);
	}
	return k;
}

/* --- Sockets ------------------------------------------------------------- */

int
sock_of(const struct kind *k)
{
	int fd = socket(k->family, SOCK_DGRAM, 0);

	if (fd < 0)
		err(2, "socket");
	return fd;
}

int
sock_connected(const struct kind *k)
{
	int fd = sock_of(k);

	if (connect(fd, &k->peer.sa, k->peer.len) != 0)
		err(2, "connect");
	return fd;
}

int
sock_bound(const struct kind *k, unsigned port)
{
	struct name n = name_port(&k->any, port);
	int fd = sock_of(k);

	if (bind(fd, &n.sa, n.len) != 0)
		err(2, "bind %u", port);
	return fd;
}

/* --- The peer ------------------------------------------------------------ */

void
ask(int fd, const struct kind *k, const char *format, ...)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char text[2048];
	va_list ap;
	bool to;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	to = getpeername(fd, (struct sockaddr *)&peer, &len) != 0;
	if (sendto(fd, text, (size_t)n, 0, to ? &k->peer.sa : NULL,
	    to ? k->peer.len : 0) != n)
		warn("ask %s", text);
}

bool
comes(int fd)
{
	static int missed;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* A run in which nothing arrives shall end nevertheless. */
	if (poll(&p, 1, missed > MISSED ? PATIENCE_MS / 10 : PATIENCE_MS) == 1)
		return true;
	missed++;
	say("(no datagram arrives)");
	return false;
}

/* The socket that settle() asks by. */
static int
settle_socket(const struct kind *k)
{
	static int fds[2] = { -1, -1 };
	int *fd = &fds[k->family == AF_INET6 && !k->mapped];

	if (*fd < 0)
		*fd = sock_connected(k);
	return *fd;
}

void
settle(const struct kind *k)
{
	int fd = settle_socket(k), i;
	char text[64];

	for (i = 0; i < 2; i++) {
		if (send(fd, "!esettled", 9, 0) != 9)
			warn("settle");
		if (comes(fd))
			(void)!recv(fd, text, sizeof(text), MSG_DONTWAIT);
	}
	poll(NULL, 0, 20);
}

void
settle_of(const struct kind *k, int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char text[64];
	int by, i, n;

	settle(k);
	by = settle_socket(k);
	if (getsockname(by, (struct sockaddr *)&at, &len) != 0)
		err(2, "getsockname");
	n = snprintf(text, sizeof(text), "!p %u", ntohs(
	    ((const struct sockaddr_in *)&at)->sin_port));
	if (sendto(fd, text, (size_t)n, 0, &k->peer.sa, k->peer.len) != n)
		return;
	for (i = 0; i < WOKEN && comes(by); i++)
		if (recv(by, text, sizeof(text), MSG_DONTWAIT) == 4)
			break;
	poll(NULL, 0, 20);
}

/* Says a datagram; the port in a report as a name, since it differs by run. */
static void
say_datagram(char *data, ssize_t n)
{
	struct name from;
	char *port;

	data[n] = '\0';
	port = strstr(data, " port=");
	if (port == NULL) {
		say_bytes(data, n);
		return;
	}
	*port = '\0';
	say("peer got %s", data);
	name_set(&from, AF_INET, "0.0.0.0", (unsigned)atoi(port + 6));
	say_sockaddr(&from.sa, from.len);
}

void
say_report(int fd)
{
	char text[256];
	ssize_t n = -1;
	int i;

	if (trace_ret < 0)
		return;
	/* When a path was in doubt, a datagram that arrives after its copy
	 * makes poll(2) report without a datagram (README). */
	for (i = 0; i < WOKEN && n < 0; i++) {
		if (!comes(fd))
			return;
		n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	}
	if (n < 0)
		say("(no report: %s)", strerrorname_np(errno));
	else
		say_datagram(text, n);
}

void
say_rest(int fd)
{
	static char buf[PEER_ROOM];
	ssize_t n;
	int i;

	for (i = 0; i < ALL; i++) {
		n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		if (n < 0)
			break;
		if (i < SHOWN) {
			say("then");
			say_datagram(buf, n);
		}
	}
	if (i > SHOWN)
		say("then %d more", i - SHOWN);
	say("then %s", i < ALL ? strerrorname_np(errno) : "no end");
}

void
drain(int fd)
{
	char buf[64];
	int i;

	for (i = 0; i < ALL && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0;
	    i++)
		;
}

const char *
pattern(void)
{
	static char bytes[1 << 17];
	size_t i;

	if (bytes[0] == '\0')
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)('A' + i % 26);
	return bytes;
}

void *
nowhere(void)
{
	static void *page;

	if (page == NULL)
		page = mmap(NULL, 1 << 17, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page;
}
