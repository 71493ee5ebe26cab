/* SPDX-License-Identifier: ISC */
/*
 * What is asked for, out of the environment and the configuration files.
 *
 * What is found first counts: a variable (which an option of mprun sets), the
 * user's file, the system's file.  Rules add up in that order; but where
 * MPSHIM_PEER is set all others are plain, whatever the files say.
 *
 * Each program reads the files itself when it starts, so that it makes no
 * difference how it came to be preloaded into.  Nothing is allocated.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config_file.h"
#include "shared/ipc.h"
#include "rules.h"

enum settings_bound {
	SETTINGS_PATH = 4096,
	SETTINGS_SAY = 4096 + 1536, /* bytes of a complaint */
};

/* Where a setting comes from, the first ones first. */
enum settings_from {
	FROM_NOWHERE, /* the default */
	FROM_PLAIN,   /* MPSHIM_PLAIN */
	FROM_PEER,    /* MPSHIM_PEER */
	FROM_VARIABLE, /* another one */
	FROM_USER,    /* file */
	FROM_SYSTEM,  /* file */
	FROM_WHERES,
};

struct settings {
	struct rules rules;
	bool peers_alone; /* MPSHIM_PEER says it all */
	bool tell_private;
	uint32_t sessions, memory; /* 0: the engine's own */
	char keys[IPC_KEYS]; /* names and paths, blank separated */
	char interfaces[IPC_NAMES], no_interfaces[IPC_NAMES]; /* the same */
	/* By enum setting, of those that are no rules. */
	struct {
		enum settings_from from;
		unsigned line; /* or 0 */
	} of[SET_PLAIN];
};

/* What hears of mistakes, a line each, without a newline. */
typedef void settings_say(const char *line);

/* A variable of this environment, or NULL. */
const char *settings_variable(char **envp, const char *name);
/* The variables.  What is wrong in them is said, and left out. */
void settings_environ(struct settings *, char **envp, settings_say *);
/* The path of a file; false: it has none, as it was turned off. */
bool settings_path(char path[SETTINGS_PATH], char **envp, enum settings_from);
/* The user's and the system's file, as far as they are there.  False: one is
 * wrong, and so that nothing goes unprotected by mistake nothing counts. */
bool settings_files(struct settings *, char **envp, settings_say *);
/* One file as that of the user or of the system: 1; 0: it is not there; -1: it
 * is wrong. */
int settings_file(struct settings *, const char *path, enum settings_from,
    settings_say *);
/* Its text, for those who show it: bytes; 0: it is not there; -1. */
int settings_read(char text[CONFIG_FILE_MAX], const char *path,
    enum settings_from, settings_say *);

#endif
