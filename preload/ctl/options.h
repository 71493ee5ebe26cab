/* SPDX-License-Identifier: ISC */
/*
 * The command line of mpctl.  Each command is a row of the table in main.c; the
 * options that there are, with both their names, are a table in options.c.  A
 * command line is parsed in one place, so every command takes its options in
 * any order, also after its operands, and by either name.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* A command line, parsed. */
struct ctl_args {
	bool help, version;
	bool json, brief, text;
	bool no_samples;
	bool undo;
	bool replace;
	bool system;
	const char *as, *ssh; /* or NULL */
	const char *file; /* or NULL */
	const char *port; /* or NULL, as the others */
	const char *count;
	const char *key, *at, *sort, *from, *most;
	char **operand;
	int n; /* operands */
};

struct ctl_option {
	const char *name; /* --NAME */
	char letter;	  /* -LETTER */
	const char *value; /* what it is called, or NULL: the option has none */
	const char *text; /* what the option does, for --help */
};

struct ctl_command {
	const char *name;
	const char *letters;  /* of the options that it takes besides --help */
	const char *operands; /* as the synopsis has them */
	int min, max;	      /* operands */
	const char *wants;    /* what operands there must be, in words */
	int (*run)(const struct ctl_args *); /* returns an exit status */
	const char *line;     /* what it does, in one line of `mpctl --help';
			       * NULL: not a command that people type */
	const char *text;     /* what `mpctl COMMAND --help' says besides */
};

/* The option of this letter, or NULL. */
const struct ctl_option *options_find(char letter);
/* Parses the words behind the command's name; argv[0] is that name.  CTL_OK, or
 * CTL_USAGE, and says what is wrong.  With --help the operands are not
 * counted. */
int options_parse(struct ctl_args *, const struct ctl_command *, int argc,
    char **argv);
/* Says what is wrong with the command line, and where to read on: CTL_USAGE. */
int options_refuse(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
