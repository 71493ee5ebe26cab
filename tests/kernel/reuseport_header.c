/* SPDX-License-Identifier: ISC */
/* A steering program sees the IP header, and what multicast does beside it. */
#include "fact.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <unistd.h>

/* A broadcast address of lo, or the group of all hosts of a link. */
static struct name
to_all(const struct way *w)
{
	struct name n = at_lo(w, PORT);

	if (w->domain == AF_INET)
		n.sin.sin_addr.s_addr = htonl(0x7fffffff);
	else
		inet_pton(AF_INET6, w->v4 ? "::ffff:127.255.255.255" :
		    "ff02::1", &n.sin6.sin6_addr);
	if (!w->v4)
		n.sin6.sin6_scope_id = index_of("v0");
	return n;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT), from;
	/* The last octet of the destination; the port of the source. */
	unsigned end = w->v4 ? 19 : 39, port = w->v4 ? 20 : 40;
	int fd[2], sender = sock(w), i, error;

	links(1);
	powerless();
	for (i = 0; i < 2; i++) {
		fd[i] = sock(w);
		set(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind_to(fd[i], &any) != 0)
			broken("bind");
	}
	error = ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF),
	    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, w->v4 ? 4 : 6, 0, 3),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + end),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 0));
	claim(error == 0 && put(sender, &to, "x") == 0 &&
	    readable(fd[1], WAIT_MS), "the IP header lies at SKF_NET_OFF", "%s",
	    said(error));
	take(fd[1], &from);
	error = ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_NET_OFF + port),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohs(w->domain == AF_INET ?
		from.sin.sin_port : from.sin6.sin6_port), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 0));
	claim(error == 0 && put(sender, &to, "x") == 0 &&
	    readable(fd[1], WAIT_MS), "the source port lies behind it", "%s",
	    said(error));
	take(fd[1], NULL);
	to = to_all(w);
	set(sender, SOL_SOCKET, SO_BROADCAST, 1);
	error = put(sender, &to, "x");
	claim(error == 0 && readable(fd[0], WAIT_MS) &&
	    readable(fd[1], WAIT_MS), "what is sent to all comes to each "
	    "socket", "%s", said(error));
	close(sender);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K46",
		.holds = "a steering program sees the IP header, and the ports "
		    "behind it",
		.breaks = "plaintext goes to another socket of the port than "
		    "its family and address say",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
