/* SPDX-License-Identifier: ISC */
/*
 * mpctl: tells who we are and who our peers are, shows what mpshim does, and looks for what is wrong before
 * mprun starts a program.  Its commands, and what they exit with.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_view;

/* Exit statuses of mpctl and mprun; the last two are those of shells. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_RUNNABLE = 126,
	CTL_NOT_FOUND = 127,
};

/* How the status is shown. */
enum ctl_form { CTL_TEXT, CTL_SHORT, CTL_JSON };

/* Each returns an exit status, and says what went wrong. */

/* Prints the public key of the user, or of the system; makes the pair if there
 * is none. */
int ctl_identity(bool system);
/* Adds a peer: its name, public key and options.  `replace': also where the name
 * has another key. */
int ctl_add_peer(bool system, bool replace, int n, char **words);
/* Removes the peer with this name or public key. */
int ctl_remove_peer(bool system, const char *who);
/* Makes this user and that of another host, which ssh reaches as `to', known to
 * each other: it as `name' (NULL: its host's name), we as `as' (NULL: ours).
 * `to' is NULL: prints what is to be typed there.  `ssh': the command, or NULL. */
int ctl_pair(const char *name, const char *to, const char *as, const char *ssh,
    bool replace);
/* Undoes that. */
int ctl_unpair(const char *name, const char *ssh);
/* May these peers be used?  `keys': names and paths, or *, blank separated. */
int ctl_keys_check(const char *keys);
/* Are the MPSHIM_ variables right? */
int ctl_environ_check(void);
/* May this program, found as execvp(3) does, be run under mpshim? */
int ctl_program_check(const char *name);
/* Explains the configuration, and what it does to these addresses.  `file':
 * only that file; NULL: the usual ones and the environment. */
int ctl_config(const char *file, int argc, char **argv);
/* Looks for what stops multipath on this host, and towards the peer
 * ("ADDRESS:PORT", or NULL). */
int ctl_doctor(bool json, const char *peer);

/* Asks a peer ("ADDRESS:PORT") on every pair of addresses, `count' times, 0: until
 * a signal. */
int ctl_ping(bool json, uint32_t count, const char *peer);

/* Shows the status of all programs, or of one process if `pid' is not 0, and
 * the sessions of the view; and the same, live. */
int ctl_status(enum ctl_form, uint32_t pid, const struct ipc_view *);
int ctl_watch(uint32_t pid);
/* Writes the counters and sums for Prometheus, to a file or (NULL) to standard
 * output. */
int ctl_metrics(const char *file);
/* No port takes sessions that peers begin; or, `undo', again.  Says how many each
 * has. */
int ctl_drain(bool undo);
/* Prints events as they happen: of one port, or of all if 0; about the peer of
 * this name, or (NULL) all; as lines for people, or as JSON.  Returns only on an
 * error. */
int ctl_events(uint32_t port, const char *name, bool samples, bool text);
/* Writes all events to a file, in the background, while process `pid' lives. */
int ctl_record(const char *path, uint32_t pid);

#endif
