/* SPDX-License-Identifier: ISC */
/* What is asked of the library: whom to protect, with which keys. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>

#include "shared/ipc.h"
#include "mp.h"
#include "settings.h"

struct conf {
	bool active; /* there is something to do */
	bool told;   /* why nothing can be protected */
	struct settings set;
	char keys[IPC_KEYS]; /* absolute paths, one a line */
	char program[ARENA_NAME];
	/* What the kernel's filter does with whom, and with all others. */
	struct sockfilter_prefix filter[RULES_MAX];
	size_t filters;
	bool filter_rest;
};

/* Reads environment and files, once.  Complains in a line on stderr. */
void conf_load(char **envp);
const struct conf *conf_get(void);
/* Nothing can be protected: every key is forgotten, so nothing is sent. */
void conf_refuse(void);
/* Is a socket that is bound to this port plain to all?  True for port 53: clients
 * that ask a name server do so in plaintext. */
bool conf_port_plain(uint16_t port);

#endif
