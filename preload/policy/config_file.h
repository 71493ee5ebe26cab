/* SPDX-License-Identifier: ISC */
/*
 * The configuration file: one directive per line, values separated by blanks; a
 * word that begins with # starts a comment.  mpshim.conf(5) has all directives.
 *
 * Pure: bytes in; values, or one error message, out.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/sockfilter.h"

enum config_file_bound {
	CONFIG_FILE_MAX = 16384, /* bytes of a file */
	CONFIG_FILE_WORD = 1024, /* bytes of a word with its NUL */
	CONFIG_FILE_TEXT = 512,  /* bytes of an error message */
};

/* All settings.  A file may give those below SET_ONCE only once each. */
enum setting {
	SET_DEFAULT,
	SET_ACCEPT_PLAIN,
	SET_TELL_PRIVATE,
	SET_BUNDLES,
	SET_SESSIONS,
	SET_MEMORY,
	SET_RESEND_AGE,
	SET_SPIN,
	SET_SERVER_ID,
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
	/* the word's meaning, by `what' */
	uint32_t number; /* yes 1, no 0; of SET_DEFAULT: enum rules_rest; of
			  * SET_RESEND_AGE: ms; of SET_SPIN: us */
	struct sockfilter_prefix peers;
};

/* The state of reading a file. */
struct config_file {
	const char *text;
	size_t len, at;
	unsigned line;
	bool within; /* the line's directive was read, values follow */
	bool some;   /* one of its values was read */
	enum setting what; /* that directive */
	unsigned seen[SET_ONCE]; /* line of the first one; 0: none */
	char fault[CONFIG_FILE_TEXT]; /* "expected ..., found ..." */
};

void config_file_begin(struct config_file *, const char *text, size_t len);
/* The next value: 1; 0 at the end; or -EINVAL, with `fault' and `line'. */
int config_file_next(struct config_file *, struct directive *);
/* Parses a word as a value of that setting; false: it is none. */
bool config_file_value(struct directive *, enum setting, const char *word);
const char *config_file_name(enum setting);
/* What a value of the setting must be, for an error message. */
const char *config_file_expected(enum setting);

#endif
