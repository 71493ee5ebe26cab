/* SPDX-License-Identifier: ISC */
/*
 * Which sockets still exist: their inodes are listed in /proc/self/net/udp and
 * udp6.  So it does not matter who holds a socket, or how he let go of it.
 *
 * Looked: when asked; when a process ended that used a socket; when a program
 * says that it closes one (now, and again, since the close comes just after it);
 * every second while there are ports.
 */
#ifndef SOCKET_SCAN_H
#define SOCKET_SCAN_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

struct agent;
struct process;
LIST_HEAD(process_list, process);

enum { SOCKET_SCAN_AGAIN = 3 };

struct socket_scan {
	int list[2]; /* udp, udp6; -1 */
	struct alarm every;
	struct alarm again;
	uint64_t due[SOCKET_SCAN_AGAIN];
	uint64_t last, cost; /* when, and how long it took, us */
	struct process_list processes;
	unsigned staying; /* of them: for whose life we stay */
};

/* Opens the lists: 0, or a negative errno. */
int socket_scan_init(struct agent *);
/* Finds all sockets in the lists, `seen' of each port and `drops' of each slot:
 * false: it cannot be told. */
bool socket_scan_all(struct agent *);
/* Lets go of what no socket holds any more. */
void socket_scan_now(struct agent *);
/* A program is about to close a socket. */
void socket_scan_soon(struct agent *);
/* Looks when this process has ended, which is the one at the other end of the
 * Unix socket `client'; -1: at none.  `stay': the agent is there until then. */
void socket_scan_watch(struct agent *, int client, pid_t, bool stay);
/* Is there anything to look after?  Sets or stops the clock. */
void socket_scan_settle(struct agent *);

#endif
