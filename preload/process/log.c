/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "libc.h"
#include "shared/arena.h"
#include "shared/raw.h"
#include "shared/real.h"
#include "shared/seccomp.h"

static enum log_level level = LOG_WARN;
static char file[256]; /* "": stderr */
static _Atomic uint64_t last[32]; /* when a line of each kind was written, us */

void
log_setup(const char *spec)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const char *colon;
	size_t i, len;

	if (spec == NULL)
		return;
	colon = strchr(spec, ':');
	len = colon != NULL ? (size_t)(colon - spec) : strlen(spec);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(names[i], spec, len) == 0)
			level = (enum log_level)i;
	if (colon != NULL)
		snprintf(file, sizeof(file), "%s", colon + 1);
}

/* Does a line more fit into the file?  Where a limit ends it (RLIMIT_FSIZE),
 * write(2) would kill the program by SIGXFSZ. */
static bool
log_fits(int fd, size_t len)
{
	struct rlimit most;
	struct stat st;

	if (!SECCOMP_ALLOWS(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &most) ||
	    !SECCOMP_ALLOWS(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) ||
	    RAW(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &most) != 0 ||
	    most.rlim_cur == RLIM_INFINITY)
		return true;
	return fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size + len <= most.rlim_cur;
}

static void
log_put(const char *line, size_t len)
{
	int fd = 2;

	if (!SECCOMP_ALLOWS(SYS_write, fd) || (file[0] != '\0' &&
	    !SECCOMP_ALLOWS(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND)))
		return;
	if (file[0] != '\0') {
		fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		    0600);
		if (fd < 0)
			return;
	}
	if (log_fits(fd, len) && real_write(fd, line, len) < 0) {
		/* Where could that be reported? */
	}
	if (fd != 2)
		real_close(fd);
}

void
log_say(enum log_level of, int kind, const char *format, ...)
{
	char line[512] = "mpshim: ";
	int saved = errno, n;
	uint64_t now;
	size_t len;
	va_list ap;

	if (of > level)
		return;
	if (kind > 0 && kind < 32) {
		now = arena_now();
		if (now - atomic_load(&last[kind]) < 1000000)
			return;
		atomic_store(&last[kind], now);
	}
	len = strlen(line);
	va_start(ap, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, ap);
	va_end(ap);
	if (n > 0) {
		len = strlen(line);
		line[len++] = '\n';
		log_put(line, len);
	}
	errno = saved;
}
