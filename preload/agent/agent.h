/* SPDX-License-Identifier: ISC */
/* What the worker's parts share. */
#ifndef AGENT_H
#define AGENT_H

#include <bsd/sys/queue.h>
#include <sys/types.h>

#include "listener.h"
#include "events.h"
#include "socket_scan.h"
#include "loop.h"
#include "netmon.h"
#include "port.h"
#include "keyring.h"
#include "ipc_server.h"

enum { AGENT_PORTS = 65536 };

struct agent {
	struct loop loop;
	int channel; /* to the keeper; -1: it is gone */
	uid_t uid;   /* who may ask, beside root */
	uint64_t netns;
	uint32_t restarts;
	const struct listener *at; /* where programs connect */
	struct watch accept, accept_abstract, keeper;
	struct alarm bye, alive;
	struct port *port[AGENT_PORTS];
	struct port_list ports;
	unsigned nports;
	struct keyring_list rings;
	struct client_list clients;
	unsigned nclients, nabstract; /* all; those by the abstract socket */
	struct socket_scan scan;
	struct netmon netmon;
	struct events events;
};

/* Something came or went: is anything left to serve? */
void agent_settle(struct agent *);

#endif
