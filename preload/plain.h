/* SPDX-License-Identifier: ISC */
/* Peers that are spoken to in plaintext although no rule names them: those who
 * spoke so first (--accept-plain), and those who did not answer (--prefer). */
#ifndef PLAIN_H
#define PLAIN_H

#include "fdtab.h"

/* Plaintext came from there and was given to the program. */
void plain_came(const struct mp_addr *);
/* Shall plaintext go there?  Never to a peer that had a session. */
bool plain_goes(struct sock *, const struct mp_addr *);
/* May plaintext come from there, as far as sessions go?  From a peer that had
 * one it is somebody's trick. */
bool plain_comes(struct sock *, const struct mp_addr *);
/* A datagram to a peer without a session is held: for too long already? */
bool plain_instead(const struct mp_addr *, uint64_t now);

#endif
