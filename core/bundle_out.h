/* SPDX-License-Identifier: ISC */
/* What bundles of datagrams share with those that are gathered. */
#ifndef BUNDLE_OUT_H
#define BUNDLE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct mp_bundle;
struct session;

/* Does the session send datagrams one in a packet, without a child's frame? */
bool bundle_session_ok(const struct mp *, struct session *, uint64_t now);
/* Does the flow carry packets of `need' bytes so, one after the other? */
bool bundle_flow_ok(const struct session *, const struct flow *, size_t need);
/* Takes the numbers of b->n datagrams, and writes the heads of their packets. */
void bundle_fill(struct mp *, struct session *, struct flow *, uint64_t now,
    struct mp_bundle *b);
/* Of n datagrams that were begun, all or the first `sent' went out. */
void bundle_count(struct mp *, struct session *, struct flow *, uint64_t now,
    unsigned n, unsigned sent);
/* Sending n at once failed: is it an error that single ones need not have?  The
 * flow remembers it. */
bool bundle_refused(struct flow *, uint64_t now, unsigned n, int error);

#endif
