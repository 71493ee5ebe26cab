/* SPDX-License-Identifier: ISC */
/*
 * Talks by sendmsg(2), recvmsg(2), sendmmsg(2) and recvmmsg(2) with control
 * messages, with 0xff in the padding of all structures: pads ADDRESS PORT.
 * musl has padding in msghdr and cmsghdr where glibc has wider fields.  Prints
 * lost N, in datagrams.
 */
#include "prog.h"

#include <netinet/in.h>

enum { TURNS = 5 };

static int sock;

/* Sets each field of the header; its padding is 0xff. */
static void
fill(struct msghdr *msg, struct iovec *iov, struct prog_msg *m, void *control,
    size_t len)
{
	memset(msg, 0xff, sizeof(*msg));
	iov->iov_base = m;
	iov->iov_len = sizeof(*m);
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
	msg->msg_iov = iov;
	msg->msg_iovlen = 1;
	msg->msg_control = control;
	msg->msg_controllen = len;
	msg->msg_flags = 0;
}

static void
say(uint32_t seq, bool many)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	int tos = 0x48;
	struct mmsghdr mm;
	struct iovec iov;
	struct prog_msg m;
	ssize_t n;

	memset(&control, 0xff, sizeof(control));
	control.head.cmsg_level = IPPROTO_IP;
	control.head.cmsg_type = IP_TOS;
	control.head.cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(&control.head), &tos, sizeof(tos));
	prog_fill(&m, prog_sender(0), seq);
	fill(&mm.msg_hdr, &iov, &m, &control, sizeof(control));
	n = many ? sendmmsg(sock, &mm, 1, 0) : sendmsg(sock, &mm.msg_hdr, 0);
	if (n != (many ? 1 : (ssize_t)sizeof(m)))
		err(1, "send: %zd", n);
}

static bool
hear(uint32_t seq, bool many)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char control[100];
	struct mmsghdr mm;
	struct iovec iov;
	struct prog_msg m;
	ssize_t n;

	if (poll(&p, 1, PROG_WAIT_MS) <= 0)
		return false;
	fill(&mm.msg_hdr, &iov, &m, control, sizeof(control));
	n = many ? recvmmsg(sock, &mm, 1, 0, NULL) :
		   recvmsg(sock, &mm.msg_hdr, 0);
	if (many && n == 1)
		n = (ssize_t)mm.msg_len;
	if (!prog_good(&m, n))
		errx(1, "heard %zd octets", n);
	return m.sender == prog_sender(0) && m.seq == seq;
}

int
main(int argc, char **argv)
{
	unsigned lost = 0;
	uint32_t seq;

	if (argc != 3)
		errx(2, "usage: pads ADDRESS PORT");
	sock = prog_open(argv[1], argv[2]);
	for (seq = 0; seq < 2 * TURNS; seq++) {
		say(seq, seq % 2 == 1);
		lost += !hear(seq, seq % 2 == 1);
	}
	printf("lost %u\n", lost);
	return 0;
}
