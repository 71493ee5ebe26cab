/* SPDX-License-Identifier: ISC */
/* Lines for people: errors on stderr, clean text, durations in words. */
#ifndef SAY_H
#define SAY_H

#include <stddef.h>
#include <stdint.h>

enum { SAY_DURATION = 32 }; /* bytes of a duration in words, with the 0 */

/* The program in whose name errors are told: "mpctl", or "mprun", which calls
 * mpctl. */
void say_set_name(const char *name);
/* "NAME: ..." on stderr, one line whatever is in it. */
void say_line(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Copies a text that ends at a 0 or after `len' bytes; what is not printable
 * ASCII becomes `?', so that it harms no terminal.  `out' has `size' bytes.
 * Returns `out'. */
const char *say_clean(char *out, size_t size, const char *text, size_t len);
/* "0.3 s", "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h". */
const char *say_duration(char words[SAY_DURATION], uint64_t us);
/* Flushes stdout: CTL_OK, or CTL_FAILED, and says why. */
int say_flush(void);

#endif
