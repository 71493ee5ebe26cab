/* SPDX-License-Identifier: ISC */
/* Going on with the arenas after keeper and worker of the agent died
 * (recover.c). */
#ifndef RECOVER_H
#define RECOVER_H

struct sock;

/* If the agent is late by over a second: looks whether there is one, at most
 * once a second, and starts one if not. */
void recover_agent(int fd, struct sock *);
/* The arena has moved: maps the new one in its place. */
void recover_follow(int fd, struct sock *);

#endif
