/* SPDX-License-Identifier: ISC */
/* Which of the host's addresses a port may use. */
#ifndef LOCALS_H
#define LOCALS_H

struct netmon;
struct port;

/* Writes the port's list of addresses, and notes where it is new. */
void locals_tell(const struct netmon *, struct port *);

#endif
