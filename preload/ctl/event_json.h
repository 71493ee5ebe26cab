/* SPDX-License-Identifier: ISC */
/* Events on standard output, a line of JSON for each. */
#ifndef EVENT_JSON_H
#define EVENT_JSON_H

#include <stdint.h>

struct ipc_row;

/* An event of the agent. */
void event_put_json(const struct ipc_row *);
/* An event of mpctl's own: the agent has gone.  `at' is CLOCK_BOOTTIME, `wall'
 * CLOCK_REALTIME, in microseconds; `why' is "idle" or "died". */
void event_put_agent_down(uint64_t at, uint64_t wall, const char *why);

#endif
