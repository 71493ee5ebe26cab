/* SPDX-License-Identifier: ISC */
#include "config_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mp.h"
#include "rules.h"

enum {
	FOUND = 48,	  /* bytes of a wrong word that a message shows */
	NAME_MAX_LEN = 15, /* bytes of an interface's name: IFNAMSIZ - 1 */
};

/* --- Values -------------------------------------------------------------- */

/* The following functions parse d->word; false: it is no such value. */

/* One of these words; its index is the value. */
static bool
config_file_parse_word(struct directive *d, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(d->word, words[i]) == 0) {
			d->number = (uint32_t)i;
			return true;
		}
	return false;
}

static bool
config_file_parse_rest(struct directive *d)
{
	static const char *const words[] = { [REST_REQUIRE] = "require",
		[REST_PREFER] = "prefer", [REST_PLAIN] = "plain" };

	return config_file_parse_word(
	    d, words, sizeof(words) / sizeof(words[0]));
}

static bool
config_file_parse_yes(struct directive *d)
{
	static const char *const words[] = { "no", "yes" };

	return config_file_parse_word(
	    d, words, sizeof(words) / sizeof(words[0]));
}

/* Decimal digits.  Returns what follows them; NULL: there are none, or over
 * 9. */
static const char *
config_file_parse_digits(struct directive *d)
{
	const char *s = d->word;

	for (d->number = 0; *s >= '0' && *s <= '9'; s++)
		d->number = d->number * 10 + (uint32_t)(*s - '0');
	return s == d->word || s - d->word > 9 ? NULL : s;
}

static bool
config_file_parse_sessions(struct directive *d)
{
	const char *end = config_file_parse_digits(d);

	return end != NULL && *end == '\0' && d->number >= 1 &&
	    d->number <= MP_SESSIONS_MAX;
}

static bool
config_file_parse_memory(struct directive *d)
{
	const char *end = config_file_parse_digits(d);
	unsigned shift = 0;

	if (end == NULL)
		return false;
	if (*end == 'K' || *end == 'M')
		shift = *end++ == 'K' ? 10 : 20;
	if (*end != '\0' || d->number > UINT32_MAX >> shift)
		return false;
	d->number <<= shift;
	return d->number >= 64 << 10 && d->number <= 256 << 20;
}

static bool
config_file_parse_age(struct directive *d)
{
	const char *end = config_file_parse_digits(d);

	if (end == NULL || d->number > 10000)
		return false;
	if (strcmp(end, "s") == 0)
		d->number *= 1000;
	else if (strcmp(end, "ms") != 0 && (*end != '\0' || d->number != 0))
		return false;
	return d->number <= 10000;
}

static bool
config_file_parse_spin(struct directive *d)
{
	const char *end = config_file_parse_digits(d);

	return end != NULL && *end == '\0' && d->number <= 1000;
}

static bool
config_file_parse_server(struct directive *d)
{
	const char *end = config_file_parse_digits(d);

	return end != NULL && *end == '\0' && d->number >= 1 &&
	    d->number <= MP_SERVERS_MAX;
}

static bool
config_file_parse_key(struct directive *d)
{
	return d->word[0] == '/' || strchr(d->word, '/') == NULL;
}

/* The kernel's rules: dev_valid_name(). */
static bool
config_file_parse_interface(struct directive *d)
{
	return strlen(d->word) <= NAME_MAX_LEN &&
	    strchr(d->word, '/') == NULL && strchr(d->word, ':') == NULL &&
	    strcmp(d->word, ".") != 0 && strcmp(d->word, "..") != 0;
}

static bool
config_file_parse_prefix(struct directive *d)
{
	return rules_prefix(&d->peers, d->word);
}

static const struct config_file_kind {
	const char *name;
	bool (*take)(struct directive *);
	const char *want;
} kinds[SETTINGS] = {
	[SET_DEFAULT] = { "default", config_file_parse_rest,
	    "require, prefer or plain" },
	[SET_ACCEPT_PLAIN] = { "accept-plain", config_file_parse_yes,
	    "yes or no" },
	[SET_TELL_PRIVATE] = { "tell-private", config_file_parse_yes,
	    "yes or no" },
	[SET_BUNDLES] = { "bundles", config_file_parse_yes, "yes or no" },
	[SET_SESSIONS] = { "sessions", config_file_parse_sessions,
	    "a number of 1 to 100000" },
	[SET_MEMORY] = { "memory", config_file_parse_memory,
	    "a size of 64K to 256M" },
	[SET_RESEND_AGE] = { "resend-age", config_file_parse_age,
	    "a time of 0 to 10s, as 300ms" },
	[SET_SPIN] = { "spin", config_file_parse_spin,
	    "a number of 0 to 1000, microseconds" },
	[SET_SERVER_ID] = { "server-id", config_file_parse_server,
	    "a number of 1 to 63" },
	[SET_KEY] = { "key", config_file_parse_key,
	    "a key's name or absolute path" },
	[SET_INTERFACE] = { "interface", config_file_parse_interface,
	    "the name of a network interface" },
	[SET_NO_INTERFACE] = { "no-interface", config_file_parse_interface,
	    "the name of a network interface" },
	[SET_PLAIN] = { "plain", config_file_parse_prefix,
	    "ADDRESS[/LEN][:PORT]" },
	[SET_PROTECT] = { "protect", config_file_parse_prefix,
	    "ADDRESS[/LEN][:PORT]" },
	[SET_REFUSE] = { "refuse", config_file_parse_prefix,
	    "ADDRESS[/LEN][:PORT]" },
};

const char *
config_file_name(enum setting what)
{
	return kinds[what].name;
}

const char *
config_file_expected(enum setting what)
{
	return kinds[what].want;
}

bool
config_file_value(struct directive *d, enum setting what, const char *word)
{
	if (strlen(word) >= sizeof(d->word) || *word == '\0')
		return false;
	d->what = what;
	snprintf(d->word, sizeof(d->word), "%s", word);
	return kinds[what].take(d);
}

/* --- Lines --------------------------------------------------------------- */

void
config_file_begin(struct config_file *f, const char *text, size_t len)
{
	memset(f, 0, sizeof(*f));
	f->text = text;
	f->len = len;
	f->line = 1;
}

/* Writes the error message: what was expected, after which word (or NULL), and
 * what was found (NULL: the line's end). */
static int
config_file_fault(struct config_file *f, const char *want, const char *after,
    const char *found)
{
	char shown[FOUND + 4];
	size_t i;

	for (i = 0; found != NULL && found[i] != '\0' && i < FOUND; i++)
		shown[i] = found[i] < ' ' || found[i] > '~' ? '?' : found[i];
	if (found != NULL)
		snprintf(shown + i, sizeof(shown) - i, "%s",
		    found[i] != '\0' ? "..." : "");
	snprintf(f->fault, sizeof(f->fault), "expected %s%s%s, found %s%s%s",
	    want, after != NULL ? " after " : "", after != NULL ? after : "",
	    found != NULL ? "\"" : "", found != NULL ? shown :
	    "the end of the line", found != NULL ? "\"" : "");
	return -EINVAL;
}

/* The error message for a directive that does not exist. */
static int
config_file_unknown(struct config_file *f, const char *word)
{
	char names[CONFIG_FILE_TEXT / 2];
	size_t n = 0, i;

	for (i = 0; i < SETTINGS && n < sizeof(names); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
		    i == 0 ? "" : i == SETTINGS - 1 ? " or " : ", ",
		    kinds[i].name);
	return config_file_fault(f, names, NULL, word);
}

static bool
config_file_ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of this line: 1; 0 at its end; or -EINVAL. */
static int
config_file_word_next(struct config_file *f, char word[CONFIG_FILE_WORD])
{
	size_t n = 0;

	while (f->at < f->len && f->text[f->at] != '\n' &&
	    config_file_ends_word(f->text[f->at]))
		f->at++;
	if (f->at < f->len && f->text[f->at] == '#')
		while (f->at < f->len && f->text[f->at] != '\n')
			f->at++;
	while (f->at < f->len && !config_file_ends_word(f->text[f->at])) {
		word[n] = f->text[f->at++];
		if (word[n] == '\0') /* would end the word: no value has \1 */
			word[n] = '\1';
		if (++n == CONFIG_FILE_WORD) {
			word[n - 1] = '\0';
			return config_file_fault(
			    f, "a word of at most 1023 letters", NULL, word);
		}
	}
	word[n] = '\0';
	return n > 0;
}

/* A line's first word must name a directive: 0, or -EINVAL. */
static int
config_file_begin_directive(struct config_file *f, const char *word)
{
	size_t i;

	for (i = 0; i < SETTINGS; i++)
		if (strcmp(word, kinds[i].name) == 0)
			break;
	if (i == SETTINGS)
		return config_file_unknown(f, word);
	if (i < SET_ONCE && f->seen[i] != 0) {
		snprintf(f->fault, sizeof(f->fault), "expected %s only once "
		    "(line %u has it), found it again", kinds[i].name,
		    f->seen[i]);
		return -EINVAL;
	}
	if (i < SET_ONCE)
		f->seen[i] = f->line;
	f->what = (enum setting)i;
	f->within = true;
	f->some = false;
	return 0;
}

/* A value of the line's directive: 1, or -EINVAL. */
static int
config_file_take_value(
    struct config_file *f, struct directive *d, const char *word)
{
	const struct config_file_kind *k = &kinds[f->what];

	if (f->some && f->what < SET_ONCE)
		return config_file_fault(f, "the end of the line", NULL, word);
	if (!config_file_value(d, f->what, word))
		return config_file_fault(f, k->want, k->name, word);
	d->line = f->line;
	f->some = true;
	return 1;
}

int
config_file_next(struct config_file *f, struct directive *d)
{
	char word[CONFIG_FILE_WORD];
	int n;

	for (;;) {
		n = config_file_word_next(f, word);
		if (n > 0 && f->within)
			return config_file_take_value(f, d, word);
		if (n > 0)
			n = config_file_begin_directive(f, word);
		else if (n == 0) { /* the line's end */
			if (f->within && !f->some)
				return config_file_fault(f, kinds[f->what].want,
				    kinds[f->what].name, NULL);
			if (f->at >= f->len)
				return 0;
			f->within = false;
			f->at++;
			f->line++;
		}
		if (n < 0)
			return n;
	}
}
