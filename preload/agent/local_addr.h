/* SPDX-License-Identifier: ISC */
/* Which of the host's addresses a port may use. */
#ifndef LOCAL_ADDR_H
#define LOCAL_ADDR_H

struct netmon;
struct port;

/* Writes the port's list of addresses, and notes where it is new. */
void local_addr_tell(const struct netmon *, struct port *);

#endif
