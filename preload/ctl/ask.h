/* SPDX-License-Identifier: ISC */
/* Requests to the agent, and the rows that it answers with. */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_row;
struct ipc_view;

enum { ASK_TEXT = 256 }; /* bytes of the agent's message, with the 0 */

/* Sends a request (IPC_STATUS or IPC_EVENTS) for a port, or for all if 0, and
 * for the sessions of the view (NULL: any): a descriptor to read rows from, or a
 * negative errno. */
int ask_open(uint32_t kind, uint32_t port, const struct ipc_view *);
/* Reads the next row: 1, 0 at the end, or a negative errno, where the agent's
 * message goes to `why', if it sent one. */
int ask_read_row(int fd, struct ipc_row *, char why[ASK_TEXT]);
/* The same; -ETIMEDOUT if none arrives within IPC_WAIT_MS. */
int ask_await_row(int fd, struct ipc_row *, char why[ASK_TEXT]);
/* Does this error mean that no agent runs? */
bool ask_is_absent(int error);
/* The error in words, which last until the next call. */
const char *ask_error_text(int error);
/* Says `why', or the error in words where `why' is NULL or "". */
void ask_say_error(int error, const char *why);

#endif
