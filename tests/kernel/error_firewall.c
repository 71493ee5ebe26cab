/* SPDX-License-Identifier: ISC */
/* What a send says where a firewall drops what goes out. */
#include "fact.h"

#include <errno.h>

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 2, PORT),
	    other = at(w, 1, 2, PORT);
	int fd, error;

	links(2);
	if (!try_command("nft 'add table inet t; add chain inet t out "
	    "{ type filter hook output priority 0; }; "
	    "add rule inet t out oif v0 meta l4proto udp drop' 2>/dev/null"))
		skip("nft is not there, or cannot filter here");
	fd = sock_at(w, &any);
	powerless();
	error = put(fd, &to, "x");
	claim(error == -EPERM, "EPERM", "%s", said(error));
	error = put(fd, &other, "x");
	claim(error == 0, "no error by the other interface", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K24",
		.holds = "what a firewall's output hook drops gives EPERM",
		.breaks = "a path that a firewall closes is found dead only by "
		    "silence, not at once",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
