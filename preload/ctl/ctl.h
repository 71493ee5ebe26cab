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

/* --- ctl_ask, ctl_rows: what the agent tells ------------------------------ */

/* Asks IPC_STATUS or IPC_EVENTS of a port, 0: of all: a descriptor that rows
 * come from, or a negative errno. */
int ctl_ask(uint32_t kind, uint32_t port);
/* The next row: 1, 0 at the end, or a negative errno; `why' is what the agent
 * says of it, or as it was. */
int ctl_ask_row(int fd, struct ipc_row *, char why[256]);
/* The same, within IPC_WAIT_MS. */
int ctl_ask_wait(int fd, struct ipc_row *, char why[256]);
/* Does this error say that there is no agent? */
bool ctl_ask_nobody(int error);
/* What is wrong, in words that stay until the next call; and says it, or `why',
 * which may be NULL or "". */
const char *ctl_ask_text(int error);
void ctl_ask_error(int error, const char *why);

struct ctl_rows {
	struct ipc_row *row;
	size_t n, room;
};

/* The status; with `pid' only of the ports of which one socket is this process's.
 * No rows: there is no agent.  0, or a negative errno. */
int ctl_rows_get(struct ctl_rows *, uint32_t pid);
void ctl_rows_free(struct ctl_rows *);

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

/* Shows the same, live. */
int ctl_watch(uint32_t pid);
/* Says what happens, as it happens, a line of JSON for each; of a port, 0: of
 * all.  Does not end by itself. */
int ctl_events(uint32_t port, bool samples);
/* The same into a file, in the background, while process `pid' lives. */
int ctl_record(const char *path, uint32_t pid);

/* --- The forms of the status, and of events ----------------------------- */

/* The rows are sorted: each port, then its sockets, its sessions, each before
 * its flows, its counters. */
void ctl_status_text(const struct ipc_row *, size_t n);
void ctl_status_json(const struct ipc_row *, size_t n);
/* Where the fields of this kind of row stand in the text, or "". */
const char *ctl_status_form(uint32_t kind);
/* An event as a line of JSON; and mpctl's own event: the agent has gone. */
void ctl_event_json(const struct ipc_row *);
void ctl_event_agent_down(uint64_t at, uint64_t wall, const char *why);

#endif
