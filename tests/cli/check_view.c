/* SPDX-License-Identifier: ISC */
/* preload/ctl/view.c and history.c: the lines that mpctl watch shows. */
#include "suites.h"

#include <string.h>
#include <sys/socket.h>

#include "ctl/history.h"
#include "ctl/view.h"
#include "shared/ipc.h"

enum { SECOND = 1000000, ROWS = 16, TEXT = VIEW_COLS + 1 };
#define NOW (100 * (uint64_t)SECOND)
#define DAY (43210 * (uint64_t)SECOND) /* 12:00:10 */

static struct ipc_row row[ROWS];
static size_t n;
static struct history history;
static struct view view;

static struct mp_addr
address(uint8_t first, uint8_t last, bool v4)
{
	struct mp_addr a = { .port = 7000 };

	if (v4) {
		memset(a.ip + 10, 0xff, 2);
		a.ip[12] = first;
	} else {
		memset(a.ip, 0x20, 14);
		a.ip[0] = first;
	}
	a.ip[15] = last;
	return a;
}

static struct ipc_row *
add(enum ipc_row_kind kind)
{
	struct ipc_row *r = &row[n++];

	ck_assert_uint_le(n, ROWS);
	*r = (struct ipc_row) { .kind = kind, .port = 7, .now = NOW };
	return r;
}

static struct mp_flow_info *
flow(uint32_t id, uint32_t srtt_us, bool v4)
{
	struct ipc_row *r = add(IPC_ROW_FLOW);
	struct mp_flow_info *f = &r->u.flow_row.info;

	r->flow = id;
	memcpy(r->u.flow_row.interface, "wlan0", 6);
	f->path.local = address(10, (uint8_t)(id + 1), v4);
	f->path.remote = address(10, 9, v4);
	f->validated = srtt_us != 0;
	f->srtt_us = srtt_us;
	return f;
}

static void
session(uint32_t current)
{
	struct ipc_row *r = add(IPC_ROW_SESSION);

	r->u.session_row.info = (struct mp_session_info) { .state = MP_S_UP,
		.shown = address(10, 9, true), .current = current,
		.why = MP_WHY_silent, .why_at = NOW - 15 * SECOND,
		.up_at = NOW - 20 * SECOND, .last_in_at = NOW - 200000 };
	memcpy(r->u.session_row.key, "home", 5);
}

/* A program with one peer and two flows, the second in use. */
static void
usual(void)
{
	struct ipc_row *r;

	add(IPC_ROW_PORT);
	r = add(IPC_ROW_SLOT);
	memcpy(r->u.slot_row.record.program, "mosh", 5);
	r->u.slot_row.record.pid = 42;
	session(1);
	flow(0, 20100, true)->doubt = true;
	flow(1, 60500, true)->in_use = true;
}

static void
setup(void)
{
	memset(row, 0, sizeof(row));
	n = 0;
	history_free(&history);
	view_free(&view);
	view = (struct view) { .cols = 80, .now = NOW, .day_us = DAY,
		.history = &history };
}

/* A line as text, without blanks at its end; # stands for non-ASCII. */
static const char *
line(size_t i)
{
	static char text[TEXT];
	unsigned c, len = 0;

	ck_assert_uint_lt(i, view.n);
	for (c = 0; c < view.line[i].n; c++) {
		text[c] = view.line[i].cell[c].ch < 0x7f ?
		    (char)view.line[i].cell[c].ch : '#';
		if (text[c] != ' ')
			len = c + 1;
	}
	text[len] = '\0';
	return text;
}

START_TEST(lines)
{
	usual();
	view_make(&view, row, n);
	ck_assert_uint_eq(view.n, 7);
	ck_assert_str_eq(line(0), "port 7  mosh 42");
	ck_assert_str_eq(line(1), "");
	ck_assert_str_eq(line(2), "10.0.0.9:7000  up for 20 s, heard 0.2 s "
	    "ago, key home");
	ck_assert_str_eq(line(3), "11:59:55  flow 1 taken 15 s ago: the one "
	    "before went silent");
	ck_assert_str_eq(line(4), "   # state   from > to           on       "
	    "SRTT ms loss% last 24 s");
	ck_assert_str_eq(line(5), "   0 doubt   10.0.0.1 > 10.0.0.9 wlan0    "
	    "   20.1   0.0");
	ck_assert_str_eq(line(6), "*  1 in use  10.0.0.2 > 10.0.0.9 wlan0    "
	    "   60.5   0.0");
}
END_TEST

/* A change before midnight is shown with yesterday's time of day. */
START_TEST(midnight)
{
	usual();
	view.day_us = 5 * SECOND;
	view_make(&view, row, n);
	ck_assert_int_eq(strncmp(line(3), "23:59:50", 8), 0);
}
END_TEST

START_TEST(nobody_and_help)
{
	view_make(&view, row, 0);
	ck_assert_uint_eq(view.n, 0);
	view_text(&view, "one\n\nthree\n");
	ck_assert_uint_eq(view.n, 3);
	ck_assert_str_eq(line(1), "");
	ck_assert_str_eq(line(2), "three");
}
END_TEST

/* A connecting session has no flow, no key and no times. */
START_TEST(connecting)
{
	session(MP_NONE);
	row[0].u.session_row.info = (struct mp_session_info) {
		.state = MP_S_CONNECTING, .current = MP_NONE,
		.shown = address(10, 9, true) };
	view_make(&view, row, n);
	ck_assert_str_eq(line(view.n - 1), "10.0.0.9:7000  connecting, key "
	    "home");
}
END_TEST

/* Long addresses lose their middle, so that the history keeps its columns. */
START_TEST(long_addresses)
{
	session(0);
	flow(0, 20000, false)->in_use = true;
	view_make(&view, row, n);
	ck_assert_ptr_nonnull(strstr(line(view.n - 1), ".."));
	ck_assert_ptr_nonnull(strstr(line(view.n - 2), "last 16 s"));
	ck_assert_uint_eq(view.line[view.n - 1].n, 80);
	view.cols = 180;
	view_make(&view, row, n);
	ck_assert_ptr_null(strstr(line(view.n - 1), ".."));
}
END_TEST

/* Every width works; only words may exceed it. */
START_TEST(widths)
{
	size_t i;

	usual();
	flow(2, 0, false);
	history_add(&history, row, n, NOW);
	for (view.cols = 0; view.cols < 400; view.cols++) {
		view_make(&view, row, n);
		for (i = 0; i < view.n; i++)
			ck_assert_uint_le(view.line[i].n, VIEW_COLS);
		if (view.cols >= 70 && view.cols <= VIEW_COLS)
			ck_assert_uint_le(view.line[view.n - 1].n, view.cols);
	}
}
END_TEST

/* The numbers of the flows in the order of each sort. */
static const struct {
	enum view_sort sort;
	uint32_t order[4];
} orders[] = {
	{ VIEW_BY_NUMBER, { 0, 1, 2, 3 } },
	{ VIEW_BY_STATE, { 2, 0, 3, 1 } },
	{ VIEW_BY_SRTT, { 2, 1, 0, 3 } },
	{ VIEW_BY_LOSS, { 0, 2, 3, 1 } },
};

START_TEST(sorting)
{
	struct mp_flow_info *f;
	size_t i;

	session(2);
	flow(0, 30000, true);
	f = flow(1, 20000, true);
	f->failed = true;
	f->loss_permille = 100;
	flow(2, 10000, true)->in_use = true;
	flow(3, 0, true);
	view.sort = orders[_i].sort;
	view_make(&view, row, n);
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(line(view.n - 4 + i)[3] - '0',
		    orders[_i].order[i]);
}
END_TEST

/* Control characters in names do not reach the terminal. */
START_TEST(nasty)
{
	size_t i, c;

	usual();
	memset(row[1].u.slot_row.record.program, '\033',
	    sizeof(row[1].u.slot_row.record.program));
	memset(row[2].u.session_row.key, '\n',
	    sizeof(row[2].u.session_row.key));
	memset(row[3].u.flow_row.interface, 0x9b,
	    sizeof(row[3].u.flow_row.interface));
	row[2].u.session_row.info.why = (enum mp_reason)4000;
	row[2].u.session_row.info.why_at = MP_NEVER;
	row[2].u.session_row.info.up_at = MP_NEVER;
	row[2].u.session_row.info.last_in_at = MP_NEVER;
	row[4].u.flow_row.info.srtt_us = UINT32_MAX;
	row[4].u.flow_row.info.loss_permille = UINT32_MAX;
	history_add(&history, row, n, NOW);
	view_make(&view, row, n);
	for (i = 0; i < view.n; i++)
		for (c = 0; c < view.line[i].n; c++) {
			ck_assert_uint_ge(view.line[i].cell[c].ch, ' ');
			ck_assert_uint_lt(view.line[i].cell[c].ch, 0x7f);
		}
}
END_TEST

START_TEST(drops)
{
	struct ipc_row *r;

	usual();
	r = add(IPC_ROW_COUNTER);
	memcpy(r->u.counter_row.name, "drop_auth", 10);
	r->u.counter_row.value = 3;
	r = add(IPC_ROW_COUNTER);
	memcpy(r->u.counter_row.name, "data_in", 8);
	r->u.counter_row.value = 99;
	view_make(&view, row, n);
	ck_assert_str_eq(line(view.n - 1),
	    "3 packets dropped; mpctl status tells why");
}
END_TEST

/* --- History -------------------------------------------------------------- */

/* The newest cells of a line's history, as text. */
static const char *
tail(size_t i, size_t cells)
{
	static char text[TEXT];
	unsigned c, at = view.line[i].n - (unsigned)cells;

	for (c = 0; c < cells; c++)
		text[c] = (char)(view.line[i].cell[at + c].ch < 0x7f ?
		    view.line[i].cell[at + c].ch :
		    view.line[i].cell[at + c].ch - 0x2581 + '1');
	text[cells] = '\0';
	return text;
}

/* Nine seconds: both flows well, the first in doubt, the second taken, the
 * first well again; one second is missing. */
static void
nine_seconds(void)
{
	uint64_t s;

	usual();
	for (s = 0; s < 9; s++) {
		if (s == 7)
			continue;
		row[3].u.flow_row.info.in_use = s < 3 || s >= 6;
		row[4].u.flow_row.info.in_use = s >= 3 && s < 6;
		row[3].u.flow_row.info.doubt = s >= 2 && s < 4;
		row[3].u.flow_row.info.failed = s == 5;
		row[3].u.flow_row.info.srtt_us = s < 8 ? 20100 : 60500;
		view.now = NOW + s * SECOND;
		history_add(&history, row, n, view.now);
	}
}

START_TEST(sparkline)
{
	nine_seconds();
	view.utf8 = true;
	view_make(&view, row, n);
	ck_assert_str_eq(tail(5, 10), " 33?" "?3x> 8");
	ck_assert_str_eq(tail(6, 10), " 888>888 8");
	view.utf8 = false;
	view_make(&view, row, n);
	ck_assert_str_eq(tail(5, 10), " --?" "?-x> @");
	ck_assert_str_eq(tail(6, 10), " @@@>@@@ @");
}
END_TEST

START_TEST(used_stands_out)
{
	unsigned at;

	nine_seconds();
	view_make(&view, row, n);
	at = view.line[6].n;
	ck_assert_uint_eq(view.line[6].cell[at - 1].style, VIEW_PLAIN);
	ck_assert_uint_eq(view.line[6].cell[at - 3].style, VIEW_PLAIN);
	ck_assert_uint_eq(view.line[6].cell[at - 4].style, VIEW_GOOD);
	ck_assert_uint_eq(view.line[6].cell[at - 6].style, VIEW_BOLD);
}
END_TEST

/* A cell has the worst state of its second, and its last SRTT. */
START_TEST(within_a_second)
{
	struct history_cell c;

	usual();
	row[4].u.flow_row.info.failed = true;
	history_add(&history, row, n, NOW);
	row[4].u.flow_row.info.failed = false;
	row[4].u.flow_row.info.srtt_us = 77;
	history_add(&history, row, n, NOW + SECOND / 2);
	c = history_get(&history, &row[4], NOW, 0);
	ck_assert_uint_eq(c.state, HISTORY_FAILED);
	ck_assert_uint_eq(c.srtt_us, 77);
	ck_assert(c.used && !c.taken);
}
END_TEST

START_TEST(another_use_of_an_index)
{
	usual();
	history_add(&history, row, n, NOW);
	row[3].gen++;
	ck_assert_uint_eq(history_get(&history, &row[3], NOW, 0).state,
	    HISTORY_NONE);
}
END_TEST

/* A flow that is gone loses its trace; after a long pause all cells are
 * empty. */
START_TEST(forgotten)
{
	uint64_t later = NOW + (uint64_t)(3 * HISTORY_CELLS) * SECOND;

	usual();
	history_add(&history, row, n, NOW);
	ck_assert_uint_eq(history.n, 2);
	history_add(&history, row, n - 1, later);
	ck_assert_uint_eq(history.n, 1);
	ck_assert_uint_ne(history_get(&history, &row[3], later, 0).state,
	    HISTORY_NONE);
	ck_assert_uint_eq(history_get(&history, &row[3], later, 1).state,
	    HISTORY_NONE);
	ck_assert_uint_eq(history_get(&history, &row[3], later,
	    HISTORY_CELLS).state, HISTORY_NONE);
	ck_assert_uint_eq(history_get(&history, &row[3], NOW, 0).state,
	    HISTORY_NONE);
}
END_TEST

Suite *
suite_view(void)
{
	Suite *s = suite_create("view");
	TCase *t = tcase_create("view");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, lines);
	tcase_add_test(t, midnight);
	tcase_add_test(t, nobody_and_help);
	tcase_add_test(t, connecting);
	tcase_add_test(t, long_addresses);
	tcase_add_test(t, widths);
	tcase_add_loop_test(t, sorting, 0, VIEW_SORTS);
	tcase_add_test(t, nasty);
	tcase_add_test(t, drops);
	tcase_add_test(t, sparkline);
	tcase_add_test(t, used_stands_out);
	tcase_add_test(t, within_a_second);
	tcase_add_test(t, another_use_of_an_index);
	tcase_add_test(t, forgotten);
	suite_add_tcase(s, t);
	return s;
}
