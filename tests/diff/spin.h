/* SPDX-License-Identifier: ISC */
/*
 * Lists of calls, read from standard input.  A line is
 *
 *	PORT<tab>CALL CALL ...<tab>READY
 *
 * PORT is the first of four that the list may bind.  A call is NAME.S.A.B.C: a
 * row of spin_calls.c, which of the two sockets (2: a copy of one), and three
 * numbers that choose its arguments.  READY has a letter for each call: which
 * of the three are readable before it, as the plain run had them (A: none, B: the
 * first, C: the second, D: both, E: the copy, ...); empty in the plain run.  So no
 * call is made before the first datagram of what is to be there has arrived.
 *
 * For each line there are the trace (trace.h), each call with that letter, and a
 * line END.
 */
#ifndef SPIN_H
#define SPIN_H

#include "world.h"

enum { SPIN_FDS = 3, SPIN_PORTS = 4 };

struct spin {
	const struct kind *k;
	unsigned port;
	int fd[SPIN_FDS]; /* -1: closed */
	bool sent; /* something may be on its way since the sockets were looked
		    * at */
};

/* A call's arguments. */
struct spin_args {
	unsigned slot, a, b, c;
};

struct spin_call {
	const char *name;
	void (*go)(struct spin *, const char *label, const struct spin_args *);
};

extern const struct spin_call spin_calls[];

int spin_main(const struct kind *);
/* A socket that is not in the lists' way answers, so what was sent before has
 * been answered. */
void spin_echo(const struct kind *);

#endif
