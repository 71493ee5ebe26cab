/* SPDX-License-Identifier: ISC */
/* Many datagrams by one call: UDP_SEGMENT and sendmmsg, their limits, errors
 * and counts, and what the peer receives of them. */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control.h"
#include "topics.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { MOST = 1100, PEOPLE = 3, FEW = 32 };

static struct mmsghdr many[MOST];
static struct iovec bytes[MOST];
static char control[MOST][64];

/* Says how many reports of the peer are there, and a hash of their lengths,
 * contents, TOS and TTL; the lab's scenarios look at the order. */
static void
say_reports(int fd)
{
	char text[256], *end;
	uint32_t all = 0, h;
	ssize_t n;
	int i;

	for (i = 0; (n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) >= 0;
	     i++) {
		text[n] = '\0';
		end = strstr(text, " to=");
		if (end != NULL)
			*end = '\0';
		for (h = 2166136261u, end = text; *end != '\0'; end++)
			h = (h ^ (uint8_t)*end) * 16777619u;
		all += h;
	}
	say("peer got %d: %08x", i, all);
}

/* Of more than FEW datagrams the lab's links and the peer's buffer may lose
 * some, also without mpshim. */
static void
say_tally_of(int n, const struct kind *k, int fd)
{
	settle_of(k, fd);
	if (n <= FEW)
		say_reports(fd);
	else
		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
			;
}

static void
on(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		say("(option %d/%d: %s)", level, option,
		    strerrorname_np(errno));
}

/* --- UDP_SEGMENT ----------------------------------------------------------- */

static void
cut(const char *label, const struct kind *k, int fd, size_t len, uint16_t size)
{
	char room[64];
	struct iovec v[2] = { { .iov_base = (char *)wrong(pattern()),
		.iov_len = len / 3 }, { .iov_base = (char *)wrong(pattern()) +
		len / 3, .iov_len = len - len / 3 } };
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 2,
		.msg_name = wrong(&k->peer.sa), .msg_namelen = k->peer.len,
		.msg_control = room };

	control_add(&h, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	CALL(label, sendmsg(fd, &h, 0));
	say_tally_of((int)((len + size - 1) / size), k, fd);
}

static void
segments(const struct kind *k)
{
	static const struct {
		unsigned len, size;
	} rows[] = { { 1000, 100 }, { 1001, 100 }, { 6400, 100 },
		{ 6401, 100 }, { 12800, 100 }, { 12801, 100 }, { 30, 1 }, { 64, 1 },
		{ 128, 1 }, { 129, 1 }, { 0, 100 }, { 100, 100 },
		{ 99, 100 }, { 1200, 65000 }, { 64400, 1400 },
		{ 65487, 1400 }, { 65507, 1400 }, { 65508, 1400 },
		{ 65527, 1400 }, { 65528, 1400 }, { 4356, 1452 },
		{ 4359, 1453 }, { 4416, 1472 }, { 4419, 1473 },
		{ 8000, 2000 }, { 1452, 1452 }, { 1453, 1453 },
		{ 1472, 1472 }, { 1473, 1473 }, { 2000, 2000 },
		{ 1473, 2000 }, { 65000, 65000 } };
	char label[64];
	size_t i;
	int fd = sock_of(k);

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(label, sizeof(label), "cut-%u-%u", rows[i].len,
		    rows[i].size);
		cut(label, k, fd, rows[i].len, (uint16_t)rows[i].size);
	}
	on(fd, SOL_SOCKET, SO_NO_CHECK, 1);
	cut("cut-no-check", k, fd, 1000, 100);
	cut("cut-no-check-one", k, fd, 100, 100);
	on(fd, SOL_SOCKET, SO_NO_CHECK, 0);
	cut("cut-check", k, fd, 1000, 100);
	on(fd, k->level, k->level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS, 0x28);
	cut("cut-tos", k, fd, 1000, 100);
	on(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	cut("cut-df", k, fd, 4356, 1400);
	cut("cut-df-long", k, fd, 8000, 2000);
	close(fd);
}

/* --- sendmmsg -------------------------------------------------------------- */

/* n messages to the peer, message i of sizes[i % nsizes] bytes. */
static void
fill(const struct kind *k, int n, const size_t *sizes, size_t nsizes)
{
	int i;

	memset(many, 0, sizeof(many));
	for (i = 0; i < n; i++) {
		bytes[i].iov_base = (char *)wrong(pattern()) + i;
		bytes[i].iov_len = sizes[(size_t)i % nsizes];
		many[i].msg_hdr.msg_iov = &bytes[i];
		many[i].msg_hdr.msg_iovlen = 1;
		many[i].msg_hdr.msg_name = wrong(&k->peer.sa);
		many[i].msg_hdr.msg_namelen = k->peer.len;
		many[i].msg_hdr.msg_control = control[i];
		many[i].msg_len = 777;
	}
}

/* Says the lengths that the call wrote, as a hash. */
static void
go(const char *label, const struct kind *k, int fd, int n, int flags)
{
	uint32_t h;
	int i;

	CALL(label, sendmmsg(fd, many, (unsigned)n, flags));
	for (h = 2166136261u, i = 0; i < n && i < MOST; i++)
		h = (h ^ many[i].msg_len) * 16777619u;
	say("lengths %08x", h);
	if (flags & MSG_MORE) {
		settle(k);
		say_reports(fd);
	} else {
		say_tally_of(n, k, fd);
	}
}

static void
alike(const struct kind *k, int fd)
{
	static const size_t same[] = { 100 }, two[] = { 100, 60 }, up[] = { 10,
		20, 30, 40 }, down[] = { 40, 30, 20, 10 }, none[] = { 0 },
		some[] = { 0, 5 }, mtu[] = { 1438 }, long_[] = { 1473 },
		parts[] = { 4000 }, run[] = { 200, 200, 200, 200, 200, 50, 300,
		300 };
	static const struct {
		const char *label;
		int n;
		const size_t *sizes;
		size_t nsizes;
	} rows[] = { { "two", 2, same, 1 }, { "ten", 10, same, 1 },
		{ "64", 64, same, 1 }, { "65", 65, same, 1 },
		{ "two-sizes", 9, two, 2 }, { "up", 12, up, 4 },
		{ "down", 12, down, 4 }, { "empty", 5, none, 1 },
		{ "some-empty", 6, some, 2 }, { "mtu", 30, mtu, 1 },
		{ "long", 8, long_, 1 }, { "parts", 6, parts, 1 },
		{ "runs", 32, run, 8 } };
	char label[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(k, rows[i].n, rows[i].sizes, rows[i].nsizes);
		snprintf(label, sizeof(label), "mmsg-%s", rows[i].label);
		go(label, k, fd, rows[i].n, 0);
	}
	fill(k, 3, same, 1);
	go("mmsg-none", k, fd, 0, 0);
	go("mmsg-dontwait", k, fd, 3, MSG_DONTWAIT);
	fill(k, 3, same, 1);
	go("mmsg-oob", k, fd, 3, MSG_OOB);
}

/* The call ends at the message that the kernel refuses. */
static void
refused(const struct kind *k, int fd)
{
	static const size_t same[] = { 100 };
	struct name bad = name_port(&k->peer, 0);

	fill(k, 8, same, 1);
	many[5].msg_hdr.msg_name = &bad.sa;
	go("mmsg-bad-name", k, fd, 8, 0);
	go("mmsg-bad-name-again", k, fd, 5, 0);
	fill(k, 8, same, 1);
	many[5].msg_hdr.msg_namelen = 3;
	go("mmsg-short-name", k, fd, 8, 0);
	fill(k, 8, same, 1);
	many[4].msg_hdr.msg_name = NULL;
	many[4].msg_hdr.msg_namelen = 0;
	go("mmsg-no-name", k, fd, 8, 0);
	fill(k, 8, same, 1);
	bytes[4].iov_base = NULL;
	go("mmsg-null", k, fd, 8, 0);
	fill(k, 8, same, 1);
	many[4].msg_hdr.msg_iov = NULL;
	go("mmsg-null-iov", k, fd, 8, 0);
	fill(k, 8, same, 1);
	bytes[4].iov_len = 70000;
	go("mmsg-too-long", k, fd, 8, 0);
	fill(k, 8, same, 1);
	many[3].msg_hdr.msg_iovlen = 2000;
	go("mmsg-too-many-iov", k, fd, 8, 0);
	fill(k, 8, same, 1);
	many[3].msg_hdr.msg_control = NULL;
	many[3].msg_hdr.msg_controllen = 40;
	go("mmsg-null-control", k, fd, 8, 0);
	fill(k, 8, same, 1);
	many[0].msg_hdr.msg_name = &bad.sa;
	go("mmsg-first-bad", k, fd, 8, 0);
}

/* Messages that differ in what they ask for. */
static void
mixed(const struct kind *k, int fd)
{
	static const size_t same[] = { 100 }, big[] = { 1000 };
	struct name people[PEOPLE] = { k->peer, name_port(&k->peer,
	    PORT_NOBODY), name_port(&k->alien, PORT_NOBODY) };
	int tos, i;
	uint16_t size = 300;

	fill(k, 12, same, 1);
	for (i = 0; i < 12; i++) {
		tos = i / 3 % 2 == 0 ? 0x28 : 0xb8;
		control_add(&many[i].msg_hdr, k->level,
		    k->level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS, &tos,
		    sizeof(tos));
	}
	go("mmsg-tos", k, fd, 12, 0);
	fill(k, 6, big, 1);
	for (i = 0; i < 6; i += 2)
		control_add(&many[i].msg_hdr, IPPROTO_UDP, UDP_SEGMENT, &size,
		    sizeof(size));
	go("mmsg-segment", k, fd, 6, 0);
	fill(k, 6, big, 1);
	for (i = 0; i < 6; i++)
		control_add(&many[i].msg_hdr, IPPROTO_UDP, UDP_SEGMENT, &size,
		    sizeof(size));
	go("mmsg-segment-all", k, fd, 6, 0);
	fill(k, 12, same, 1);
	for (i = 0; i < 12; i++) {
		many[i].msg_hdr.msg_name = &people[i % PEOPLE].sa;
		many[i].msg_hdr.msg_namelen = people[i % PEOPLE].len;
	}
	go("mmsg-people", k, fd, 12, 0);
}

static void
connected(const struct kind *k)
{
	static const size_t same[] = { 100 };
	int fd = sock_connected(k), i;

	fill(k, 20, same, 1);
	for (i = 0; i < 20; i++) {
		many[i].msg_hdr.msg_name = NULL;
		many[i].msg_hdr.msg_namelen = 0;
	}
	go("mmsg-connected", k, fd, 20, 0);
	go("mmsg-connected-more", k, fd, 3, MSG_MORE);
	CALL("mmsg-connected-end", send(fd, "end", 3, 0));
	say_tally_of(1, k, fd);
	for (i = 0; i < 20; i += 3) {
		many[i].msg_hdr.msg_name = wrong(&k->peer.sa);
		many[i].msg_hdr.msg_namelen = k->peer.len;
	}
	go("mmsg-connected-names", k, fd, 20, 0);
	on(fd, IPPROTO_UDP, UDP_SEGMENT, 40);
	go("mmsg-connected-cut", k, fd, 7, 0);
	CALL("shutdown", shutdown(fd, SHUT_WR));
	go("mmsg-shut", k, fd, 7, 0);
	close(fd);
}

void
topic_bundle(const struct kind *k)
{
	static const size_t tiny[] = { 1 };
	int fd;

	segments(k);
	trace_scene();
	fd = sock_of(k);
	alike(k, fd);
	refused(k, fd);
	mixed(k, fd);
	fill(k, MOST, tiny, 1);
	for (int i = 0; i < MOST; i++) /* 1024 are taken, and dropped there */
		many[i].msg_hdr.msg_name = wrong(&k->alien.sa);
	CALL("mmsg-1100", sendmmsg(fd, many, MOST, MSG_DONTWAIT));
	close(fd);
	trace_scene();
	connected(k);
}
