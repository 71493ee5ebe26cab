/* SPDX-License-Identifier: ISC */
/*
 * What the worker's modules share: the loop, the table of ports, counters of
 * what there is to serve, and the alarms that go by them.
 */
#ifndef AGENT_H
#define AGENT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "late.h"
#include "loop.h"
#include "parent.h"

struct client;
struct events;
struct keyring;
struct listener;
struct netmon;
struct port;
struct process;
struct socket_scan;
LIST_HEAD(client_list, client);
LIST_HEAD(keyring_list, keyring);
LIST_HEAD(port_list, port);
LIST_HEAD(process_list, process);

enum agent_bound {
	AGENT_PORTS = 65536,
	AGENT_LINGER_US = 10 * 1000000, /* the worker's stay after the last
					 * port and client */
	AGENT_SCAN_US = 1000000, /* between two scans of the sockets, at most */
	AGENT_SCAN_HEARD_US = 30 * 1000000, /* the same where the kernel tells
					     * of closed sockets */
};

struct agent {
	struct loop loop;
	int channel; /* to the keeper; -1: the keeper died */
	uid_t uid;   /* whose programs are served, beside root's */
	uint64_t netns; /* SO_NETNS_COOKIE of the network namespace */
	uint64_t file_most; /* bytes of a file: RLIMIT_FSIZE */
	uint32_t restarts;
	uint32_t curve_rate; /* operations on the curve in a second */
	const struct listener *listener;
	struct watch accept, accept_abstract; /* of ipc_server.c */
	struct alarm accept_again;
	struct alarm bye;  /* of worker.c: nothing is left to serve */
	struct alarm look_keys; /* of serving.c: at the files of keys */
	struct alarm scan_all; /* of socket_gc.c: looks for closed sockets */
	struct port *port[AGENT_PORTS]; /* by number; NULL: not served.  See
					 * port_find() */
	struct port_list ports;
	unsigned nports;
	uint64_t opened; /* counts sockets: the newest has the highest */
	struct keyring_list rings;
	struct parent_list parents; /* the last used first */
	unsigned nparents;
	struct late late;
	struct client_list clients; /* the newest first */
	unsigned nclients, nabstract; /* all; those by the abstract socket */
	struct process_list processes;
	bool draining; /* no port takes new peers (mpctl drain) */
	bool closing; /* the keeper may still have ports that are closed */
	unsigned staying; /* processes that the agent has to outlive */
	struct events *events;
	struct netmon *netmon;
	struct socket_scan *scan;
};

extern const char agent_version[]; /* "mpshim-agent 1.2.3" */

/* To be called after any of the counters changed: sets both alarms. */
void agent_settle(struct agent *);

#endif
