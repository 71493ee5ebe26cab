/* SPDX-License-Identifier: ISC */
/*
 * The C library closes and makes descriptors by calls that no hook sees:
 * closed_by_libc HOW ADDRESS PORT TIMES.
 *
 *	fdopen	fclose(3) closes a socket
 *	freopen	freopen(3) closes a socket that is standard input
 *	names	getaddrinfo(3) makes and closes sockets
 *	syslog	openlog(3) makes a socket
 *
 * After each, a file and another socket use the number.  Prints lost N, in
 * datagrams.
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

/* A socket that has talked is closed without close(2). */
static void
by_fclose(unsigned i)
{
	int fd = prog_open(host, port);
	FILE *f;

	lost += prog_talk(fd, prog_sender(1), i, 1);
	f = fdopen(fd, "r+");
	if (f == NULL)
		close(fd); /* no stream: the number becomes free all the same */
	else
		fclose(f);
	file_on(fd);
	fd = prog_open(host, port);
	lost += prog_talk(fd, prog_sender(2), i, 1);
	close(fd);
}

static void
by_freopen(unsigned i)
{
	int fd = prog_open(host, port);

	if (dup2(fd, 0) != 0)
		err(1, "dup2");
	close(fd);
	lost += prog_talk(0, prog_sender(1), i, 1);
	if (freopen("/etc/hostname", "r", stdin) == NULL ||
	    fgetc(stdin) == EOF || fileno(stdin) != 0)
		err(1, "freopen");
	if (fcntl(0, F_GETFL) < 0 || lseek(0, 0, SEEK_SET) != 0)
		err(1, "standard input is no file");
}

/* The sockets that getaddrinfo(3) makes have numbers that were UDP sockets. */
static void
by_names(unsigned i)
{
	struct addrinfo hint = { .ai_socktype = SOCK_DGRAM }, *found = NULL;
	int fd = prog_open(host, port), n;

	(void)getaddrinfo("nobody.invalid", "53", &hint, &found);
	if (found != NULL)
		freeaddrinfo(found);
	lost += prog_talk(fd, prog_sender(1), i, 1);
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

	lost += prog_talk(fd, prog_sender(1), i, 1);
	close(fd);
	openlog("closed_by_libc", LOG_NDELAY, LOG_USER);
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
		lost += prog_talk(fd, prog_sender(0), i, 1);
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
