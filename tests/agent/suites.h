/* SPDX-License-Identifier: ISC */
/* The test cases of the agent, and what they share. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>
#include <sys/types.h>

#include "player.h"

TCase *case_serve(void);    /* requests and answers */
TCase *case_keys(void);     /* files of keys */
TCase *case_traffic(void);  /* sessions, paths */
TCase *case_death(void);    /* programs and agents end */
TCase *case_events(void);   /* readers of events */
TCase *case_hostile(void);  /* programs that mean harm */
TCase *case_abstract(void); /* programs without rights, strangers */
TCase *case_ephemeral(void); /* keys of handshakes */

/* A fresh directory, and agents on both hosts. */
void start_both(void);
/* The same with a session between port n of B and port n + 1000 of A: the
 * address of B on link 1. */
struct mp_addr meet(struct player *a, struct player *b, uint16_t n);
/* The pid of a host's worker, or 0. */
pid_t worker_of(int host);
/* The pid of its parent. */
pid_t parent_of(pid_t);
/* Processor time that a process has used, ms. */
long cpu_of(pid_t);
/* Waits until the host's worker is another one than this: its pid, or 0. */
pid_t await_worker(int host, pid_t not, int wait_ms);
/* Waits until a process is gone: how long that took in ms, or -1. */
int await_end(pid_t, int wait_ms);
/* Waits until a port of the host is free: how long that took in ms, or -1. */
int await_port(int host, uint16_t port, int wait_ms);
/* One datagram there and one back. */
void ping(struct player *from, struct player *to, const struct mp_addr *,
    int wait_ms);
/* ms until one was there and one back, sent again each 20 ms; -1: not in 5
 * s. */
int ping_ms(struct player *from, struct player *to, const struct mp_addr *);

#endif
