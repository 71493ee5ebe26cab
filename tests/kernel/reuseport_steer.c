/* SPDX-License-Identifier: ISC */
/* What a steering program sees, and what its verdict does. */
#include "fact.h"

#include <linux/filter.h>
#include <unistd.h>

static const struct way *way;
static int fd[2];

/* Which socket gets it: 0, 1, or -1. */
static int
who(const char *text)
{
	struct name to = at_lo(way, PORT);
	int i, found = -1, sender = sock(way);

	if (put(sender, &to, text) != 0)
		broken("send");
	for (i = 0; i < 2; i++)
		if (readable(fd[i], 0)) {
			take(fd[i], NULL);
			found = i;
		}
	close(sender);
	return found;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int i, n, error;

	way = w;
	powerless();
	for (i = 0; i < 2; i++) {
		fd[i] = sock(w);
		set(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind_to(fd[i], &any) != 0)
			broken("bind");
	}
	error = ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x61626364, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 1),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6f6f6f6f, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 99),
	    BPF_STMT(BPF_RET | BPF_K, 0));
	claim(error == 0, "anybody may attach it", "%s", said(error));
	claim(who("abcd") == 1 && who("abce") == 0,
	    "offset 0 is the first octet of the payload", "another one");
	for (i = n = 0; i < 32; i++)
		n += who("oooo") >= 0;
	claim(n == 32, "an index that nobody has falls back to the hash, and "
	    "loses nothing", "%d of 32 arrived", n);
	for (i = n = 0; i < 8; i++)
		n += who("abc") == 0;
	claim(n == 8, "a datagram that is too short for a load goes to index 0",
	    "%d of 8 did", n);
	error = ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0));
	claim(error == 0 && who("12345") == 1 && who("1234") == 0,
	    "the length is that of the payload", "another one, %s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K12",
		.holds = "a classic BPF program without privileges picks the "
		    "socket by the payload",
		.breaks = "control packets reach the program and data the agent: "
		    "polls are wrong, and round trips measured late",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
