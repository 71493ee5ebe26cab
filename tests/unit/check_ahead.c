/* SPDX-License-Identifier: ISC */
/* core/ahead.c: looking ahead changes nothing; and where in its record lies what
 * a datagram needs. */
#include <string.h>

#include "duo.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"

/* Whatever is asked for: known and unknown peers, too many, bytes of anything. */
START_TEST(nothing)
{
	struct duo *d = hostile_world(2, 1);
	struct mp *m = &d->end[SERVER].mp;
	struct mp_addr dst[MP_AHEAD + 4];
	struct mp_ahead next[MP_AHEAD + 4];
	static uint8_t bytes[MP_AHEAD + 4][64];
	struct copy before;
	uint32_t sid;
	int i, k;

	duo_up(d);
	sid = state_keys(duo_session(d, SERVER))->sid_in;
	for (i = 0; i < COUNT(dst); i++) {
		dst[i] = i % 3 == 0 ? duo_ip4(10, 9, 9, (uint8_t)i, 7) :
		    duo_session(d, SERVER)->shown;
		for (k = 0; k < COUNT(bytes[i]); k++)
			bytes[i][k] = (uint8_t)dice(256);
		if (i % 2 == 0)
			memcpy(bytes[i], (uint8_t[]) { (uint8_t)(sid >> 24),
			    (uint8_t)(sid >> 16), (uint8_t)(sid >> 8),
			    (uint8_t)sid }, 4);
		next[i] = (struct mp_ahead) { bytes[i],
			i < 4 ? (size_t)i * 5 : sizeof(bytes[i]) };
	}
	copy_keep(&before, d, SERVER);
	mp_ahead_send(m, 0, dst, COUNT(dst));
	mp_ahead_send(m, MP_NONE, dst, COUNT(dst));
	mp_ahead_send(m, 0, dst, 0);
	mp_ahead_recv(m, next, COUNT(next));
	mp_ahead_recv(m, next, 0);
	ck_assert(copy_same(&before, d, SERVER));
	copy_drop(&before);
	duo_free(d);
}
END_TEST

/* Lines 0 to 5 of a flow, 0 to 3 of a session. */
#define FLOW(line, member)                                                    \
	{ "flow." #member, offsetof(struct flow, member), line }
#define SESSION(line, member)                                                 \
	{ "session." #member, offsetof(struct session, member), line }

static const struct {
	const char *name;
	size_t offset, line;
} places[] = {
	FLOW(0, path), FLOW(0, size), FLOW(0, tx_seq), FLOW(0, probes),
	FLOW(1, ts_arrival), FLOW(1, ack_due), FLOW(1, data_since),
	FLOW(1, copy_seen),
	FLOW(2, rtt), FLOW(2, data_last), FLOW(2, data_seen), FLOW(2, alt_at),
	FLOW(2, tx_data),
	FLOW(3, mark), FLOW(3, rx_bytes), FLOW(3, heard_at), FLOW(3, in_bytes),
	FLOW(4, tx_packets), FLOW(4, moved_at), FLOW(4, out_bytes),
	FLOW(4, tx_loss.since),
	FLOW(5, count.data_came), FLOW(5, count.skipped),
	FLOW(5, offload.state), FLOW(5, offload.bundled),
	FLOW(5, offload.known.bundled),
	SESSION(0, gen), SESSION(0, shown), SESSION(0, current),
	SESSION(0, part_need), SESSION(0, last_in),
	SESSION(1, last_send), SESSION(1, pool), SESSION(1, frames_until),
	SESSION(2, flow_near), SESSION(2, last_data), SESSION(2, deadline),
	SESSION(2, staged.n),
	SESSION(3, tx_datagrams), SESSION(3, rx_bytes),
	SESSION(4, keys),
};

START_TEST(layout)
{
	ck_assert_msg(places[_i].offset / STATE_LINE == places[_i].line,
	    "%s is in line %zu, not %zu", places[_i].name,
	    places[_i].offset / STATE_LINE, places[_i].line);
}
END_TEST

/* So that a record's lines are those of the memory; and what 100000 of them
 * take. */
START_TEST(sizes)
{
	ck_assert_uint_eq(sizeof(struct flow) % STATE_LINE, 0);
	ck_assert_uint_eq(sizeof(struct session) % STATE_LINE, 0);
	ck_assert_uint_le(sizeof(struct session), 1024);
	ck_assert_uint_le(sizeof(struct flow), 832);
}
END_TEST

Suite *
suite_ahead(void)
{
	Suite *s = suite_create("ahead");
	TCase *tc = tcase_create("ahead");

	tcase_add_test(tc, nothing);
	tcase_add_loop_test(tc, layout, 0, COUNT(places));
	tcase_add_test(tc, sizes);
	suite_add_tcase(s, tc);
	return s;
}
