/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: a directive a line, its values separated by blanks;
 * what begins with # is for people.  mpshim.conf(5) tells them all.
 *
 * Pure: bytes in, values or one fault out.
 */
#ifndef CONFILE_H
#define CONFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "steer.h"

enum confile_bound {
	CONFILE_MAX = 16384, /* bytes of a file */
	CONFILE_WORD = 1024, /* bytes of a word, and one */
	CONFILE_TEXT = 512,  /* bytes of what is said of a fault */
};

/* What can be set.  Up to SET_ONCE a file may give each once. */
enum setting {
	SET_DEFAULT,
	SET_ACCEPT_PLAIN,
	SET_TELL_PRIVATE,
	SET_SESSIONS,
	SET_MEMORY,
	SET_ONCE,
	SET_KEY = SET_ONCE,
	SET_INTERFACE,
	SET_NO_INTERFACE,
	SET_PLAIN,
	SET_PROTECT,
	SET_REFUSE,
	SETTINGS,
};

/* One value of a directive. */
struct directive {
	enum setting what;
	unsigned line;
	char word[CONFILE_WORD];
	/* what the word means */
	uint32_t number; /* yes is 1, no 0; of default: enum rules_rest */
	struct steer_prefix peers;
};

/* A file that is being read. */
struct confile {
	const char *text;
	size_t len, at;
	unsigned line;
	bool within; /* a directive; its values come */
	bool some;   /* of them came */
	enum setting what;
	unsigned seen[SET_ONCE]; /* in which line */
	char fault[CONFILE_TEXT]; /* "expected ..., found ..." */
};

void confile_begin(struct confile *, const char *text, size_t len);
/* The next value: 1; 0 at the end; or -EINVAL, with `fault' and `line'. */
int confile_next(struct confile *, struct directive *);
/* What a value means: false, it is none. */
bool confile_value(struct directive *, enum setting, const char *word);
const char *confile_name(enum setting);
/* What its value must be, in words. */
const char *confile_want(enum setting);

#endif
