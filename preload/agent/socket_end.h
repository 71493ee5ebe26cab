/* SPDX-License-Identifier: ISC */
/* Hears from the kernel which sockets are gone (socket_end.c). */
#ifndef SOCKET_END_H
#define SOCKET_END_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct agent;

struct socket_end {
	struct agent *agent;
	struct watch watch;
};

/* Opens it; before the sandbox: 0, or a negative errno (this kernel does not
 * tell). */
int socket_end_open(struct socket_end *, struct agent *);
/* From now on the ports hear of it: 0, or a negative errno. */
int socket_end_listen(struct socket_end *);

#endif
