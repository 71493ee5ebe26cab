/* SPDX-License-Identifier: ISC */
/* What mpctl watch shows: lines, made from the status; knows no terminal. */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

struct ipc_row;

enum { VIEW_COLS = 256 }; /* most columns that are used */

enum view_style { VIEW_PLAIN, VIEW_BOLD, VIEW_BAR, VIEW_GOOD, VIEW_WARN,
	VIEW_BAD };

enum view_sort { VIEW_BY_NUMBER, VIEW_BY_STATE, VIEW_BY_SRTT, VIEW_BY_LOSS,
	VIEW_SORTS };

struct view_cell {
	uint32_t ch; /* Unicode; one column wide */
	uint8_t style;
};

struct view_line {
	struct view_cell cell[VIEW_COLS];
	unsigned n;
};

struct view {
	/* the caller sets */
	unsigned cols;
	bool utf8;
	enum view_sort sort;
	uint64_t now;	   /* of the clock that the rows have */
	uint64_t day_us;   /* the same as local time of day */
	const struct history *history;
	/* what is shown */
	struct view_line *line;
	size_t n, room;
};

/* Makes the lines anew; the rows are in order.  Without memory there are
 * fewer. */
void view_make(struct view *, struct ipc_row *, size_t n);
/* Makes them from this text. */
void view_text(struct view *, const char *text);
void view_free(struct view *);
/* "number", "state", ... */
const char *view_sort_name(enum view_sort);

#endif
