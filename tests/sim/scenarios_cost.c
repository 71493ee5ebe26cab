/* SPDX-License-Identifier: ISC */
/*
 * scenarios_cost: what probing costs, as in the paper's Figure 6.
 *
 * Figure 6 has 144 B/s of Ethernet frames for a flow probed each 500 ms on
 * IPv4, 180 on IPv6, 72 and 90 each second.  Our probe has 6 bytes more, its
 * answer 8, so probes go each 560 ms, on IPv6 each 700 ms: then any flow costs
 * 144 B/s at most.
 */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "run.h"
#include "world.h"

/* --- Active: the standby flow costs probes only -------------------------- */

static const struct expect active_expects[] = {
	{ "standby flow, client's frames (fig. 6: 144)", m_frame_rate, "c",
	    "c.b", SEC(20), SEC(80), RATE, AT_MOST, 152 },
	{ "standby flow, server's frames", m_frame_rate, "s", "c.b",
	    SEC(20), SEC(80), RATE, AT_MOST, 152 },
	{ "shortest time between two probes", m_probe_spacing, "c", NULL,
	    SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ "the same at the server, standby flow", m_probe_spacing, "s",
	    "c.b", SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ "flow in use, server's frames for 5 keys/s", m_control_rate, "s",
	    "c.a", SEC(20), SEC(80), RATE, AT_MOST, 152 + 5 * 76 },
	{ "flow in use, client's frames for 5 keys/s", m_control_rate, "c",
	    "c.a", SEC(20), SEC(80), RATE, AT_MOST, 152 + 5 * 76 },
	{ 0 },
};

static const struct place v6_places[] = {
	{ .iface = "c.a", "fd01::2", MS(10) },
	{ .iface = "c.b", "fd02::2", MS(30) },
	{ .iface = "s.s", "fd09::1", 0 },
	{ 0 },
};

static const struct expect v6_expects[] = {
	{ "standby flow, client's frames (fig. 6: 180)", m_frame_rate, "c",
	    "c.b", SEC(20), SEC(80), RATE, AT_MOST, 192 },
	{ "standby flow, server's frames", m_frame_rate, "s", "c.b",
	    SEC(20), SEC(80), RATE, AT_MOST, 192 },
	{ 0 },
};

/* 4 flows of a program with an echoed datagram a second, flows in use
 * included. */
static const struct place four_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(5) },
	{ .iface = "c.b", "10.2.0.2", MS(20) },
	{ .iface = "s.a", "10.1.0.1", MS(0) },
	{ .iface = "s.b", "10.2.0.1", MS(1) },
	{ 0 },
};

static const struct place mixed_places[] = {
	{ .iface = "c.a", "10.1.0.2 fd01::2", MS(5) },
	{ .iface = "c.b", "10.2.0.2 fd02::2", MS(20) },
	{ .iface = "s.s", "10.9.0.1 fd09::1", MS(0) },
	{ 0 },
};

static const struct place four_v6_places[] = {
	{ .iface = "c.a", "fd01::2", MS(5) },
	{ .iface = "c.b", "fd02::2", MS(20) },
	{ .iface = "s.a", "fd01::1", MS(0) },
	{ .iface = "s.b", "fd02::1", MS(1) },
	{ 0 },
};

static const struct traffic_row second_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, SEC(1), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

static const struct expect four_expects[] = {
	{ "flows", m_flows, "c", NULL, SEC(20), 0, COUNT, AT_LEAST, 4 },
	{ "4 flows, client (fig. 6: 4 * 144)", m_control_rate, "c", NULL,
	    SEC(20), SEC(80), RATE, AT_MOST, 4 * 144 },
	{ "4 flows, server", m_control_rate, "s", NULL,
	    SEC(20), SEC(80), RATE, AT_MOST, 4 * 144 },
	{ "shortest time between two probes", m_probe_spacing, "c", NULL,
	    SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ 0 },
};

/* "an overhead of less than 3kB/s for the whole network" with 16 flows. */
static const struct place sixteen_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(20) },
	{ .iface = "c.c", "10.3.0.2", MS(30) },
	{ .iface = "c.d", "10.4.0.2", MS(40) },
	{ .iface = "s.a", "10.1.0.1", MS(0) },
	{ .iface = "s.b", "10.2.0.1", MS(1) },
	{ .iface = "s.c", "10.3.0.1", MS(2) },
	{ .iface = "s.d", "10.4.0.1", MS(3) },
	{ 0 },
};

static const struct expect sixteen_expects[] = {
	{ "16 flows, one way (paper: under 3000)", m_control_rate, "c", NULL,
	    SEC(20), SEC(80), RATE, AT_MOST, 16 * 152 + 5 * 76 },
	{ "16 flows, the other way", m_control_rate, "s", NULL,
	    SEC(20), SEC(80), RATE, AT_MOST, 16 * 152 + 5 * 76 },
	{ "shortest time between two probes", m_probe_spacing, "c", NULL,
	    SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ 0 },
};

/* --- Streams: probes and delayed acknowledgements beside 50 a second ----- */

static const struct traffic_row stream_up[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct expect stream_expects[] = {
	{ "shortest time between two probes", m_probe_spacing, "c", NULL,
	    SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ "server's answers to 50 packets/s, payload", m_payload_rate, "s",
	    "c.a", SEC(20), SEC(80), RATE, AT_MOST, 25 * 38 + 100 },
	{ "answers besides those to probes", m_answers, "s", NULL,
	    0, SEC(80), PERMILLE, AT_MOST, 500 },
	{ "copies", m_copies, "c", NULL,
	    SEC(20), SEC(80), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* Some datagrams are always under way: that must not put probes off, which
 * bring the counts of loss. */
static const struct traffic_row busy_traffic[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(2), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(2), 180 },
	{ 0 },
};

static const struct expect busy_expects[] = {
	{ "shortest time between two probes", m_probe_spacing, "c", NULL,
	    SEC(20), SEC(80), MSEC, AT_LEAST, MS(500) },
	{ "longest time, flow in use", m_probe_gap, "c", "c.a",
	    SEC(20), SEC(80), MSEC, AT_MOST, MS(750) },
	{ "copies", m_copies, "c", NULL,
	    SEC(20), SEC(80), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- Idle: one key at the start, then nothing for 10 minutes ------------- */

static const struct place idle_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(30) },
	{ .iface = "s.a", "10.1.0.1", 0 },
	{ .iface = "s.b", "10.2.0.1", MS(1) },
	{ 0 },
};

static const struct traffic_row idle_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60, 0, SEC(2) },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ .name = "late", "c", "s", TIMER, NULL, MS(200), 60, SEC(640) },
	{ .name = "ohce", "s", "c", ECHO, "late", 0, 120 },
	{ 0 },
};

static const struct expect idle_expects[] = {
	{ "flows", m_flows, "c", NULL, SEC(30), 0, COUNT, AT_LEAST, 4 },
	{ "4 idle flows, UDP payload both ways, rekeys too", m_payload_rate,
	    NULL, NULL, SEC(30), SEC(630), RATE, AT_MOST, 15 },
	{ "one standby flow's frames (fig. 6: 7.2 at 10 s)", m_frame_rate,
	    "c", "s.b", SEC(30), SEC(630), RATE, AT_MOST, 10 },
	{ "worst key after 10 minutes", m_worst_echo, "late", NULL,
	    SEC(640), SEC(645), MSEC, AT_MOST, MS(66) },
	{ 0 },
};

/* A session that nobody uses any more: keys wiped, no packet at all? */
static const struct traffic_row forgotten_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60, 0, SEC(2) },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

static const struct step gone_steps[] = {
	{ .at = SEC(10), act_cut, "s.a" },
	{ .at = SEC(10), act_cut, "s.b" },
	{ 0 },
};

static const struct expect gone_expects[] = {
	{ "peer gone: payload sent after 2 minutes", m_payload_rate, "c",
	    NULL, SEC(130), SEC(600), RATE, AT_MOST, 80 },
	{ "the same at the server", m_payload_rate, "s", NULL,
	    SEC(130), SEC(600), RATE, AT_MOST, 80 },
	{ 0 },
};

const struct scenario scenarios_cost[] = {
	{ .name = "cost_active", .title = "probes of an active program",
	    .length = SEC(80), .places = places_two,
	    .traffic = traffic_keys, .expects = active_expects },
	{ .name = "cost_v6", .title = "the same on IPv6",
	    .length = SEC(80), .places = v6_places,
	    .traffic = traffic_keys, .expects = v6_expects },
	{ .name = "cost_four", .title = "4 flows of IPv4",
	    .length = SEC(80), .places = four_places,
	    .traffic = second_traffic, .expects = four_expects },
	{ .name = "cost_mixed", .title = "2 flows of IPv4 and 2 of IPv6",
	    .length = SEC(80), .places = mixed_places,
	    .traffic = second_traffic, .expects = four_expects },
	{ .name = "cost_four_v6", .title = "4 flows of IPv6",
	    .length = SEC(80), .places = four_v6_places,
	    .traffic = second_traffic, .expects = four_expects },
	{ .name = "cost_sixteen", .title = "16 flows of an active program",
	    .length = SEC(80), .places = sixteen_places,
	    .traffic = traffic_keys, .expects = sixteen_expects },
	{ .name = "cost_stream", .title = "a stream one way",
	    .length = SEC(80), .places = places_two,
	    .traffic = stream_up, .expects = stream_expects },
	{ .name = "cost_busy", .title = "500 datagrams a second both ways",
	    .length = SEC(80), .places = places_two,
	    .traffic = busy_traffic, .expects = busy_expects },
	{ .name = "cost_idle", .title = "10 idle minutes with 4 flows",
	    .length = SEC(650), .places = idle_places,
	    .traffic = idle_traffic, .expects = idle_expects },
	{ .name = "cost_gone", .title = "a peer that is gone",
	    .length = SEC(600), .places = idle_places,
	    .traffic = forgotten_traffic, .steps = gone_steps,
	    .expects = gone_expects },
	{ 0 },
};
