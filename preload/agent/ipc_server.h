/* SPDX-License-Identifier: ISC */
/* The questions of programs and of mpctl (ipc.h), and their answers. */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "loop.h"

struct agent;
struct client;
LIST_HEAD(client_list, client);

/* Somebody knocks, there or at the abstract socket. */
void ipc_server_accept(struct watch *, uint32_t events);
void ipc_server_accept_abstract(struct watch *, uint32_t events);

#endif
