/* SPDX-License-Identifier: ISC */
/* What connect(2) on another socket tells of the way to an address. */
#include "fact.h"

#include <errno.h>
#include <unistd.h>

static int
try_connect(const struct way *w, const struct name *to, struct name *source)
{
	int fd = sock(w), error = connect_to(fd, to);

	if (error == 0 && source != NULL)
		*source = name_of(fd);
	close(fd);
	return error;
}

static void
run(const struct way *w)
{
	struct name to, source, own = at(w, 1, 1, 0), foreign = at(w, 0, 77, 0);
	int i, error, fd;

	links(2);
	powerless();
	for (i = 0; i < 2; i++) {
		to = at(w, i, 2, PORT);
		own = at(w, i, 1, 0);
		error = try_connect(w, &to, &source);
		claim(error == 0 && same_address(&source, &own),
		    "getsockname then tells the address that the kernel would "
		    "send from", "another one, %s", said(error));
	}
	to = at(w, 7, 2, PORT);
	error = try_connect(w, &to, NULL);
	claim(error == -ENETUNREACH, "where no route leads it gives ENETUNREACH",
	    "%s", said(error));
	fd = sock(w);
	error = bind_to(fd, &foreign);
	claim(error == -EADDRNOTAVAIL, "bind to an address of another host gives "
	    "EADDRNOTAVAIL", "%s", said(error));
	if (!w->v4)
		return;
	to = at(w, 0, 255, PORT);
	error = try_connect(w, &to, NULL);
	claim(error == -EACCES, "to a broadcast address it gives EACCES", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K19",
		.holds = "connect on a scratch socket tells source, route errors "
		    "and broadcast addresses without a packet",
		.breaks = "a protected connect gives the program wrong names or "
		    "errors, and broadcasts are taken for peers",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
