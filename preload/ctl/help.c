/* SPDX-License-Identifier: ISC */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "options.h"

enum {
	HELP_SYNOPSIS = 128, /* longest one, bytes */
	HELP_COLUMN = 24,    /* width of a synopsis beside its line */
	HELP_OPTION = 12,    /* width of an option beside its text */
};

/* "status [--json] [PID]" */
static void
help_synopsis(char text[HELP_SYNOPSIS], const struct ctl_command *c)
{
	const struct ctl_option *o;
	const char *letter;
	int n;

	n = snprintf(text, HELP_SYNOPSIS, "%s", c->name);
	for (letter = c->letters; *letter != '\0'; letter++) {
		o = options_find(*letter);
		n += snprintf(text + n, (size_t)(HELP_SYNOPSIS - n),
		    o->value != NULL ? " [--%s %s]" : " [--%s]", o->name,
		    o->value);
	}
	if (c->operands[0] != '\0')
		snprintf(text + n, (size_t)(HELP_SYNOPSIS - n), " %s",
		    c->operands);
}

void
help_show_all(const struct ctl_command *c, size_t n)
{
	const char *before = "usage:";
	char text[HELP_SYNOPSIS];
	size_t i;

	for (i = 0; i < n; i++) {
		if (c[i].line == NULL)
			continue;
		help_synopsis(text, &c[i]);
		printf("%-6s mpctl %-*s", before, HELP_COLUMN, text);
		if (strlen(text) >= HELP_COLUMN)
			printf("\n%*s", HELP_COLUMN + 13, "");
		puts(c[i].line);
		before = "";
	}
	printf("       mpctl %-*swhat a command does\n", HELP_COLUMN,
	    "COMMAND --help");
	puts("       mpctl --help | --version\n"
	    "\n"
	    "Each user has a key pair of its own, in ~/.config/mpshim/identity, "
	    "and a\n"
	    "file of those who may talk with it, ~/.config/mpshim/peers.  status "
	    "shows\n"
	    "what your programs in this network namespace do; PID shows one "
	    "process only.");
}

static void
help_show_option(char letter)
{
	const struct ctl_option *o = options_find(letter);
	char name[HELP_SYNOPSIS];

	snprintf(name, sizeof(name), "%s%s%s", o->name,
	    o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
	printf("  -%c, --%-*s  %s\n", o->letter, HELP_OPTION, name, o->text);
}

void
help_show(const struct ctl_command *c)
{
	char text[HELP_SYNOPSIS];
	const char *letter;

	help_synopsis(text, c);
	printf("usage: mpctl %s\n\n%s\n", text, c->text);
	for (letter = c->letters; *letter != '\0'; letter++)
		help_show_option(*letter);
	help_show_option('h');
}
