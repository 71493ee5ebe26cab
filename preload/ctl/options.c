/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "say.h"
#include "suggest.h"

static const struct ctl_option options[] = {
	{ "as", 'i', "NAME", "this host's name there" },
	{ "ssh", 'e', "COMMAND", "instead of ssh, as \"ssh -p 2222\"" },
	{ "file", 'f', "FILE", "this file alone, not the usual ones" },
	{ "json", 'j', NULL, "for programs: mpctl(1) tells the fields" },
	{ "text", 't', NULL, "lines for people" },
	{ "count", 'c', "N", "so many rounds; else until it is interrupted" },
	{ "no-samples", 'n', NULL, "leave the round-trip times out" },
	{ "port", 'p', "PORT", "of that UDP port only" },
	{ "key", 'k', "NAME", "the peer of that name only" },
	{ "at", 'a', "PREFIX", "peers at addresses of that prefix only" },
	{ "short", 's', NULL, "a line a peer" },
	{ "sort", 'S', "ORDER", "bytes, age or silence: the most, the newest, "
	    "heard last" },
	{ "from", 'o', "N", "leave out so many peers of each port" },
	{ "most", 'm', "N", "show no more of each port; else 1000" },
	{ "output", 'w', "FILE", "write that file, not standard output" },
	{ "replace", 'r', NULL, "where the name has another key, too" },
	{ "undo", 'u', NULL, "take new peers again" },
	{ "system", 'y', NULL, "of the system, in /etc/mpshim" },
	{ "help", 'h', NULL, "this text" },
	{ "version", 'V', NULL, "the version of mpshim" },
};

enum {
	OPTIONS = sizeof(options) / sizeof(options[0]),
	OPTIONS_LINE = 512, /* longest message, bytes */
};

const struct ctl_option *
options_find(char letter)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

int
options_refuse(const char *format, ...)
{
	char what[OPTIONS_LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	say_line("%s%s mpctl --help tells more", what,
	    what[strlen(what) - 1] == '?' ? " " : ";");
	return CTL_USAGE;
}

static bool
options_has(const struct ctl_command *c, char letter)
{
	return letter == 'h' ||
	    (letter != '\0' && strchr(c->letters, letter) != NULL);
}

/* Makes what getopt_long(3) wants of the command's options. */
static void
options_list(const struct ctl_command *c, struct option longs[OPTIONS + 1],
    char letters[2 * OPTIONS + 2])
{
	const struct ctl_option *o;

	*letters++ = ':'; /* a missing value is told from an unknown option */
	for (o = options; o < options + OPTIONS; o++) {
		if (!options_has(c, o->letter))
			continue;
		*longs++ = (struct option) { .name = o->name,
			.has_arg = o->value != NULL ? required_argument :
			    no_argument, .val = o->letter };
		*letters++ = o->letter;
		if (o->value != NULL)
			*letters++ = ':';
	}
	*longs = (struct option) { .name = NULL };
	*letters = '\0';
}

/* The long option that was meant by --WORD or --WORD=VALUE. */
static void
options_suggest(const struct ctl_command *c, const char *word,
    char text[SUGGEST_TEXT])
{
	char name[SUGGEST_WORD], right[SUGGEST_WORD];
	struct suggest s;
	size_t i;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	suggest_begin(&s, name);
	for (i = 0; i < OPTIONS; i++) {
		snprintf(right, sizeof(right), "--%s", options[i].name);
		if (options_has(c, options[i].letter))
			suggest_offer(&s, right);
	}
	(void)suggest_text(&s, text);
}

/* Says which option the command does not take.  optopt(3) is 0 for an unknown
 * long one, which is the word that was read last; and the letter of a known
 * long one that was given a value but takes none. */
static int
options_refuse_option(const struct ctl_command *c, char **argv)
{
	char letter[] = { '-', (char)optopt, '\0' };
	char text[SUGGEST_TEXT] = "";

	if (options_has(c, (char)optopt))
		return options_refuse("--%s takes no value",
		    options_find((char)optopt)->name);
	if (optopt == 0)
		options_suggest(c, argv[optind - 1], text);
	return options_refuse("%s has no option %s%s", c->name,
	    optopt != 0 ? letter : argv[optind - 1], text);
}

static int
options_set(struct ctl_args *args, char letter)
{
	const struct ctl_option *o = options_find(letter);

	if (o->value != NULL && optarg[0] == '\0')
		return options_refuse("--%s wants a %s", o->name, o->value);
	switch (letter) {
	case 'i':
		args->as = optarg;
		break;
	case 'e':
		args->ssh = optarg;
		break;
	case 'f':
		args->file = optarg;
		break;
	case 'j':
		args->json = true;
		break;
	case 't':
		args->text = true;
		break;
	case 'c':
		args->count = optarg;
		break;
	case 'n':
		args->no_samples = true;
		break;
	case 'p':
		args->port = optarg;
		break;
	case 'k':
		args->key = optarg;
		break;
	case 'a':
		args->at = optarg;
		break;
	case 's':
		args->brief = true;
		break;
	case 'S':
		args->sort = optarg;
		break;
	case 'o':
		args->from = optarg;
		break;
	case 'm':
		args->most = optarg;
		break;
	case 'w':
		args->file = optarg;
		break;
	case 'r':
		args->replace = true;
		break;
	case 'u':
		args->undo = true;
		break;
	case 'y':
		args->system = true;
		break;
	case 'h':
		args->help = true;
		break;
	case 'V':
		args->version = true;
		break;
	}
	return CTL_OK;
}

int
options_parse(struct ctl_args *args, const struct ctl_command *c, int argc,
    char **argv)
{
	struct option longs[OPTIONS + 1];
	char letters[2 * OPTIONS + 2];
	const struct ctl_option *o;
	int letter, status = CTL_OK;

	*args = (struct ctl_args) { .file = NULL };
	options_list(c, longs, letters);
	opterr = 0;
	while (status == CTL_OK && (letter = getopt_long(argc, argv, letters,
	    longs, NULL)) != -1) {
		if (letter == ':') {
			o = options_find((char)optopt);
			status = options_refuse("--%s wants a %s", o->name,
			    o->value);
		} else if (letter == '?')
			status = options_refuse_option(c, argv);
		else
			status = options_set(args, (char)letter);
	}
	args->operand = argv + optind;
	args->n = argc - optind;
	if (status == CTL_OK && !args->help &&
	    (args->n < c->min || args->n > c->max))
		return options_refuse("%s wants %s", c->name, c->wants);
	return status;
}
