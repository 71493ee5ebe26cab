/* SPDX-License-Identifier: ISC */
/*
 * hurry_wait HOW ADDR PORT: sends bursts of datagrams, each by a send() of its
 * own, for `hurry take', and waits after each burst by the call HOW, while the
 * agent, which would send what is gathered otherwise, is stopped.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 2, BURST = 40, SIZE = 100, WAIT_MS = 500 };

struct head {
	uint64_t number, sent_ns, after_open; /* as hurry.c */
};

static int fd, epoll;

/* The worker of this network namespace. */
static pid_t
find_worker(void)
{
	struct stat mine, its;
	struct dirent *e;
	char path[300], name[32];
	FILE *f;
	DIR *d = opendir("/proc");
	pid_t found = 0;

	if (d == NULL || stat("/proc/self/ns/net", &mine) != 0)
		err(1, "/proc");
	while (found == 0 && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (atoi(e->d_name) <= 0 || (f = fopen(path, "r")) == NULL)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name);
		if (fgets(name, sizeof(name), f) != NULL &&
		    strcmp(name, "mpshim-worker\n") == 0 &&
		    stat(path, &its) == 0 && its.st_ino == mine.st_ino)
			found = atoi(e->d_name);
		fclose(f);
	}
	closedir(d);
	return found;
}

static void
wait_by(const char *how)
{
	struct timespec ts = { .tv_nsec = WAIT_MS * 1000000L };
	struct timeval tv = { .tv_usec = WAIT_MS * 1000 };
	struct epoll_event e;
	char byte;

	if (strcmp(how, "poll") == 0)
		(void)poll(NULL, 0, WAIT_MS);
	else if (strcmp(how, "ppoll") == 0)
		(void)ppoll(NULL, 0, &ts, NULL);
	else if (strcmp(how, "select") == 0)
		(void)select(0, NULL, NULL, NULL, &tv);
	else if (strcmp(how, "pselect") == 0)
		(void)pselect(0, NULL, NULL, NULL, &ts, NULL);
	else if (strcmp(how, "epoll_wait") == 0)
		(void)epoll_wait(epoll, &e, 1, WAIT_MS);
	else if (strcmp(how, "epoll_pwait") == 0)
		(void)epoll_pwait(epoll, &e, 1, WAIT_MS, NULL);
	else if (strcmp(how, "nanosleep") == 0)
		(void)nanosleep(&ts, NULL);
	else if (strcmp(how, "clock_nanosleep") == 0)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	else if (strcmp(how, "usleep") == 0)
		(void)usleep(WAIT_MS * 1000);
	else if (strcmp(how, "sleep") == 0)
		(void)sleep(1);
	else if (strcmp(how, "syscall") == 0)
		(void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts,
		    NULL);
	else if (strcmp(how, "recv") == 0)
		(void)!recv(fd, &byte, 1, 0);
	else if (strcmp(how, "read") == 0)
		(void)!read(fd, &byte, 1);
	else
		errx(2, "%s: no such way to wait", how);
}

static void
burst(unsigned n)
{
	static uint64_t next;
	uint8_t data[SIZE];
	struct timespec ts;
	struct head h = { 0 };

	for (; n > 0; n--) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		h.number = next++;
		h.sent_ns = (uint64_t)ts.tv_sec * 1000000000U +
		    (uint64_t)ts.tv_nsec;
		memset(data, (int)(h.number % 251 + 1), sizeof(data));
		memcpy(data, &h, sizeof(h));
		if (send(fd, data, sizeof(data), 0) < 0)
			err(1, "send");
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval tv = { .tv_usec = WAIT_MS * 1000 };
	struct pollfd p = { .events = POLLIN };
	char data[SIZE];
	pid_t worker;
	int i;

	if (argc != 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(2, "usage: hurry_wait HOW ADDR PORT");
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	p.fd = fd;
	epoll = epoll_create1(0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	burst(1);
	if (poll(&p, 1, 10000) != 1 || recv(fd, data, sizeof(data), 0) <= 0)
		errx(1, "no answer");
	worker = find_worker();
	if (worker == 0)
		errx(1, "no agent");
	for (i = 0; i < TURNS; i++) {
		(void)kill(worker, SIGSTOP);
		burst(BURST);
		wait_by(argv[1]);
		(void)kill(worker, SIGCONT);
		(void)poll(NULL, 0, 300); /* for the agent's state of things */
	}
	return 0;
}
