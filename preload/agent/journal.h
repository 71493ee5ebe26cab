/* SPDX-License-Identifier: ISC */
/* What the agent did, in a file that MPSHIM_AGENT_LOG names; else nowhere. */
#ifndef JOURNAL_H
#define JOURNAL_H

/* Opens it, appending: 0, or a negative errno. */
int journal_open(const char *path);
/* Adds one line, "seconds pid text". */
void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
