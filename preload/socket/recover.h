/* SPDX-License-Identifier: ISC */
/* Going on with the arenas after keeper and worker of the agent died
 * (recover.c). */
#ifndef RECOVER_H
#define RECOVER_H

#include <stdbool.h>

struct sock;

/* If the agent is late by over a second: looks whether there is one, at most
 * once a second, and starts one if not. */
void recover_agent(int fd, struct sock *);
/* A handshake came to the program's own socket: the same, but at once. */
void recover_asked(int fd, struct sock *);
/* The arena has moved: maps the new one in its place. */
void recover_follow(int fd, struct sock *);
/* Maps the memfd, which is as large, at the addresses of the socket's arena;
 * false: it is as before. */
bool recover_map(struct sock *, int memfd);

#endif
