/* SPDX-License-Identifier: ISC */
#include "stdio_sock.h"

#include <stdio.h>
#include <stdio_ext.h>

#include "hooks.h"
#include "socket/fdtab.h"

/* By descriptor, 1 and 2. */
static FILE *usual[3];	/* what the variable was before */
static FILE *ours[3];	/* a stream through the hook, kept for the next time */

static ssize_t
stdio_sock_put(void *cookie, const char *data, size_t len)
{
	return hook_write((int)(intptr_t)cookie, data, len);
}

static FILE **
stdio_sock_variable(int fd)
{
	return fd == 1 ? &stdout : &stderr;
}

static void
stdio_sock_install(int fd)
{
	cookie_io_functions_t io = { .write = stdio_sock_put };
	FILE *was = *stdio_sock_variable(fd);

	if (ours[fd] == NULL) {
		ours[fd] = fopencookie((void *)(intptr_t)fd, "w", io);
		if (ours[fd] == NULL)
			return;
		ours[fd]->_fileno = fd; /* for fileno(3) */
	}
	fflush(was);
	if (fd == 2)
		setvbuf(ours[fd], NULL, _IONBF, 0);
	else if (__flbf(was))
		setvbuf(ours[fd], NULL, _IOLBF, 0);
	usual[fd] = was;
	*stdio_sock_variable(fd) = ours[fd];
}

void
stdio_sock_moved(int fd, const struct sock *s)
{
	if (fd != 1 && fd != 2)
		return;
	if (s != NULL && s->connected) {
		if (*stdio_sock_variable(fd) != ours[fd] || ours[fd] == NULL)
			stdio_sock_install(fd);
	} else if (usual[fd] != NULL && *stdio_sock_variable(fd) == ours[fd]) {
		fflush(ours[fd]);
		*stdio_sock_variable(fd) = usual[fd];
	}
}
