/* SPDX-License-Identifier: ISC */
/*
 * Peers that datagrams go to in plaintext although the rules protect them:
 * those that sent plaintext first (--accept-plain), and those that did not
 * answer (--prefer).  A peer that ever had a session is never one of them.
 */
#ifndef PLAIN_PEER_H
#define PLAIN_PEER_H

#include <stdbool.h>

struct dest_policy;
struct mp_addr;
struct sock;

/* Has this socket's endpoint a session with the peer that was up once? */
bool plain_peer_has_session(struct sock *, const struct mp_addr *);
/* May plaintext go to the peer? */
bool plain_peer_may_send(struct sock *, const struct mp_addr *,
    const struct dest_policy *);
/*
 * Plaintext of this peer came in, which the rules let in: may the program have
 * it?  Not of a peer that ever had a session: it is forged.  If so, plaintext
 * goes there from now on; but, without --accept-plain, not while a handshake
 * with that peer is under way, which a forged datagram could end.
 */
bool plain_peer_may_receive(struct sock *, const struct mp_addr *,
    const struct dest_policy *);
/* No peer answered: plaintext goes there from now on, which is logged. */
void plain_peer_prefer(const struct mp_addr *, const struct dest_policy *);

#endif
