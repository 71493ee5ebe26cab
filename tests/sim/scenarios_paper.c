/* SPDX-License-Identifier: ISC */
/* scenarios_paper: Figure 9 of the paper, and what all scenarios share. */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "run.h"
#include "world.h"

const struct traffic_row traffic_keys[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

const struct traffic_row traffic_call[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

const struct place places_two[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(30) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

const struct place places_links[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10), 'a' },
	{ .iface = "c.b", "10.2.0.2", MS(30), 'b' },
	{ .iface = "s.a", "10.1.0.1", 0, 'a' },
	{ .iface = "s.b", "10.2.0.1", 0, 'b' },
	{ 0 },
};

/*
 * Section 5: "Initially, both paths have negligible delay.  At time 7s, we
 * add 300ms delay on flow 5 [...] 17s, 200ms on flow 1 [...] 28s, we unplug
 * flow 1 [...] 38s, we plug back".
 */
static const struct place fig9_places[] = {
	{ .iface = "c.f1", "10.1.0.2", MS(1) },
	{ .iface = "c.f5", "10.5.0.2", MS(2) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct traffic_row fig9_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct step fig9_steps[] = {
	{ .at = SEC(7), act_delay, "c.f5", MS(152) },
	{ .at = SEC(17), act_delay, "c.f1", MS(101) },
	{ .at = SEC(28), act_cut, "c.f1" },
	{ .at = SEC(38), act_mend, "c.f1" },
	{ 0 },
};

static const struct expect fig9_expects[] = {
	{ "data on flow 1 until 28 s", m_share, "c", "c.f1",
	    SEC(1), SEC(28), PERMILLE, AT_LEAST, 1000 },
	{ "changes of flow, 1..28 s", m_switches, "c", NULL,
	    SEC(1), SEC(28), COUNT, AT_MOST, 0 },
	{ "SRTT of flow 5 at 17 s (304 ms)", m_srtt, "c", "c.f5",
	    SEC(17), 0, MSEC, AT_LEAST, MS(250) },
	{ "SRTT of flow 1 at 28 s (202 ms)", m_srtt, "c", "c.f1",
	    SEC(28), 0, MSEC, AT_LEAST, MS(195) },
	{ "on flow 5 since the unplugging (paper 1 s)", m_settled, "c",
	    "c.f5", SEC(28), SEC(38), MSEC, AT_MOST, MS(1000) },
	{ "back on flow 1 after 38 s (paper 21 s)", m_settled, "c", "c.f1",
	    SEC(38), SEC(50), MSEC, AT_MOST, MS(2000) },
	{ "server back on flow 1", m_settled, "s", "c.f1",
	    SEC(38), SEC(50), MSEC, AT_MOST, MS(2200) },
	{ "keys lost", m_lost, "key", NULL,
	    0, SEC(49), COUNT, AT_MOST, 0 },
	{ "keys without echo", m_no_echo, "key", NULL,
	    0, SEC(49), COUNT, AT_MOST, 0 },
	{ "call up lost", m_lost, "up", NULL,
	    0, SEC(49), COUNT, AT_MOST, 0 },
	{ "call down lost", m_lost, "down", NULL,
	    0, SEC(49), COUNT, AT_MOST, 0 },
	{ "worst datagram up at the unplugging", m_worst_way, "up", NULL,
	    SEC(27), SEC(38), MSEC, AT_MOST, MS(1000) },
	{ "worst datagram down", m_worst_way, "down", NULL,
	    SEC(27), SEC(38), MSEC, AT_MOST, MS(1000) },
	{ 0 },
};

const struct scenario scenarios_paper[] = {
	{ .name = "fig9", .title = "the paper's Figure 9",
	    .length = SEC(50), .places = fig9_places,
	    .traffic = fig9_traffic, .steps = fig9_steps,
	    .expects = fig9_expects },
	{ 0 },
};
