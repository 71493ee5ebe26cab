/* SPDX-License-Identifier: ISC */
/* Routes that are for a source let two IPv6 uplinks work. */
#include "fact.h"

#include <arpa/inet.h>

static void
claim_both(const struct way *w, int ours, int theirs, const struct name *to,
    const unsigned in[2], const char *what)
{
	struct name source;
	unsigned seen;
	int i, error;

	for (i = 0; i < 2; i++) {
		source = at(w, i, 1, 0);
		error = put_from(w, ours, to, "x", &source, 0);
		claim(error == 0, what, "%s", said(error));
		seen = take_by(w, theirs, NULL);
		claim(seen == in[i], what, "by another interface");
	}
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at(w, 0, 9, PORT);
	unsigned in[2];
	int ours, theirs;

	links(2);
	there();
	add_ipv6("fd0a::9", "lo");
	in[0] = index_of("w0");
	in[1] = index_of("w1");
	theirs = sock_at(w, &any);
	want_pktinfo(w, theirs);
	here();
	ours = sock_at(w, &any);
	inet_pton(AF_INET6, "fd0a::9", &to.sin6.sin6_addr);
	ip("route add ::/0 via fd09:0::2 dev v0 table 100\n"
	    "route add ::/0 via fd09:1::2 dev v1 table 101\n");
	if (!try_command("ip -6 rule add from fd09:0::/64 table 100") ||
	    !try_command("ip -6 rule add from fd09:1::/64 table 101"))
		skip("no policy routing");
	claim_both(w, ours, theirs, &to, in,
	    "by rules each source goes by its own interface");
	if (!try_command("ip -6 rule del from fd09:0::/64 table 100") ||
	    !try_command("ip -6 rule del from fd09:1::/64 table 101"))
		broken("ip rule del");
	if (!try_ip("route add ::/0 from fd09:0::/64 via fd09:0::2 dev v0 metric 100\n"
	    "route add ::/0 from fd09:1::/64 via fd09:1::2 dev v1 metric 200\n"))
		return; /* a kernel without CONFIG_IPV6_SUBTREES */
	claim_both(w, ours, theirs, &to, in, "by routes from a prefix each "
	    "source goes by its own interface");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K7",
		.holds = "routes or rules by source send each IPv6 address by its "
		    "own interface",
		.breaks = "two IPv6 uplinks of one host do not work as two paths, "
		    "even where the host's routes are as they should be",
		.ways = IPV6, .net = true, .run = run });
}
