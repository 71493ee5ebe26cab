/* SPDX-License-Identifier: ISC */
/* The agent's log, in the file that MPSHIM_AGENT_LOG names; else there is
 * none. */
#ifndef JOURNAL_H
#define JOURNAL_H

/* Opens it, appending: 0, or a negative errno. */
int journal_open(const char *path);
/* Adds one line, "seconds pid text". */
void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
