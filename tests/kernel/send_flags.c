/* SPDX-License-Identifier: ISC */
/* Flags of a send that ask without sending, and that only TCP minds. */
#include "fact.h"

#include <errno.h>

#ifndef MSG_PROBE
#define MSG_PROBE 0x10
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

static int
put_flags(int fd, const struct name *to, const char *text, size_t len, int flags)
{
	return sendto(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL | flags,
	    &to->sa, to->len) >= 0 ? 0 : -errno;
}

/* A connected TCP socket. */
static int
stream(const struct way *w)
{
	struct name lo = at_lo(w, 0);
	int listener = socket(w->domain, SOCK_STREAM, 0),
	    fd = socket(w->domain, SOCK_STREAM, 0);

	if (bind_to(listener, &lo) != 0 || listen(listener, 1) != 0)
		broken("listen");
	lo = name_of(listener);
	if (connect_to(fd, &lo) != 0)
		broken("connect");
	return fd;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT),
	    nowhere = at(w, 7, 2, PORT);
	int ours = sock(w), theirs = sock_at(w, &any), error;

	powerless();
	error = put_flags(ours, &to, "", 0, MSG_PROBE);
	claim(error == 0 && quiet(theirs), "MSG_PROBE sends nothing", "%s",
	    error == 0 ? "a datagram came" : said(error));
	error = put_flags(ours, &nowhere, "", 0, MSG_PROBE);
	claim(error == -ENETUNREACH, "it tells what the send would say: "
	    "ENETUNREACH where no route leads", "%s", said(error));
	error = put_flags(ours, &to, "fast", 4, MSG_FASTOPEN);
	claim(error == 0 && arrives(theirs, "fast"),
	    "UDP does not mind MSG_FASTOPEN", "%s", said(error));
	error = put_flags(stream(w), &to, "fast", 4, MSG_FASTOPEN);
	claim(error == -EISCONN || error == -EOPNOTSUPP,
	    "a connected TCP socket refuses it", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K28",
		.holds = "MSG_PROBE tells what a send would say; MSG_FASTOPEN is "
		    "nothing to UDP and refused by a connected TCP socket",
		.breaks = "a program hears no error for what is held until a "
		    "session is up; or a packet goes into a TCP connection that "
		    "took a descriptor's place",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
