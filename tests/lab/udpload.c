/* SPDX-License-Identifier: ISC */
/*
 * udpload: sends numbered datagrams and reports how many were lost, duplicated,
 * altered or late.  It is an ordinary UDP program and knows nothing of the lab.
 *
 *	udpload [options] server PORT		echoes until SIGTERM
 *	udpload [options] client HOST PORT	sends datagrams to be echoed
 *	udpload [options] recv PORT		receives one stream
 *	udpload [options] send HOST PORT	sends streams, expects no answer
 *
 *	-4, -6		family of recv and server (IPv4)
 *	-b ADDRESS	local address of the sockets (any)
 *	-c		connect(2) the sockets
 *	-n SOCKETS	number of streams, each from a socket of its own (1)
 *	-r RATE		datagrams per second of each stream (50)
 *	-s SIZE		octets of each datagram (200)
 *	-d SECONDS	how long the streams last (5)
 *	-w SECONDS	how long to wait for the last datagrams (1)
 *	-t TEXT		fills the datagrams, repeated (random octets)
 *	-l FILE		writes `lost STREAM SEQ TIME' for each lost datagram
 *
 * The report is one line of `name value' pairs, times in ms.  gap is the
 * longest time without a datagram; gap-at, in seconds since the epoch, is when
 * it began.  median, p99 and worst are round trips, of recv one-way delays;
 * most-lost is the most of one stream, silent the streams without any answer.
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
