/* SPDX-License-Identifier: ISC */
/*
 * What may come in to a socket, decided from what is known of it: no system
 * call, no lock, no clock.  ingress.c asks and acts.
 */
#ifndef INGRESS_RULE_H
#define INGRESS_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct mp_addr;
struct sock;
struct sockfilter_prefix;
struct sockfilter_rules;

enum { INGRESS_RULE_ANSWER_US = 30000000 }; /* a name server's answer is awaited
					      * that long, us */

/*
 * What the socket filter shall let in, but for the keys of the arena and the
 * program's own filter.  `from_peer': plaintext from the peer of a connected
 * socket may come in; then `one' is what rules->peers points at.
 */
void ingress_rule_filter(const struct sock *, const struct conf *,
    bool from_peer, struct sockfilter_rules *, struct sockfilter_prefix *one);

/* Plaintext that arrived: refused, taken, or taken if the policy lets plaintext
 * from its sender in, which costs a look at the routes. */
enum ingress_verdict { INGRESS_PLAIN_NO, INGRESS_PLAIN_YES,
	INGRESS_PLAIN_BY_POLICY };
/* Times are of CLOCK_BOOTTIME, us; `dns': the sender is a name server that the
 * policy leaves plain. */
enum ingress_verdict ingress_rule_plain(const struct sock *,
    const struct mp_addr *from, const struct mp_addr *to, uint64_t arrival,
    uint64_t now, bool dns);
/* May it come from there, as for the zone of its sender?  A socket that is
 * connected on one link hears nothing on another. */
bool ingress_rule_zone(const struct sock *, uint32_t zone, uint64_t arrival);

/* A datagram of a session: the program gets it, nobody does, or the port's next
 * socket does. */
enum ingress { INGRESS_TAKE, INGRESS_DROP, INGRESS_NEXT };
/* Does it come from whom the socket expected when it arrived?  Then it is
 * taken. */
bool ingress_rule_expected(const struct sock *, const struct mp_addr *from,
    uint64_t arrival);
/* Else: `client', the sender began the session. */
enum ingress ingress_rule_unexpected(const struct sock *, uint64_t arrival,
    bool client);

/* A name server is asked in plaintext now.  True: it is the first one, so the
 * socket filter has to let answers in from now on. */
bool ingress_rule_ask(struct sock *, const struct mp_addr *server,
    uint64_t now);

#endif
