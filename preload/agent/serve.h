/* SPDX-License-Identifier: ISC */
/* The questions of programs and of mpctl (ipc.h), and their answers. */
#ifndef SERVE_H
#define SERVE_H

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "loop.h"

struct agent;
struct client;
LIST_HEAD(client_list, client);

/* Somebody knocks, there or at the side door. */
void serve_knock(struct watch *, uint32_t events);
void serve_knock_side(struct watch *, uint32_t events);

#endif
