/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "udpload.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BURST = 64, /* sends, or receives, before the other's turn */
	BUFFER = 4 << 20, /* SO_RCVBUF, octets */
};

/* A client's sockets, and the tally of the stream of each. */
struct load {
	const struct options *o;
	struct pollfd *fd;
	struct tally *tally;
	struct stray stray;
	struct addrinfo *to;
	struct head plan;
	uint64_t total, sent; /* over all sockets */
	int last_error;
};

static uint8_t packet[SIZE_MAX_LEN + 1];

/* --- Sockets ------------------------------------------------------------- */

static struct addrinfo *
resolve(const struct options *o, const char *host, const char *port)
{
	struct addrinfo hint = { .ai_family = o->family,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_PASSIVE };
	struct addrinfo *a;
	int error = getaddrinfo(host, port, &hint, &a);

	if (error != 0)
		errx(1, "%s %s: %s", host == NULL ? "" : host, port,
		    gai_strerror(error));
	return a;
}

static int
open_socket(const struct options *o, int family, const char *port)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;
	struct addrinfo *a;

	if (fd == -1)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (o->bind != NULL || port != NULL) {
		a = resolve(o, o->bind, port == NULL ? "0" : port);
		if (bind(fd, a->ai_addr, a->ai_addrlen) != 0)
			err(1, "bind %s %s", o->bind == NULL ? "" : o->bind,
			    port == NULL ? "" : port);
		freeaddrinfo(a);
	}
	return fd;
}

/* Waits until a socket is readable, at most until a time. */
static void
wait_until(struct pollfd *fd, size_t n, uint64_t until)
{
	uint64_t now = now_ns(), ns = until > now ? until - now : 0;
	struct timespec t;

	t.tv_sec = (time_t)(ns / SECOND);
	t.tv_nsec = (long)(ns % SECOND);
	if (ppoll(fd, n, &t, NULL) < 0 && errno != EINTR)
		err(1, "poll");
}

/* --- Client and one-way sender ------------------------------------------- */

static void
load_open(struct load *l)
{
	const struct options *o = l->o;
	uint32_t i, first = (uint32_t)(now_ns() ^ (uint64_t)getpid() << 20);

	l->to = resolve(o, o->host, o->port);
	l->fd = calloc(o->sockets, sizeof(*l->fd));
	l->tally = calloc(o->sockets, sizeof(*l->tally));
	if (l->fd == NULL || l->tally == NULL)
		err(1, "malloc");
	l->plan = (struct head){ .begin = now_ns(), .len = o->size,
		.count = (uint64_t)(o->rate * o->seconds + 0.5),
		.interval = (uint64_t)((double)SECOND / o->rate) };
	l->total = l->plan.count * o->sockets;
	for (i = 0; i < o->sockets; i++) {
		l->plan.stream = first + i;
		tally_begin(&l->tally[i], &l->plan);
		l->fd[i].fd = open_socket(o, l->to->ai_family, NULL);
		l->fd[i].events = POLLIN;
		if (o->connect && connect(l->fd[i].fd, l->to->ai_addr,
		    l->to->ai_addrlen) != 0)
			err(1, "connect %s", o->host);
	}
}

static void
load_close(struct load *l)
{
	uint32_t i;

	for (i = 0; i < l->o->sockets; i++) {
		close(l->fd[i].fd);
		free(l->tally[i].took_us);
	}
	freeaddrinfo(l->to);
	free(l->fd);
	free(l->tally);
}

/* When the next datagram is sent: the sockets take turns. */
static uint64_t
load_due(const struct load *l)
{
	const struct options *o = l->o;

	assert(o->sockets > 0);
	if (l->sent == l->total)
		return UINT64_MAX;
	return l->plan.begin + l->sent / o->sockets * l->plan.interval +
	    l->sent % o->sockets * l->plan.interval / o->sockets;
}

static void
load_send(struct load *l)
{
	uint32_t i = (uint32_t)(l->sent % l->o->sockets);
	struct head h = l->plan;
	ssize_t n;

	h.stream = l->tally[i].stream;
	h.seq = l->sent++ / l->o->sockets;
	h.sent = now_ns();
	packet_make(packet, &h, l->o->text);
	if (l->o->connect)
		n = send(l->fd[i].fd, packet, h.len, 0);
	else
		n = sendto(l->fd[i].fd, packet, h.len, 0, l->to->ai_addr,
		    l->to->ai_addrlen);
	l->tally[i].sent++;
	if (n != (ssize_t)h.len) {
		l->tally[i].errors++;
		if (l->last_error != errno)
			warn("send");
		l->last_error = errno;
	}
}

static void
load_recv(struct load *l, uint32_t i)
{
	struct head h;
	bool ours;
	ssize_t n;
	int k;

	for (k = 0; k < BURST; k++) {
		n = recv(l->fd[i].fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			if (l->last_error != errno)
				warn("recv");
			l->last_error = errno;
		} else if (packet_read(packet, (size_t)n, &h, &ours) &&
		    h.stream == l->tally[i].stream) {
			tally_add(&l->tally[i], &h, now_ns());
		} else {
			*(ours ? &l->stray.altered : &l->stray.foreign) += 1;
		}
	}
}

static bool
load_complete(const struct load *l)
{
	uint32_t i;

	for (i = 0; i < l->o->sockets; i++)
		if (l->tally[i].received < l->plan.count)
			return false;
	return true;
}

void
run_client(const struct options *o)
{
	struct load l = { .o = o };
	uint64_t end = UINT64_MAX, due;
	uint32_t i;
	int k;

	load_open(&l);
	while (!told_to_end && now_ns() < end) {
		due = load_due(&l);
		wait_until(l.fd, o->sockets, due < end ? due : end);
		for (i = 0; i < o->sockets; i++)
			if (l.fd[i].revents != 0)
				load_recv(&l, i);
		for (k = 0; k < BURST && load_due(&l) <= now_ns(); k++)
			load_send(&l);
		if (l.sent < l.total)
			continue;
		if (o->mode == M_SEND || load_complete(&l))
			break;
		if (end == UINT64_MAX)
			end = now_ns() + (uint64_t)(o->wait * (double)SECOND);
	}
	if (o->mode == M_CLIENT)
		tally_report(l.tally, o->sockets, &l.stray, o);
	else
		printf("sent %llu errors %llu\n", (unsigned long long)l.sent,
		    (unsigned long long)l.tally[0].errors);
	load_close(&l);
}

/* --- Echo server --------------------------------------------------------- */

/* Echoes one datagram; false if none is queued. */
static bool
echo_one(int fd, struct stray *stray, uint64_t *received, uint64_t *errors)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct head h;
	bool ours;
	ssize_t n;

	n = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT,
	    (struct sockaddr *)&from, &len);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			warn("recvfrom");
		return false;
	}
	if (packet_read(packet, (size_t)n, &h, &ours))
		++*received;
	else
		*(ours ? &stray->altered : &stray->foreign) += 1;
	if (sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from,
	    len) != n)
		++*errors;
	return true;
}

void
run_server(const struct options *o)
{
	struct pollfd fd = { .events = POLLIN };
	struct stray stray = { 0, 0 };
	uint64_t received = 0, errors = 0;

	fd.fd = open_socket(o, o->family, o->port);
	while (!told_to_end) {
		wait_until(&fd, 1, now_ns() + SECOND);
		while (!told_to_end &&
		    echo_one(fd.fd, &stray, &received, &errors))
			continue;
	}
	printf("received %llu altered %llu foreign %llu errors %llu\n",
	    (unsigned long long)received, (unsigned long long)stray.altered,
	    (unsigned long long)stray.foreign, (unsigned long long)errors);
	close(fd.fd);
}

/* --- One-way receiver ---------------------------------------------------- */

/* Receives the stream of the first datagram, until its end by its plan. */
void
run_receiver(const struct options *o)
{
	struct tally t = { 0 };
	struct stray stray = { 0, 0 };
	struct pollfd fd = { .events = POLLIN };
	uint64_t end = UINT64_MAX;
	struct head h;
	bool ours;
	ssize_t n;

	fd.fd = open_socket(o, o->family, o->port);
	while (!told_to_end && now_ns() < end) {
		wait_until(&fd, 1, end == UINT64_MAX ? now_ns() + SECOND : end);
		n = recv(fd.fd, packet, sizeof(packet), MSG_DONTWAIT);
		if (n < 0)
			continue;
		if (!packet_read(packet, (size_t)n, &h, &ours) ||
		    (t.count != 0 && h.stream != t.stream)) {
			*(ours ? &stray.altered : &stray.foreign) += 1;
			continue;
		}
		if (t.count == 0) {
			tally_begin(&t, &h);
			end = h.begin + h.count * h.interval +
			    (uint64_t)(o->wait * (double)SECOND);
		}
		tally_add(&t, &h, now_ns());
	}
	tally_report(&t, 1, &stray, o);
	free(t.took_us);
	close(fd.fd);
}
