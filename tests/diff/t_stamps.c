/* SPDX-License-Identifier: ISC */
/* Transmit time stamps: one entry in the error queue for each datagram of the
 * program and stamp that it asked for, with the datagram's number and bytes. */
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "topics.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	SOFT = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
	ID = SOF_TIMESTAMPING_OPT_ID,
	BARE = SOF_TIMESTAMPING_OPT_TSONLY,
	SCHED = SOF_TIMESTAMPING_TX_SCHED,
	WITH_CMSG = SOF_TIMESTAMPING_OPT_CMSG,
	ENTRIES = 8,   /* that one look takes, at most */
	SOON_MS = 500, /* for an entry; those of a link take microseconds */
};

static void
on(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		say("(option %d/%d: %s)", level, option,
		    strerrorname_np(errno));
}

/* Says what of a looped packet is the same in every run: its addresses, the
 * destination's port, the UDP length, and the payload. */
static void
say_packet(const struct message *m, long n)
{
	const unsigned char *p = (const unsigned char *)m->data;
	long room = (long)m->iov.iov_len, at, from, i;

	at = n > 0 && p[0] >> 4 == 6 ? 40 : 20;
	from = at == 40 ? 8 : 12;

	say("%ld:", n);
	if (n <= 0 || at + 8 > n || at + 8 > room)
		return;
	for (i = from; i < at; i++)
		printf("%02x", p[i]);
	say("to %u len %u", (unsigned)(p[at + 2] << 8 | p[at + 3]),
	    (unsigned)(p[at + 4] << 8 | p[at + 5]));
	say_bytes(p + at + 8, (n < room ? n : room) - at - 8);
}

/* One entry, without the Ethernet header of zeros that packets over lo have and
 * those of the links have not: under mpshim a datagram that is sent before its
 * session is up has the former. */
static long
entry(int fd, struct message *m, size_t data, size_t control)
{
	long n = recvmsg(fd, message_fresh(m, data, control), MSG_ERRQUEUE);

	if (n <= 14 || m->data[0] != 0)
		return n;
	memmove(m->data, m->data + 14, data - 14);
	m->iov.iov_len -= 14;
	return n - 14;
}

/* Takes what the error queue has, with so much room. */
static void
look(const char *how, int fd, size_t data, size_t control, int entries)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct message m;
	char label[64];
	volatile int i;

	snprintf(label, sizeof(label), "%s-poll", how);
	CALL(label, poll(&p, 1, entries > 0 ? SOON_MS : 20));
	say("%x", (unsigned)p.revents);
	poll(NULL, 0, 5); /* for further entries */
	for (i = 0; i < entries; i++) {
		snprintf(label, sizeof(label), "%s-%d", how, i);
		CALL(label, entry(fd, &m, data, control));
		if (trace_ret < 0)
			continue;
		say_packet(&m, trace_ret);
		say("name %u", m.hdr.msg_namelen);
		say_header(&m.hdr);
	}
	snprintf(label, sizeof(label), "%s-end", how);
	CALL(label, recvmsg(fd, message_fresh(&m, data, control),
	    MSG_ERRQUEUE));
}

/* Three datagrams; the first of a session is staged under mpshim. */
static void
three(const struct kind *k, const char *how, int flags, bool connected,
    bool bound)
{
	char label[64], text[16];
	int fd = connected ? sock_connected(k) : bound ?
	    sock_bound(k, k->port + 110) : sock_of(k);
	volatile int i;
	int each = flags & SCHED ? 2 : 1;

	trace_scene();
	snprintf(label, sizeof(label), "%s-set", how);
	CALL(label, setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
	    sizeof(flags)));
	if (flags & WITH_CMSG) {
		on(fd, IPPROTO_IP, IP_PKTINFO, 1);
		if (k->family == AF_INET6)
			on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	}
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "!estamp-%.*s", i, "abcdef");
		snprintf(label, sizeof(label), "%s-send-%d", how, i);
		CALL(label, sendto(fd, text, strlen(text), 0,
		    connected ? NULL : &k->peer.sa,
		    connected ? 0 : k->peer.len));
		snprintf(label, sizeof(label), "%s-look-%d", how, i);
		look(label, fd, 512, 256, each);
		comes(fd);
		drain(fd);
	}
	close(fd);
}

/* Plain and protected datagrams are counted together. */
static void
mixed(const struct kind *k)
{
	struct name self = name_port(&k->loop, k->port + 112);
	int fd = sock_bound(k, k->port + 112), flags = SOFT | ID;

	trace_scene();
	ask(fd, k, "!efirst");
	comes(fd);
	drain(fd);
	CALL("mixed-set", setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
	    sizeof(flags)));
	CALL("mixed-far", sendto(fd, "!efar", 5, 0, &k->peer.sa,
	    k->peer.len));
	look("mixed-far", fd, 512, 256, 1);
	CALL("mixed-near", sendto(fd, "near", 4, 0, &self.sa, self.len));
	look("mixed-near", fd, 512, 256, 1);
	CALL("mixed-far-2", sendto(fd, "!efar", 5, 0, &k->peer.sa,
	    k->peer.len));
	look("mixed-far-2", fd, 512, 256, 1);
	settle(k);
	drain(fd);
	CALL("mixed-none", sendto(fd, "!efar", 5, 0, &k->peer.sa,
	    k->peer.len));
	CALL("mixed-cut", 0);
	look("mixed-cut", fd, 30, 40, 1);
	flags = 0;
	CALL("mixed-off", setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
	    sizeof(flags)));
	CALL("mixed-then", sendto(fd, "!efar", 5, 0, &k->peer.sa,
	    k->peer.len));
	look("mixed-then", fd, 512, 256, 0);
	close(fd);
}

/* Asked for with one datagram. */
static void
by_message(const struct kind *k)
{
	uint32_t ask_for = SOF_TIMESTAMPING_TX_SOFTWARE;
	uint16_t size = 100;
	char control[64];
	struct iovec v = { .iov_base = wrong(pattern()), .iov_len = 250 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_name = wrong(&k->peer.sa), .msg_namelen = k->peer.len,
		.msg_control = control };
	int fd = sock_of(k), flags = SOF_TIMESTAMPING_SOFTWARE | ID | BARE;

	trace_scene();
	ask(fd, k, "!efirst");
	comes(fd);
	drain(fd);
	CALL("message-set", setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
	    sizeof(flags)));
	CALL("message-without", sendmsg(fd, &h, 0));
	look("message-without", fd, 512, 256, 0);
	control_add(&h, SOL_SOCKET, SO_TIMESTAMPING, &ask_for,
	    sizeof(ask_for));
	CALL("message-with", sendmsg(fd, &h, 0));
	look("message-with", fd, 512, 256, 1);
	ask_for = 0;
	h.msg_controllen = 0;
	flags |= SOF_TIMESTAMPING_TX_SOFTWARE;
	on(fd, SOL_SOCKET, SO_TIMESTAMPING, flags);
	control_add(&h, SOL_SOCKET, SO_TIMESTAMPING, &ask_for,
	    sizeof(ask_for));
	CALL("message-not", sendmsg(fd, &h, 0));
	look("message-not", fd, 512, 256, 0);
	h.msg_controllen = 0;
	control_add(&h, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	CALL("message-segments", sendmsg(fd, &h, 0));
	look("message-segments", fd, 512, 256, 1);
	h.msg_controllen = 0;
	CALL("message-after", sendmsg(fd, &h, 0));
	look("message-after", fd, 512, 256, 1);
	settle(k);
	drain(fd);
	close(fd);
}

void
topic_stamps(const struct kind *k)
{
	three(k, "fresh", SOFT | ID, false, false);
	three(k, "conn", SOFT | ID, true, false);
	three(k, "bound", SOFT | ID, false, true);
	three(k, "no-id", SOFT, true, false);
	three(k, "bare", SOFT | ID | BARE, false, false);
	three(k, "sched", SOFT | ID | SCHED | BARE, true, false);
	three(k, "cmsg", SOFT | ID | WITH_CMSG, true, false);
	three(k, "cmsg-to", SOFT | ID | WITH_CMSG | BARE, false, false);
	mixed(k);
	by_message(k);
}
