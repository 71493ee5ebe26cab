/* SPDX-License-Identifier: ISC */
/* What a send says where routes forbid it. */
#include "fact.h"

#include <errno.h>

struct row {
	const char *type;
	int error;
};
static const struct row rows[] = {
	{ "blackhole", -EINVAL },
	{ "unreachable", -EHOSTUNREACH },
	{ "prohibit", -EACCES },
};

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 8, 2, PORT),
	    source = at(w, 0, 1, 0);
	int fd, error, expected;
	unsigned out;
	size_t i;

	links(1);
	out = index_of("v0");
	fd = sock_at(w, &any);
	error = put(fd, &to, "x");
	claim(error == -ENETUNREACH, "without a route: ENETUNREACH", "%s",
	    said(error));
	error = put_from(w, fd, &to, "x", &source, out);
	expected = w->v4 ? 0 : -ENETUNREACH;
	claim(error == expected, w->v4 ? "by an interface that no route leads "
	    "by: no error, the kernel takes the peer for a neighbour" :
	    "by an interface that no route leads by: ENETUNREACH", "%s",
	    said(error));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ip("route add %s 10.9.8.0/24\nroute add %s fd09:8::/64\n",
		    rows[i].type, rows[i].type);
		error = put_from(w, fd, &to, "x", &source, 0);
		claim(error == rows[i].error, rows[i].type, "%s", said(error));
		ip("route del %s 10.9.8.0/24\nroute del %s fd09:8::/64\n",
		    rows[i].type, rows[i].type);
	}
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K23",
		.holds = "no route gives ENETUNREACH; blackhole, unreachable and "
		    "prohibit EINVAL, EHOSTUNREACH and EACCES",
		.breaks = "a datagram is lost or its error told to the program "
		    "instead of going by the next flow",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
