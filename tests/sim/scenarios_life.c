/* SPDX-License-Identifier: ISC */
/* scenarios_life: sessions begin, end, rekey; NATs; hostile peers. */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "mp.h"
#include "rng.h"
#include "run.h"
#include "world.h"

/* --- Begin --------------------------------------------------------------- */

static const struct expect start_expects[] = {
	{ "worst key from the first on", m_worst_echo, "key", NULL,
	    0, SEC(9), MSEC, AT_MOST, MS(66) },
	{ "keys lost", m_lost, "key", NULL, 0, SEC(9), COUNT, AT_MOST, 0 },
	{ "best path used after", m_settled, "c", "c.a",
	    0, SEC(10), MSEC, AT_MOST, SEC(1) },
	{ "sessions", m_sessions, "c", NULL, 0, 0, COUNT, AT_LEAST, 1 },
	{ 0 },
};

/* Three of ten packets are lost, each way. */
static const struct step lossy_start_steps[] = {
	{ .at = 0, act_loss, "c.a", PPM * 3 / 10 },
	{ .at = 0, act_loss, "c.b", PPM * 3 / 10 },
	{ .at = SEC(10), act_loss, "c.a", 0 },
	{ .at = SEC(10), act_loss, "c.b", 0 },
	{ 0 },
};

static const struct expect lossy_start_expects[] = {
	{ "sessions", m_sessions, "c", NULL, 0, 0, COUNT, AT_LEAST, 1 },
	{ "first 2 s: keys that came (of 10)", m_delivered, "key", NULL,
	    0, SEC(2), COUNT, AT_LEAST, 1 },
	{ "lost after 12 s", m_no_echo, "key", NULL,
	    SEC(12), SEC(19), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* Both programs send first, in the same millisecond. */
static const struct traffic_row both_first_traffic[] = {
	{ .name = "up", "c", "s", FIRST, NULL, MS(20), 180 },
	{ .name = "down", "s", "c", FIRST, NULL, MS(20), 180 },
	{ 0 },
};

static const struct place both_first_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct expect both_first_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(9), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, 0, SEC(9), COUNT, AT_MOST, 0 },
	{ "worst up", m_worst_way, "up", NULL,
	    0, SEC(9), MSEC, AT_MOST, MS(400) },
	{ "sessions at the client", m_sessions, "c", NULL,
	    0, 0, COUNT, AT_MOST, 1 },
	{ "sessions at the server", m_sessions, "s", NULL,
	    0, 0, COUNT, AT_MOST, 1 },
	{ 0 },
};

/* --- Restart ------------------------------------------------------------- */

static const struct traffic_row restart_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct step server_restart_steps[] = {
	{ .at = SEC(20.07), act_stop, "s" },
	{ .at = SEC(25.07), act_start, "s" },
	{ 0 },
};

static const struct step server_blink_steps[] = {
	{ .at = SEC(20.07), act_stop, "s" },
	{ .at = SEC(20.08), act_start, "s" },
	{ 0 },
};

static const struct step client_restart_steps[] = {
	{ .at = SEC(20.07), act_stop, "c" },
	{ .at = SEC(25.07), act_start, "c" },
	{ 0 },
};

static const struct step client_blink_steps[] = {
	{ .at = SEC(20.07), act_stop, "c" },
	{ .at = SEC(20.08), act_start, "c" },
	{ 0 },
};

static const struct expect restart_expects[] = {
	{ "keys without echo 2 s after the return", m_no_echo, "key", NULL,
	    SEC(27.07), SEC(39), COUNT, AT_MOST, 0 },
	{ "lost up 2 s after the return", m_lost, "up", NULL,
	    SEC(27.07), SEC(39), COUNT, AT_MOST, 0 },
	{ "sessions at the server", m_sessions, "s", NULL,
	    0, 0, COUNT, AT_LEAST, 1 },
	{ 0 },
};

static const struct expect blink_expects[] = {
	{ "keys without echo 2 s after the return", m_no_echo, "key", NULL,
	    SEC(22.08), SEC(39), COUNT, AT_MOST, 0 },
	{ "lost up 2 s after the return", m_lost, "up", NULL,
	    SEC(22.08), SEC(39), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- Rekey --------------------------------------------------------------- */

static const struct traffic_row slow_call[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(100), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(100), 180 },
	{ 0 },
};

static const struct expect rekey_expects[] = {
	{ "handshakes in 10 minutes", m_counter, "c", "handshake_done",
	    0, 0, COUNT, AT_LEAST, 5 },
	{ "handshakes in 10 minutes", m_counter, "c", "handshake_done",
	    0, 0, COUNT, AT_MOST, 7 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(599), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(599), COUNT,
	    AT_MOST, 0 },
	{ "worst up", m_worst_way, "up", NULL,
	    SEC(1), SEC(599), MSEC, AT_MOST, MS(15) },
	{ "changes of flow", m_switches, "c", NULL,
	    SEC(5), SEC(600), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* With 2 % loss on both paths: a rekey may need to try again. */
static const struct step rekey_loss_steps[] = {
	{ .at = SEC(5), act_loss, "c.a", PPM / 50 },
	{ .at = SEC(5), act_loss, "c.b", PPM / 50 },
	{ 0 },
};

static const struct expect rekey_loss_expects[] = {
	{ "handshakes in 10 minutes", m_counter, "c", "handshake_done",
	    0, 0, COUNT, AT_LEAST, 5 },
	{ "lost up beyond the paths' loss", m_lost_beyond, "up", NULL,
	    0, SEC(599), COUNT, AT_MOST, 0 },
	{ "lost down beyond the paths' loss", m_lost_beyond, "down", NULL,
	    SEC(1), SEC(599), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- NAT ----------------------------------------------------------------- */

static const struct place nat_places[] = {
	{ .iface = "c.a", "192.168.1.2", MS(10), 0, "81.1.0.1" },
	{ .iface = "s.s", "81.9.0.1", 0 },
	{ 0 },
};

/* Types for 3 s, thinks for 7. */
static const struct traffic_row burst_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60, 0, 0, SEC(3),
	    SEC(7) },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

static const struct step nat_steps[] = {
	{ .at = 0, act_nat_forget_after, "81.1.0.1", SEC(2) },
	{ 0 },
};

static const struct expect nat_expects[] = {
	{ "keys lost", m_lost, "key", NULL, 0, SEC(99), COUNT, AT_MOST, 0 },
	{ "keys without echo (10 bursts)", m_no_echo, "key", NULL,
	    0, SEC(99), COUNT, AT_MOST, 0 },
	{ "worst key", m_worst_echo, "key", NULL,
	    SEC(1), SEC(99), MSEC, AT_MOST, MS(300) },
	{ 0 },
};

static const struct traffic_row pause_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60, 0, 0, SEC(3),
	    SEC(57) },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

static const struct expect nat_idle_expects[] = {
	{ "keys lost", m_lost, "key", NULL, 0, SEC(299), COUNT, AT_MOST, 0 },
	{ "keys without echo (5 pauses of 57 s)", m_no_echo, "key", NULL,
	    0, SEC(299), COUNT, AT_MOST, 0 },
	{ "worst key", m_worst_echo, "key", NULL,
	    SEC(1), SEC(299), MSEC, AT_MOST, MS(300) },
	{ 0 },
};

/* The NAT loses its table in the middle of a call. */
static const struct step nat_flush_steps[] = {
	{ .at = SEC(20.07), act_nat_flush, "81.1.0.1" },
	{ 0 },
};

static const struct expect nat_flush_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down after 20.5 s", m_lost, "down", NULL,
	    SEC(20.57), SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down in between (25 sent)", m_lost, "down", NULL,
	    SEC(20), SEC(20.57), COUNT, AT_MOST, 10 },
	{ 0 },
};

/* Mappings end 55 s after they began, whatever the traffic.  What the server
 * sent meanwhile is resent when the client's next packet came from the new one,
 * and that was challenged: 3 ways, and up to 40 ms until that packet. */
static const struct place nat_life_places[] = {
	{ .iface = "c.a", "192.168.1.2", MS(40), 0, "81.1.0.1" },
	{ .iface = "s.s", "81.9.0.1", 0 },
	{ 0 },
};

static const struct step nat_life_steps[] = {
	{ .at = 0, act_nat_life, "81.1.0.1", SEC(55) },
	{ 0 },
};

static const struct traffic_row nat_life_down[] = {
	{ .name = "hello", "c", "s", TIMER, NULL, SEC(1), 60, 0, SEC(2) },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct expect nat_life_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(399), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(399), COUNT, AT_MOST,
	    0 },
	{ "slowest down", m_worst_way, "down", NULL,
	    SEC(1), SEC(399), MSEC, AT_MOST, MS(4 * 40 + 40) },
	{ "moves", m_counter, "s", "rebind", 0, 0, COUNT, AT_LEAST, 7 },
	{ 0 },
};

static const struct expect nat_life_down_expects[] = {
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(399), COUNT, AT_MOST,
	    0 },
	{ "slowest down", m_worst_way, "down", NULL,
	    SEC(1), SEC(399), MSEC, AT_MOST, MS(4 * 40 + 40) },
	{ 0 },
};

/* The same where another path is alive, and a fast stream.  Much is to be resent:
 * before that is done the moved flow answers what was sent on it since, which
 * proves nothing of what went to the former place. */
static const struct place nat_beside_places[] = {
	{ .iface = "c.a", "192.168.1.2", MS(40), 0, "81.1.0.1" },
	{ .iface = "c.b", "82.1.0.7", MS(60) },
	{ .iface = "s.s", "81.9.0.1", 0 },
	{ 0 },
};

static const struct step nat_beside_steps[] = {
	{ .at = 0, act_nat_life, "81.1.0.1", SEC(5) },
	{ 0 },
};

static const struct traffic_row nat_beside_down[] = {
	{ .name = "hello", "c", "s", TIMER, NULL, SEC(1), 60, 0, SEC(2) },
	{ .name = "down", "s", "c", TIMER, NULL, MS(1), 180 },
	{ 0 },
};

static const struct expect nat_beside_expects[] = {
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(99), COUNT, AT_MOST,
	    0 },
	{ "moves", m_counter, "s", "rebind", 0, 0, COUNT, AT_LEAST, 18 },
	{ 0 },
};

/* A balancer: each packet leaves by the other of two ports. */
static const struct step nat_balance_steps[] = {
	{ .at = SEC(5), act_nat_balance, "81.1.0.1" },
	{ 0 },
};

static const struct expect nat_balance_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "moves in 35 s (1351 in 14 s seen)", m_counter, "s", "rebind",
	    0, 0, COUNT, AT_MOST, 9 },
	{ 0 },
};

static const struct place nat_two_places[] = {
	{ .iface = "c.a", "192.168.1.2", MS(10), 0, "81.1.0.1" },
	{ .iface = "d.a", "192.168.1.3", MS(12), 0, "81.1.0.1" },
	{ .iface = "d.b", "82.1.0.7", MS(30) },
	{ .iface = "s.s", "81.9.0.1", 0 },
	{ 0 },
};

static const struct traffic_row nat_two_traffic[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ .name = "key2", "d", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo2", "s", "d", ECHO, "key2", 0, 120 },
	{ 0 },
};

static const struct expect nat_two_expects[] = {
	{ "keys without echo", m_no_echo, "key", NULL,
	    0, SEC(59), COUNT, AT_MOST, 0 },
	{ "the other's", m_no_echo, "key2", NULL,
	    0, SEC(59), COUNT, AT_MOST, 0 },
	{ "worst key", m_worst_echo, "key", NULL,
	    SEC(1), SEC(59), MSEC, AT_MOST, MS(25) },
	{ "sessions at the server", m_sessions, "s", NULL,
	    0, 0, COUNT, AT_LEAST, 2 },
	{ 0 },
};

/* --- A hostile peer: it claims 64 addresses that are not its own --------- */

enum {
	HOSTILE_FLOWS = 2 * MP_TOLD_MAX, /* from 2 addresses of ours */
	CHALLENGE_LEN = MP_OVERHEAD + 11, /* 4 at first, then each 30 s */
};

static const struct step hostile_steps[] = {
	{ .at = 0, act_claim, "s", MP_LOCALS_MAX },
	{ 0 },
};

static const struct expect hostile_expects[] = {
	{ "bytes to 16 victims in the first 5 s", m_astray, "c", NULL,
	    0, SEC(5), COUNT, AT_MOST, HOSTILE_FLOWS * 4 * CHALLENGE_LEN },
	{ "bytes to 16 victims in 10 minutes", m_astray, "c", NULL, 0,
	    SEC(600), COUNT, AT_MOST, HOSTILE_FLOWS * 24 * CHALLENGE_LEN },
	{ "flows", m_flows, "c", NULL, SEC(60), 0, COUNT, AT_MOST,
	    HOSTILE_FLOWS + 2 },
	{ "keys without echo", m_no_echo, "key", NULL,
	    0, SEC(599), COUNT, AT_MOST, 0 },
	{ 0 },
};

const struct scenario scenarios_life[] = {
	{ .name = "start", .title = "the first second of a session",
	    .length = SEC(10), .places = places_two,
	    .traffic = traffic_keys, .expects = start_expects },
	{ .name = "lossy_start", .title = "a session begins under 30 % loss",
	    .length = SEC(20), .places = places_two,
	    .traffic = traffic_keys, .steps = lossy_start_steps,
	    .expects = lossy_start_expects },
	{ .name = "both_first", .title = "both programs send first",
	    .length = SEC(10), .places = both_first_places,
	    .traffic = both_first_traffic, .expects = both_first_expects },
	{ .name = "server_restart", .title = "the server is gone for 5 s",
	    .length = SEC(40), .places = places_two,
	    .traffic = restart_traffic, .steps = server_restart_steps,
	    .expects = restart_expects },
	{ .name = "server_blink", .title = "the server restarts at once",
	    .length = SEC(40), .places = places_two,
	    .traffic = restart_traffic, .steps = server_blink_steps,
	    .expects = blink_expects },
	{ .name = "client_restart", .title = "the client is gone for 5 s",
	    .length = SEC(40), .places = places_two,
	    .traffic = restart_traffic, .steps = client_restart_steps,
	    .expects = restart_expects },
	{ .name = "client_blink", .title = "the client restarts at once",
	    .length = SEC(40), .places = places_two,
	    .traffic = restart_traffic, .steps = client_blink_steps,
	    .expects = blink_expects },
	{ .name = "rekey", .title = "10 minutes, 5 rekeys",
	    .length = SEC(600), .places = places_two,
	    .traffic = slow_call, .expects = rekey_expects },
	{ .name = "rekey_loss", .title = "the same with 2 % loss",
	    .length = SEC(600), .places = places_two,
	    .traffic = slow_call, .steps = rekey_loss_steps,
	    .expects = rekey_loss_expects },
	{ .name = "nat_forgets", .title = "a NAT that forgets after 2 s",
	    .length = SEC(100), .places = nat_places,
	    .traffic = burst_traffic, .steps = nat_steps,
	    .expects = nat_expects },
	{ .name = "nat_life", .title = "mappings that end after 55 s",
	    .length = SEC(400), .places = nat_life_places,
	    .traffic = traffic_call, .steps = nat_life_steps,
	    .expects = nat_life_expects },
	{ .name = "nat_life_down", .title = "the same, a stream down",
	    .length = SEC(400), .places = nat_life_places,
	    .traffic = nat_life_down, .steps = nat_life_steps,
	    .expects = nat_life_down_expects },
	{ .name = "nat_beside", .title = "a fast stream beside a path",
	    .length = SEC(100), .places = nat_beside_places,
	    .traffic = nat_beside_down, .steps = nat_beside_steps,
	    .expects = nat_beside_expects },
	{ .name = "nat_idle", .title = "the same, long pauses",
	    .length = SEC(300), .places = nat_places,
	    .traffic = pause_traffic, .steps = nat_steps,
	    .expects = nat_idle_expects },
	{ .name = "nat_flush", .title = "a NAT restarts during a call",
	    .length = SEC(40), .places = nat_places,
	    .traffic = traffic_call, .steps = nat_flush_steps,
	    .expects = nat_flush_expects },
	{ .name = "nat_balance", .title = "a NAT with two ports in turn",
	    .length = SEC(40), .places = nat_places,
	    .traffic = traffic_call, .steps = nat_balance_steps,
	    .expects = nat_balance_expects },
	{ .name = "nat_two", .title = "two clients behind one NAT",
	    .length = SEC(60), .places = nat_two_places,
	    .traffic = nat_two_traffic, .expects = nat_two_expects },
	{ .name = "hostile_list", .title = "a peer lists others' addresses",
	    .length = SEC(600), .places = places_two,
	    .traffic = traffic_keys, .steps = hostile_steps,
	    .expects = hostile_expects },
	{ 0 },
};
