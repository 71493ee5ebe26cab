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
/* Which way a datagram to this address goes. */
enum conf_way conf_way_to(const struct mp_addr *);
/* Is a socket that is bound to this port plain to everybody?  Who asks it
 * sends to port 53, which is plain. */
bool conf_port_plain(uint16_t port);
/* Is it sent in plaintext where nobody answers? */
bool conf_prefer(const struct mp_addr *);
/* Is this a name server that is plain for no other reason? */
bool conf_is_dns(const struct mp_addr *);
/* May plaintext come in from this address? */
bool conf_plain_from(const struct mp_addr *);
/* May it come in from this one, which is protected? */
bool conf_plain_besides(const struct mp_addr *);

#endif
