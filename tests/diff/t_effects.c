/* SPDX-License-Identifier: ISC */
/* Options and calls that change what is sent or received: UDP_CORK, UDP_GRO,
 * SO_PEEK_OFF, SO_BINDTODEVICE, connect(2), filters; and the error queue. */
#include <linux/filter.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "topics.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static char buf[256];

static void
option(const char *label, int fd, int level, int name, int value)
{
	CALL(label, setsockopt(fd, level, name, &value, sizeof(value)));
}

static void
cork(const struct kind *k)
{
	int fd = sock_connected(k), one = 1;

	option("cork-on", fd, IPPROTO_UDP, UDP_CORK, 1);
	CALL("cork-1", send(fd, "one", 3, 0));
	CALL("cork-2", write(fd, "two", 3));
	CALL("cork-outq", ioctl(fd, TIOCOUTQ, &one));
	option("cork-off", fd, IPPROTO_UDP, UDP_CORK, 0);
	settle_of(k, fd);
	say_rest(fd);
	CALL("more-1", sendto(fd, "one", 3, MSG_MORE, &k->peer.sa,
	    k->peer.len));
	CALL("more-2", send(fd, "two", 3, MSG_MORE));
	CALL("more-0", send(fd, "", 0, 0));
	settle_of(k, fd);
	say_rest(fd);
	close(fd);
}

/* Without UDP_GRO five datagrams that one UDP_SEGMENT call sent are received
 * one by one; with it the kernel may join them and says so. */
static void
bundles(const struct kind *k)
{
	struct message m;
	int fd = sock_connected(k);

	ask(fd, k, "!s 5 100");
	settle_of(k, fd);
	CALL("bundle", recvmsg(fd, message_fresh(&m, 1000, 64), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	CALL("bundle-rest", 0);
	say_rest(fd);
	option("gro-on", fd, IPPROTO_UDP, UDP_GRO, 1);
	ask(fd, k, "!s 5 100");
	settle_of(k, fd);
	CALL("gro", recvmsg(fd, message_fresh(&m, 1000, 64), MSG_DONTWAIT));
	say_message(&m, trace_ret);
	CALL("gro-rest", 0);
	say_rest(fd);
	option("gro-off", fd, IPPROTO_UDP, UDP_GRO, 0);
	close(fd);
}

static void
peek_offset(const struct kind *k)
{
	int fd = sock_connected(k), off = 77;
	socklen_t len = sizeof(off);

	ask(fd, k, "!n1 20");
	settle_of(k, fd);
	option("peek-off", fd, SOL_SOCKET, SO_PEEK_OFF, 5);
	CALL("peek-off-peek", recv(fd, buf, 4, MSG_PEEK | MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("peek-off-again", recv(fd, buf, 4, MSG_PEEK | MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("peek-off-get", getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off,
	    &len));
	say("%d", off);
	CALL("peek-off-take", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(fd);
}

static void
devices(const struct kind *k)
{
	struct name other = k->peer, n;
	int fd = sock_of(k);

	trace_scene();
	CALL("device-a", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "a", 2));
	CALL("device-a-to", sendto(fd, "abc", 3, 0, &k->peer.sa,
	    k->peer.len));
	say_report(fd);
	name_set(&other, k->family, k->family == AF_INET ? "10.5.0.2" :
	    k->mapped ? "::ffff:10.5.0.2" : "fd05::2",
	    k->family == AF_INET || k->mapped ? PORT_PEER4 : PORT_PEER6);
	CALL("device-b-connect", connect(fd, &other.sa, other.len));
	close(fd);
	trace_scene();
	/* The peer's other address is another peer to mpshim. */
	fd = sock_of(k);
	CALL("other-to", sendto(fd, "abc", 3, 0, &other.sa, other.len));
	say_report(fd);
	CALL("other-connect", connect(fd, &other.sa, other.len));
	name_fresh(&n, sizeof(n.ss));
	CALL("other-ours", getsockname(fd, &n.sa, &n.len));
	say_name(&n);
	CALL("other-send", send(fd, "abc", 3, 0));
	say_report(fd);
	close(fd);
	fd = sock_of(k);
	CALL("device-none", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "zzz",
	    4));
	CALL("device-lo", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo",
	    3));
	CALL("device-lo-to", sendto(fd, "abc", 3, 0, &k->peer.sa,
	    k->peer.len));
	close(fd);
}

/* A connected socket receives from its peer only; what was queued before
 * connect(2) stays. */
static void
connections(const struct kind *k)
{
	struct name nobody = name_port(&k->peer, PORT_NOBODY);
	struct sockaddr_storage none = { .ss_family = AF_UNSPEC };
	int fd = sock_bound(k, k->port + 90);

	ask(fd, k, "!ebefore");
	settle_of(k, fd);
	CALL("conn-late", connect(fd, &k->peer.sa, k->peer.len));
	CALL("conn-late-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	ask(fd, k, "!eafter");
	settle_of(k, fd);
	CALL("conn-away", connect(fd, &nobody.sa, nobody.len));
	CALL("conn-away-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("conn-away-to", sendto(fd, "!eother", 7, 0, &k->peer.sa,
	    k->peer.len));
	settle_of(k, fd);
	CALL("conn-away-hears", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("conn-none", connect(fd, (struct sockaddr *)&none,
	    sizeof(none)));
	ask(fd, k, "!ethen");
	settle_of(k, fd);
	CALL("conn-none-hears", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(fd);
	fd = sock_bound(k, k->port + 91);
	ask(fd, k, "!efirst");
	settle_of(k, fd);
	CALL("conn-first", connect(fd, &nobody.sa, nobody.len));
	CALL("conn-first-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("conn-second", connect(fd, &k->peer.sa, k->peer.len));
	ask(fd, k, "!esecond");
	settle_of(k, fd);
	CALL("conn-third", connect(fd, (struct sockaddr *)&none,
	    sizeof(none)));
	CALL("conn-third-peek", recv(fd, buf, 64, MSG_PEEK | MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	CALL("conn-third-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	say_bytes(buf, trace_ret);
	close(fd);
}

static void
filters(const struct kind *k)
{
	struct sock_filter none[] = { { 0x6, 0, 0, 0 } },
	    all[] = { { 0x6, 0, 0, 0xffffffff } };
	struct sock_fprog p = { .len = 1, .filter = all };
	int fd = sock_connected(k);

	ask(fd, k, "!efirst");
	comes(fd);
	drain(fd);
	CALL("filter-all", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
	    sizeof(p)));
	ask(fd, k, "!ethrough");
	settle_of(k, fd);
	CALL("filter-all-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	p.filter = none;
	CALL("filter-none", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
	    sizeof(p)));
	ask(fd, k, "!estopped");
	settle_of(k, fd);
	CALL("filter-none-recv", recv(fd, buf, 64, MSG_DONTWAIT));
	CALL("filter-detach", setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &p,
	    sizeof(p)));
	CALL("filter-detach-again", setsockopt(fd, SOL_SOCKET,
	    SO_DETACH_FILTER, &p, sizeof(p)));
	p.len = 0;
	CALL("filter-len-0", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
	    sizeof(p)));
	CALL("filter-short", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p,
	    4));
	close(fd);
}

/* A queue overflows: what comes and what the kernel counts as lost make what
 * was sent. */
static void
overflow(const struct kind *k)
{
	enum { SENT = 60, DROPS = 8 }; /* SK_DROPS */
	struct message m;
	static uint32_t told, meminfo[9];
	int fd = sock_connected(k), came = 0, size = 8192;
	socklen_t len = sizeof(meminfo);

	told = 0;
	ask(fd, k, "!efirst");
	comes(fd);
	CALL("overflow-first", recvmsg(fd, message_fresh(&m, 64, 64), 0));
	say_message(&m, trace_ret);
	CALL("overflow-size", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
	    sizeof(size)));
	option("overflow-on", fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	ask(fd, k, "!n%d 500", SENT);
	settle_of(k, fd);
	CALL("overflow-meminfo", getsockopt(fd, SOL_SOCKET, SO_MEMINFO,
	    meminfo, &len));
	say("len %u, optmem %u", len, meminfo[6]);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		came++;
	CALL("overflow-came", came > 0 && came < SENT);
	CALL("overflow-drops", meminfo[DROPS] + (uint32_t)came);
	ask(fd, k, "!elast");
	comes(fd);
	(void)recvmsg(fd, message_fresh(&m, 64, 64), MSG_DONTWAIT);
	if (CMSG_FIRSTHDR(&m.hdr) != NULL &&
	    CMSG_FIRSTHDR(&m.hdr)->cmsg_type == SO_RXQ_OVFL)
		memcpy(&told, CMSG_DATA(CMSG_FIRSTHDR(&m.hdr)), sizeof(told));
	CALL("overflow-told", told + (uint32_t)came);
	close(fd);
}

/* The socket's path MTU, when it no longer changes; 0 on failure. */
static int
path_mtu(int fd, bool v4)
{
	int mtu = 0, was = -1, i;
	socklen_t len = sizeof(mtu);

	for (i = 0; i < 20 && mtu != was; i++) {
		was = mtu;
		poll(NULL, 0, 300);
		if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_MTU : IPV6_MTU, &mtu, &len) != 0)
			return 0;
	}
	return mtu;
}

/* Datagrams too long for the path, with DF and an error queue.  The limit
 * differs by what mpshim adds, so lengths are relative to the socket's MTU. */
static void
too_long(const struct kind *k)
{
	struct pollfd p = { .events = POLLIN };
	struct message m;
	bool v4 = k->family == AF_INET || k->mapped;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6, head = v4 ? 28 : 48;
	int fd = sock_connected(k), mtu;

	trace_scene();
	p.fd = fd;
	ask(fd, k, "!efirst");
	comes(fd);
	drain(fd);
	mtu = path_mtu(fd, v4);
	option("long-df", fd, level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
	    IP_PMTUDISC_DO);
	option("long-recverr", fd, level, v4 ? IP_RECVERR : IPV6_RECVERR, 1);
	CALL("long-mtu", mtu > 1100 && mtu <= 1500);
	CALL("long-fits", send(fd, pattern(), (size_t)(mtu - head), 0) ==
	    mtu - head && comes(fd));
	drain(fd);
	CALL("long-no-more", send(fd, pattern(), (size_t)(mtu - head + 1), 0));
	CALL("long-poll", poll(&p, 1, 0));
	say("%x", (unsigned)p.revents);
	CALL("long-errqueue", recvmsg(fd, message_fresh(&m, 64, 256),
	    MSG_ERRQUEUE));
	say_message(&m, trace_ret);
	CALL("long-errqueue-none", recvmsg(fd, message_fresh(&m, 64, 256),
	    MSG_ERRQUEUE));
	CALL("long-much", send(fd, pattern(), 3000, 0));
	CALL("long-then-fails", recv(fd, buf, 64, MSG_DONTWAIT));
	while (recvmsg(fd, message_fresh(&m, 64, 256), MSG_ERRQUEUE) >= 0)
		;
	settle(k);
	drain(fd);
	CALL("long-then", send(fd, "abc", 3, 0));
	say_report(fd);
	close(fd);
}

void
topic_effects(const struct kind *k)
{
	cork(k);
	bundles(k);
	peek_offset(k);
	devices(k);
	connections(k);
	filters(k);
	overflow(k);
	too_long(k);
}
