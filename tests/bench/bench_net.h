/* SPDX-License-Identifier: ISC */
/* What bench_udp and bench_bulk share. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

enum { NET_WAIT_US = 500000 }; /* for an answer */

/* Ends the program: what failed, and errno. */
void die(const char *what) __attribute__((noreturn));
/* A socket with large buffers. */
int udp_socket(void);
/* One that is connected, and waits for NET_WAIT_US. */
int client(const char *addr, const char *port);

#endif
