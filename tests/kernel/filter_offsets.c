/* SPDX-License-Identifier: ISC */
/* What a socket's filter sees, and that it drops. */
#include "fact.h"

#include <linux/filter.h>

#define NET(off) ((uint32_t)SKF_NET_OFF + (off))
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)
#define KEEP BPF_STMT(BPF_RET | BPF_K, 0xffffffff)
#define LOAD(size, off) BPF_STMT(BPF_LD | BPF_ABS | (size), (off))
/* Goes on when the accumulator is k, else drops. */
#define IS(k) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 1, 0), DROP

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd, sender = sock(w), error;

	powerless();
	fd = sock_at(w, &any);
	error = ATTACH(fd, SO_ATTACH_FILTER, LOAD(BPF_H, 2), IS(PORT),
	    LOAD(BPF_W, 8), IS(0x61626364), KEEP);
	claim(error == 0, "anybody may attach one", "%s", said(error));
	(void)put(sender, &to, "abcd");
	claim(arrives(fd, "abcd"), "the UDP header is at offset 0, the payload "
	    "at 8", "they are not");
	(void)put(sender, &to, "abce");
	claim(quiet(fd), "what it drops makes the socket not readable",
	    "it arrived");
	(void)put(sender, &to, "abc");
	claim(quiet(fd), "a load past the end drops the datagram",
	    "it arrived");
	error = w->v4 ? ATTACH(fd, SO_ATTACH_FILTER, LOAD(BPF_B, NET(0)),
	    IS(0x45), LOAD(BPF_W, NET(12)), IS(0x7f000001), KEEP) :
	    ATTACH(fd, SO_ATTACH_FILTER, LOAD(BPF_B, NET(0)),
	    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4), IS(6),
	    LOAD(BPF_W, NET(20)), IS(1), KEEP);
	(void)put(sender, &to, "source");
	claim(error == 0 && arrives(fd, "source"),
	    "the IP header is at SKF_NET_OFF, with its source", "%s",
	    said(error));
	error = ATTACH(fd, SO_ATTACH_FILTER,
	    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), IS(8 + 5), KEEP);
	(void)put(sender, &to, "four");
	(void)put(sender, &to, "fives");
	claim(error == 0 && arrives(fd, "fives"),
	    "the length is that of the payload and 8", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K14",
		.holds = "a socket's filter, without privileges, sees the UDP "
		    "header at 0, the payload at 8, the IP header at SKF_NET_OFF",
		.breaks = "plaintext is let in, or data and internal datagrams "
		    "kept out",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
