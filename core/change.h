/* SPDX-License-Identifier: ISC */
/* Changes of the host's addresses, links and routes, of which sessions are told
 * little by little. */
#ifndef CHANGE_H
#define CHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct mp;

/* The list of addresses is another one. */
void change_locals(struct mp *, uint64_t now);
/* The link or a route of an interface changed; MP_NONE: of any. */
void change_link(struct mp *, uint64_t now, uint32_t ifindex);
/* Tells some more sessions; false: all know, or none is to be told yet. */
bool change_go_on(struct mp *, uint64_t now);

#endif
