/* SPDX-License-Identifier: ISC */
/*
 * Programs of musl, into which the library goes as well, since it wants nothing
 * that only glibc has.  What is a word in the kernel's and glibc's struct msghdr
 * and cmsghdr is half a word and padding there, which nobody has cleared.
 */
#ifndef MUSL_H
#define MUSL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct musl_room {
	struct msghdr msg;
	uint64_t control[128]; /* as much as musl's own sendmsg(2) takes */
};

/* At the start: this is such a program. */
void musl_setup(void);
bool musl_is(void);
/* The message of a musl program as the kernel has it. */
const struct msghdr *musl_out(const struct msghdr *, struct musl_room *);
/* The same of one to be filled in, in place. */
void musl_in(struct msghdr *);

#endif
