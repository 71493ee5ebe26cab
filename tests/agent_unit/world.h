/* SPDX-License-Identifier: ISC */
/* An agent without processes, keeper or network, above kernel.h. */
#ifndef WORLD_H
#define WORLD_H

#include <stdint.h>

#include "agent/agent.h"
#include "agent/port.h"

extern struct agent *world;

/* Begins anew, for one test; ends it, so that nothing leaks. */
void world_begin(void);
void world_end(void);
/* What a program asks that opens a dual-stack socket at a port's wildcard. */
struct ipc_request *world_request(uint16_t port);
/* A port with its first socket and the control socket, in slot 0. */
struct port *world_port(uint16_t number);
/* Binds one more socket: its slot. */
int world_socket(struct port *);
/* The socket of a slot closes; the agent does not know yet. */
void world_close(const struct port *, int slot);

#endif
