/* SPDX-License-Identifier: ISC */
/* Peers that are spoken to in plaintext although no rule names them: those who
 * spoke so first (--accept-plain), and those who did not answer (--prefer). */
#ifndef PLAIN_PEER_H
#define PLAIN_PEER_H

#include "socket/fdtab.h"

/* Shall plaintext go there?  Never to a peer that had a session. */
bool plain_peer_may_send(struct sock *, const struct mp_addr *);
/* May plaintext come from there, as far as sessions go?  From a peer that had
 * one it is somebody's trick.  If so, it goes there from now on, but not while a
 * peer under mpshim is asked for there: anybody could end that. */
bool plain_peer_may_receive(struct sock *, const struct mp_addr *);
/* No peer answered: plaintext goes there, and this is said. */
void plain_peer_prefer(const struct mp_addr *);

#endif
