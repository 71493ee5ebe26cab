/* SPDX-License-Identifier: ISC */
/*
 * Uses UDP before main() and after it: before_main ADDRESS PORT; the variables
 * EARLY_TO and EARLY_PORT say the same to constructors.  A function of
 * .preinit_array runs before all constructors.  Compiled with EARLY_LIBRARY
 * this file becomes a library with a constructor, a destructor and an
 * atexit(3) function.  Each prints a line: its name, and how many of its
 * datagrams were lost.
 */
#include "prog.h"

static void
talk(const char *what, uint32_t n)
{
	const char *host = getenv("EARLY_TO"), *port = getenv("EARLY_PORT");
	int fd;

	if (host == NULL || port == NULL)
		return;
	fd = prog_open(host, port);
	dprintf(1, "%s: lost %u\n", what, prog_talk(fd, prog_sender(n), 0, 3));
	close(fd);
}

#ifdef EARLY_LIBRARY
static void
at_exit(void)
{
	talk("library at exit", 3);
}

__attribute__((constructor)) static void
begin(void)
{
	talk("library constructor", 4);
	atexit(at_exit);
}

__attribute__((destructor)) static void
end(void)
{
	talk("library destructor", 5);
}

#else
/* getenv(3) does not work yet, so this one uses the arguments. */
static void
early(int argc, char **argv, char **envp)
{
	struct prog_msg m;
	int fd, pair[2];
	char c = 'x';

	(void)envp;
	if (argc != 3)
		return;
	fd = prog_open(argv[1], argv[2]);
	prog_fill(&m, prog_sender(0), 0);
	/* The library was initialized by this socket, not its constructor. */
	if (send(fd, &m, sizeof(m), 0) != sizeof(m))
		dprintf(1, "first: %s\n", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 &&
	    write(pair[0], &c, 1) == 1 && read(pair[1], &c, 1) == 1)
		dprintf(1, "first: a pair\n");
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(
    int, char **, char **) = early;

static void
at_exit(void)
{
	talk("program at exit", 6);
}

__attribute__((constructor)) static void
begin(void)
{
	talk("program constructor", 7);
}

__attribute__((destructor)) static void
end(void)
{
	talk("program destructor", 8);
}

int
main(void)
{
	char *p[100];
	int i;

	for (i = 0; i < 100; i++) {
		p[i] = malloc((size_t)i * 1000 + 1);
		memset(p[i], i, (size_t)i * 1000 + 1);
	}
	talk("main", 1);
	for (i = 0; i < 100; i++)
		free(p[i]);
	atexit(at_exit);
	return 0;
}
#endif
