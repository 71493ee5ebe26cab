/* SPDX-License-Identifier: ISC */
/* Requests to the agent about a program's socket.  IPC_OPEN and IPC_HELLO
 * start an agent if there is none. */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include <sys/socket.h>

#include "shared/ipc.h"

struct mp_addr;
struct sock;

/* Asks about a socket that is, or shall be, bound to this address: 0, or a
 * negative errno of the transport; the answer has an error of its own.  `pass'
 * are IPC_PASS descriptors or -1, or NULL; *got is the answer's memfd, or
 * -1. */
int agent_rpc(enum ipc_kind, int fd, const struct sock *,
    const struct mp_addr *,
    const int pass[IPC_PASS], struct ipc_answer *, int *got);
/* Asks with IPC_OPEN for a slot of the port, which the control socket (or -1)
 * is to serve; `refusal' is a socket as for IPC_REFUSAL, or -1. */
int agent_rpc_open(int fd, const struct sock *, const struct mp_addr *,
    int control, int refusal, struct ipc_answer *, int *got);
/* The same with IPC_FIND: the socket's slot and its arena's memfd. */
int agent_rpc_find(int fd, const struct sock *, struct ipc_answer *, int *got);
/* May the socket be bound to this address beside those that the agent knows?
 * 0, -EADDRINUSE, or -ENOENT: the agent does not serve that port. */
int agent_rpc_may_bind(int fd, const struct sock *, const struct mp_addr *);
/* Lets the agent set an option of the socket: 0, or -1 with errno. */
int agent_rpc_option(int fd, int level, int option, const void *, socklen_t);
/* Makes the agent stay as long as this process, and learns its abstract socket:
 * before the process loses rights. */
void agent_rpc_greet(void);

/* Gives control socket and memfd (pass) of an arena whose agent died to the new
 * agent: 0, or a negative errno.  *got is the memfd that is used from now
 * on. */
int agent_rpc_adopt(int fd, struct sock *, const int pass[IPC_PASS],
    struct ipc_answer *, int *got);
/* A new memory file of that many bytes, all holes: a descriptor, or a negative
 * errno. */
int agent_rpc_file(size_t size);
/* The memfd of the socket's arena that the agent uses, or a negative errno. */
int agent_rpc_memfd(int fd, struct sock *);

#endif
