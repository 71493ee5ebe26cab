/* SPDX-License-Identifier: ISC */
/* The calls of spin.h, and what their numbers stand for. */
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "spin.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PICK(a, i) ((a)[(i) % COUNT(a)])
#define CALL_OF(name)                                                         \
	static void spin_##name(struct spin *s, const char *label,            \
	    const struct spin_args *x)
#define FD (s->fd[x->slot])

/* --- Arguments ------------------------------------------------------------- */

/* An address; *len is what the call is told of its length. */
static struct name
spin_name(const struct spin *s, unsigned which, unsigned how)
{
	const struct kind *k = s->k;
	struct name n, other;

	switch (which % 8) {
	case 0:
	case 1:
	case 2:
		n = k->peer;
		break;
	case 3:
		n = name_port(&k->peer, PORT_NOBODY);
		break;
	case 4:
		n = name_port(&k->ours, s->port + which / 8 % SPIN_PORTS);
		break;
	case 5:
		n = name_port(&k->loop, s->port + which / 8 % SPIN_PORTS);
		break;
	case 6:
		n = name_port(&k->any, s->port);
		break;
	default:
		n = name_port(&k->alien, 7000);
		break;
	}
	other = n;
	switch (how % 16) {
	case 12:
		n.len = sizeof(n.ss);
		break;
	case 13:
		n.len--;
		break;
	case 14:
		n.sa.sa_family = AF_UNSPEC;
		break;
	case 15:
		n.len = (socklen_t[]) { 0, 2, 8, 16 }[how / 16 % 4];
		break;
	default:
		n = other;
	}
	return n;
}

static struct name
spin_local(const struct spin *s, unsigned which, unsigned how)
{
	const struct kind *k = s->k;
	const struct name *at[] = { &k->any, &k->any, &k->any, &k->ours,
		&k->ours, &k->loop, &k->alien, &k->peer };
	struct name n = *PICK(at, which);

	n = name_port(&n, which & 8 ? 0 : s->port + which / 16 % SPIN_PORTS);
	if (how % 8 == 6)
		n.len--;
	else if (how % 8 == 7)
		n.sa.sa_family = (sa_family_t[]) { AF_UNSPEC, AF_INET,
			AF_INET6, AF_UNIX }[how / 8 % 4];
	return n;
}

/* What is sent: reports are asked for, or answers. */
static size_t
spin_payload(const struct spin *s, unsigned which, char text[64],
    const char **data)
{
	static const unsigned sizes[] = { 0, 1, 5, 100, 1200, 1400, 2000, 9000 };

	*data = text;
	switch (which % 16) {
	case 0:
	case 1:
		return (size_t)snprintf(text, 64, "!ehello%u", which / 16 % 9);
	case 2:
		return (size_t)snprintf(text, 64, "!z");
	case 3:
		return (size_t)snprintf(text, 64, "!n 3 %u",
		    PICK(sizes, which / 16));
	case 4:
		return (size_t)snprintf(text, 64, "!t %u", which / 16 * 4 % 64);
	case 5:
		return (size_t)snprintf(text, 64, "!p %u", s->port);
	case 6:
		return (size_t)snprintf(text, 64, "!l %u", 9 + which / 16);
	default:
		*data = pattern();
		return PICK(sizes, which);
	}
}

/* The port in the peer's report differs by run. */
static void
spin_mask(char *buf, long n)
{
	char *port = n > 6 ? memmem(buf, (size_t)n, " port=", 6) : NULL;

	if (port == NULL)
		return;
	for (port += 6; port < buf + n && *port >= '0' && *port <= '9'; port++)
		*port = 'P';
}

static void
spin_say(char *buf, long n, long room)
{
	n = n < room ? n : room;
	spin_mask(buf, n);
	say_bytes(buf, n);
}

static const int send_flags[] = { 0, 0, 0, 0, MSG_DONTWAIT, MSG_NOSIGNAL,
	MSG_CONFIRM, MSG_DONTROUTE, MSG_EOR, MSG_OOB, MSG_PEEK, MSG_MORE,
	MSG_ERRQUEUE, 0x1000000 };
static const int recv_flags[] = { 0, 0, 0, 0, MSG_DONTWAIT, MSG_PEEK,
	MSG_PEEK, MSG_TRUNC, MSG_PEEK | MSG_TRUNC, MSG_ERRQUEUE, MSG_OOB,
	MSG_WAITALL, MSG_CMSG_CLOEXEC, MSG_DONTROUTE, MSG_WAITFORONE };
static const unsigned rooms[] = { 64, 64, 2048, 2048, 10, 4, 1, 0 };

/* --- Names ----------------------------------------------------------------- */

CALL_OF(bind)
{
	struct name n = spin_local(s, x->a, x->b);

	CALL(label, bind(FD, x->c % 32 == 31 ? NULL : &n.sa, n.len));
}

CALL_OF(connect)
{
	struct name n = spin_name(s, x->a, x->b);

	CALL(label, connect(FD, x->c % 32 == 31 ? NULL : &n.sa, n.len));
}

CALL_OF(unspec)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };

	CALL(label, connect(FD, (const struct sockaddr *)&ss,
	    x->a % 8 == 7 ? sizeof(ss) : x->a % 8 == 6 ? 2 : 16));
}

CALL_OF(names)
{
	static const socklen_t rooms_of[] = { 128, 128, 28, 16, 8, 2, 0 };
	struct name n;
	bool peer = x->a & 1;

	name_fresh(&n, PICK(rooms_of, x->b));
	CALL(label, peer ? getpeername(FD, &n.sa, x->c % 16 == 15 ? NULL :
	    &n.len) : getsockname(FD, &n.sa, &n.len));
	if (trace_ret == 0)
		say_name(&n);
}

/* --- Sending --------------------------------------------------------------- */

CALL_OF(send)
{
	const char *data;
	char text[64];
	size_t len = spin_payload(s, x->a, text, &data);

	s->sent = true;
	CALL(label, send(FD, data, len, PICK(send_flags, x->b)));
}

CALL_OF(write)
{
	const char *data;
	char text[64];
	size_t len = spin_payload(s, x->a, text, &data);
	struct iovec v[2] = { { (char *)(uintptr_t)data, len / 2 },
		{ (char *)(uintptr_t)data + len / 2, len - len / 2 } };

	s->sent = true;
	CALL(label, x->b & 1 ? write(FD, data, len) : writev(FD, v, 2));
}

CALL_OF(sendto)
{
	const char *data;
	char text[64];
	size_t len = spin_payload(s, x->a, text, &data);
	struct name n = spin_name(s, x->c, x->c / 8 % 4 == 3 ? x->c / 32 : 0);

	s->sent = true;
	CALL(label, sendto(FD, data, len, PICK(send_flags, x->b), &n.sa,
	    n.len));
}

/* With a control message, sometimes. */
static void
spin_message(const struct spin *s, struct msghdr *h, unsigned how)
{
	int tos = 0x20 + (int)(how & 0x1c), ttl = 20;
	bool v6 = s->k->family == AF_INET6;
	uint16_t segment = 50;

	switch (how % 8) {
	case 4:
		control_add(h, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ?
		    IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
		break;
	case 5:
		control_add(h, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ?
		    IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
		break;
	case 6:
		control_add(h, IPPROTO_UDP, UDP_SEGMENT, &segment,
		    sizeof(segment));
		break;
	case 7:
		control_add(h, SOL_SOCKET, 77, &tos, sizeof(tos));
		break;
	}
	if (h->msg_controllen == 0)
		h->msg_control = NULL;
}

CALL_OF(sendmsg)
{
	const char *data;
	char text[64], control[128];
	size_t len = spin_payload(s, x->a, text, &data);
	struct iovec v[2] = { { (char *)(uintptr_t)data, len / 3 },
		{ (char *)(uintptr_t)data + len / 3, len - len / 3 } };
	struct name n = spin_name(s, x->c / 8, 0);
	struct msghdr h = { .msg_iov = v, .msg_iovlen = 2,
		.msg_control = control };

	if (x->c & 8) {
		h.msg_name = &n;
		h.msg_namelen = n.len;
	}
	spin_message(s, &h, x->c);
	s->sent = true;
	CALL(label, sendmsg(FD, &h, PICK(send_flags, x->b)));
}

CALL_OF(sendmmsg)
{
	struct mmsghdr m[3];
	struct iovec v[3];
	struct name n[3];
	const char *data;
	char text[3][64];
	unsigned i;

	memset(m, 0, sizeof(m));
	for (i = 0; i < 3; i++) {
		v[i].iov_len = spin_payload(s, x->a >> i, text[i], &data);
		v[i].iov_base = (char *)(uintptr_t)data;
		n[i] = spin_name(s, x->c >> i, 0);
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
		if (x->c & 64) {
			m[i].msg_hdr.msg_name = &n[i];
			m[i].msg_hdr.msg_namelen = n[i].len;
		}
	}
	s->sent = true;
	CALL(label, sendmmsg(FD, m, x->c >> 7 & 3, PICK(send_flags, x->b)));
	for (i = 0; (long)i < trace_ret; i++)
		say("%u", m[i].msg_len);
}

/* In a child. */
CALL_OF(fork)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	s->sent = true;
	pid = fork();
	if (pid == 0)
		_exit(send(FD, "!echild", 7, 0) == 7 ? 0 : errno);
	waitpid(pid, &status, 0);
	CALL(label, 0);
	say("child %d", status >> 8);
}

/* --- Receiving ------------------------------------------------------------- */

CALL_OF(recv)
{
	char buf[2048];
	size_t room = PICK(rooms, x->a);

	memset(buf, TRACE_FILL, sizeof(buf));
	CALL(label, recv(FD, room == 0 && x->c & 1 ? NULL : buf, room,
	    PICK(recv_flags, x->b)));
	spin_say(buf, trace_ret, (long)room);
}

CALL_OF(read)
{
	char buf[2048];
	size_t room = PICK(rooms, x->a);
	struct iovec v[2] = { { buf, room / 2 }, { buf + room / 2,
		room - room / 2 } };

	CALL(label, x->b & 1 ? read(FD, buf, room) : readv(FD, v, 2));
	spin_say(buf, trace_ret, (long)room);
}

CALL_OF(recvfrom)
{
	static const socklen_t rooms_of[] = { 128, 128, 28, 16, 8, 0 };
	char buf[2048];
	size_t room = PICK(rooms, x->a);
	struct name n;

	name_fresh(&n, PICK(rooms_of, x->c));
	CALL(label, recvfrom(FD, buf, room, PICK(recv_flags, x->b), &n.sa,
	    &n.len));
	spin_say(buf, trace_ret, (long)room);
	if (trace_ret >= 0)
		say_name(&n);
}

static void
spin_say_message(struct message *m, long n)
{
	spin_mask(m->data, n < (long)sizeof(m->data) ? n :
	    (long)sizeof(m->data));
	say_message(m, n);
}

CALL_OF(recvmsg)
{
	static const unsigned controls[] = { 256, 256, 128, 40, 20, 8, 0 };
	struct message m;

	message_fresh(&m, PICK(rooms, x->a), PICK(controls, x->c));
	CALL(label, recvmsg(FD, &m.hdr, PICK(recv_flags, x->b)));
	spin_say_message(&m, trace_ret);
}

CALL_OF(recvmmsg)
{
	static struct message m[3];
	struct mmsghdr h[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		message_fresh(&m[i], PICK(rooms, x->a), x->c & 1 ? 128 : 0);
		h[i] = (struct mmsghdr) { .msg_hdr = m[i].hdr };
	}
	CALL(label, recvmmsg(FD, h, 1 + x->c % 3, PICK(recv_flags, x->b),
	    NULL));
	for (i = 0; (long)i < trace_ret; i++) {
		m[i].hdr = h[i].msg_hdr;
		say("|");
		spin_say_message(&m[i], h[i].msg_len);
	}
}

/* --- Waiting --------------------------------------------------------------- */

CALL_OF(poll)
{
	struct pollfd p = { .fd = FD, .events = x->a & 1 ? POLLIN : POLLIN |
		POLLOUT | POLLPRI };

	CALL(label, poll(&p, 1, 0));
	say("%x", (unsigned)p.revents);
}

CALL_OF(select)
{
	struct timeval none = { 0, 0 };
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	if (FD < 0)
		return;
	FD_SET(FD, &in);
	FD_SET(FD, &out);
	CALL(label, select(FD + 1, &in, x->a & 1 ? &out : NULL, NULL, &none));
	say("%d", FD_ISSET(FD, &in));
}

CALL_OF(epoll)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT |
		(x->a & 1 ? EPOLLET : 0) }, got = { .events = 0 };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	CALL(label, epoll_ctl(fd, EPOLL_CTL_ADD, FD, &e));
	say("%d %x", epoll_wait(fd, &got, 1, 0), got.events);
	close(fd);
}

CALL_OF(ioctl)
{
	static const unsigned long asked[] = { FIONREAD, FIONREAD, TIOCOUTQ,
		FIONBIO };
	int n = 1;

	CALL(label, ioctl(FD, PICK(asked, x->a), &n));
	if (x->a % COUNT(asked) < 2)
		say("%d", n);
}

/* --- Descriptors ----------------------------------------------------------- */

CALL_OF(shutdown)
{
	/* After SHUT_RD it is always readable: nothing could be waited for. */
	CALL(label, shutdown(FD, x->a % 8 == 7 ? 7 : SHUT_WR));
}

CALL_OF(dup)
{
	static int fd;

	if (s->fd[2] >= 0)
		close(s->fd[2]);
	CALL(label, fd = x->a & 1 ? fcntl(s->fd[x->slot & 1], F_DUPFD, 100) :
	    dup(s->fd[x->slot & 1]));
	s->fd[2] = fd;
}

CALL_OF(dup2)
{
	unsigned from = x->slot & 1;

	if (s->fd[!from] < 0)
		return;
	CALL(label, dup2(s->fd[from], s->fd[!from]) == s->fd[!from]);
}

CALL_OF(renew)
{
	CALL(label, close(FD));
	FD = x->slot == 2 ? -1 : socket(s->k->family, SOCK_DGRAM |
	    SOCK_NONBLOCK, 0);
}

CALL_OF(fcntl)
{
	CALL(label, fcntl(FD, x->a & 1 ? F_GETFL : F_GETFD));
}

/* --- Options --------------------------------------------------------------- */

static const struct {
	int level, option;
} options[] = {
	{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_REUSEPORT },
	{ SOL_SOCKET, SO_BROADCAST }, { SOL_SOCKET, SO_PRIORITY },
	{ SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_SNDBUF },
	{ SOL_SOCKET, SO_ERROR }, { SOL_SOCKET, SO_TYPE },
	{ SOL_SOCKET, SO_TIMESTAMP }, { SOL_SOCKET, SO_TIMESTAMPNS },
	{ SOL_SOCKET, SO_NO_CHECK }, { SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_RXQ_OVFL }, { SOL_SOCKET, SO_KEEPALIVE },
	{ IPPROTO_IP, IP_TOS }, { IPPROTO_IP, IP_TTL },
	{ IPPROTO_IP, IP_RECVTOS }, { IPPROTO_IP, IP_RECVTTL },
	{ IPPROTO_IP, IP_PKTINFO }, { IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_MTU_DISCOVER }, { IPPROTO_IP, IP_RECVORIGDSTADDR },
	{ IPPROTO_IP, IP_MULTICAST_TTL }, { IPPROTO_IP, IP_FREEBIND },
	{ IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_TCLASS }, { IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT }, { IPPROTO_IPV6, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER }, { IPPROTO_IPV6, IPV6_DONTFRAG },
	{ IPPROTO_UDP, UDP_CORK }, { IPPROTO_UDP, UDP_SEGMENT },
	{ IPPROTO_UDP, UDP_GRO }, { IPPROTO_UDP, 77 },
};

CALL_OF(set)
{
	static const int values[] = { 0, 1, 1, 1, 2, 3, 64, 255, 256, 4096,
		-1 };
	static const socklen_t lens[] = { 4, 4, 4, 4, 4, 4, 1, 8, 0, 3 };
	int value[2] = { PICK(values, x->b), 0 };

	CALL(label, setsockopt(FD, PICK(options, x->a).level,
	    PICK(options, x->a).option, value, PICK(lens, x->c)));
}

CALL_OF(get)
{
	static const socklen_t lens[] = { 4, 4, 4, 8, 1, 0 };
	int value[2] = { 0x5a5a5a5a, 0x5a5a5a5a };
	socklen_t len = PICK(lens, x->b);

	CALL(label, getsockopt(FD, PICK(options, x->a).level,
	    PICK(options, x->a).option, value, &len));
	say("len %u %x %x", len, (unsigned)value[0], (unsigned)value[1]);
}

#define ROW(name) { #name, spin_##name }
const struct spin_call spin_calls[] = { ROW(bind), ROW(connect), ROW(unspec),
	ROW(names), ROW(send), ROW(write), ROW(sendto), ROW(sendmsg),
	ROW(sendmmsg), ROW(fork), ROW(recv), ROW(read), ROW(recvfrom),
	ROW(recvmsg), ROW(recvmmsg), ROW(poll), ROW(select), ROW(epoll),
	ROW(ioctl), ROW(shutdown), ROW(dup), ROW(dup2), ROW(renew), ROW(fcntl),
	ROW(set), ROW(get), { NULL, NULL } };
