/* SPDX-License-Identifier: ISC */
/*
 * Programs linked with musl, which can preload the library too, since it needs
 * no function that only glibc has.  In musl's struct msghdr and cmsghdr the
 * lengths are half a word and uninitialized padding, where the kernel's and
 * glibc's are a word: the padding has to be cleared.
 */
#ifndef MUSL_H
#define MUSL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct musl_room {
	struct msghdr msg;
	uint64_t control[128]; /* as long as musl's own sendmsg(2) takes */
};

/* At the start: this is a musl program. */
void musl_setup(void);
bool musl_is(void);
/* A message of a musl program as the kernel wants it, in `room'. */
const struct msghdr *musl_out(const struct msghdr *, struct musl_room *room);
/* The same in place, of a message that is to be received. */
void musl_in(struct msghdr *);

#endif
