/* SPDX-License-Identifier: ISC */
/* What becomes of the port when a connection is dissolved. */
#include "fact.h"

#include <arpa/inet.h>

static int
port_of(int fd)
{
	struct name n = name_of(fd);

	return ntohs(n.sa.sa_family == AF_INET ? n.sin.sin_port :
						 n.sin6.sin6_port);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, 9);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int chosen = sock(w), bound = sock_at(w, &any);

	if (connect_to(chosen, &to) != 0 || connect_to(bound, &to) != 0)
		broken("connect");
	claim(port_of(chosen) != 0, "connect chooses a port", "none");
	if (connect(chosen, &none, sizeof(none)) != 0 ||
	    connect(bound, &none, sizeof(none)) != 0)
		broken("connect to AF_UNSPEC");
	claim(port_of(chosen) == 0, "a port that connect chose goes with the "
	    "connection", "port %d", port_of(chosen));
	claim(port_of(bound) == PORT, "one that was bound stays", "port %d",
	    port_of(bound));
	claim(put(bound, &to, "x") == 0 && connect_to(bound, &to) == 0,
	    "the socket can be used again", "it cannot");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K20",
		.holds = "connect to AF_UNSPEC gives back a port that connect "
		    "chose, and keeps one that was bound",
		.breaks = "a program that changes its peer changes its port "
		    "otherwise than without mpshim",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
