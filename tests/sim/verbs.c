/* SPDX-License-Identifier: ISC */
#include "verbs.h"

#define HOST { 'h', 0, 0 }
#define LINK { 'l', 0, 0 }
#define PPM_ARG { 'n', 0, 500000 }

/* Name, how often it is drawn, what it does, its arguments. */
const struct verb verbs[] = {
	/* so many us pass: up to a minute; up to 3 hours */
	{ "wait", 160, op_wait, { { 'n', 0, 60000000 } } },
	{ "pass", 4, op_wait, { { 'n', 0, 4000000000 } } },
	/* from, to, datagrams, bytes, us between them (0: all at once) */
	{ "send", 200, op_send, { HOST, HOST, { 'n', 1, 300 },
	    { 'n', 16, 3000 }, { 'n', 0, 500000 } } },
	/* packets vanish: 1 those that its host sends, 2 receives, 3 both,
	 * 4 of IPv4, 5 of IPv6 */
	{ "cut", 25, op_cut, { LINK, { 'n', 1, 5 } } },
	{ "mend", 20, op_mend, { LINK } },
	/* both ways: ppm that are lost, come twice, are 20 ms late; us of delay
	 * and of jitter; kbit/s; packets longer than that vanish */
	{ "loss", 8, op_loss, { LINK, PPM_ARG } },
	{ "dup", 8, op_dup, { LINK, PPM_ARG } },
	{ "reorder", 8, op_reorder, { LINK, PPM_ARG } },
	{ "delay", 12, op_delay, { LINK, { 'n', 0, 8000000 } } },
	{ "jitter", 6, op_jitter, { LINK, { 'n', 0, 200000 } } },
	{ "rate", 5, op_rate, { LINK, { 'n', 50, 100000 } } },
	{ "eats", 6, op_eats, { LINK, { 'n', 1260, 1500 } } },
	/* the carrier goes, comes */
	{ "down", 15, op_down, { LINK } },
	{ "up", 12, op_up, { LINK } },
	/* an address goes, comes: 0 the first of IPv4, 1 of IPv6, 2 and 3 a
	 * second one of either */
	{ "del", 15, op_del, { LINK, { 'n', 0, 3 } } },
	{ "add", 15, op_add, { LINK, { 'n', 0, 3 } } },
	/* the NAT before a link forgets; gives each flow two ports */
	{ "nat", 8, op_nat, { LINK } },
	{ "balance", 2, op_balance, { LINK } },
	/* the keys with that peer are old */
	{ "rekey", 15, op_rekey, { HOST, HOST } },
	/* the program ends and begins anew, with a new engine; ends */
	{ "restart", 12, op_restart, { HOST } },
	{ "stop", 5, op_stop, { HOST } },
	/* the agent dies, and is back after so many us, with the same arena */
	{ "agent", 8, op_agent, { HOST, { 'n', 0, 20000000 } } },
	/* a process is killed within a call: 0 a datagram is begun, 1 a bundle
	 * is, 2 a packet is taken from the engine */
	{ "torn", 8, op_torn, { HOST, HOST, { 'n', 0, 2 } } },
	/* the program reads nothing for so many us; agent and program run up
	 * to that late */
	{ "pause", 8, op_pause, { HOST, { 'n', 0, 5000000 } } },
	{ "slow", 5, op_slow, { HOST, { 'n', 0, 100000 } } },
	/* the host slept: its clock goes on by so many us; the kernel does not
	 * say when packets came (1), does again (0) */
	{ "clock", 6, op_clock, { HOST, { 'n', 0, 4000000000 } } },
	{ "stampless", 3, op_stampless, { HOST, { 'n', 0, 1 } } },
	/* the first host knows the key of the second no more, knows it again */
	{ "revoke", 6, op_revoke, { HOST, HOST } },
	{ "permit", 8, op_permit, { HOST, HOST } },
	/* the program closes its socket, and opens another one */
	{ "close", 6, op_close, { HOST } },
	/* the program asks what size goes to that peer */
	{ "mtu", 4, op_mtu, { HOST, HOST } },
	/* it says that it has so many addresses, which are others' */
	{ "claim", 5, op_claim, { HOST, { 'n', 0, 20 } } },
	/* an onlooker sends again the packet that went that many ago: from
	 * where it came (0), from a third party's address (1) */
	{ "replay", 12, op_replay, { { 'n', 0, 63 }, { 'n', 0, 1 } } },
	/* the same with a bit changed */
	{ "flip", 4, op_flip, { { 'n', 0, 63 }, { 'n', 0, 4000 } } },
	/* the next packets of the host come from a third party's address */
	{ "divert", 6, op_divert, { HOST, { 'n', 1, 20 } } },
	/* the host lies to the peer with the keys of its session: which kind
	 * (lies.c), how often, up to how many us apart */
	{ "lie", 24, op_lie, { HOST, HOST, { 'n', 0, 12 }, { 'n', 1, 100 },
	    { 'n', 0, 2000000 } } },
	/* all works again, and conversation is back in time */
	{ "heal", 4, op_heal, { { 0 } } },
};

const size_t verbs_n = sizeof(verbs) / sizeof(verbs[0]);
