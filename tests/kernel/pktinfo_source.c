/* SPDX-License-Identifier: ISC */
/* A control message says from which of our addresses a datagram goes. */
#include "fact.h"

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to, from, seen, source;
	int ours, theirs, i, error;

	links(2);
	ours = sock_at(w, &any);
	want_pktinfo(w, ours);
	there();
	theirs = sock_at(w, &any);
	here();
	powerless();
	for (i = 0; i < 2; i++) {
		to = at(w, 0, 2, PORT);
		source = at(w, i, 1, PORT);
		error = put_from(w, ours, &to, "out", &source, 0);
		claim(error == 0, "each address of ours is taken", "%s",
		    said(error));
		take(theirs, &from);
		claim(same_address(&from, &source),
		    "the datagram is from the address in the message",
		    "from another one");
		error = put(theirs, &from, "back");
		if (error != 0)
			broken("no answer: %s", said(error));
		(void)take_by(w, ours, &seen);
		claim(same_address(&seen, &source), "the answer comes with the "
		    "address that it was sent to", "another address");
	}
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K2",
		.holds = "PKTINFO chooses the source of each datagram and tells "
		    "where an answer was sent to",
		.breaks = "one socket cannot carry several paths: there is no "
		    "multipath",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
