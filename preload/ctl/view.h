/* SPDX-License-Identifier: ISC */
/* The lines of mpctl watch, made of the status without knowing the terminal. */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history;
struct ipc_row;

enum { VIEW_COLS = 256 }; /* longest line, columns */

enum view_style { VIEW_PLAIN, VIEW_BOLD, VIEW_BAR, VIEW_GOOD, VIEW_WARN,
	VIEW_BAD };

enum view_sort { VIEW_BY_NUMBER, VIEW_BY_STATE, VIEW_BY_SRTT, VIEW_BY_LOSS,
	VIEW_SORTS };

struct view_cell {
	uint32_t ch; /* Unicode, of one column */
	uint8_t style;
};

struct view_line {
	struct view_cell cell[VIEW_COLS];
	unsigned n;
};

struct view {
	/* set by the caller */
	unsigned cols;
	bool utf8;
	enum view_sort sort;
	uint64_t now;	   /* arena_now(), as in the rows, us */
	uint64_t day_us;   /* the same as local time of day, us */
	const struct history *history;
	/* set by view_make() and view_text() */
	struct view_line *line;
	size_t n, room;
};

/* Makes the lines of rows, which are sorted as by rows_get(), and sorts the
 * flows of each session by v->sort.  Without memory lines are missing. */
void view_make(struct view *, struct ipc_row *, size_t n);
/* Makes the lines of a text. */
void view_text(struct view *, const char *text);
void view_free(struct view *);
/* "number", "state", "SRTT", "loss". */
const char *view_sort_name(enum view_sort);

#endif
