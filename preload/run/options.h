/* SPDX-License-Identifier: ISC */
/* The command line of mprun, as variables for the library. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>

/* Turns the options into variables of this process's environment.  Returns the
 * exit status, or -1 and *program, the first argument that is no option, to go
 * on. */
int run_options(char **argv, char ***program);
/* a, b and c as one new text, or ends mprun: there is no memory. */
char *run_join(const char *a, const char *b, const char *c);
/* Has this host the interfaces that the options name?  What is typed is more
 * likely mistyped than to come later, as what a variable or the configuration
 * names may.  False, and says so: those of --interface; it warns of the others. */
bool run_interfaces_ok(void);

#endif
