/* SPDX-License-Identifier: ISC */
/* The terminal of mpctl watch: the only file that knows ncurses. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>

#include "view.h"

enum screen_key { SCREEN_NONE, SCREEN_QUIT, SCREEN_SORT, SCREEN_HELP,
	SCREEN_UP, SCREEN_DOWN, SCREEN_PAGE_UP, SCREEN_PAGE_DOWN,
	SCREEN_OTHER };

/* Takes the terminal; says what is wrong: an exit status.  *blocks: it shows
 * more than ASCII. */
int screen_begin(bool *blocks);
void screen_end(void);
void screen_size(unsigned *cols, unsigned *rows);
/* Draws a line, a bar of ASCII over all columns, nothing from a line on. */
void screen_line(unsigned y, const struct view_line *);
void screen_bar(unsigned y, const char *text);
void screen_rest(unsigned y);
void screen_show(void);
/* The next key, or SCREEN_NONE after so long. */
enum screen_key screen_read_key(int wait_ms);

#endif
