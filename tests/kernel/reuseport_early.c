/* SPDX-License-Identifier: ISC */
/* A steering program from before the bind is that of the whole group. */
#include "fact.h"

#include <errno.h>
#include <linux/filter.h>
#include <unistd.h>

enum { SENDERS = 16 }; /* by hash, 1 of 2^16 trials had all at one socket */

/* How many of datagrams from different ports came to the socket. */
static int
count(const struct way *w, int fd)
{
	struct name to = at_lo(w, PORT), from = at_lo(w, 0);
	int i, sender, n = 0;

	for (i = 0; i < SENDERS; i++) {
		sender = sock_at(w, &from);
		if (put(sender, &to, "x") == 0)
			n += readable(fd, 0) && take(fd, NULL) != NULL;
		close(sender);
	}
	return n;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int data, control, n, error;

	powerless();
	data = sock(w);
	control = sock(w);
	set(data, SOL_SOCKET, SO_REUSEPORT, 1);
	error = ATTACH(data, SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_RET | BPF_K, 0));
	claim(error == 0, "it is taken before bind", "%s", said(error));
	set(data, SOL_SOCKET, SO_REUSEPORT, 0);
	error = bind_to(data, &any);
	claim(error == 0, "then it is bound without SO_REUSEPORT", "%s",
	    said(error));
	set(control, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(control, &any);
	claim(error == -EADDRINUSE, "it is the port's only one", "%s",
	    said(error));
	set(data, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(control, &any);
	claim(error == 0, "until SO_REUSEPORT is set again", "%s", said(error));
	n = count(w, data);
	claim(n == SENDERS, "the one that joined gets nothing: all goes to "
	    "index 0", "%d of %d", n, SENDERS);
	error = ATTACH(control, SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_RET | BPF_K, 1));
	n = count(w, control);
	claim(error == 0 && n == SENDERS, "a program attached by any member "
	    "replaces it for all", "%d of %d, %s", n, SENDERS, said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K10",
		.holds = "a steering program attached before bind holds for those "
		    "who join, and any member replaces it",
		.breaks = "datagrams that come while the agent joins a port are "
		    "lost at its socket",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
