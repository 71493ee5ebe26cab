/* SPDX-License-Identifier: ISC */
/*
 * What a program's socket asks the agent, which is started where there is none
 * and the question wants one.
 */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include "fdtab.h"
#include "shared/ipc.h"

/* Asks about a socket, which is to be or is at this address and port: 0 or a
 * negative errno of the asking; the answer has its own.  `pass' are IPC_PASS
 * descriptors or -1, or NULL; *got is one that came with the answer, or -1. */
int agent_rpc(enum ipc_kind, int fd, const struct sock *,
    const struct mp_addr *,
    const int pass[IPC_PASS], struct ipc_answer *, int *got);
/* The memory of the socket's arena and its slot, if the agent knows it. */
int agent_rpc_find(int fd, const struct sock *, struct ipc_answer *, int *got);
/* May it have this address beside the sockets that the agent knows?  0,
 * -EADDRINUSE, or -ENOENT: that port is none of ours. */
int agent_rpc_may_bind(const struct sock *, const struct mp_addr *);
/* Has the agent set a socket's option: 0, or -1 with errno. */
int agent_rpc_option(int fd, int level, int option, const void *, socklen_t);
/* Has the agent be there as long as this process, and learns its abstract
 * socket. */
void agent_rpc_greet(void);

/* Gives the agent control socket and memory of an arena that lost its own:
 * 0, or a negative errno. */
int agent_rpc_adopt(int fd, struct sock *, const int pass[2],
    struct ipc_answer *,
    int *got);
/* The memory of the socket's arena as the agent has it, or a negative errno. */
int agent_rpc_memfd(int fd, struct sock *);

#endif
