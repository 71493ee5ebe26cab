/* SPDX-License-Identifier: ISC */
/*
 * Which interface the packets of a flow really leave by (PROTOCOL.md 3).  With
 * a source address in a control message an IPv6 interface is only a wish, so
 * of two uplinks with IPv6 the kernel may take the other one.  The agent asks
 * it, by mp_route_wanted() and mp_route_set().
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

struct flow;
struct mp;
struct session;

/* The flow's pair is new, or changed: nothing is known of its route. */
void route_begin(struct mp *, struct session *, struct flow *);
/* Addresses, links or routes changed: what is known of the session's flows
 * holds until the kernel was asked again. */
void route_changed(struct mp *, struct session *);

#endif
