/* SPDX-License-Identifier: ISC */
/*
 * A client and a server (tests/unit/duo.h) with a live session, that are made
 * once and brought back to that state before each input.
 */
#ifndef LIVE_H
#define LIVE_H

#include "hostile.h"

/* The world as it was when the session had come up: 2 addresses each.  What an
 * input made of it is forgotten. */
struct duo *live_world(void);
/* All packets that brought the session about; each has arrived. */
const struct tape *live_tape(void);
/* Are the end's sessions and flows as they were, numbers of forgeries apart? */
bool live_same(int e);

#endif
