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
/* The same where sock_diag tells nothing, and /proc/net/udp is read. */
void world_begin_refused(void);
void world_end(void);
/* What a program asks that opens a dual-stack socket at a port's wildcard. */
struct ipc_request *world_request(uint16_t port);
/* A port with its first socket and the control socket, in slot 0. */
struct port *world_port(uint16_t number);
/* Binds one more socket: its slot. */
int world_socket(struct port *);
/* Another worker goes on with the port, as the keeper has it. */
struct port *world_recover(struct port *);
/* The socket of a slot closes; the agent does not know yet. */
void world_close(const struct port *, int slot);
/* The program connects the socket of a slot, and says so in its record; the
 * agent has not read that yet. */
void world_connect(struct port *, int slot, const struct mp_addr *peer);
/* The program sends a datagram, which is staged: there is no session yet. */
void world_stage(struct port *, int slot, const struct mp_addr *to);
/* 10.0.0.HOST; the agent's own host is 1. */
struct mp_addr world_addr(int host, uint16_t port);
/* The datagrams that sockets of the port got by internal datagrams since the
 * last call, as "SLOT:TEXT ", in their order. */
const char *world_given(struct port *);

#endif
