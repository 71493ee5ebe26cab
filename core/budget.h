/* SPDX-License-Identifier: ISC */
/*
 * How many bytes go to addresses that have not answered (PROTOCOL.md 4), so
 * that no peer makes this end send much to others.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct mp_path;
struct session;

enum budget_limit {
	BUDGET_TIMES = 3, /* bytes that go there for each one that came */
	BUDGET_AGAIN = 100 * 1000, /* us until it is tried again, doubling ... */
	BUDGET_AGAIN_MAX = 30 * 1000 * 1000, /* ... up to this */
};

/* Bytes that a packet of `len' takes on the way, with its headers. */
uint32_t budget_wire(const struct mp_path *, size_t len);
/* Has the flow's remote address answered, on this flow or another, or did our
 * own program name it? */
bool budget_answered(const struct mp *, const struct session *,
    const struct flow *);
/* May `len' bytes go to the flow's address, or (alt) to where its peer may have
 * moved? */
bool budget_may(const struct mp *, const struct session *,
    const struct flow *, bool alt, size_t len);
/* They went. */
void budget_sent(const struct mp *, struct session *, struct flow *, bool alt,
    size_t len);
/* They did not: when the session tries again. */
void budget_refused(struct session *, uint64_t now);
/* The peer sent so many, by whichever flow. */
void budget_came(struct session *, const struct mp_path *, size_t len);
/* Of those, so many bytes with headers came from where the flow's peer may have
 * moved. */
void budget_came_alt(struct session *, struct flow *, uint32_t bytes);

#endif
