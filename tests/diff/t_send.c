/* SPDX-License-Identifier: ISC */
/* Every call that sends, and the peer's report of what it received. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "topics.h"

static void
connected(const struct kind *k)
{
	struct iovec v[3] = { { .iov_base = (char *)(uintptr_t)pattern(),
		.iov_len = 3 }, { .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = (char *)(uintptr_t)pattern() + 3,
		.iov_len = 20 } };
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 3 };
	struct name nobody = name_port(&k->peer, 0);
	int fd = sock_connected(k);

	CALL("send", send(fd, "hello", 5, 0));
	say_report(fd);
	CALL("send-0", send(fd, "", 0, 0));
	say_report(fd);
	CALL("write", write(fd, "hello", 5));
	say_report(fd);
	CALL("write-0", write(fd, "", 0));
	say_report(fd);
	CALL("writev", writev(fd, v, 3));
	say_report(fd);
	CALL("writev-empty", writev(fd, v + 1, 1));
	CALL("writev-none", writev(fd, v, 0));
	CALL("msg", sendmsg(fd, &h, 0));
	say_report(fd);
	h.msg_iovlen = 0;
	CALL("msg-none", sendmsg(fd, &h, 0));
	say_report(fd);
	h.msg_iov = NULL;
	CALL("msg-null", sendmsg(fd, &h, 0));
	say_report(fd);
	CALL("to", sendto(fd, "hello", 5, 0, &k->peer.sa, k->peer.len));
	say_report(fd);
	CALL("to-port-0", sendto(fd, "x", 1, 0, &nobody.sa, nobody.len));
	CALL("pwritev2", pwritev2(fd, v, 3, -1, 0));
	say_report(fd);
	CALL("pwritev2-at", pwritev2(fd, v, 3, 0, 0));
	CALL("pwritev", pwritev(fd, v, 3, 0));
	CALL("pwrite", pwrite(fd, "abc", 3, 0));
	CALL("pwritev2-nowait", pwritev2(fd, v, 3, -1, RWF_NOWAIT));
	say_report(fd);
	CALL("pwritev2-append", pwritev2(fd, v, 3, -1, RWF_APPEND));
	say_report(fd);
	CALL("pwritev2-bad", pwritev2(fd, v, 3, -1, 0x4000));
	CALL("none-left", 0);
	say_rest(fd);
	close(fd);
}

static void
flags(const struct kind *k)
{
	static const struct {
		const char *label;
		int flags;
	} rows[] = { { "dontwait", MSG_DONTWAIT }, { "nosignal", MSG_NOSIGNAL },
		{ "confirm", MSG_CONFIRM }, { "eor", MSG_EOR },
		{ "dontroute", MSG_DONTROUTE }, { "oob", MSG_OOB },
		{ "probe", MSG_PROXY }, { "trunc", MSG_TRUNC },
		{ "fastopen", MSG_FASTOPEN }, { "zerocopy", MSG_ZEROCOPY },
		{ "errqueue", MSG_ERRQUEUE }, { "high", 0x40000000 } };
	char label[64];
	size_t i;
	int fd = sock_connected(k);

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(label, sizeof(label), "flag-%s", rows[i].label);
		CALL(label, send(fd, "hello", 5, rows[i].flags));
		say_report(fd);
	}
	CALL("more-1", send(fd, "one", 3, MSG_MORE));
	CALL("more-2", send(fd, "two", 3, 0));
	say_report(fd);
	CALL("more-rest", 0);
	settle(k);
	say_rest(fd);
	close(fd);
}

static void
unconnected(const struct kind *k)
{
	struct iovec v = { .iov_base = (char *)(uintptr_t)pattern(),
		.iov_len = 7 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_name = (void *)(uintptr_t)&k->peer.sa,
		.msg_namelen = k->peer.len };
	struct name odd = k->peer, other, n;
	int fd = sock_of(k);

	CALL("free-send", send(fd, "hello", 5, 0));
	CALL("free-send-0", send(fd, "", 0, 0));
	CALL("free-write", write(fd, "hello", 5));
	CALL("free-writev", writev(fd, &v, 1));
	name_fresh(&n, sizeof(n.ss));
	CALL("free-ours-before", getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	CALL("free-to", sendto(fd, "hello", 5, 0, &k->peer.sa, k->peer.len));
	say_report(fd);
	name_fresh(&n, sizeof(n.ss));
	CALL("free-ours-after", getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	name_fresh(&n, sizeof(n.ss));
	CALL("free-theirs-after", getpeername(fd, &n.sa, &n.len));
	CALL("free-to-0", sendto(fd, "", 0, 0, &k->peer.sa, k->peer.len));
	say_report(fd);
	CALL("free-msg", sendmsg(fd, &h, 0));
	say_report(fd);
	odd.byte[0] = 77;
	CALL("free-family-77", sendto(fd, "x", 1, 0, &odd.sa, odd.len));
	odd.byte[0] = AF_UNSPEC;
	CALL("free-unspec", sendto(fd, "x", 1, 0, &odd.sa, odd.len));
	say_report(fd);
	odd = name_port(&k->peer, 0);
	CALL("free-port-0", sendto(fd, "x", 1, 0, &odd.sa, odd.len));
	if (k->family == AF_INET)
		name_set(&other, AF_INET6, "fd04::2", PORT_PEER6);
	else
		name_set(&other, AF_INET, "10.4.0.2", PORT_PEER4);
	CALL("free-other-family",
	    sendto(fd, "hello", 5, 0, &other.sa, other.len));
	say_report(fd);
	odd = name_port(&k->alien, PORT_NOBODY);
	CALL("free-alien", sendto(fd, "x", 1, 0, &odd.sa, odd.len));
	name_set(&other, k->family, k->family == AF_INET ? "10.4.0.255" :
	    k->mapped ? "::ffff:10.4.0.255" : "ff02::1", PORT_NOBODY);
	CALL("free-broadcast", sendto(fd, "x", 1, 0, &other.sa, other.len));
	name_set(&other, k->family, k->family == AF_INET ? "255.255.255.255" :
	    "::ffff:255.255.255.255", PORT_NOBODY);
	CALL("free-broadcast-all",
	    sendto(fd, "x", 1, 0, &other.sa, other.len));
	close(fd);
}

static void
sizes(const struct kind *k)
{
	static const size_t rows[] = { 1, 33, 34, 1166, 1200, 1400, 1452, 1453,
		1472, 1473, 4000, 9000, 40000, 65000, 65001, 65487, 65488,
		65507, 65508, 65527, 65528, 65535, 65536, 100000 };
	char label[64];
	size_t i;
	int fd = sock_connected(k);

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(label, sizeof(label), "size-%zu", rows[i]);
		CALL(label, send(fd, pattern(), rows[i], 0));
		say_report(fd);
	}
	close(fd);
}

static void
many(const struct kind *k)
{
	struct iovec v[4];
	struct mmsghdr m[4];
	struct name bad = name_port(&k->peer, 0);
	int fd = sock_connected(k), u = sock_of(k), i, round;

	for (round = 0; round < 2; round++) {
		memset(m, 0, sizeof(m));
		for (i = 0; i < 4; i++) {
			v[i].iov_base = (char *)(uintptr_t)pattern() + i;
			v[i].iov_len = 10 + (size_t)i;
			m[i].msg_hdr.msg_iov = &v[i];
			m[i].msg_hdr.msg_iovlen = 1;
			m[i].msg_len = 777;
		}
		if (round == 0)
			CALL("mmsg", sendmmsg(fd, m, 4, 0));
		else {
			v[2].iov_len = 70000;
			CALL("mmsg-third-long", sendmmsg(fd, m, 4, 0));
		}
		say("%u %u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len,
		    m[3].msg_len);
		settle(k);
		for (i = 0; i < trace_ret; i++)
			say_report(fd);
	}
	CALL("mmsg-first-long", sendmmsg(fd, m + 2, 2, 0));
	CALL("mmsg-0", sendmmsg(fd, m, 0, 0));
	v[2].iov_len = 12;
	for (i = 0; i < 4; i++) {
		m[i].msg_hdr.msg_name = &bad.sa;
		m[i].msg_hdr.msg_namelen = bad.len;
		m[i].msg_len = 777;
	}
	m[0].msg_hdr.msg_name = (void *)(uintptr_t)&k->peer.sa;
	CALL("mmsg-names", sendmmsg(u, m, 4, 0));
	say("%u %u", m[0].msg_len, m[1].msg_len);
	say_report(u);
	CALL("mmsg-names-bad", sendmmsg(u, m + 1, 2, 0));
	CALL("mmsg-oob", sendmmsg(fd, m, 1, MSG_OOB));
	CALL("mmsg-rest", 0);
	settle(k);
	say_rest(fd);
	close(fd);
	close(u);
}

void
topic_send(const struct kind *k)
{
	/* A closed socket's port may come again: it would keep its number. */
	connected(k);
	trace_scene();
	flags(k);
	trace_scene();
	unconnected(k);
	trace_scene();
	sizes(k);
	trace_scene();
	many(k);
}
