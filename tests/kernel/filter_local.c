/* SPDX-License-Identifier: ISC */
/* A filter can tell what this host sent to itself, and what went to all. */
#include "fact.h"

#include <linux/filter.h>
#include <linux/if_packet.h>

#define AD(what) ((uint32_t)SKF_AD_OFF + (what))

/* Lets in only what has this value there. */
static void
filter(int fd, uint16_t size, uint32_t off, uint32_t value)
{
	int error = ATTACH(fd, SO_ATTACH_FILTER,
	    BPF_STMT(BPF_LD | BPF_ABS | size, off),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	    BPF_STMT(BPF_RET | BPF_K, 0));

	if (error != 0)
		broken("filter: %s", said(error));
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), own = at(w, 0, 1, PORT), all;
	int fd, ours, theirs;

	links(1);
	claim(index_of("lo") == 1, "lo is interface 1 of each namespace", "%u",
	    index_of("lo"));
	there();
	theirs = sock(w);
	set(theirs, SOL_SOCKET, SO_BROADCAST, 1);
	here();
	fd = sock_at(w, &any);
	ours = sock(w);
	set(ours, SOL_SOCKET, SO_BROADCAST, 1);
	filter(fd, BPF_W, AD(SKF_AD_IFINDEX), 1);
	(void)put(ours, &own, "ours");
	claim(arrives(fd, "ours"), "what this host sends to its own address "
	    "has lo's index", "it has not");
	(void)put(theirs, &own, "theirs");
	claim(quiet(fd), "what comes by a link has not", "it has");
	filter(fd, BPF_W, AD(SKF_AD_IFINDEX), index_of("v0"));
	(void)put(theirs, &own, "theirs");
	claim(arrives(fd, "theirs"), "it has the link's", "it has not");
	if (!w->v4)
		return; /* IPv6 has no broadcast */
	all = at(w, 0, 255, PORT);
	filter(fd, BPF_B, AD(SKF_AD_PKTTYPE), PACKET_BROADCAST);
	(void)put(theirs, &all, "to all");
	claim(arrives(fd, "to all"), "a broadcast that comes by a link is "
	    "PACKET_BROADCAST", "it is not");
	(void)put(theirs, &own, "to one");
	claim(quiet(fd), "a datagram to one is not", "it is");
	filter(fd, BPF_B, AD(SKF_AD_PKTTYPE), PACKET_LOOPBACK);
	(void)put(ours, &all, "ours to all");
	claim(arrives(fd, "ours to all"), "a broadcast of this host comes as "
	    "PACKET_LOOPBACK", "it does not");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K15",
		.holds = "a filter tells by SKF_AD_IFINDEX what this host sent "
		    "itself, and by SKF_AD_PKTTYPE what went to all",
		.breaks = "a program gets no plaintext from its own host's other "
		    "addresses, or no broadcasts, or strangers' plaintext",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
