/* SPDX-License-Identifier: ISC */
/*
 * How a socket comes to share its port with the agent: a control socket joins
 * the port and goes to the agent, which gives the arena back.
 */
#ifndef JOIN_H
#define JOIN_H

#include "fdtab.h"
#include "ipc.h"

/* SO_COOKIE, or 0. */
uint64_t join_cookie(int fd);
/* Is the descriptor still this socket, for all that can be told? */
bool join_same(int fd, const struct sock *);
/* The kernel's name of it; binds it; binds it to any port, as a first send
 * would.  0, or a negative errno. */
int join_name(int fd, struct mp_addr *);
bool join_bound(int fd); /* has it a port? */
/* To be called before it is bound: of what comes at the moment when others join
 * its port nothing goes to them. */
void join_prepare(int fd);
/* It shall be itself one of those that join. */
void join_unprepare(int fd, const struct sock *);
int join_bind(int fd, const struct sock *, const struct mp_addr *);
int join_autobind(int fd, struct sock *);
/* The same, to this port if that is free. */
int join_autobind_to(int fd, struct sock *, uint16_t port);
/* Lets packets of another socket go by the ways that the program chose. */
void join_copy_ways(int from, int to);

/* Makes it share its port, if it does not: its state then. */
enum sock_state join_make(int fd, struct sock *);
/* The socket as the agent knows it, held; NULL: it does not. */
struct sock *join_find(int fd);
/* Has the agent set a socket's option: 0, or -1 with errno. */
int join_option(int fd, int level, int option, const void *, socklen_t);
/* Has the agent be there as long as this process, and learns its side door. */
void join_greet(void);
/* May it have this address beside the sockets that the agent knows?  0,
 * -EADDRINUSE, or -ENOENT: that port is none of ours. */
int join_ask(const struct sock *, const struct mp_addr *);

/* Tells the other processes, and learns what they told.  Under the lock. */
void join_publish(struct sock *);
void join_refresh(struct sock *);

/* The agent shall hear of a closed port at the peer: see agent/ear.h. */
void join_hear(int fd, struct sock *);
/* Is the port of its peer closed?  Said once.  Under the lock. */
bool join_refused(struct sock *);

/* A socket of the same port for the agent, or a negative errno. */
int join_control_socket(int fd, const struct sock *);
/* Gives the agent control socket and memory of an arena that lost its own:
 * 0, or a negative errno. */
int join_adopt(int fd, struct sock *, const int pass[2], struct ipc_answer *,
    int *got);
/* The memory of the socket's arena as the agent has it, or a negative errno. */
int join_memfd(int fd, struct sock *);

#endif
