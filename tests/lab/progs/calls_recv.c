/* SPDX-License-Identifier: ISC */
/* Every call that receives, with its flags, sizes, names and bad arguments. */
#include <fcntl.h>
#include <time.h>

#include "calls.h"

static char buf[70000];

static void
message(const char *what, int fd, struct msghdr *msg, int flags)
{
	ssize_t n = recvmsg(fd, msg, flags);

	if (n < 0) {
		say(what, n);
		return;
	}
	printf("%s: %zd flags %#x name %u control %zu\n", what, n,
	    (unsigned)msg->msg_flags, msg->msg_namelen, msg->msg_controllen);
}

static void
sizes(int fd)
{
	struct iovec iov = { .iov_base = buf, .iov_len = 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int n = -1;

	ask(fd, "l10");
	wait_for(fd);
	say("ioctl", ioctl(fd, FIONREAD, &n));
	say("FIONREAD", n);
	say("peek 4", recv(fd, buf, 4, MSG_PEEK));
	say("peek 4 trunc", recv(fd, buf, 4, MSG_PEEK | MSG_TRUNC));
	message("recvmsg peek 3", fd, &msg, MSG_PEEK);
	message("recvmsg peek 3 trunc", fd, &msg, MSG_PEEK | MSG_TRUNC);
	message("recvmsg 3", fd, &msg, MSG_TRUNC);
	say("none", recv(fd, buf, 4, MSG_DONTWAIT));
	say("ioctl", ioctl(fd, FIONREAD, &n));
	say("FIONREAD", n);
	ask(fd, "l9000");
	wait_for(fd);
	say("9000", recv(fd, buf, sizeof(buf), 0));
	ask(fd, "l10");
	wait_for(fd);
	say("10 of 4, trunc", recv(fd, buf, 4, MSG_TRUNC));
	ask(fd, "l10");
	wait_for(fd);
	say("10 of 4", recv(fd, buf, 4, 0));
}

static void
nothing(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	int n = -1;

	ask(fd, "l0");
	wait_for(fd);
	say("FIONREAD of empty", ioctl(fd, FIONREAD, &n) == 0 ? n : -1);
	say("read 0", read(fd, buf, 0));
	say("peek of empty", recv(fd, buf, 10, MSG_PEEK));
	say("empty", recvfrom(fd, buf, 10, 0, (struct sockaddr *)&name, &len));
	say("name", len);
	ask(fd, "l5");
	wait_for(fd);
	say("read NULL 0", read(fd, NULL, 0));
	say("recv NULL 0", recv(fd, NULL, 0, 0));
	say("taken", recv(fd, buf, 10, MSG_DONTWAIT));
	ask(fd, "l5");
	wait_for(fd);
	say("recv kernel's", recv(fd, (void *)-4096L, 5, MSG_DONTWAIT));
	say("recv NULL 5", recv(fd, NULL, 5, MSG_DONTWAIT));
	say("taken", recv(fd, buf, 10, MSG_DONTWAIT));
}

static void
names(int fd)
{
	static const socklen_t lens[] = { 0, 1, 8, 16, 28, 128, (socklen_t)-1 };
	struct sockaddr_storage name;
	socklen_t len;
	size_t i;
	ssize_t n;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		ask(fd, "l5");
		wait_for(fd);
		len = lens[i];
		memset(&name, 0xee, sizeof(name));
		n = recvfrom(fd, buf, 10, 0, (struct sockaddr *)&name, &len);
		say("recvfrom", n);
		printf("name %u of %u, family %#x, right %d, after %#x\n", len,
		    lens[i], name.ss_family, lens[i] >= peer_len &&
		    memcmp(&name, &peer, 8) == 0,
		    ((unsigned char *)&name)[lens[i] < 128 ? lens[i] : 127]);
	}
	ask(fd, "l5");
	wait_for(fd);
	say("no len", recvfrom(fd, buf, 10, 0, (struct sockaddr *)&name, NULL));
	say("taken", recv(fd, buf, 10, MSG_DONTWAIT));
	ask(fd, "l5");
	wait_for(fd);
	len = 77;
	say("no name", recvfrom(fd, buf, 10, 0, NULL, &len));
	say("len", len);
}

static void
parts(int fd)
{
	char a[2], b[3], c[20];
	struct iovec iov[] = { { a, 2 }, { NULL, 0 }, { b, 3 }, { c, 20 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 4 };

	ask(fd, "hello, how are you");
	wait_for(fd);
	message("parts", fd, &msg, 0);
	printf("%.2s|%.3s|%.16s\n", a, b, c);
	ask(fd, "l9");
	wait_for(fd);
	msg.msg_iovlen = 0;
	message("no parts", fd, &msg, 0);
	msg.msg_iovlen = 1025;
	message("too many", fd, &msg, MSG_DONTWAIT);
	iov[0].iov_len = (size_t)-1;
	msg.msg_iovlen = 2;
	message("negative", fd, &msg, MSG_DONTWAIT);
	msg.msg_name = buf;
	msg.msg_namelen = (socklen_t)-1;
	iov[0].iov_len = 2;
	message("negative name", fd, &msg, MSG_DONTWAIT);
}

static void
many(int fd)
{
	struct iovec iov[8];
	struct mmsghdr m[8];
	struct timespec bad = { 0, 1000000000 }, soon = { 0, 1 };
	struct timeval tv = { 0, 300000 };
	int i, n, total = 0;

	memset(m, 0, sizeof(m));
	for (i = 0; i < 8; i++) {
		iov[i] = (struct iovec) { buf + 100 * i, 100 };
		m[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	ask(fd, "r4");
	while (total < 4) {
		n = recvmmsg(fd, m, 8, MSG_WAITFORONE, NULL);
		if (n <= 0)
			break;
		total += n;
	}
	say("wait for one", total);
	say("no more", recvmmsg(fd, m, 8, MSG_WAITFORONE | MSG_DONTWAIT, NULL));
	say("bad timeout", recvmmsg(fd, m, 8, 0, &bad));
	say("none wanted", recvmmsg(fd, m, 0, 0, NULL));
	ask(fd, "r3");
	wait_for(fd);
	say("timeout over", recvmmsg(fd, m, 8, 0, &soon));
	printf("left %ld.%ld\n", (long)soon.tv_sec, soon.tv_nsec);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0)
		err(1, "SO_RCVTIMEO");
	say("the rest", recvmmsg(fd, m, 8, 0, NULL));
	say("waited", recv(fd, buf, 10, 0));
	tv.tv_usec = 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0)
		err(1, "SO_RCVTIMEO");
}

/* getsockopt(2) of each option into 0, 1, 3, 4, 8 and -1 bytes. */
static void
options(int fd)
{
	static const int all[][2] = { { SOL_SOCKET, SO_TIMESTAMP },
		{ SOL_SOCKET, SO_TIMESTAMPNS }, { SOL_SOCKET, SO_TIMESTAMPING },
		{ SOL_SOCKET, SO_DOMAIN }, { IPPROTO_IP, IP_PKTINFO },
		{ IPPROTO_IP, IP_RECVERR }, { IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IP, IP_RECVORIGDSTADDR }, { IPPROTO_IP, IP_TOS },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
		{ IPPROTO_IPV6, IPV6_V6ONLY },
		{ IPPROTO_IPV6, IPV6_RECVERR }, { IPPROTO_UDP, UDP_SEGMENT },
		{ IPPROTO_UDP, UDP_CORK }, { IPPROTO_UDP, UDP_GRO } };
	static const socklen_t lens[] = { 0, 1, 3, 4, 8, (socklen_t)-1 };
	unsigned char value[8];
	socklen_t len;
	size_t i, k;
	int n;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (k = 0; k < 6; k++) {
			len = lens[k];
			memset(value, 0xee, sizeof(value));
			n = getsockopt(fd, all[i][0], all[i][1], value, &len);
			if (all[i][1] == SO_TIMESTAMPING && lens[k] == 8)
				continue; /* 4 or 8 bytes, by the kernel */
			printf("option %d %d: %u: ", all[i][0], all[i][1],
			    lens[k]);
			say(v4 ? "inet" : "inet6", n);
			printf("len %u: %x %x %x %x %x\n", len, value[0],
			    value[1], value[2], value[3], value[4]);
		}
}

static void
after_shutdown(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct iovec iov = { .iov_base = buf, .iov_len = 9 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_name = &name, .msg_namelen = sizeof(name) };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	say("shutdown", shutdown(fd, SHUT_RD));
	say("poll", poll(&p, 1, 0));
	printf("events %#x\n", (unsigned)p.revents);
	say("recvfrom", recvfrom(fd, buf, 9, 0, (struct sockaddr *)&name,
	    &len));
	say("name", len);
	message("recvmsg", fd, &msg, 0);
}

int
main(int argc, char **argv)
{
	int fds[2], fd, connected;

	begin(argc, argv, fds);
	fd = fds[0];
	connected = fds[1];
	sizes(fd);
	nothing(fd);
	names(fd);
	parts(fd);
	many(fd);
	options(fd);
	say("connect", connect(connected, (struct sockaddr *)&peer, peer_len));
	sizes(connected);
	names(connected);
	say("errqueue", recv(connected, buf, 9, MSG_ERRQUEUE));
	set_int(connected, IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR");
	if (!v4)
		set_int(connected, IPPROTO_IPV6, IPV6_RECVERR, 1,
		    "IPV6_RECVERR");
	say("errqueue", recv(connected, buf, 9, MSG_ERRQUEUE));
	set_int(connected, IPPROTO_IP, IP_RECVERR, 0, "IP_RECVERR");
	after_shutdown(connected);
	return 0;
}
