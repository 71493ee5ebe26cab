/* SPDX-License-Identifier: ISC */
/* The links that a socket may use: a device that the program binds it to, or a
 * tunnel of its own that it must not use. */
#ifndef LINKS_H
#define LINKS_H

struct sock;

/* They changed: the agent is told, and an attached socket may get another arena,
 * that of its port at the new device. */
void links_changed(int fd, struct sock *);

#endif
