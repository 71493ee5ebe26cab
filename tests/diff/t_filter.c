/* SPDX-License-Identifier: ISC */
/* The program's own socket filter: which datagrams pass, and its options. */
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topics.h"

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#define SO_DETACH_REUSEPORT_BPF 68
#endif

enum { NET4 = 12, NET6 = 8 }; /* offset of the source in the IP header */

static char buf[256];

#define LOAD(size, off) BPF_STMT(BPF_LD | BPF_ABS | (size), (uint32_t)(off))
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
#define ALL RET(UINT32_MAX)
#define UNLESS(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), RET(0)

static void
attach(const char *label, int fd, const struct sock_filter *at, size_t n)
{
	struct sock_fprog p = { .len = (unsigned short)n,
		.filter = wrong(at) };

	CALL(label, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
	    sizeof(p)));
}

static void
option(const char *label, int fd, int name, int value)
{
	CALL(label, setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)));
}

static void
asked(const char *label, int fd, int name)
{
	int value = 77;
	socklen_t len = sizeof(value);

	CALL(label, getsockopt(fd, SOL_SOCKET, name, &value, &len));
	say("%d len %u", value, len);
}

/* Sends two datagrams to a socket with this filter; says what it receives. */
static void
pass(const char *name, const struct kind *k, const struct sock_filter *at,
    size_t n)
{
	static unsigned port;
	int fd = sock_bound(k, k->port + 110 + port++);
	char label[64];

	snprintf(label, sizeof(label), "%s", name);
	attach(label, fd, at, n);
	ask(fd, k, "!eabcdefgh");
	ask(fd, k, "!exyz");
	settle_of(k, fd);
	snprintf(label, sizeof(label), "%s-recv", name);
	CALL(label, recv(fd, buf, 64, MSG_DONTWAIT | MSG_TRUNC));
	say_bytes(buf, trace_ret);
	say_rest(fd);
	close(fd);
}

#define PASS(name, ...)                                                       \
	pass(name, k, (struct sock_filter[]){ __VA_ARGS__ },                  \
	    sizeof((struct sock_filter[]){ __VA_ARGS__ }) /                   \
		sizeof(struct sock_filter))

static void
passing(const struct kind *k)
{
	bool v4 = k->family == AF_INET || k->mapped;
	unsigned peer = v4 ? PORT_PEER4 : PORT_PEER6;

	PASS("all", ALL);
	PASS("none", RET(0));
	PASS("cut-12", RET(12));
	PASS("cut-3", RET(3));
	PASS("from-peer", LOAD(BPF_H, 0), UNLESS(peer), ALL);
	PASS("from-nobody", LOAD(BPF_H, 0), UNLESS(PORT_NOBODY), ALL);
	PASS("to-port", LOAD(BPF_H, 2), UNLESS(k->port + 116u), ALL);
	PASS("to-other", LOAD(BPF_H, 2), UNLESS(k->port), ALL);
	PASS("length", LOAD(BPF_H, 4), UNLESS(11), ALL);
	PASS("payload", LOAD(BPF_B, 8), UNLESS('a'), ALL);
	PASS("half", LOAD(BPF_H, 4), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 2),
	    BPF_STMT(BPF_RET | BPF_A, 0));
	PASS("beyond", LOAD(BPF_B, 12), ALL);
	PASS("version", LOAD(BPF_B, SKF_NET_OFF),
	    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4), UNLESS(v4 ? 4 : 6), ALL);
	PASS("from-address", LOAD(BPF_W, SKF_NET_OFF + (v4 ? NET4 : NET6)),
	    UNLESS(v4 ? 0x0a040002 : 0xfd040000), ALL);
	PASS("from-another", LOAD(BPF_W, SKF_NET_OFF + (v4 ? NET4 : NET6)),
	    UNLESS(0x0a0400fe), ALL);
	PASS("protocol", LOAD(BPF_H, SKF_AD_OFF + SKF_AD_PROTOCOL),
	    UNLESS(v4 ? 0x0800 : 0x86dd), ALL);
}

/* Filters that the kernel refuses. */
static void
refusing(const struct kind *k)
{
	struct sock_filter end[] = { LOAD(BPF_B, 0) }, mem[] = {
		BPF_STMT(BPF_LD | BPF_MEM, 0), ALL },
		far[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 9, 0), ALL },
		zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALL },
		bad[] = { BPF_STMT(0xffff, 0), ALL };
	int fd = sock_bound(k, k->port + 130);

	attach("no-end", fd, end, 1);
	attach("no-memory", fd, mem, 2);
	attach("far-jump", fd, far, 2);
	attach("by-zero", fd, zero, 2);
	attach("no-code", fd, bad, 2);
	attach("too-long", fd, bad, 5000);
	attach("null", fd, NULL, 1);
	attach("nowhere", fd, nowhere(), 1);
	CALL("prog-null", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, NULL,
	    sizeof(struct sock_fprog)));
	CALL("prog-nowhere", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
	    nowhere(), sizeof(struct sock_fprog)));
	option("detach-none", fd, SO_DETACH_FILTER, 0);
	asked("get-none", fd, SO_GET_FILTER);
	option("bpf-fd-none", fd, SO_ATTACH_BPF, -1);
	option("detach-steering", fd, SO_DETACH_REUSEPORT_BPF, 0);
	close(fd);
}

/* Attached at each time of a socket's life; asked back; locked. */
static void
living(const struct kind *k)
{
	struct sock_filter all[] = { ALL }, none[] = { RET(0) }, back[4];
	struct name at = name_port(&k->loop, k->port + 131);
	socklen_t len = 4;
	int fd = sock_of(k), from;

	attach("fresh-none", fd, none, 1);
	CALL("fresh-connect", connect(fd, &k->peer.sa, k->peer.len));
	ask(fd, k, "!estopped");
	settle_of(k, fd);
	CALL("fresh-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	attach("fresh-again", fd, all, 1);
	ask(fd, k, "!ethrough");
	settle_of(k, fd);
	CALL("fresh-again-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	asked("get-short", fd, SO_GET_FILTER);
	CALL("get", getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &len));
	say("len %u %x %x", len, back[0].code, back[0].k);
	asked("lock-before", fd, SO_LOCK_FILTER);
	option("lock", fd, SO_LOCK_FILTER, 1);
	asked("lock-after", fd, SO_LOCK_FILTER);
	option("unlock", fd, SO_LOCK_FILTER, 0);
	option("locked-detach", fd, SO_DETACH_FILTER, 0);
	attach("locked-attach", fd, none, 1);
	ask(fd, k, "!elocked");
	settle_of(k, fd);
	CALL("locked-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(fd);
	/* A socket that is plain: it is bound to loopback. */
	fd = sock_of(k);
	from = sock_of(k);
	attach("loop-none", fd, none, 1);
	CALL("loop-bind", bind(fd, &at.sa, at.len));
	CALL("loop-to", sendto(from, "x", 1, 0, &at.sa, at.len));
	CALL("loop-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	option("loop-detach", fd, SO_DETACH_FILTER, 0);
	option("loop-detach-again", fd, SO_DETACH_FILTER, 0);
	CALL("loop-to-2", sendto(from, "y", 1, 0, &at.sa, at.len));
	CALL("loop-recv-2", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	/* A socket that is connected to a plain peer. */
	attach("peer-none", from, none, 1);
	CALL("peer-connect", connect(from, &at.sa, at.len));
	CALL("peer-send", send(from, "z", 1, 0));
	at.len = at.room = sizeof(at.ss);
	CALL("peer-recv", recvfrom(fd, buf, 64, MSG_DONTWAIT, &at.sa, &at.len));
	say_bytes(buf, trace_ret);
	CALL("peer-back", sendto(fd, "w", 1, 0, &at.sa, at.len));
	CALL("peer-back-recv", recv(from, buf, 64, MSG_DONTWAIT));
	option("peer-detach", from, SO_DETACH_FILTER, 0);
	CALL("peer-back-2", sendto(fd, "v", 1, 0, &at.sa, at.len));
	CALL("peer-back-2-recv", recv(from, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(fd);
	close(from);
}

void
topic_filter(const struct kind *k)
{
	passing(k);
	refusing(k);
	living(k);
}
