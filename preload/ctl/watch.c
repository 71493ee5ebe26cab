/* SPDX-License-Identifier: ISC */
/* mpctl watch: reads the status and draws it, again and again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "ctl.h"
#include "history.h"
#include "rows.h"
#include "screen.h"
#include "view.h"
#include "shared/arena.h"

enum { REFRESH_US = 250 * 1000 }; /* between two readings of the status */

static const char help_text[] =
    "\n"
    "Each line is a path between two addresses; * is the one in use.\n"
    "\n"
    "  state    in use, ok; doubt: should have answered; failed: sending\n"
    "           failed or the link is down; untried: has not answered yet\n"
    "  SRTT     smoothed round-trip time;  loss%: of the last packets sent\n"
    "  last     the SRTT, second by second, the highest of the peer's paths\n"
    "           being the highest mark; bold where the path was in use\n"
    "           > taken into use   ? in doubt   x failed\n"
    "\n"
    "  s        sort the paths of a peer by number, state, SRTT, loss\n"
    "  arrows, page up and down, j, k, blank    scroll\n"
    "  h, ?     this text, and back\n"
    "  q        quit\n";

struct watch_state {
	uint32_t pid; /* 0: all */
	struct rows rows;
	struct history history;
	struct view view;
	int error; /* of the last reading */
	unsigned top; /* index of the first line on the screen */
	bool help;
	uint64_t next; /* when to read again, us */
};

/* Microseconds since local midnight. */
static uint64_t
watch_day_us(void)
{
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (localtime_r(&ts.tv_sec, &tm) == NULL)
		return 0;
	return ((uint64_t)tm.tm_hour * 3600 + (uint64_t)tm.tm_min * 60 +
	    (uint64_t)tm.tm_sec) * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
watch_refresh(struct watch_state *w)
{
	w->error = rows_get(&w->rows, w->pid, NULL);
	if (w->error != 0)
		w->rows.n = 0;
	w->view.now = arena_now();
	w->view.day_us = watch_day_us();
	history_add(&w->history, w->rows.row, w->rows.n, w->view.now);
	w->next = w->view.now + REFRESH_US;
}

static void
watch_make_lines(struct watch_state *w)
{
	if (w->help)
		view_text(&w->view, help_text);
	else if (w->error != 0)
		view_text(&w->view, ask_error_text(w->error));
	else if (w->rows.n == 0)
		view_text(&w->view, w->pid == 0 ?
		    "No program is running under mpshim here; waiting." :
		    "That process does not run under mpshim here; waiting.");
	else
		view_make(&w->view, w->rows.row, w->rows.n);
}

static void
watch_draw(struct watch_state *w)
{
	unsigned rows, body, y, clock;
	char bar[VIEW_COLS];

	screen_size(&w->view.cols, &rows);
	watch_make_lines(w);
	body = rows > 2 ? rows - 2 : 0;
	if (w->top + body > w->view.n)
		w->top = w->view.n > body ? (unsigned)w->view.n - body : 0;
	clock = (unsigned)(w->view.day_us / 1000000);
	snprintf(bar, sizeof(bar), "mpctl watch  %02u:%02u:%02u", clock / 3600,
	    clock / 60 % 60, clock % 60);
	screen_bar(0, bar);
	for (y = 0; y < body && w->top + y < w->view.n; y++)
		screen_line(y + 1, &w->view.line[w->top + y]);
	screen_rest(y + 1);
	snprintf(bar, sizeof(bar), "q quit  s sort (by %s)  h help%s",
	    view_sort_name(w->view.sort), w->view.n > body ?
	    "  arrows scroll" : "");
	if (rows > 1)
		screen_bar(rows - 1, bar);
	screen_show();
}

static void
watch_scroll(struct watch_state *w, bool down, unsigned lines)
{
	if (down)
		w->top += lines; /* watch_draw() limits it */
	else
		w->top -= lines < w->top ? lines : w->top;
}

/* Does what a key asks for; false: quit. */
static bool
watch_act(struct watch_state *w, enum screen_key key)
{
	unsigned cols, rows;

	screen_size(&cols, &rows);
	switch (key) {
	case SCREEN_QUIT:
		return false;
	case SCREEN_SORT:
		w->view.sort = (w->view.sort + 1) % VIEW_SORTS;
		break;
	case SCREEN_HELP:
		w->help = !w->help;
		w->top = 0;
		break;
	case SCREEN_UP:
	case SCREEN_DOWN:
		watch_scroll(w, key == SCREEN_DOWN, 1);
		break;
	case SCREEN_PAGE_UP:
	case SCREEN_PAGE_DOWN:
		watch_scroll(w, key == SCREEN_PAGE_DOWN,
		    rows > 4 ? rows - 4 : 1);
		break;
	default:
		break;
	}
	return true;
}

int
ctl_watch(uint32_t pid)
{
	struct watch_state w = { .pid = pid };
	enum screen_key key = SCREEN_NONE;
	uint64_t now;
	int status;

	w.view.history = &w.history;
	status = screen_begin(&w.view.utf8);
	if (status != CTL_OK)
		return status;
	do {
		now = arena_now();
		if (now >= w.next)
			watch_refresh(&w);
		watch_draw(&w);
		now = arena_now();
		key = screen_read_key(now < w.next ?
		    (int)((w.next - now) / 1000) + 1 : 0);
	} while (watch_act(&w, key));
	screen_end();
	rows_free(&w.rows);
	history_free(&w.history);
	view_free(&w.view);
	return CTL_OK;
}
