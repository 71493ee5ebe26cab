/* SPDX-License-Identifier: ISC */
/* The connections of programs and of mpctl: one request each (ipc.h). */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

#include <stdint.h>

struct watch;

/* Accept clients of the runtime directory's socket, and of the abstract one. */
void ipc_server_accept(struct watch *, uint32_t events);
void ipc_server_accept_abstract(struct watch *, uint32_t events);

#endif
