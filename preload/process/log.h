/* SPDX-License-Identifier: ISC */
/* Messages for people: lines "mpshim: ..." on stderr, or in the file that
 * MPSHIM_LOG names. */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The value of MPSHIM_LOG: "error", "warn", "info" or "debug", then perhaps
 * ":FILE".  NULL: warn. */
void log_setup(const char *spec);
/*
 * Writes a line, unless one of the same kind (LOG_*; LOG_ALWAYS: in any case)
 * was written within the last second.  errno stays as it is.
 */
void log_say(enum log_level, int kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Kinds of lines. */
enum { LOG_ALWAYS, LOG_AGENT, LOG_KEY, LOG_PEER, LOG_LOST, LOG_WAY, LOG_BOUND };

#endif
