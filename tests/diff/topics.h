/* SPDX-License-Identifier: ISC */
/* The topics, each in its own file, and the peer of them all. */
#ifndef TOPICS_H
#define TOPICS_H

#include "world.h"

int peer_main(void);

/* One line each: main.c finds them here. */
#define TOPICS(TOPIC)                                                         \
	TOPIC(bad, "4")	     /* descriptors that are no UDP sockets */        \
	TOPIC(null, "46")    /* pointers and lengths that are wrong */        \
	TOPIC(names, "46m")  /* bind, connect, getsockname, getpeername */    \
	TOPIC(recv, "46m")   /* every way to receive */                       \
	TOPIC(send, "46m")   /* every way to send */                          \
	TOPIC(options, "46") /* set and asked back */                         \
	TOPIC(asked, "46m")  /* control messages that come */                 \
	TOPIC(cmsg, "46m")   /* control messages and options that go */       \
	TOPIC(many, "46m")   /* recvmmsg, timeouts, readiness */              \
	TOPIC(other, "46m")  /* fortified names, syscall(3), descriptors */   \
	TOPIC(loop, "46m")   /* within the host; errors; groups */            \
	TOPIC(filter, "46m") /* SO_ATTACH_FILTER and what belongs to it */    \
	TOPIC(ways, "46m")   /* options that change what goes and comes */

#define TOPIC_DECLARE(name, kinds) void topic_##name(const struct kind *);
TOPICS(TOPIC_DECLARE)
#undef TOPIC_DECLARE

#endif
