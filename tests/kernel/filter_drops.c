/* SPDX-License-Identifier: ISC */
/* The kernel counts, for each socket, what its filter drops. */
#include <linux/filter.h>

#include "proc_udp.h"

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd[2], sender = sock(w), i, error, drops[2];
	FILE *list = proc_list(w);

	for (i = 0; i < 2; i++) {
		fd[i] = sock(w);
		set(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		error = ATTACH(fd[i], SO_ATTACH_FILTER,
		    BPF_STMT(BPF_RET | BPF_K, 0));
		if (error != 0 || bind_to(fd[i], &any) != 0)
			broken("bind");
	}
	error = ATTACH(fd[0], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_RET | BPF_K, 1));
	if (error != 0)
		broken("attach: %s", said(error));
	for (i = 0; i < 3; i++)
		if (put(sender, &to, "x") != 0)
			broken("send");
	for (i = 0; i < 2; i++)
		drops[i] = proc_drops(list, inode_of(fd[i]));
	claim(drops[0] == 0 && drops[1] == 3, "the drops of the socket that the "
	    "group's program chose grow by one for each, and no other's",
	    "%d and %d of 3", drops[0], drops[1]);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K16",
		.holds = "what a filter drops is counted at once under `drops' "
		    "of that socket in /proc/net/udp",
		.breaks = "the agent cannot find out which index of a port each "
		    "socket has after several closed at a time",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
