/* SPDX-License-Identifier: ISC */
/* scenarios_quality: loss, jitter, sizes, slow readers; calm or not. */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "net.h"
#include "rng.h"
#include "run.h"
#include "world.h"

/* --- Two equal paths: nothing to be gained by changing ------------------- */

static const struct place equal_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "c.b", "10.2.0.2", MS(10) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct traffic_row keys_and_call[] = {
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct expect equal_expects[] = {
	{ "changes of flow a minute (paper's code 6)", m_switches, "c", NULL,
	    SEC(10), SEC(70), COUNT, AT_MOST, 0 },
	{ "the same at the server", m_switches, "s", NULL,
	    SEC(10), SEC(70), COUNT, AT_MOST, 0 },
	{ "copies", m_copies, "c", NULL,
	    SEC(10), SEC(70), COUNT, AT_MOST, 0 },
	{ 0 },
};

static const struct step jitter_steps[] = {
	{ .at = 0, act_jitter, "c.a", MS(1) },
	{ .at = 0, act_jitter, "c.b", MS(1) },
	{ 0 },
};

static const struct expect jitter_expects[] = {
	{ "changes of flow a minute", m_switches, "c", NULL,
	    SEC(10), SEC(70), COUNT, AT_MOST, 0 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(69), COUNT, AT_MOST, 0 },
	{ "worst datagram up", m_worst_way, "up", NULL,
	    SEC(10), SEC(69), MSEC, AT_MOST, MS(13) },
	{ 0 },
};

/* --- The best path loses a tenth, each way ------------------------------- */

static const struct step lossy_steps[] = {
	{ .at = 0, act_loss, "c.a", PPM / 10 },
	{ 0 },
};

static const struct expect lossy_expects[] = {
	{ "changes of flow a minute (paper's code 72)", m_switches, "c",
	    NULL, SEC(10), SEC(70), COUNT, AT_MOST, 6 },
	{ "the same at the server", m_switches, "s", NULL,
	    SEC(10), SEC(70), COUNT, AT_MOST, 6 },
	{ "keys lost after 10 s", m_lost, "key", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ "echoes lost after 10 s", m_lost, "echo", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ "calls lost after 10 s, up", m_lost, "up", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ "calls lost after 10 s, down", m_lost, "down", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ 0 },
};

static const struct expect lossy_keys_expects[] = {
	{ "changes of flow a minute (paper's code 72)", m_switches, "c",
	    NULL, SEC(10), SEC(70), COUNT, AT_MOST, 6 },
	{ "keys lost after 10 s", m_lost, "key", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ "echoes lost after 10 s", m_lost, "echo", NULL,
	    SEC(10), SEC(69), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* The same nine times: the few packets of keys must show the loss, whichever of
 * them are lost. */
static void
lossy_nine(struct run *r)
{
	struct expect key = { .who = "key", .from = SEC(10), .to = SEC(69) };
	struct expect echo = { .who = "echo", .from = SEC(10), .to = SEC(69) };
	uint64_t seed = r->seed, keys = 0, echoes = 0;
	unsigned k;

	for (k = 0; k < 9; k++) {
		run_free(r);
		run_init(r, seed + k);
		run_places(r, places_two);
		run_traffic(r, traffic_keys);
		run_steps(r, lossy_steps);
		run_start(r);
		run_until(r, SEC(70));
		keys += m_lost(r, &key);
		echoes += m_lost(r, &echo);
	}
	run_row(r, "keys lost after 10 s", COUNT, keys, AT_MOST, 0);
	run_row(r, "echoes lost after 10 s", COUNT, echoes, AT_MOST, 0);
}

/* The best path loses a tenth downstream only: counts tell the direction. */
static const struct step lossy_down_steps[] = {
	{ .at = 0, act_loss_in, "c.a", PPM / 10 },
	{ 0 },
};

static const struct expect lossy_down_expects[] = {
	{ "left for the clean, slower one within", m_settled, "c", "c.b",
	    SEC(1), SEC(69), MSEC, AT_MOST, SEC(12) },
	{ "the server too", m_settled, "s", "c.b", SEC(1), SEC(69), MSEC,
	    AT_MOST, SEC(12) },
	{ "calls lost after 6 s, down", m_lost, "down", NULL,
	    SEC(6), SEC(69), COUNT, AT_MOST, 2 },
	{ "copies up, where nothing is lost", m_copy_share, "c", NULL,
	    SEC(1), SEC(69), PERMILLE, AT_MOST, 10 },
	{ "copies by either after 15 s", m_copy_share, NULL, NULL,
	    SEC(15), SEC(69), PERMILLE, AT_MOST, 10 },
	{ 0 },
};

/* Two flows of one lossy link: neither carries copies of the other. */
static const struct place one_link_places[] = {
	{ .iface = "c.a", "10.1.0.2 fd01::2", MS(10) },
	{ .iface = "s.s", "10.9.0.1 fd09::1", 0 },
	{ 0 },
};

static const struct expect one_link_expects[] = {
	{ "copies (false alarms)", m_copy_share, NULL, NULL,
	    SEC(1), SEC(69), PERMILLE, AT_MOST, 60 },
	{ 0 },
};

/* Each second the best path is slower by 150 ms for 80 ms: no loss. */
static void
spikes(struct run *r)
{
	struct expect e = { .who = NULL, .from = SEC(5), .to = SEC(60) };
	struct expect lost = { .who = "up", .to = SEC(59) };
	struct iface *i;
	unsigned k;

	run_places(r, places_two);
	run_traffic(r, traffic_call);
	run_start(r);
	i = run_iface(r, "c.a");
	for (k = 1; k <= 60; k++) {
		run_until(r, SEC(k));
		i->out.delay_us = i->in.delay_us = MS(160);
		run_until(r, SEC(k) + MS(80));
		i->out.delay_us = i->in.delay_us = MS(10);
	}
	run_until(r, SEC(61));
	run_row(r, "copies", PERMILLE, m_copy_share(r, &e), AT_MOST, 250);
	run_row(r, "lost up", COUNT, m_lost(r, &lost), AT_MOST, 0);
}

/* --- Times ---------------------------------------------------------------- */

/* A path of 6 s, or of 17 s, which timestamps of 16 bits cannot tell from one of
 * 0.6 s, and one of 400 ms. */
static const struct place slow6_places[] = {
	{ .iface = "c.a", "10.1.0.2", SEC(3) },
	{ .iface = "c.b", "10.2.0.2", MS(200) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct place slow17_places[] = {
	{ .iface = "c.a", "10.1.0.2", SEC(8.5) },
	{ .iface = "c.b", "10.2.0.2", MS(400) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct expect slow_path_expects[] = {
	{ "datagrams up by the fast path", m_share, "c", "c.b", SEC(60),
	    SEC(140), PERMILLE, AT_LEAST, 1000 },
	{ "down", m_share, "s", "c.b", SEC(60), SEC(140), PERMILLE, AT_LEAST,
	    1000 },
	{ 0 },
};

/* The server's program reads nothing for 4.7 s. */
static const struct step late_read_steps[] = {
	{ .at = SEC(20), act_read_pause, "s", SEC(4.7) },
	{ 0 },
};

static const struct expect late_read_expects[] = {
	{ "SRTT at the client then", m_srtt, "c", "c.a", SEC(24.8), 0, MSEC,
	    AT_MOST, MS(21) },
	{ "at the server", m_srtt, "s", "s.s", SEC(24.8), 0, MSEC, AT_MOST,
	    MS(62) },
	{ "changes of flow", m_switches, "c", NULL, SEC(10), SEC(40), COUNT,
	    AT_MOST, 0 },
	{ 0 },
};

/* --- A network that doubles and reorders --------------------------------- */

static const struct step unruly_steps[] = {
	{ .at = 0, act_dup, "c.a", PPM / 20 },
	{ .at = 0, act_dup, "c.b", PPM / 20 },
	{ .at = 0, act_reorder, "c.a", PPM / 20 },
	{ .at = 0, act_reorder, "c.b", PPM / 20 },
	{ 0 },
};

static const struct expect unruly_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(59), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(59), COUNT, AT_MOST,
	    0 },
	{ "changes of flow", m_switches, "c", NULL,
	    SEC(10), SEC(60), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- A path that eats packets over 1300 bytes ---------------------------- */

static const struct traffic_row big_traffic[] = {
	{ .name = "big", "c", "s", TIMER, NULL, MS(20), 1350 },
	{ .name = "gib", "s", "c", TIMER, NULL, MS(20), 1350 },
	{ 0 },
};

static const struct step eats_steps[] = {
	{ .at = 0, act_eats, "c.a", 1300 },
	{ 0 },
};

static const struct expect eats_expects[] = {
	{ "lost at the start", m_lost, "big", NULL,
	    0, SEC(3), COUNT, AT_MOST, 0 },
	{ "lost up after 3 s", m_lost, "big", NULL,
	    SEC(3), SEC(29), COUNT, AT_MOST, 0 },
	{ "lost down after 3 s", m_lost, "gib", NULL,
	    SEC(3), SEC(29), COUNT, AT_MOST, 0 },
	{ "on the other path", m_share, "c", "c.b",
	    SEC(3), SEC(30), PERMILLE, AT_LEAST, 1000 },
	{ "the same at the server", m_share, "s", "c.b",
	    SEC(3), SEC(30), PERMILLE, AT_LEAST, 1000 },
	{ 0 },
};

static const struct step starts_eating_steps[] = {
	{ .at = SEC(20.07), act_eats, "c.a", 1300 },
	{ 0 },
};

static const struct expect starts_eating_expects[] = {
	{ "before: on the best path", m_share, "c", "c.a",
	    SEC(10), SEC(20), PERMILLE, AT_LEAST, 1000 },
	{ "lost in all up", m_lost, "big", NULL,
	    0, SEC(59), COUNT, AT_MOST, 6 },
	{ "lost in all down", m_lost, "gib", NULL,
	    0, SEC(59), COUNT, AT_MOST, 6 },
	{ "lost up after 25 s", m_lost, "big", NULL,
	    SEC(25), SEC(59), COUNT, AT_MOST, 0 },
	{ "lost down after 25 s", m_lost, "gib", NULL,
	    SEC(25), SEC(59), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* Big datagrams hide no loss: their size is proven again and again. */
static const struct step lossy_later_steps[] = {
	{ .at = SEC(20), act_loss, "c.a", PPM / 10 },
	{ 0 },
};

static const struct expect lossy_big_expects[] = {
	{ "left for the clean, slower one within", m_settled, "c", "c.b",
	    SEC(20), SEC(59), MSEC, AT_MOST, SEC(12) },
	{ "lost up after 8 s", m_lost, "big", NULL,
	    SEC(28), SEC(59), COUNT, AT_MOST, 0 },
	{ "lost down after 8 s", m_lost, "gib", NULL,
	    SEC(28), SEC(59), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- The only path eats what is longer than 1280 or 1500 bytes ----------- */

static const struct place alone[] = {
	{ .iface = "c.a", "10.1.0.2", MS(10) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct traffic_row traffic_1400[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 1400 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 1400 },
	{ 0 },
};

static const struct traffic_row traffic_1472[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 1440 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 1472 },
	{ 0 },
};

static const struct step eats_1280[] = {
	{ .at = 0, act_eats, "c.a", 1280 },
	{ 0 },
};

static const struct step eats_1500[] = {
	{ .at = 0, act_eats, "c.a", 1500 },
	{ 0 },
};

static const struct expect alone_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(29), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, 0, SEC(29), COUNT, AT_MOST, 0 },
	{ "worst datagram up after 1 s (10 ms)", m_worst_way, "up", NULL,
	    SEC(1), SEC(29), MSEC, AT_MOST, MS(11) },
	{ "copies", m_copies, "c", NULL, SEC(1), SEC(30), COUNT, AT_MOST, 0 },
	{ "doubts", m_doubts, "c", NULL, SEC(1), SEC(30), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- Both paths eat them, and the one in use dies ------------------------ */

static const struct step eat_and_die[] = {
	{ .at = 0, act_eats, "c.a", 1280 },
	{ .at = 0, act_eats, "c.b", 1280 },
	{ .at = SEC(10.07), act_cut, "c.a" },
	{ 0 },
};

static const struct expect eat_and_die_expects[] = {
	{ "lost up", m_lost, "up", NULL, 0, SEC(19), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, 0, SEC(19), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- A receiver whose program is slow to read ---------------------------- */

static const struct step pause_steps[] = {
	{ .at = SEC(20.07), act_read_pause, "c", SEC(2) },
	{ .at = SEC(30.07), act_read_pause, "s", SEC(2) },
	{ 0 },
};

static const struct step slow_steps[] = {
	{ .at = SEC(10), act_read_every, "c", 33333 },
	{ .at = SEC(10), act_read_every, "s", 33333 },
	{ 0 },
};

static const struct expect slow_expects[] = {
	{ "doubts at the client", m_doubts, "c", NULL,
	    SEC(5), SEC(40), COUNT, AT_MOST, 0 },
	{ "doubts at the server", m_doubts, "s", NULL,
	    SEC(5), SEC(40), COUNT, AT_MOST, 0 },
	{ "copies by the client", m_copies, "c", NULL,
	    SEC(5), SEC(40), COUNT, AT_MOST, 0 },
	{ "copies by the server", m_copies, "s", NULL,
	    SEC(5), SEC(40), COUNT, AT_MOST, 0 },
	{ "changes of flow", m_switches, "c", NULL,
	    SEC(5), SEC(40), COUNT, AT_MOST, 0 },
	{ "lost up", m_lost, "up", NULL, 0, SEC(39), COUNT, AT_MOST, 0 },
	{ "lost down", m_lost, "down", NULL, SEC(1), SEC(39), COUNT, AT_MOST,
	    0 },
	{ "SRTT not by the reader (20 ms)", m_srtt, "c", "c.a",
	    SEC(39), 0, MSEC, AT_MOST, MS(22) },
	{ 0 },
};

/* --- A queue that fills: 2 Mbit/s for a stream of 2.5 Mbit/s ------------- */

static const struct traffic_row bulk_traffic[] = {
	{ .name = "up", "c", "s", TIMER, NULL, MS(4), 1160, SEC(10),
	    SEC(40) },
	{ .name = "key", "c", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "echo", "s", "c", ECHO, "key", 0, 120 },
	{ 0 },
};

static const struct step bulk_steps[] = {
	{ .at = 0, act_rate, "c.a", 2000 },
	{ .at = 0, act_rate, "c.b", 10000 },
	{ 0 },
};

static const struct expect bulk_expects[] = {
	{ "lost up after 15 s, on the wide path", m_lost, "up", NULL,
	    SEC(15), SEC(39), COUNT, AT_MOST, 750 },
	{ "worst key once it is over", m_worst_way, "key", NULL,
	    SEC(41), SEC(49), MSEC, AT_MOST, MS(40) },
	{ 0 },
};

const struct scenario scenarios_quality[] = {
	{ .name = "equal", .title = "two equal paths", .length = SEC(70),
	    .places = equal_places, .traffic = traffic_keys,
	    .expects = equal_expects },
	{ .name = "equal_jitter", .title = "two equal paths with jitter",
	    .length = SEC(70), .places = equal_places,
	    .traffic = keys_and_call, .steps = jitter_steps,
	    .expects = jitter_expects },
	{ .name = "lossy_keys", .title = "10 % loss on the best path, typing",
	    .length = SEC(70), .places = places_two,
	    .traffic = traffic_keys, .steps = lossy_steps,
	    .expects = lossy_keys_expects },
	{ .name = "lossy_nine", .title = "the same nine times",
	    .custom = lossy_nine },
	{ .name = "lossy_down", .title = "10 % loss on the best path, down",
	    .length = SEC(70), .places = places_two,
	    .traffic = traffic_call, .steps = lossy_down_steps,
	    .expects = lossy_down_expects },
	{ .name = "lossy_link", .title = "10 % loss on the only link",
	    .length = SEC(70), .places = one_link_places,
	    .traffic = traffic_call, .steps = lossy_steps,
	    .expects = one_link_expects },
	{ .name = "slow6", .title = "a path of 6 s beside one of 400 ms",
	    .length = SEC(150), .places = slow6_places,
	    .traffic = traffic_call, .expects = slow_path_expects },
	{ .name = "slow17", .title = "a path of 17 s beside one of 800 ms",
	    .length = SEC(150), .places = slow17_places,
	    .traffic = traffic_call, .expects = slow_path_expects },
	{ .name = "late_read", .title = "the server reads 4.7 s late",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = late_read_steps,
	    .expects = late_read_expects },
	{ .name = "spikes", .title = "best path 150 ms slower each second",
	    .custom = spikes },
	{ .name = "lossy_call", .title = "10 % loss on the best path, call",
	    .length = SEC(70), .places = places_two,
	    .traffic = keys_and_call, .steps = lossy_steps,
	    .expects = lossy_expects },
	{ .name = "unruly", .title = "5 % doubled, 5 % late by 20 ms",
	    .length = SEC(60), .places = places_two,
	    .traffic = traffic_call, .steps = unruly_steps,
	    .expects = unruly_expects },
	{ .name = "eats_big", .title = "best path eats packets over 1300",
	    .length = SEC(30), .places = places_two,
	    .traffic = big_traffic, .steps = eats_steps,
	    .expects = eats_expects },
	{ .name = "starts_eating", .title = "it begins to do so",
	    .length = SEC(60), .places = places_two,
	    .traffic = big_traffic, .steps = starts_eating_steps,
	    .expects = starts_eating_expects },
	{ .name = "lossy_big", .title = "10 % loss of 1350 bytes, after 20 s",
	    .length = SEC(60), .places = places_two,
	    .traffic = big_traffic, .steps = lossy_later_steps,
	    .expects = lossy_big_expects },
	{ .name = "eats_alone", .title = "the only path eats all over 1280",
	    .length = SEC(30), .places = alone, .traffic = traffic_1400,
	    .steps = eats_1280, .expects = alone_expects },
	{ .name = "eats_1500", .title = "1440 and 1472 bytes over 1500",
	    .length = SEC(30), .places = alone, .traffic = traffic_1472,
	    .steps = eats_1500, .expects = alone_expects },
	{ .name = "eats_dies", .title = "two paths eat, the first dies",
	    .length = SEC(20), .places = places_two, .traffic = traffic_1400,
	    .steps = eat_and_die, .expects = eat_and_die_expects },
	{ .name = "reader_pauses", .title = "programs that read nothing 2 s",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = pause_steps,
	    .expects = slow_expects },
	{ .name = "reader_30hz", .title = "programs that read at 30 Hz",
	    .length = SEC(40), .places = places_two,
	    .traffic = traffic_call, .steps = slow_steps,
	    .expects = slow_expects },
	{ .name = "full_queue", .title = "more than the best path can carry",
	    .length = SEC(50), .places = places_two,
	    .traffic = bulk_traffic, .steps = bulk_steps,
	    .expects = bulk_expects },
	{ 0 },
};
