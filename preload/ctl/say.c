/* SPDX-License-Identifier: ISC */
#include "say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

enum { SAY_LINE = 1024 }; /* longest line on stderr, bytes */

static const char *speaker = "mpctl";

void
say_set_name(const char *who)
{
	speaker = who;
}

const char *
say_clean(char *out, size_t size, const char *text, size_t len)
{
	size_t i;
	unsigned char c;

	for (i = 0; i < len && i + 1 < size && text[i] != '\0'; i++) {
		c = (unsigned char)text[i];
		out[i] = text[i];
		if (c < ' ' || c > '~')
			out[i] = '?';
	}
	out[i] = '\0';
	return out;
}

void
say_line(const char *format, ...)
{
	char line[SAY_LINE], *c;
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	/* Bytes past ASCII may be UTF-8 of a file's name. */
	for (c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "%s: %s\n", speaker, line);
}

const char *
say_duration(char words[SAY_DURATION], uint64_t us)
{
	uint64_t s = us / 1000000;

	if (us < 10000000)
		snprintf(words, SAY_DURATION, "%" PRIu64 ".%" PRIu64 " s", s,
		    us / 100000 % 10);
	else if (s < 60)
		snprintf(words, SAY_DURATION, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(words, SAY_DURATION, "%" PRIu64 " min %" PRIu64 " s",
		    s / 60, s % 60);
	else if (s < 86400)
		snprintf(words, SAY_DURATION, "%" PRIu64 " h %" PRIu64 " min",
		    s / 3600, s / 60 % 60);
	else
		snprintf(words, SAY_DURATION, "%" PRIu64 " d %" PRIu64 " h",
		    s / 86400, s / 3600 % 24);
	return words;
}

int
say_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CTL_OK;
	say_line("cannot write: %s", strerror(errno));
	return CTL_FAILED;
}
