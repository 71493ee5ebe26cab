/* SPDX-License-Identifier: ISC */
/* The command line of mprun, as variables for the library. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

/* Turns the options into variables of this process's environment.  Returns the
 * exit status, or -1 and *program, the first argument that is no option, to go
 * on. */
int run_options(char **argv, char ***program);
/* a, b and c as one new text, or ends mprun: there is no memory. */
char *run_join(const char *a, const char *b, const char *c);

#endif
