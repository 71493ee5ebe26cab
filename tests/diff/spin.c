/* SPDX-License-Identifier: ISC */
#include "spin.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "topics.h"

enum {
	SPIN_LINE = 8192,
	SPIN_WAIT_US = 300, /* between two looks ... */
	SPIN_LOOKS = 1000,  /* ... of which there are so many */
};

void
spin_echo(const struct kind *k)
{
	static int fd = -1;
	char text[16];
	struct pollfd p;
	int i;

	if (fd < 0)
		fd = sock_connected(k);
	p = (struct pollfd) { .fd = fd, .events = POLLIN };
	for (i = 0; i < 3; i++) {
		if (send(fd, "!eecho", 6, 0) != 6)
			warn("echo");
		if (poll(&p, 1, 1000) == 1 &&
		    recv(fd, text, sizeof(text), MSG_DONTWAIT) == 4)
			return;
	}
	warnx("no echo");
}

/* Which descriptors are readable, as a letter. */
static char
spin_ready(const struct spin *s)
{
	struct pollfd p[SPIN_FDS];
	int i, bits = 0;

	for (i = 0; i < SPIN_FDS; i++)
		p[i] = (struct pollfd) { .fd = s->fd[i], .events = POLLIN };
	poll(p, SPIN_FDS, 0);
	for (i = 0; i < SPIN_FDS; i++)
		if (p[i].revents & (POLLIN | POLLERR))
			bits |= 1 << i;
	return (char)('A' + bits);
}

/* Waits for what the plain run had there (0: this is the plain run). */
static char
spin_settle(struct spin *s, char expected)
{
	char ready = spin_ready(s);
	int i;

	if (s->sent && (expected == 0 || expected == ready))
		spin_echo(s->k);
	s->sent = false;
	for (i = 0; i < SPIN_LOOKS; i++) {
		ready = spin_ready(s);
		if (expected == 0 || ready == expected)
			break;
		usleep(SPIN_WAIT_US);
	}
	return ready;
}

static void
spin_one(struct spin *s, char *word, unsigned n, char expected)
{
	struct spin_args args = { 0 };
	const struct spin_call *c;
	char label[64], name[32] = "";
	char ready = spin_settle(s, expected);

	(void)!sscanf(word, "%31[^.].%u.%u.%u.%u", name, &args.slot, &args.a,
	    &args.b, &args.c);
	args.slot %= SPIN_FDS;
	for (c = spin_calls; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			break;
	if (c->name == NULL)
		errx(2, "there is no call %s", name);
	snprintf(label, sizeof(label), "%u-%c-%s", n, ready, name);
	c->go(s, label, &args);
}

static void
spin_list(struct spin *s, char *line)
{
	char *port = strtok_r(line, "\t\n", &line);
	char *calls = strtok_r(NULL, "\t\n", &line), *word;
	char *ready = strtok_r(NULL, "\t\n", &line);
	unsigned n = 0;
	size_t i;

	s->port = port != NULL ? (unsigned)atoi(port) : 0;
	trace_scene();
	for (i = 0; i < SPIN_FDS; i++)
		s->fd[i] = i < 2 ? socket(s->k->family, SOCK_DGRAM |
		    SOCK_NONBLOCK, 0) : -1;
	while (calls != NULL && (word = strtok_r(calls, " ", &calls)) !=
	    NULL) {
		spin_one(s, word, n, ready != NULL && n < strlen(ready) ?
		    ready[n] : 0);
		n++;
	}
	trace_close();
	for (i = 0; i < SPIN_FDS; i++)
		if (s->fd[i] >= 0)
			close(s->fd[i]);
	spin_echo(s->k);
	puts("END");
	fflush(stdout);
}

int
spin_main(const struct kind *k)
{
	static char line[SPIN_LINE];
	struct spin s = { .k = k };

	trace_open("spin", k->name);
	spin_echo(k);
	while (fgets(line, sizeof(line), stdin) != NULL)
		spin_list(&s, line);
	return 0;
}
