/* SPDX-License-Identifier: ISC */
/* Which socket of a group has which index. */
#include "fact.h"

#include <linux/filter.h>
#include <unistd.h>

enum { SOCKETS = 4 };

static const struct way *way;
static int fd[SOCKETS];

/* Which socket has this index, or -1. */
static int
who(unsigned index)
{
	struct name to = at_lo(way, PORT);
	int i, found = -1, alive = -1, sender = sock(way);

	for (i = 0; i < SOCKETS; i++)
		alive = fd[i] >= 0 ? i : alive;
	if (ATTACH(fd[alive], SO_ATTACH_REUSEPORT_CBPF,
	    BPF_STMT(BPF_RET | BPF_K, index)) != 0 ||
	    put(sender, &to, "x") != 0)
		broken("index %u", index);
	for (i = 0; i < SOCKETS; i++)
		if (fd[i] >= 0 && readable(fd[i], 0)) {
			take(fd[i], NULL);
			found = i;
		}
	close(sender);
	return found;
}

static void
leave(int i)
{
	close(fd[i]);
	fd[i] = -1;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT);
	int i, seen;

	way = w;
	for (i = 0; i < SOCKETS; i++) {
		fd[i] = sock(w);
		set(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind_to(fd[i], &any) != 0)
			broken("bind");
	}
	for (i = 0; i < SOCKETS; i++) {
		seen = who((unsigned)i);
		claim(seen == i, "indices are in the order of the binds",
		    "index %d is that of socket %d", i, seen);
	}
	leave(1);
	seen = who(1);
	claim(seen == 3, "the last one moves into the hole of one that closed",
	    "index 1 is that of socket %d", seen);
	seen = who(2);
	claim(seen == 2, "all others stay", "index 2 is that of socket %d",
	    seen);
	leave(2);
	seen = who(1);
	claim(who(0) == 0 && seen == 3, "where the last one closes, nothing "
	    "moves", "index 1 is that of socket %d", seen);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K11",
		.holds = "a group's indices follow the binds, and the last one "
		    "fills the hole of one that closed",
		.breaks = "with several sockets on a port packets go to the "
		    "wrong one, until the agent has asked for each index (K16)",
		.ways = IPV4 | IPV6, .net = true, .run = run });
}
