/* SPDX-License-Identifier: ISC */
/*
 * family: a client and a server with a session, and another socket of the
 * client's host that has a ticket of it; for the suites of children.
 */
#ifndef FAMILY_H
#define FAMILY_H

#include <stdbool.h>

#include "duo.h"
#include "hostile.h"
#include "mp.h"

struct session;

/* The end that is another socket of the client's host. */
enum { SIBLING = 2 };

/* What went over the wire from the sibling, by kind; and what is lost. */
extern struct family_seen {
	int init, child;
	bool lose_child, lose_back, lose_init;
	struct duo_packet *first; /* the first CHILD */
} seen;

/* Client and server have a session, and the sibling a ticket of it. */
struct duo *family_new(int clients, int servers, struct mp_parent *);
/* One more endpoint of the client's host: the same addresses, another port. */
void family_add(struct duo *);
/* The parent of the client's session with the server. */
struct mp_parent family_parent(struct duo *);
void family_ticket(struct duo *, int e, struct mp_parent *);
/* The server's session that began without a handshake; NULL. */
struct session *family_child(const struct duo *);
/* Watches the wire from now on, in `seen'. */
void family_watch(struct duo *);
void family_done(struct duo *);

#endif
