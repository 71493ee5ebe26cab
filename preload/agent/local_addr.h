/* SPDX-License-Identifier: ISC */
/* Which of the host's addresses a port may use. */
#ifndef LOCAL_ADDR_H
#define LOCAL_ADDR_H

struct netmon;
struct port;

/* Writes the port's list of addresses; where it differs from the last one, the
 * engine is to be told (locals_new). */
void local_addr_tell(const struct netmon *, struct port *);
/* The port uses none of these interfaces either, from now on. */
void local_addr_exclude(struct port *, const char *names);

#endif
