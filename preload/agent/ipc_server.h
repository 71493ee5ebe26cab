/* SPDX-License-Identifier: ISC */
/* The connections of programs and of mpctl: one request each (ipc.h). */
#ifndef IPC_SERVER_H
#define IPC_SERVER_H

struct agent;

/* Accepts clients of the runtime directory's socket, and of the abstract one,
 * from now on: 0, or a negative errno.  A turn of the loop accepts a few; who
 * connects to the abstract one as fast as possible waits for the next. */
int ipc_server_begin(struct agent *);

#endif
