/* SPDX-License-Identifier: ISC */
/* The settings of this process: which peers to protect, with which keys. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"
#include "settings.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/sockfilter.h"

struct conf {
	bool active; /* a key is set, or a file is wrong: sockets are wrapped */
	bool told;   /* a line said already why nothing can be protected */
	struct settings set;
	char keys[IPC_KEYS]; /* what the agent looks for: agent/keyring.h */
	char program[ARENA_NAME];
	/* For the socket filter: what may come in, by prefix and else. */
	struct sockfilter_prefix filter[RULES_MAX];
	size_t filters;
	bool filter_rest;
};

/* Reads the environment and the configuration files, once per process.  Errors
 * are logged, a line each. */
void conf_load(char **envp);
const struct conf *conf_get(void);
/* Never use this interface for protected traffic, from now on. */
void conf_exclude(const char *interface);
/* Forgets every key: what the rules protect is no longer sent. */
void conf_refuse(void);
/* Is a socket that is bound to this port plain to all?  True for port 53:
 * clients that ask a name server do so in plaintext. */
bool conf_port_plain(uint16_t port);

#endif
