/* SPDX-License-Identifier: ISC */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int journal_fd = -1; /* both processes append to one file */

int
journal_open(const char *path)
{
	journal_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	return journal_fd < 0 ? -errno : 0;
}

void
journal(const char *format, ...)
{
	struct timespec ts;
	char line[512];
	va_list ap;
	int n, m;

	if (journal_fd < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	n = snprintf(line, sizeof(line), "%lld.%06ld %d ", (long long)ts.tv_sec,
	    ts.tv_nsec / 1000, (int)getpid());
	va_start(ap, format);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, ap);
	va_end(ap);
	n += m;
	if (m < 0 || n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	/* Names of programs and files are others' words: they end no line, and
	 * a terminal obeys none. */
	for (m = 0; m < n; m++)
		if ((unsigned char)line[m] < ' ' || line[m] == 0x7f)
			line[m] = '?';
	line[n] = '\n';
	/* A full disk does not stop the agent. */
	if (write(journal_fd, line, (size_t)n + 1) < 0)
		return;
}
