/* SPDX-License-Identifier: ISC */
/*
 * udpload: a program that sends numbered datagrams and tells what became of
 * each: lost, duplicated, altered, late.  It knows nothing of the lab.
 *
 *	udpload [options] server PORT		echoes until SIGTERM
 *	udpload [options] client HOST PORT	has them echoed
 *	udpload [options] recv PORT		takes one stream
 *	udpload [options] send HOST PORT	sends one
 *
 *	-4, -6		family of recv and server (IPv4)
 *	-b ADDRESS	bind to it
 *	-c		connect()
 *	-n SOCKETS	so many streams at once, each from a socket (1)
 *	-r RATE		datagrams a second of each (50)
 *	-s SIZE		octets of each (200)
 *	-d SECONDS	for so long (5)
 *	-w SECONDS	wait so long for the last ones (1)
 *	-t TEXT		what they contain, again and again
 *	-l FILE		a line `lost STREAM SEQ TIME' for each lost one
 *
 * The report is one line of `name value' pairs; times are ms; gap is the
 * longest time without a datagram and gap-at when it began; median, p99 and
 * worst are round trips, or one-way delays where there is only one way.
 */
#include "udpload.h"

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile bool told_to_end;

uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void
on_signal(int signal)
{
	(void)signal;
	told_to_end = true;
}

static void
usage(void)
{
	fprintf(stderr, "usage: udpload [-46c] [-b ADDRESS] [-n SOCKETS]"
	    " [-r RATE] [-s SIZE] [-d SECONDS]\n"
	    "               [-w SECONDS] [-t TEXT] [-l FILE]"
	    " server PORT | client HOST PORT |\n"
	    "               recv PORT | send HOST PORT\n");
	exit(2);
}

static double
number(const char *s, double least, double most)
{
	char *end;
	double n = strtod(s, &end);

	if (*s == '\0' || *end != '\0' || !(n >= least && n <= most))
		errx(2, "`%s' is not from %g to %g", s, least, most);
	return n;
}

static void
read_option(struct options *o, int c)
{
	switch (c) {
	case '4': o->family = AF_INET; break;
	case '6': o->family = AF_INET6; break;
	case 'b': o->bind = optarg; break;
	case 'c': o->connect = true; break;
	case 'n': o->sockets = (uint32_t)number(optarg, 1, SOCKETS_MAX); break;
	case 'r': o->rate = number(optarg, 0.01, 1e6); break;
	case 's': o->size = (uint32_t)number(optarg, HEAD_LEN, SIZE_MAX_LEN);
		break;
	case 'd': o->seconds = number(optarg, 0.01, 1e6); break;
	case 'w': o->wait = number(optarg, 0, 1e6); break;
	case 't': o->text = optarg; break;
	case 'l': o->log = optarg; break;
	default: usage();
	}
}

static void
read_mode(struct options *o, int argc, char **argv)
{
	static const char *const modes[MODES] = { "client", "server", "send",
		"recv" };
	bool remote;
	int m = 0;

	while (argc > 0 && m < MODES && strcmp(argv[0], modes[m]) != 0)
		m++;
	if (argc == 0 || m == MODES)
		usage();
	o->mode = (enum mode)m;
	remote = o->mode == M_CLIENT || o->mode == M_SEND;
	if (argc != (remote ? 3 : 2))
		usage();
	o->host = remote ? argv[1] : NULL;
	o->port = argv[argc - 1];
	if (remote)
		o->family = AF_UNSPEC;
	else if (o->family == AF_UNSPEC)
		o->family = AF_INET;
}

int
main(int argc, char **argv)
{
	struct options o = { .family = AF_UNSPEC, .sockets = 1, .size = 200,
		.rate = 50, .seconds = 5, .wait = 1 };
	struct sigaction sa = { .sa_handler = on_signal };
	int c;

	while ((c = getopt(argc, argv, "+46b:cn:r:s:d:w:t:l:")) != -1)
		read_option(&o, c);
	read_mode(&o, argc - optind, argv + optind);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	if (o.mode == M_SERVER)
		run_server(&o);
	else if (o.mode == M_RECV)
		run_receiver(&o);
	else
		run_client(&o);
	return 0;
}
