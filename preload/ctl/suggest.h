/* SPDX-License-Identifier: ISC */
/* Of the words that would have been right, the one that was probably meant. */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

enum {
	SUGGEST_WORD = 32, /* bytes of a word, 0 included; longer ones are
			    * like nothing */
	SUGGEST_TEXT = SUGGEST_WORD + 24,
};

struct suggest {
	const char *word;
	char best[SUGGEST_WORD];
	unsigned distance; /* of the best one */
};

void suggest_begin(struct suggest *, const char *word);
/* One of the words that are right. */
void suggest_offer(struct suggest *, const char *right);
/* "; did you mean RIGHT?", or "": none is like the word.  Returns `text'. */
const char *suggest_text(const struct suggest *, char text[SUGGEST_TEXT]);

#endif
