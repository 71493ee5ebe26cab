/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long fuzz_counted;
static const char *fuzz_units;

void
fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* Check's own, for a program that does not link it. */
void _ck_assert_failed(const char *, int, const char *, const char *, ...)
    __attribute__((noreturn, format(printf, 4, 5)));
void _mark_point(const char *, int);

void
_ck_assert_failed(const char *file, int line, const char *expr,
    const char *format, ...)
{
	va_list ap;

	if (format != NULL) {
		va_start(ap, format);
		vfprintf(stderr, format, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	fuzz_fail(file, line, expr);
}

void
_mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

uint8_t
feed_byte(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

uint64_t
feed_number(struct feed *f, unsigned bytes)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		n |= (uint64_t)feed_byte(f) << 8 * i;
	return n;
}

size_t
feed_take(struct feed *f, void *to, size_t most)
{
	size_t n = most < f->left ? most : f->left;

	if (n > 0)
		memcpy(to, f->at, n);
	f->at += n;
	f->left -= n;
	return n;
}

void
feed_fill(struct feed *f, void *to, size_t len)
{
	size_t n = feed_take(f, to, len);

	memset((char *)to + n, 0, len - n);
}

uint8_t *
fuzz_exact(const void *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	FUZZ_ASSERT(exact != NULL);
	if (len > 0)
		memcpy(exact, data, len);
	return exact;
}

static void
fuzz_say_count(void)
{
	fprintf(stderr, "%lu %s in all\n", fuzz_counted, fuzz_units);
}

void
fuzz_count(const char *units)
{
	if (fuzz_units == NULL) {
		fuzz_units = units;
		atexit(fuzz_say_count);
	}
	fuzz_counted++;
}
