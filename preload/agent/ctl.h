/* SPDX-License-Identifier: ISC */
/* mpctl: makes keys, shows what mpshim does, and looks before mprun leaps. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_row;

/* What mpctl and mprun exit with; the last two are the shells' values. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_RUNNABLE = 126,
	CTL_NOT_FOUND = 127,
};

enum { CTL_WORDS = 32 }; /* bytes of a duration in words */

/* --- ctl_say: one line to people ----------------------------------------- */

/* Who speaks in the lines on stderr: "mpctl", or "mprun" for that one. */
void ctl_name(const char *who);
/* "who: ..." on stderr, one line whatever is in it. */
void ctl_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* A copy of at most `len' bytes in plain ASCII, which hurts no terminal; `out'
 * has `size' bytes.  Returns `out'. */
const char *ctl_clean(char *out, size_t size, const char *text, size_t len);
/* "0.3 s", "12 s", "3 min 5 s", "2 h 10 min", "4 d 3 h". */
const char *ctl_words(char words[CTL_WORDS], uint64_t us);
/* Writes out what was printed: CTL_OK, or CTL_FAILED where that cannot be. */
int ctl_flush(void);

/* --- ctl_help: what a command does ----------------------------------------- */

/* Prints it; CTL_USAGE where nothing is known of the command. */
int ctl_help(const char *command);

/* --- What there is to do: each returns an exit status -------------------- */

/* Makes both halves of a key. */
int ctl_keygen(const char *name);
/* May these key files be used?  `keys': names and paths, blank separated. */
int ctl_keys_check(const char *keys);

/* Are the MPSHIM_ variables right? */
int ctl_environ_check(void);

/* Explains the configuration and what these destinations get of it; `file':
 * that one alone, or NULL. */
int ctl_config(const char *file, int argc, char **argv);

/* Looks for what stops multipath here, and towards the peer (ADDRESS:PORT or
 * NULL). */
int ctl_doctor(bool json, const char *peer);

/* Would this program, found as execvp(3) does, run under mpshim? */
int ctl_program_check(const char *name);

/* Shows the agent's programs; only those of process `pid' unless 0. */
int ctl_status(bool json, uint32_t pid);

/* --- The two forms of the status ------------------------------------------ */

/* The rows are sorted: each port, then its sockets, its sessions, each before
 * its flows, its counters. */
void ctl_text(const struct ipc_row *, size_t n);
void ctl_json(const struct ipc_row *, size_t n);
/* "in use", "failed", ... of a flow; "up", ... of a session. */
const char *ctl_flow_state(const struct ipc_row *);
const char *ctl_session_state(const struct ipc_row *);

#endif
