/* SPDX-License-Identifier: ISC */
/* A socket that is connected in the kernel hears one address only. */
#include "fact.h"

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 1, PORT),
	    other = at(w, 1, 1, PORT), peer = at(w, 0, 2, PORT), from;
	int ours, theirs, error;

	links(2);
	ours = sock_at(w, &any);
	there();
	theirs = sock_at(w, &any);
	here();
	error = connect_to(ours, &peer);
	if (error != 0)
		broken("connect: %s", said(error));
	(void)put(theirs, &to, "first");
	claim(arrives(ours, "first"), "what its peer's address sends arrives",
	    "it does not");
	from = at(w, 1, 2, PORT);
	if (put_from(w, theirs, &other, "second", &from, 0) != 0)
		broken("send");
	claim(quiet(ours), "what another address of the peer sends to another "
	    "of ours does not", "it does");
	if (put_from(w, theirs, &to, "third", &from, 0) != 0)
		broken("send");
	claim(quiet(ours), "nor what another one sends to the same",
	    "it does");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K18",
		.holds = "a connected socket drops what its peer sends from "
		    "another address",
		.breaks = "nothing; connect(2) need not be emulated any more",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
