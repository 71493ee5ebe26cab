/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: a directive a line, its values separated by blanks;
 * what begins with # is for people.  mpshim.conf(5) tells them all.
 *
 * Pure: bytes in, values or one fault out.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/sockfilter.h"

enum config_file_bound {
	CONFIG_FILE_MAX = 16384, /* bytes of a file */
	CONFIG_FILE_WORD = 1024, /* bytes of a word, and one */
	CONFIG_FILE_TEXT = 512,  /* bytes of what is said of a fault */
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
	char word[CONFIG_FILE_WORD];
	/* what the word means */
	uint32_t number; /* yes is 1, no 0; of default: enum rules_rest */
	struct sockfilter_prefix peers;
};

/* A file that is being read. */
struct config_file {
	const char *text;
	size_t len, at;
	unsigned line;
	bool within; /* a directive; its values come */
	bool some;   /* of them came */
	enum setting what;
	unsigned seen[SET_ONCE]; /* in which line */
	char fault[CONFIG_FILE_TEXT]; /* "expected ..., found ..." */
};

void config_file_begin(struct config_file *, const char *text, size_t len);
/* The next value: 1; 0 at the end; or -EINVAL, with `fault' and `line'. */
int config_file_next(struct config_file *, struct directive *);
/* What a value means: false, it is none. */
bool config_file_value(struct directive *, enum setting, const char *word);
const char *config_file_name(enum setting);
/* What its value must be, in words. */
const char *config_file_expected(enum setting);

#endif
