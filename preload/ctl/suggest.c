/* SPDX-License-Identifier: ISC */
/* The distance is the number of letters to add, to leave out, to change, and of
 * neighbours to exchange ("optimal string alignment"). */
#include "suggest.h"

#include <stdio.h>
#include <string.h>

enum { SUGGEST_FAR = SUGGEST_WORD };

static unsigned
suggest_least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* One row of the table: how far the first i letters of a are from the first
 * 0..n of b.  `row' of i - 1 and i - 2 are told. */
static void
suggest_row(unsigned *row, const unsigned *last, const unsigned *before,
    const char *a, size_t i, const char *b, size_t n)
{
	size_t j;

	row[0] = (unsigned)i;
	for (j = 1; j <= n; j++) {
		row[j] = suggest_least(last[j], row[j - 1]) + 1;
		row[j] = suggest_least(row[j],
		    last[j - 1] + (a[i - 1] != b[j - 1]));
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
		    a[i - 2] == b[j - 1])
			row[j] = suggest_least(row[j], before[j - 2] + 1);
	}
}

static unsigned
suggest_distance(const char *a, const char *b)
{
	unsigned row[3][SUGGEST_WORD] = { { 0 } };
	size_t len = strlen(a), n = strlen(b), i;

	if (len >= SUGGEST_WORD || n >= SUGGEST_WORD)
		return SUGGEST_FAR;
	for (i = 0; i <= n; i++)
		row[0][i] = (unsigned)i;
	for (i = 1; i <= len; i++)
		suggest_row(row[i % 3], row[(i + 2) % 3], row[(i + 1) % 3], a,
		    i, b, n);
	return row[len % 3][n];
}

void
suggest_begin(struct suggest *s, const char *word)
{
	*s = (struct suggest) { .word = word, .distance = SUGGEST_FAR };
}

void
suggest_offer(struct suggest *s, const char *right)
{
	unsigned distance = suggest_distance(s->word, right);

	if (distance >= s->distance)
		return;
	s->distance = distance;
	snprintf(s->best, sizeof(s->best), "%s", right);
}

/* A third of the letters may be wrong, and one of two. */
const char *
suggest_text(const struct suggest *s, char text[SUGGEST_TEXT])
{
	size_t letters = strlen(s->word + strspn(s->word, "-"));

	text[0] = '\0';
	if (s->distance != SUGGEST_FAR && s->distance * 3 <= letters + 1)
		snprintf(text, SUGGEST_TEXT, "; did you mean %s?", s->best);
	return text;
}
