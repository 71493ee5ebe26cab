/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/say.h"
#include "ctl/suggest.h"

static const char help[] =
    "usage: mprun [OPTION...] [--] PROGRAM [ARG...]\n"
    "\n"
    "  -k, --key PEER       whom to talk with: a name in the file of peers, or\n"
    "                       DIRECTORY/NAME; usual are all peers\n"
    "      --peer A[:P]     protect what goes to these peers only\n"
    "      --plain A[/L][:P]  leave what goes to and comes from these alone\n"
    "      --accept-plain   let unprotected datagrams in\n"
    "      --prefer         unprotected to peers that do not answer within 1 s\n"
    "      --require        never, even where the configuration says so\n"
    "      --interface NAME     use these interfaces only\n"
    "      --no-interface NAME  never use these\n"
    "      --config FILE    this configuration alone, or none; usual are\n"
    "                       ~/.config/mpshim/config and /etc/mpshim/config\n"
    "      --spin US        receive calls spin so long before they wait\n"
    "      --events FILE    write down what happens, as mpctl events says it\n"
    "  -v, --verbose        say more on standard error\n"
    "      --help, --version\n"
    "\n"
    "Those that take a value may be given several times.  IPv6 with a port is "
    "[A]:P\n"
    "or [A/L]:P.  The other end runs under mprun too; mpctl pair ME@SERVER makes "
    "both\n"
    "ends know each other.  mpctl status shows what goes on.\n";

/* What becomes of an option's value. */
enum kind {
	RUN_LIST,  /* added to what was given before, separated by a blank */
	RUN_VALUE, /* the last one counts */
	RUN_PATH,  /* the same, a path: made absolute, as the program may use
		    * chdir(2) */
	RUN_KEY,   /* a list of names and paths */
	RUN_SET,   /* no value is taken: `fixed' is */
	RUN_VERBOSE,
	RUN_HELP,
	RUN_VERSION,
};

struct run_word {
	const char *name, *letter; /* the letter or NULL */
	enum kind kind;
	const char *variable, *fixed;
};

/* Options replace the values of the environment. */
static const struct run_word options[] = {
	{ "--key", "-k", RUN_KEY, "MPSHIM_KEY", NULL },
	{ "--peer", NULL, RUN_LIST, "MPSHIM_PEER", NULL },
	{ "--plain", NULL, RUN_LIST, "MPSHIM_PLAIN", NULL },
	{ "--interface", NULL, RUN_LIST, "MPSHIM_INTERFACE", NULL },
	{ "--no-interface", NULL, RUN_LIST, "MPSHIM_NO_INTERFACE", NULL },
	{ "--config", NULL, RUN_PATH, "MPSHIM_CONFIG", NULL },
	{ "--spin", NULL, RUN_VALUE, "MPSHIM_SPIN", NULL },
	{ "--events", NULL, RUN_VALUE, "MPSHIM_EVENTS", NULL },
	{ "--accept-plain", NULL, RUN_SET, "MPSHIM_ACCEPT_PLAIN", "1" },
	{ "--prefer", NULL, RUN_SET, "MPSHIM_PREFER", "1" },
	{ "--require", NULL, RUN_SET, "MPSHIM_PREFER", "0" },
	{ "--verbose", "-v", RUN_VERBOSE, "MPSHIM_LOG", NULL },
	{ "--help", "-h", RUN_HELP, NULL, NULL },
	{ "--version", NULL, RUN_VERSION, NULL, NULL },
};

/* The lists of these options, not of their variables; or NULL. */
static const char *interfaces, *no_interfaces;

enum { RUN_OPTIONS = sizeof(options) / sizeof(options[0]) };

char *
run_join(const char *a, const char *b, const char *c)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = calloc(1, size);

	if (text == NULL) {
		say_line("%s", strerror(errno));
		_exit(CTL_FAILED);
	}
	snprintf(text, size, "%s%s%s", a, b, c);
	return text;
}

/* In the directory of mprun, where it is relative; NULL, and says so: there is
 * none. */
static const char *
run_absolute(const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/')
		return path;
	if (getcwd(here, sizeof(here)) == NULL) {
		say_line("%s: %s", path, strerror(errno));
		return NULL;
	}
	return run_join(here, "/", path);
}

static bool
run_has_blank(const char *text)
{
	while (*text != '\0' && !isspace((unsigned char)*text))
		text++;
	return *text != '\0';
}

/* Sets the log level to info, unless it is info or debug, and keeps the file:
 * MPSHIM_LOG is LEVEL[:FILE]. */
static void
run_verbose(void)
{
	const char *log = getenv("MPSHIM_LOG"), *file;

	log = log != NULL ? log : "";
	if (strncmp(log, "info", 4) == 0 || strncmp(log, "debug", 5) == 0)
		return;
	file = strchr(log, ':');
	setenv("MPSHIM_LOG", run_join("info", file != NULL ? file : "", ""), 1);
}

/* `given': values of the same option so far.  -1, or the exit status. */
static int
run_take(const struct run_word *o, const char *value, const char **given)
{
	if (o->kind == RUN_KEY && strchr(value, '/') != NULL)
		value = run_absolute(value);
	if (o->kind == RUN_PATH && strcmp(value, "none") != 0)
		value = run_absolute(value);
	if (value == NULL)
		return CTL_USAGE;
	if (o->kind == RUN_KEY && run_has_blank(value)) {
		say_line("%s: a peer's path cannot hold blanks", value);
		return CTL_USAGE;
	}
	if (*given != NULL && o->kind != RUN_VALUE && o->kind != RUN_PATH)
		value = run_join(*given, " ", value);
	*given = value;
	setenv(o->variable, value, 1);
	return -1;
}

static bool
run_takes_value(const struct run_word *o)
{
	return o->kind <= RUN_KEY;
}

/* Finds the option of a word; *value: what the word has of one, or NULL. */
static const struct run_word *
run_find(const char *word, const char **value)
{
	const struct run_word *o;
	size_t len;

	for (o = options; o < options + RUN_OPTIONS; o++) {
		*value = NULL;
		if (strcmp(word, o->name) == 0 ||
		    (o->letter != NULL && strcmp(word, o->letter) == 0))
			return o;
		if (!run_takes_value(o))
			continue;
		len = strlen(o->name);
		*value = word + len + 1;
		if (strncmp(word, o->name, len) == 0 && word[len] == '=')
			return o;
		*value = word + 2;
		if (o->letter != NULL && strncmp(word, o->letter, 2) == 0)
			return o;
	}
	return NULL;
}

/* One that takes no value: -1 to go on, or the exit status. */
static int
run_switch(const struct run_word *o)
{
	if (o->kind == RUN_SET)
		setenv(o->variable, o->fixed, 1);
	else if (o->kind == RUN_VERBOSE)
		run_verbose();
	else {
		fputs(o->kind == RUN_HELP ? help :
		    "mpshim " MPSHIM_VERSION "\n", stdout);
		return say_flush();
	}
	return -1;
}

static int
run_refuse(const char *word)
{
	char name[SUGGEST_WORD], text[SUGGEST_TEXT];
	struct suggest s;
	size_t i;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	suggest_begin(&s, name);
	for (i = 0; i < RUN_OPTIONS; i++)
		suggest_offer(&s, options[i].name);
	(void)suggest_text(&s, text);
	say_line("no option %s%s%s mprun --help lists them", word, text,
	    text[0] != '\0' ? " " : ";");
	return CTL_USAGE;
}

/* Two letters or more, the first of which takes no value, as -vk NAME: leaves
 * the others in *word.  -1 to go on, or the exit status. */
static int
run_first_letter(char **word)
{
	char first[] = { '-', (*word)[1], '\0' };
	const char *value;
	const struct run_word *o;
	int status;

	if (first[1] == '-' || first[1] == '\0' || (*word)[2] == '\0')
		return -1;
	o = run_find(first, &value);
	if (o == NULL || run_takes_value(o))
		return -1;
	status = run_switch(o);
	++*word;
	**word = '-';
	return status < 0 ? run_first_letter(word) : status;
}

/* The option in argv[0], and its value there or in argv[1].  -1 to go on, or the
 * exit status; *used: how many words it took. */
static int
run_option(char **argv, const char **given, int *used)
{
	const char *value;
	const struct run_word *o = run_find(argv[0], &value);

	*used = 1;
	if (o == NULL)
		return run_refuse(argv[0]);
	if (!run_takes_value(o))
		return run_switch(o);
	if (value == NULL) {
		value = argv[1];
		*used = 2;
	}
	if (value == NULL || value[0] == '\0') {
		say_line("%s wants a value; mprun --help tells more",
		    argv[0][1] == '-' ? o->name : o->letter);
		return CTL_USAGE;
	}
	return run_take(o, value, &given[o - options]);
}

static const char *
run_given(const char *name, const char **given)
{
	const struct run_word *o = options;

	while (strcmp(o->name, name) != 0)
		o++;
	return given[o - options];
}

int
run_options(char **argv, char ***program)
{
	const char *given[RUN_OPTIONS] = { NULL };
	int status, used;

	for (argv++; *argv != NULL && (*argv)[0] == '-'; argv += used) {
		if (strcmp(*argv, "--") == 0) {
			argv++;
			break;
		}
		status = run_first_letter(argv);
		if (status < 0)
			status = run_option(argv, given, &used);
		if (status >= 0)
			return status;
	}
	*program = argv;
	interfaces = run_given("--interface", given);
	no_interfaces = run_given("--no-interface", given);
	return -1;
}

/* Says so, if this host has no interface of the name. */
static bool
run_has_interface(const char *before, const char *name)
{
	struct if_nameindex *all, *i;
	char text[SUGGEST_TEXT];
	struct suggest s;

	all = if_nametoindex(name) == 0 && errno == ENODEV ? if_nameindex() :
	    NULL;
	if (all == NULL)
		return true;
	suggest_begin(&s, name);
	for (i = all; i->if_name != NULL; i++)
		suggest_offer(&s, i->if_name);
	if_freenameindex(all);
	say_line("%s %s: this host has no such interface%s", before, name,
	    suggest_text(&s, text));
	return false;
}

static bool
run_has_interfaces(const char *before, const char *names)
{
	char *copy = run_join(names != NULL ? names : "", "", ""), *name, *rest;
	bool all = true;

	for (name = strtok_r(copy, " ", &rest); name != NULL;
	    name = strtok_r(NULL, " ", &rest))
		all &= run_has_interface(before, name);
	free(copy);
	return all;
}

bool
run_interfaces_ok(void)
{
	(void)run_has_interfaces("warning: --no-interface", no_interfaces);
	return run_has_interfaces("--interface", interfaces);
}
