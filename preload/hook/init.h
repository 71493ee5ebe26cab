/* SPDX-License-Identifier: ISC */
/* What happens when the library is loaded, and in the child of a fork. */
#ifndef INIT_H
#define INIT_H

/* The program's first socket: other libraries' constructors, and the program's
 * .preinit_array, may make one before our own constructor runs. */
void init_early(void);

#endif
