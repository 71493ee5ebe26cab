/* SPDX-License-Identifier: ISC */
/* Which peer a session is with: events of flows tell the session's number
 * alone. */
#ifndef WHO_H
#define WHO_H

#include <stdbool.h>

struct ipc_row;

/* Remembers what an event of a session says. */
void who_note(const struct ipc_row *);
/* Forgets a session with its last event, when that was shown. */
void who_forget(const struct ipc_row *);
/* The name of the peer that an event of a session or a flow is about, else its
 * address; "": it is about none. */
const char *who_name(const struct ipc_row *);
/* Is it about the peer of this name? */
bool who_is(const struct ipc_row *, const char *name);

#endif
