/* SPDX-License-Identifier: ISC */
/* scenarios_moves: addresses and links that come and go. */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "run.h"
#include "world.h"

/* --- PROTOCOL.md 8: an address goes and comes back ----------------------- */

static const struct step client_steps[] = {
	{ .at = SEC(20.07), act_addr_del, "c.a", 0, "10.1.0.2" },
	{ .at = SEC(30.07), act_addr_add, "c.a", 0, "10.1.0.2" },
	{ 0 },
};

static const struct expect client_expects[] = {
	{ "worst key (paper's code 66 ms)", m_worst_echo, "key", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(66) },
	{ "used again after (5.6 s)", m_settled, "c", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(1) },
	{ "worst key at the return", m_worst_echo, "key", NULL,
	    SEC(30), SEC(39), MSEC, AT_MOST, MS(66) },
	{ "sends refused", m_refused, "key", NULL,
	    0, SEC(39), COUNT, AT_MOST, 0 },
	{ 0 },
};

static const struct step server_steps[] = {
	{ .at = SEC(20.07), act_addr_del, "s.a", 0, "10.1.0.1" },
	{ .at = SEC(30.07), act_addr_add, "s.a", 0, "10.1.0.1" },
	{ 0 },
};

static const struct expect server_expects[] = {
	{ "worst key (paper's code 500 ms)", m_worst_echo, "key", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "used again after (8.6 s)", m_settled, "c", "s.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(1) },
	{ "worst key at the return", m_worst_echo, "key", NULL,
	    SEC(30), SEC(39), MSEC, AT_MOST, MS(66) },
	{ "sends refused at the server", m_refused, "echo", NULL,
	    0, SEC(39), COUNT, AT_MOST, 0 },
	{ 0 },
};

static const struct place better_places[] = {
	{ .iface = "c.a", "", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(30) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct step better_steps[] = {
	{ .at = SEC(20.07), act_addr_add, "c.a", 0, "10.1.0.2" },
	{ 0 },
};

static const struct expect better_expects[] = {
	{ "better address used after (4.6 s)", m_settled, "c", "c.a",
	    SEC(20.07), SEC(40), MSEC, AT_MOST, SEC(1) },
	{ "worst key", m_worst_echo, "key", NULL,
	    SEC(10), SEC(39), MSEC, AT_MOST, MS(66) },
	{ 0 },
};

/* --- A link with carrier events ------------------------------------------ */

static const struct step carrier_steps[] = {
	{ .at = SEC(20.07), act_link_down, "c.a" },
	{ .at = SEC(30.07), act_link_up, "c.a" },
	{ 0 },
};

static const struct expect carrier_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(60) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(120) },
	{ "used again after", m_settled, "c", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(1) },
	{ 0 },
};

/* --- Both ends move at once; another path stays -------------------------- */

static const struct step both_steps[] = {
	{ .at = SEC(20.07), act_addr_move, "c.a", 0, "10.1.0.77" },
	{ .at = SEC(20.07), act_addr_move, "s.a", 0, "10.1.0.88" },
	{ .at = SEC(30.07), act_addr_move, "s.b", 0, "10.2.0.88" },
	{ .at = SEC(30.07), act_addr_move, "c.b", 0, "10.2.0.77" },
	{ 0 },
};

static const struct expect both_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(19), SEC(39), MSEC, AT_MOST, MS(150) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(39), MSEC, AT_MOST, MS(150) },
	{ "new pair used after", m_settled, "c", "c.a",
	    SEC(20.07), SEC(40), MSEC, AT_MOST, SEC(1) },
	/* old remote addresses stay: "never changed by an ADDR reply" */
	{ "flows at the end", m_flows, "c", NULL,
	    SEC(39), 0, COUNT, AT_MOST, 8 },
	{ 0 },
};

/* The only pair of addresses changes at the client: it roams. */
static const struct place roam_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct step roam_steps[] = {
	{ .at = SEC(20.07), act_addr_move, "c.a", 0, "10.1.0.3" },
	{ .at = SEC(30.07), act_addr_move, "c.a", 0, "10.1.0.4" },
	{ 0 },
};

static const struct expect roam_expects[] = {
	{ "keys without echo", m_no_echo, "key", NULL,
	    0, SEC(39), COUNT, AT_MOST, 0 },
	{ "worst key", m_worst_echo, "key", NULL,
	    SEC(10), SEC(39), MSEC, AT_MOST, MS(300) },
	{ "flows at the end", m_flows, "c", NULL,
	    SEC(39), 0, COUNT, AT_MOST, 1 },
	{ 0 },
};

/* --- Many addresses ------------------------------------------------------ */

static const struct place sixteen_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(20) },
	{ .iface = "c.c", "10.3.0.2", MS(30) },
	{ .iface = "c.d", "10.4.0.2", MS(40) },
	{ .iface = "s.a", "10.1.0.1", 0 },
	{ .iface = "s.b", "10.2.0.1", MS(1) },
	{ .iface = "s.c", "10.3.0.1", MS(2) },
	{ .iface = "s.d", "10.4.0.1", MS(3) },
	{ 0 },
};

static const struct step sixteen_steps[] = {
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ .at = SEC(25.07), act_cut, "s.a" },
	{ 0 },
};

static const struct expect sixteen_expects[] = {
	{ "flows", m_flows, "c", NULL, SEC(10), 0, COUNT, AT_LEAST, 16 },
	{ "flows", m_flows, "c", NULL, SEC(10), 0, COUNT, AT_MOST, 16 },
	{ "flows at the server", m_flows, "s", NULL,
	    SEC(10), 0, COUNT, AT_LEAST, 16 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(10), SEC(39), MSEC, AT_MOST, MS(200) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(10), SEC(39), MSEC, AT_MOST, MS(200) },
	{ 0 },
};

/* The server has 20 bridges, which nobody reaches, and its second uplink comes
 * after them; each has two addresses. */
#define BRIDGE(n)                                                          \
	{ .iface = "s.br" n, "172.20." n ".1 172.21." n ".1", 0, 'x' }

static const struct place bridges_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10), 'a' },
	{ .iface = "c.z", "10.2.0.2", MS(30), 'z' },
	{ .iface = "s.a", "10.1.0.1", 0, 'a' },
	BRIDGE("1"), BRIDGE("2"), BRIDGE("3"), BRIDGE("4"), BRIDGE("5"),
	BRIDGE("6"), BRIDGE("7"), BRIDGE("8"), BRIDGE("9"), BRIDGE("10"),
	BRIDGE("11"), BRIDGE("12"), BRIDGE("13"), BRIDGE("14"), BRIDGE("15"),
	BRIDGE("16"), BRIDGE("17"), BRIDGE("18"), BRIDGE("19"), BRIDGE("20"),
	{ .iface = "s.z", "10.2.0.1", 0, 'z' },
	{ 0 },
};

static const struct step bridges_steps[] = {
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ 0 },
};

static const struct expect bridges_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(10), SEC(39), MSEC, AT_MOST, MS(150) },
	{ "flows", m_flows, "c", NULL, SEC(39), 0, COUNT, AT_MOST, 64 },
	{ 0 },
};

/* Pairs of mixed families make no flow. */
static const struct place mixed_places[] = {
	{ .iface = "c.a", "10.1.0.2 fd01::2 fe80::2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(20) },
	{ .iface = "s.a", "10.9.0.1 fd09::1", 0 },
	{ .iface = "s.b", "fd08::1", 0 },
	{ 0 },
};

static const struct expect mixed_expects[] = {
	{ "flows (2 of IPv4, 2 of IPv6)", m_flows, "c", NULL,
	    SEC(10), 0, COUNT, AT_LEAST, 4 },
	{ "flows (2 of IPv4, 2 of IPv6)", m_flows, "c", NULL,
	    SEC(10), 0, COUNT, AT_MOST, 4 },
	{ 0 },
};

const struct scenario scenarios_moves[] = {
	{ .name = "client_addr", .title = "client address removed and back",
	    .length = SEC(40), .places = places_links,
	    .traffic = traffic_keys, .steps = client_steps,
	    .expects = client_expects },
	{ .name = "server_addr", .title = "server address removed and back",
	    .length = SEC(40), .places = places_links,
	    .traffic = traffic_keys, .steps = server_steps,
	    .expects = server_expects },
	{ .name = "better_addr", .title = "a better client address appears",
	    .length = SEC(40), .places = better_places,
	    .traffic = traffic_keys, .steps = better_steps,
	    .expects = better_expects },
	{ .name = "carrier", .title = "a link loses its carrier and gets it",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = carrier_steps,
	    .expects = carrier_expects },
	{ .name = "both_move", .title = "both ends change address at once",
	    .length = SEC(40), .places = places_links,
	    .traffic = traffic_call, .steps = both_steps,
	    .expects = both_expects },
	{ .name = "roam", .title = "the client's only address changes",
	    .length = SEC(40), .places = roam_places,
	    .traffic = traffic_keys, .steps = roam_steps,
	    .expects = roam_expects },
	{ .name = "sixteen", .title = "4x4 addresses make 16 flows",
	    .length = SEC(40), .places = sixteen_places,
	    .traffic = traffic_call, .steps = sixteen_steps,
	    .expects = sixteen_expects },
	{ .name = "bridges", .title = "20 bridges before the second uplink",
	    .length = SEC(40), .places = bridges_places,
	    .traffic = traffic_call, .steps = bridges_steps,
	    .expects = bridges_expects },
	{ .name = "mixed", .title = "mixed families and link-local make none",
	    .length = SEC(12), .places = mixed_places,
	    .traffic = traffic_call, .expects = mixed_expects },
	{ 0 },
};
