/* SPDX-License-Identifier: ISC */
/*
 * The C library closes descriptors behind everybody's back: closed_by_libc HOW
 * ADDRESS PORT TIMES.
 *
 * fdopen: fclose(3) of a socket; freopen: of standard input that is a socket;
 * names: getaddrinfo(3), which makes sockets of its own; syslog: a socket that
 * stays.  After each the number is used for a file and for another socket.
 * Prints lost N.
 */
#include "prog.h"

#include <netdb.h>
#include <syslog.h>

static const char *how, *host, *port;
static unsigned lost;

static void
file_on(int fd)
{
	int file = prog_tmpfile();

	if (file != fd)
		errx(1, "the file is %d, not %d", file, fd);
	prog_file(file);
	close(file);
}

/* One that has talked, and is gone without close(2). */
static void
by_fclose(unsigned i)
{
	int fd = prog_open(host, port);
	FILE *f;

	lost += prog_talk(fd, prog_who(1), i, 1);
	f = fdopen(fd, "r+");
	if (f == NULL)
		close(fd); /* refused: as well */
	else
		fclose(f);
	file_on(fd);
	fd = prog_open(host, port);
	lost += prog_talk(fd, prog_who(2), i, 1);
	close(fd);
}

static void
by_freopen(unsigned i)
{
	int fd = prog_open(host, port);

	if (dup2(fd, 0) != 0)
		err(1, "dup2");
	close(fd);
	lost += prog_talk(0, prog_who(1), i, 1);
	if (freopen("/etc/hostname", "r", stdin) == NULL ||
	    fgetc(stdin) == EOF || fileno(stdin) != 0)
		err(1, "freopen");
	if (fcntl(0, F_GETFL) < 0 || lseek(0, 0, SEEK_SET) != 0)
		err(1, "standard input is no file");
}

/* They come between: two sockets of the C library's own, for a moment. */
static void
by_names(unsigned i)
{
	struct addrinfo hint = { .ai_socktype = SOCK_DGRAM }, *found = NULL;
	int fd = prog_open(host, port), n;

	(void)getaddrinfo("nobody.invalid", "53", &hint, &found);
	if (found != NULL)
		freeaddrinfo(found);
	lost += prog_talk(fd, prog_who(1), i, 1);
	close(fd);
	for (n = 0; n < 100; n++) {
		if (getaddrinfo(n % 2 ? "localhost" : host, "53", &hint,
			&found) == 0)
			freeaddrinfo(found);
	}
	file_on(fd);
}

static void
by_syslog(unsigned i)
{
	int fd = prog_open(host, port);

	lost += prog_talk(fd, prog_who(1), i, 1);
	close(fd);
	openlog("t14", LOG_NDELAY, LOG_USER);
	syslog(LOG_DEBUG, "a line");
	closelog();
	file_on(fd);
}

int
main(int argc, char **argv)
{
	unsigned i;
	int fd;

	if (argc != 5)
		errx(2, "usage: closed_by_libc HOW ADDRESS PORT TIMES");
	how = argv[1], host = argv[2], port = argv[3];
	fd = prog_open(host, port);
	for (i = 0; i < (unsigned)atoi(argv[4]); i++) {
		lost += prog_talk(fd, prog_who(0), i, 1);
		if (strcmp(how, "fdopen") == 0)
			by_fclose(i);
		else if (strcmp(how, "freopen") == 0)
			by_freopen(i);
		else if (strcmp(how, "names") == 0)
			by_names(i);
		else
			by_syslog(i);
	}
	printf("lost %u\n", lost);
	return 0;
}
