/* SPDX-License-Identifier: ISC */
/* The start of the library in a process. */
#ifndef INIT_H
#define INIT_H

/* Does what the constructor does, once.  socket(2) calls it, since
 * constructors of other libraries and the program's .preinit_array may make
 * a socket first. */
void init_early(void);

#endif
