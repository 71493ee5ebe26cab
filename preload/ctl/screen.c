/* SPDX-License-Identifier: ISC */
#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _XOPEN_SOURCE_EXTENDED 1
#include <ncurses.h>

#include "ctl.h"
#include "say.h"
#include "view.h"

/* terminal.ti, compiled (tic(1)) and printed by `infocmp -0 -Q2': for systems
 * without terminal descriptions, as some containers are, and for unknown values
 * of TERM. */
#define ANY_TERMINAL "mpctl"
static const char any_terminal[] =
    "b64:GgEeAA8AAwCHAFwAbXBjdGx8YXMgZ29vZCBhcyBhbnkgdGVybWluYWwAAAEA"
    "AAEAAAAAAAAAAAEBAFAACAAYAP__AAACAP____8EAAwAEAD_____FAAlACcA__8r"
    "AP____8tAP__MQD__________________zUA________________OgD_________"
    "_z8A________________________________________QwD_____________RQD_"
    "____________________________________________SQD_______9NAP______"
    "_1EA____________________________________________________________"
    "_________________________________________________1UAVwD_______9a"
    "AAcADQAbW0gbWzJKABtbSwAbW0oAG1slaSVwMSVkOyVwMiVkSAAKABtbSAAIABtb"
    "QwAbW0EAG1sxbQAbWzdtABtbbQAIABtbQgAbW0QAG1tDABtbQQAKABtNAAkA";

static bool utf8; /* the terminal shows more than ASCII */

/* --- Beginning and end ---------------------------------------------------- */

/* Can the terminal show block characters?  Sets LC_CTYPE, which ncurses needs
 * to write them. */
static bool
screen_has_blocks(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *term = getenv("TERM"), *value = NULL;
	size_t i;

	if (term != NULL && (strncmp(term, "vt", 2) == 0 ||
	    strcmp(term, "linux") == 0))
		return false;
	if (setlocale(LC_CTYPE, "") == NULL) {
		/* The user's locale, handed on by ssh(1), is not installed. */
		for (i = 0; i < 3 && (value == NULL || value[0] == '\0'); i++)
			value = getenv(names[i]);
		if (value == NULL || strstr(value, "UTF-8") == NULL ||
		    setlocale(LC_CTYPE, "C.UTF-8") == NULL)
			return false;
	}
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void
screen_set_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if ((no != NULL && no[0] != '\0') || !has_colors() ||
	    start_color() != OK)
		return;
	(void)use_default_colors();
	(void)init_pair(VIEW_GOOD, COLOR_GREEN, -1);
	(void)init_pair(VIEW_WARN, COLOR_YELLOW, -1);
	(void)init_pair(VIEW_BAD, COLOR_RED, -1);
}

int
screen_begin(bool *blocks)
{
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		say_line("watch wants a terminal; mpctl status and events do "
		    "not");
		return CTL_FAILED;
	}
	utf8 = screen_has_blocks();
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL && setenv("TERMINFO", any_terminal, 1) == 0) {
		utf8 = false;
		screen = newterm(ANY_TERMINAL, stdout, stdin);
	}
	if (screen == NULL) {
		say_line("this terminal cannot be used");
		return CTL_FAILED;
	}
	*blocks = utf8;
	screen_set_colours();
	(void)cbreak();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	return CTL_OK;
}

void
screen_end(void)
{
	(void)endwin();
}

void
screen_size(unsigned *cols, unsigned *rows)
{
	*cols = COLS > 0 ? (unsigned)COLS : 1;
	*rows = LINES > 0 ? (unsigned)LINES : 1;
}

/* --- Lines ---------------------------------------------------------------- */

static attr_t
screen_attribute(uint8_t style)
{
	static const attr_t mono[] = { [VIEW_BOLD] = A_BOLD,
		[VIEW_BAR] = A_REVERSE, [VIEW_GOOD] = A_BOLD,
		[VIEW_WARN] = A_UNDERLINE, [VIEW_BAD] = A_REVERSE };
	short pair;

	if (style >= sizeof(mono) / sizeof(mono[0]))
		return A_NORMAL;
	if (style < VIEW_GOOD || !has_colors() ||
	    pair_content((short)style, &pair, &pair) != OK)
		return mono[style];
	return (attr_t)COLOR_PAIR(style) | (style == VIEW_GOOD ? A_BOLD : 0);
}

static void
screen_put(const struct view_cell *c)
{
	wchar_t text[2] = { (wchar_t)c->ch, L'\0' };
	cchar_t ch;
	attr_t style = screen_attribute(c->style);

	if (setcchar(&ch, text, style & ~(attr_t)A_COLOR,
	    (short)PAIR_NUMBER(style), NULL) == OK)
		(void)add_wch(&ch);
}

void
screen_line(unsigned y, const struct view_line *l)
{
	unsigned x, n = l->n < (unsigned)COLS ? l->n : (unsigned)COLS;

	(void)move((int)y, 0);
	for (x = 0; x < n; x++)
		screen_put(&l->cell[x]);
	if (n < (unsigned)COLS)
		(void)clrtoeol();
}

void
screen_bar(unsigned y, const char *text)
{
	struct view_cell c = { .style = VIEW_BAR };
	unsigned x;

	(void)move((int)y, 0);
	for (x = 0; x < (unsigned)COLS; x++) {
		c.ch = *text != '\0' ? (unsigned char)*text++ : ' ';
		screen_put(&c);
	}
}

void
screen_rest(unsigned y)
{
	if (y < (unsigned)LINES) {
		(void)move((int)y, 0);
		(void)clrtobot();
	}
}

void
screen_show(void)
{
	(void)refresh();
}

/* --- Keys ----------------------------------------------------------------- */

enum screen_key
screen_read_key(int wait_ms)
{
	timeout(wait_ms);
	switch (getch()) {
	case ERR:
		return SCREEN_NONE;
	case 'q':
	case 'Q':
		return SCREEN_QUIT;
	case 's':
		return SCREEN_SORT;
	case 'h':
	case '?':
		return SCREEN_HELP;
	case KEY_UP:
	case 'k':
		return SCREEN_UP;
	case KEY_DOWN:
	case 'j':
		return SCREEN_DOWN;
	case KEY_PPAGE:
		return SCREEN_PAGE_UP;
	case KEY_NPAGE:
	case ' ':
		return SCREEN_PAGE_DOWN;
	default: /* among them KEY_RESIZE: draw again */
		return SCREEN_OTHER;
	}
}
