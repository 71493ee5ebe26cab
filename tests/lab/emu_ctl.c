/* SPDX-License-Identifier: ISC */
/*
 * The control socket: SOCK_SEQPACKET, one message for each command and one for
 * each answer.  An answer begins with `+' or, if it is an error, with `-'.
 */
#define _GNU_SOURCE
#include "emu.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	COMMAND_MAX = 4096,
	ANSWER_MAX = 128 << 10,
};

static int
ctl_socket(const char *path, struct sockaddr_un *addr, int flags)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr->sun_path, path, strlen(path));
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

int
ctl_listen(const char *path)
{
	struct sockaddr_un addr;
	int fd = ctl_socket(path, &addr, SOCK_NONBLOCK);

	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(fd, SOMAXCONN) != 0)
		err(1, "%s", path);
	return fd;
}

int
ctl_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

bool
ctl_serve(struct emu *e, int fd)
{
	char line[COMMAND_MAX], *answer = NULL;
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);
	size_t len = 0;
	FILE *f;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	line[n] = '\0';
	f = open_memstream(&answer, &len);
	if (f == NULL)
		return false;
	putc('+', f);
	if (!cmd_run(e, line, f)) {
		fflush(f);
		answer[0] = '-';
	}
	fclose(f);
	n = send(fd, answer, len, MSG_NOSIGNAL);
	free(answer);
	return n >= 0;
}

static void
ctl_join_words(char *line, size_t size, char *const *words)
{
	size_t at = 0;

	for (; *words != NULL; words++) {
		at += (size_t)snprintf(line + at, size - at, "%s ", *words);
		if (at >= size)
			errx(1, "command too long");
	}
}

int
ctl_ask(const char *path, char *const *words)
{
	static char line[COMMAND_MAX], answer[ANSWER_MAX];
	struct sockaddr_un addr;
	int fd = ctl_socket(path, &addr, 0);
	ssize_t n;

	if (fd == -1 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "%s", path);
	ctl_join_words(line, sizeof(line), words);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		err(1, "%s", path);
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n <= 0)
		errx(1, "%s: emu closed the connection", path);
	close(fd);
	if (answer[0] != '+')
		fprintf(stderr, "emu: %s", answer + 1);
	else
		fputs(answer + 1, stdout);
	return answer[0] != '+';
}
