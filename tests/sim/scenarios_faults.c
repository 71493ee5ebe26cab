/* SPDX-License-Identifier: ISC */
/* scenarios_faults: paths that die in silence, and come back. */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "run.h"
#include "world.h"

/* --- PROTOCOL.md 8: the best path, while typing -------------------------- */

static const struct step dead_best_steps[] = {
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ .at = SEC(30.07), act_mend, "c.a" },
	{ 0 },
};

static const struct expect dead_best_expects[] = {
	{ "worst key (paper's code 330-417 ms)", m_worst_echo, "key", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "settled on the other after (500-600 ms)", m_settled, "c", "c.b",
	    SEC(20.07), SEC(30), MSEC, AT_MOST, MS(500) },
	{ "repaired path used after (0.6-9.6 s)", m_settled, "c", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(2) },
	{ "worst key at the repair", m_worst_echo, "key", NULL,
	    SEC(30), SEC(39), MSEC, AT_MOST, MS(70) },
	{ "keys without echo", m_no_echo, "key", NULL,
	    0, SEC(39), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* The same during a call, whose many packets show the fault sooner. */
static const struct expect dead_call_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "repaired path used after", m_settled, "c", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(2) },
	{ "the server too", m_settled, "s", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(2.1) },
	{ 0 },
};

/* --- One way only -------------------------------------------------------- */

static const struct step dead_out_steps[] = {
	{ .at = SEC(20.07), act_cut_out, "c.a" },
	{ .at = SEC(30.07), act_mend, "c.a" },
	{ 0 },
};

static const struct step dead_in_steps[] = {
	{ .at = SEC(20.07), act_cut_in, "c.a" },
	{ .at = SEC(30.07), act_mend, "c.a" },
	{ 0 },
};

/* The same, where nothing is to be sent again once it is 50 ms old: what is lost
 * then is what the dead path had, and nothing comes later than that and the way
 * of the other path. */
static const struct step resend_age_steps[] = {
	{ .at = 0, act_resend_age, "c", MS(50) },
	{ .at = 0, act_resend_age, "s", MS(50) },
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ .at = SEC(30.07), act_mend, "c.a" },
	{ 0 },
};

static const struct expect resend_age_expects[] = {
	{ "oldest that came up", m_worst_came, "up", NULL, SEC(1), SEC(39),
	    MSEC, AT_MOST, MS(85) },
	{ "oldest that came down", m_worst_came, "down", NULL, SEC(1), SEC(39),
	    MSEC, AT_MOST, MS(85) },
	{ "some were lost", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_LEAST,
	    1 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 10 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    10 },
	{ 0 },
};

/* One direction of the link is dead: both ends must leave it. */
static const struct expect one_way_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "client settled on the other after", m_settled, "c", "c.b",
	    SEC(20.07), SEC(30), MSEC, AT_MOST, MS(600) },
	{ "server settled on the other after", m_settled, "s", "c.b",
	    SEC(20.07), SEC(30), MSEC, AT_MOST, MS(700) },
	{ "repaired path used after", m_settled, "c", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(2) },
	{ 0 },
};

/* Data only downstream: only the client's agent can tell the server. */
static const struct traffic_row stream_down[] = {
	{ .name = "hello", "c", "s", HELLO, NULL, SEC(1), 40 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(10), 1100 },
	{ 0 },
};

static const struct expect dead_down_expects[] = {
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(30), MSEC, AT_MOST, MS(150) },
	{ "server settled on the other after", m_settled, "s", "c.b",
	    SEC(20.07), SEC(30), MSEC, AT_MOST, MS(700) },
	{ "repaired path used after", m_settled, "s", "c.a",
	    SEC(30.07), SEC(40), MSEC, AT_MOST, SEC(2.1) },
	{ 0 },
};

/* --- A link with an address at either end, as PROTOCOL.md 8 measured ----- */

static const struct step dead_link_steps[] = {
	{ .at = SEC(20.07), act_cut, "s.a" },
	{ .at = SEC(30.07), act_mend, "s.a" },
	{ 0 },
};

/* --- Only one path, which dies; another comes 4 s later ------------------ */

static const struct place only_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "", MS(30) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct step only_steps[] = {
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ .at = SEC(24.07), act_addr_add, "c.b", 0, "10.2.0.2" },
	{ 0 },
};

static const struct expect only_expects[] = {
	{ "new address used after (2.6 s)", m_settled, "c", "c.b",
	    SEC(24.07), SEC(34), MSEC, AT_MOST, SEC(1) },
	{ "keys without echo from then on", m_no_echo, "key", NULL,
	    SEC(25.07), SEC(39), COUNT, AT_MOST, 0 },
	{ "worst key from then on", m_worst_echo, "key", NULL,
	    SEC(25.07), SEC(39), MSEC, AT_MOST, MS(65) },
	{ 0 },
};

/* The only path dies for 5 s; the agent must find that it is back. */
static const struct step outage_steps[] = {
	{ .at = SEC(20.07), act_cut, "c.a" },
	{ .at = SEC(25.07), act_mend, "c.a" },
	{ 0 },
};

static const struct expect outage_expects[] = {
	{ "keys without echo after 27.1 s", m_no_echo, "key", NULL,
	    SEC(27.07), SEC(39), COUNT, AT_MOST, 0 },
	{ "worst key after 27.1 s", m_worst_echo, "key", NULL,
	    SEC(27.07), SEC(39), MSEC, AT_MOST, MS(25) },
	{ "sends refused in 5 s", m_refused, "key", NULL,
	    0, SEC(39), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- IPv4 dies, IPv6 carries on ------------------------------------------ */

static const struct place v4v6_places[] = {
	{ .iface = "c.a", "10.1.0.2 fd01::2", MS(10) },
	{ .iface = "s.s", "10.9.0.1 fd09::1", 0 },
	{ 0 },
};

static const struct step v4_steps[] = {
	{ .at = SEC(20.07), act_cut_family, "c.a", 4 },
	{ .at = SEC(30.07), act_mend, "c.a" },
	{ .at = SEC(40.07), act_cut_family, "c.a", 6 },
	{ .at = SEC(50.07), act_mend, "c.a" },
	{ 0 },
};

static const struct expect v4_expects[] = {
	{ "flows", m_flows, "c", NULL, SEC(10), 0, COUNT, AT_LEAST, 2 },
	{ "flows", m_flows, "c", NULL, SEC(10), 0, COUNT, AT_MOST, 2 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(59), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(59), COUNT, AT_MOST,
	    0 },
	{ "longest gap up", m_gap, "up", NULL,
	    SEC(19), SEC(59), MSEC, AT_MOST, MS(150) },
	{ "longest gap down", m_gap, "down", NULL,
	    SEC(19), SEC(59), MSEC, AT_MOST, MS(150) },
	{ 0 },
};

const struct scenario scenarios_faults[] = {
	{ .name = "dead_best", .title = "best path silently dead, typing",
	    .length = SEC(40), .places = places_links,
	    .traffic = traffic_keys, .steps = dead_best_steps,
	    .expects = dead_best_expects },
	{ .name = "dead_call", .title = "best path silently dead, call",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = dead_best_steps,
	    .expects = dead_call_expects },
	{ .name = "resend_age", .title = "best path dead, old ones not resent",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = resend_age_steps,
	    .expects = resend_age_expects },
	{ .name = "dead_link", .title = "the server's best link silently dead",
	    .length = SEC(40), .places = places_links,
	    .traffic = traffic_call, .steps = dead_link_steps,
	    .expects = dead_call_expects },
	{ .name = "dead_out", .title = "best path dead, client to server only",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = dead_out_steps,
	    .expects = one_way_expects },
	{ .name = "dead_in", .title = "best path dead, server to client only",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = dead_in_steps,
	    .expects = one_way_expects },
	{ .name = "dead_down", .title = "best path dead, only downstream data",
	    .length = SEC(40), .places = places_two,
	    .traffic = stream_down, .steps = dead_best_steps,
	    .expects = dead_down_expects },
	{ .name = "only_dead", .title = "only path dead, new address 4 s later",
	    .length = SEC(40), .places = only_places,
	    .traffic = traffic_keys, .steps = only_steps,
	    .expects = only_expects },
	{ .name = "outage", .title = "only path dead for 5 s",
	    .length = SEC(40), .places = only_places,
	    .traffic = traffic_keys, .steps = outage_steps,
	    .expects = outage_expects },
	{ .name = "v4_dies", .title = "IPv4 dies, IPv6 carries on; reverse",
	    .length = SEC(60), .places = v4v6_places,
	    .traffic = traffic_call, .steps = v4_steps,
	    .expects = v4_expects },
	{ 0 },
};
