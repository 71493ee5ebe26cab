/* SPDX-License-Identifier: ISC */
/*
 * Hooks: stdio and daemon(3).  The C library reads, writes and closes
 * descriptors of streams by internal calls, which no hook sees.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "hooks.h"
#include "process/libc.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "socket/stale_fd.h"

/* --- Streams that close --------------------------------------------------- */

static int
hook_stdio_number(FILE *f)
{
	int saved = errno, fd = f != NULL ? fileno(f) : -1;

	errno = saved;
	return fd;
}

/* The descriptor is forgotten only after the close, which may still write
 * through a hook.  If another thread has the number by then, its socket is
 * found anew. */
HOOK(int, fclose, (FILE *f))
{
	int fd = hook_stdio_number(f), result = real_fclose(f);

	stale_fd_drop(fd);
	return result;
}

HOOK(FILE *, freopen, (const char *path, const char *mode, FILE *f))
{
	int fd = hook_stdio_number(f);
	FILE *result = real_freopen(path, mode, f);

	stale_fd_drop(fd);
	return result;
}
HOOK_ALIAS(freopen, freopen64);

HOOK(int, daemon, (int stay, int open))
{
	int fd, result = real_daemon(stay, open);

	for (fd = 0; result == 0 && !open && fd <= 2; fd++)
		stale_fd_drop(fd);
	return result;
}

/* --- Streams on sockets --------------------------------------------------- */

static ssize_t
hook_stdio_get(void *cookie, char *data, size_t len)
{
	return hook_read((int)(intptr_t)cookie, data, len);
}

static ssize_t
hook_stdio_put(void *cookie, const char *data, size_t len)
{
	return hook_write((int)(intptr_t)cookie, data, len);
}

static int
hook_stdio_close(void *cookie)
{
	return hook_close((int)(intptr_t)cookie);
}

/* A stream on a socket of ours reads, writes and closes through the hooks. */
HOOK(FILE *, fdopen, (int fd, const char *mode))
{
	cookie_io_functions_t io = { .read = hook_stdio_get, .write =
	    hook_stdio_put, .close = hook_stdio_close };
	struct sock *s = sock_hold(fd);
	FILE *f;

	if (s == NULL)
		return real_fdopen(fd, mode);
	fdtab_release(s);
	f = fopencookie((void *)(intptr_t)fd, mode, io);
	if (f != NULL)
		f->_fileno = fd; /* for fileno(3) */
	return f;
}

/* Prints to a socket of ours, as one datagram: the length, or -1.  -2: the
 * descriptor is no such socket. */
static int
hook_stdio_print(int fd, const char *format, va_list ap)
{
	struct sock *s = sock_hold(fd);
	char *text;
	int n;

	if (s == NULL)
		return -2;
	fdtab_release(s);
	n = vasprintf(&text, format, ap);
	if (n < 0)
		return -1;
	if (n > 0 && hook_write(fd, text, (size_t)n) < 0)
		n = -1;
	free(text);
	return n;
}

HOOK(int, vdprintf, (int fd, const char *format, va_list ap))
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = hook_stdio_print(fd, format, again);
	va_end(again);
	return n == -2 ? real_vdprintf(fd, format, ap) : n;
}

HOOK(int, __vdprintf_chk, (int fd, int flag, const char *format, va_list ap))
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = hook_stdio_print(fd, format, again);
	va_end(again);
	return n == -2 ? real___vdprintf_chk(fd, flag, format, ap) : n;
}

int
hook_dprintf(int fd, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = hook_vdprintf(fd, format, ap);
	va_end(ap);
	return n;
}

int
hook___dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = hook___vdprintf_chk(fd, flag, format, ap);
	va_end(ap);
	return n;
}
