/* SPDX-License-Identifier: ISC */
/*
 * scenarios_pool: links die under streams of many megabits a second: nothing is
 * lost that the pool of recent datagrams could hold, and no session costs
 * another one its datagrams.
 */
#include "scenarios.h"

#include "act.h"
#include "measure.h"
#include "run.h"
#include "world.h"

enum {
	BIG = 1400, /* bytes of a datagram of a stream */
};

/* us from one datagram of BIG bytes to the next, at so many Mbit/s. */
#define MBIT(n) (BIG * UINT64_C(8) / (n))

static const struct place pool_places[] = {
	{ .iface = "c.a", "10.1.0.2", MS(30) },
	{ .iface = "c.b", "10.2.0.2", MS(40) },
	{ .iface = "d.a", "10.3.0.2", MS(30) },
	{ .iface = "d.b", "10.4.0.2", MS(40) },
	{ .iface = "s.s", "10.9.0.1", 0 },
	{ 0 },
};

static const struct step pool_steps[] = {
	{ .at = SEC(3.07), act_cut, "c.a" },
	{ 0 },
};

/* --- One stream, up, while its link dies --------------------------------- */

#define STREAM(mbit)                                                      \
	{                                                                 \
		{ .name = "up", "c", "s", TIMER, NULL, MBIT(mbit), BIG,   \
		    SEC(1) },                                             \
		{ 0 },                                                    \
	}

static const struct traffic_row stream40[] = STREAM(40);
static const struct traffic_row stream100[] = STREAM(100);
static const struct traffic_row stream300[] = STREAM(300);

static const struct expect stream_expects[] = {
	/* Not while the handshake is under way: 208 KiB are staged. */
	{ "lost up", m_lost, "up", NULL, SEC(2), SEC(4.5), COUNT, AT_MOST, 0 },
	{ 0 },
};

/* --- A call beside a stream of another session of the server's port ------ */

static const struct traffic_row beside_traffic[] = {
	{ .name = "hello", "d", "s", TIMER, NULL, MS(200), 60 },
	{ .name = "stream", "s", "d", TIMER, NULL, MBIT(300), BIG, SEC(1) },
	{ .name = "up", "c", "s", TIMER, NULL, MS(20), 180 },
	{ .name = "down", "s", "c", TIMER, NULL, MS(20), 180 },
	{ 0 },
};

static const struct expect beside_expects[] = {
	{ "lost of the call, up", m_lost, "up", NULL,
	    0, SEC(4.5), COUNT, AT_MOST, 0 },
	{ "lost of the call, down", m_lost, "down", NULL,
	    SEC(1), SEC(4.5), COUNT, AT_MOST, 0 },
	{ "lost of the stream", m_lost, "stream", NULL,
	    SEC(1), SEC(4.5), COUNT, AT_MOST, 0 },
	{ 0 },
};

#define POOL(what, heading, rows, limits)                                \
	{                                                                \
		.name = what, .title = heading, .length = SEC(5),        \
		.places = pool_places, .traffic = rows,                  \
		.steps = pool_steps, .expects = limits,                  \
	}

const struct scenario scenarios_pool[] = {
	POOL("pool_40", "40 Mbit/s at 60 ms: the link dies", stream40,
	    stream_expects),
	POOL("pool_100", "100 Mbit/s at 60 ms: the link dies", stream100,
	    stream_expects),
	POOL("pool_300", "300 Mbit/s at 60 ms: the link dies", stream300,
	    stream_expects),
	POOL("pool_beside", "a call beside 300 Mbit/s: its link dies",
	    beside_traffic, beside_expects),
	{ 0 },
};
