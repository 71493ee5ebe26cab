/* SPDX-License-Identifier: ISC */
/* The terminal of mpctl watch; no other module uses ncurses. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>

struct view_line;

enum screen_key { SCREEN_NONE, SCREEN_QUIT, SCREEN_SORT, SCREEN_HELP,
	SCREEN_UP, SCREEN_DOWN, SCREEN_PAGE_UP, SCREEN_PAGE_DOWN,
	SCREEN_OTHER };

/* Sets the terminal up: an exit status, and says what is wrong.  *blocks: the
 * terminal shows block characters. */
int screen_begin(bool *blocks);
void screen_end(void);
void screen_size(unsigned *cols, unsigned *rows);
/* Draws at line `y': a line; a bar of ASCII text over all columns; blank lines
 * from there on.  screen_show() makes it visible. */
void screen_line(unsigned y, const struct view_line *);
void screen_bar(unsigned y, const char *text);
void screen_rest(unsigned y);
void screen_show(void);
/* The next key, or SCREEN_NONE if there is none for `wait_ms'. */
enum screen_key screen_read_key(int wait_ms);

#endif
