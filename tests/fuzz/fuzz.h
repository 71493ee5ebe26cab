/* SPDX-License-Identifier: ISC */
/*
 * What the fuzz targets share.  A target is a file fuzz_NAME.c with the one
 * function that libFuzzer calls; `make fuzz' builds each with clang's libFuzzer
 * and sanitizers, `make check-fuzz' runs the files of corpus/NAME/ through the
 * same function, with the compiler of the day (files.c).
 *
 * An assertion that fails, Check's as well, ends the process: so tests/unit/duo.h
 * and its like can be used.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

struct mp_addr;

/* Takes one input.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends the process with this text. */
void fuzz_fail(const char *file, int line, const char *what)
    __attribute__((noreturn));
#define FUZZ_ASSERT(x) ((x) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #x))

/* What is left of an input.  Behind its end there are zeros. */
struct feed {
	const uint8_t *at;
	size_t left;
};

uint8_t feed_byte(struct feed *);
/* So many bytes, the least first. */
uint64_t feed_number(struct feed *, unsigned bytes);
/* At most so many bytes, fewer at the end: how many. */
size_t feed_take(struct feed *, void *to, size_t most);
/* Fills them all. */
void feed_fill(struct feed *, void *to, size_t len);
/* A copy in memory of its exact length, so that a sanitizer sees a read past
 * it; the caller frees it. */
uint8_t *fuzz_exact(const void *, size_t len);

/* Counts packets, lines, ...: "N UNITS in all" is said at the end. */
void fuzz_count(const char *units);

#endif
