/* SPDX-License-Identifier: ISC */
/* What the environment asks for: whom to protect, with which keys. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>

#include "ipc.h"
#include "mp.h"
#include "steer.h"

enum { CONF_RULES = 64 };

enum conf_way {
	WAY_PLAIN,   /* as the kernel sends it */
	WAY_PROTECT, /* through a session */
	WAY_REFUSE,  /* not at all */
};

struct conf {
	bool active; /* there is something to do */
	bool accept_plain, prefer;
	char keys[IPC_KEYS];
	char interfaces[IPC_NAMES], no_interfaces[IPC_NAMES];
	char program[ARENA_NAME];
	struct steer_prefix peer[CONF_RULES], plain[CONF_RULES];
	size_t peers, plains;
};

/* Reads the environment, once.  Complains in a line on stderr. */
void conf_load(char **envp);
const struct conf *conf_get(void);
/* Nothing can be protected: every key is forgotten, so nothing is sent. */
void conf_refuse(void);
/* Which way a datagram to this address goes. */
enum conf_way conf_way(const struct mp_addr *);
/* Is a socket that is bound to this port plain to everybody?  Who asks it
 * sends to port 53, which is plain. */
bool conf_port_plain(uint16_t port);
/* Is this a name server that is plain for no other reason? */
bool conf_is_dns(const struct mp_addr *);
/* May plaintext come in from this address? */
bool conf_plain_from(const struct mp_addr *);

#endif
