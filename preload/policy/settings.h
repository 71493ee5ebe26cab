/* SPDX-License-Identifier: ISC */
/*
 * Settings from the environment and the configuration files.
 *
 * A setting counts where it is found first: in a variable (which an option of
 * mprun sets), the user's file, the system's file.  Rules and keys add up in
 * that order; but with MPSHIM_PEER only its peers are protected, whatever the
 * files say.
 *
 * The library reads the files in each program, at its start, so it makes no
 * difference whether mprun or LD_PRELOAD alone loaded it.  Nothing is
 * allocated.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config_file.h"
#include "rules.h"
#include "shared/ipc.h"

enum settings_bound {
	SETTINGS_PATH = 4096,
	SETTINGS_SAY = 4096 + 1536, /* bytes of an error message */
};

/* The origin of a setting, in the order in which they are read. */
enum settings_from {
	FROM_NOWHERE, /* the default */
	FROM_PLAIN,   /* MPSHIM_PLAIN */
	FROM_PEER,    /* MPSHIM_PEER */
	FROM_VARIABLE, /* another variable */
	FROM_USER,    /* the user's file */
	FROM_SYSTEM,  /* the system's file */
	FROM_WHERES,  /* how many there are */
};

struct settings {
	struct rules rules;
	bool peers_alone; /* MPSHIM_PEER is set: rules of files do not count */
	bool tell_private;
	bool no_bundles; /* datagrams leave, and are received, one by one */
	uint32_t sessions; /* how many; 0: the engine's default */
	uint32_t memory;   /* bytes; 0: the same */
	uint32_t resend_us; /* age; 0: the same; 1: nothing is sent again */
	uint8_t server; /* our number in a fleet; 0: none */
	uint32_t spin_us; /* before a receive waits; 0: it does not spin */
	char keys[IPC_KEYS]; /* names and paths, separated by blanks */
	char interfaces[IPC_NAMES], no_interfaces[IPC_NAMES]; /* likewise */
	/* The origin of each setting that is no rule, by enum setting. */
	struct {
		enum settings_from from;
		unsigned line; /* in its file; 0: in a variable */
	} of[SET_PLAIN];
};

/* Called with each error message: one line, without a newline. */
typedef void settings_say(const char *line);

/* The value of a variable in this environment, or NULL. */
const char *settings_variable(char **envp, const char *name);
/* The home directory, under which the user's keys and configuration lie: an
 * absolute path, or NULL.  The program's HOME may be another than that of
 * mprun's caller, which MPSHIM_HOME names (MPSHIM_CONFIG_HOME is then the
 * caller's XDG_CONFIG_HOME). */
const char *settings_home(char **envp);
/* Reads the variables.  A wrong word is told to settings_say and left out. */
void settings_environ(struct settings *, char **envp, settings_say *);
/* The path of the user's or the system's file.  False: MPSHIM_CONFIG says
 * another or none, or the environment does not tell the user's. */
bool settings_path(char path[SETTINGS_PATH], char **envp, enum settings_from);
/* Reads the user's and the system's file, where they exist.  False: one is
 * wrong; then all settings are cleared, so that no mistake sends plaintext. */
bool settings_files(struct settings *, char **envp, settings_say *);
/* Reads one file as the user's or the system's: 1; 0: it does not exist; -1: it
 * is wrong. */
int settings_file(struct settings *, const char *path, enum settings_from,
    settings_say *);
/* Reads a file's text: its length in bytes; 0: it does not exist; -1: it may
 * not be used, or read. */
int settings_read(char text[CONFIG_FILE_MAX], const char *path,
    enum settings_from, settings_say *);

#endif
