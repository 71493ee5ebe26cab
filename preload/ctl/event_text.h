/* SPDX-License-Identifier: ISC */
/* Events as lines for people: "12:30:01.234  home: ...". */
#ifndef EVENT_TEXT_H
#define EVENT_TEXT_H

#include <stdint.h>

struct ipc_row;

void event_put_text(const struct ipc_row *);
/* The agent has ended: `why' is "idle" or "died"; `at' and `wall' as in
 * ipc_row. */
void event_put_text_down(uint64_t at, uint64_t wall, const char *why);

#endif
