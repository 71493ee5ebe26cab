/* SPDX-License-Identifier: ISC */
/* A datagram that MSG_MORE keeps for more takes the memory that it would take
 * if it was sent, and is never sent if its socket is closed. */
#include "fact.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

enum { LONGEST = 1452, STEP = 13 };

static const char payload[LONGEST];

static uint32_t
charged(int fd, const struct name *to, size_t len, int flags)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof(mem);

	if (sendto(fd, payload, len, MSG_DONTWAIT | flags, &to->sa, to->len) < 0)
		broken("send: %s", said(-errno));
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &n) != 0)
		broken("SO_MEMINFO");
	return mem[SK_MEMINFO_WMEM_ALLOC];
}

static void
run(const struct way *w)
{
	struct name absent = at(w, 0, 77, PORT), lo;
	uint32_t kept, sent;
	size_t len;
	int theirs, ours;

	links(1);
	lo = at_lo(w, PORT);
	theirs = sock_at(w, &lo);
	for (len = 0; len <= LONGEST; len += STEP) {
		ours = sock(w);
		kept = charged(ours, &lo, len, MSG_MORE);
		(void)close(ours);
		ours = sock(w);
		sent = charged(ours, &absent, len, 0);
		(void)close(ours);
		claim(kept == sent, "it takes the same memory", "%u instead "
		    "of %u for %zu bytes", kept, sent, len);
	}
	claim(quiet(theirs), "and is not sent", "it was");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K71",
		.holds = "a datagram that MSG_MORE keeps takes the memory of "
		    "one that is sent",
		.breaks = "a socket takes fewer datagrams than its buffer has "
		    "room for",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
