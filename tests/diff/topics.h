/* SPDX-License-Identifier: ISC */
/* The topics, each in its own file, and the peer of them all. */
#ifndef TOPICS_H
#define TOPICS_H

#include "world.h"

int peer_main(void);

/* One line each: main.c finds them here. */
#define TOPICS(TOPIC)                                                         \
	TOPIC(bad, "4")	      /* descriptors that are no UDP sockets */       \
	TOPIC(null, "46")     /* wrong pointers and lengths */                \
	TOPIC(names, "46m")   /* bind, connect, getsockname, getpeername */   \
	TOPIC(recv, "46m")    /* every call that receives */                  \
	TOPIC(send, "46m")    /* every call that sends */                     \
	TOPIC(options, "46")  /* getsockopt and setsockopt */                 \
	TOPIC(asked, "46m")   /* control messages that are received */        \
	TOPIC(cmsg, "46m")    /* control messages and options for sending */  \
	TOPIC(many, "46m")    /* recvmmsg, timeouts, readiness */             \
	TOPIC(bundle, "46m")  /* many datagrams by one call */                \
	TOPIC(other, "46m")   /* fortified names, syscall(3), descriptors */  \
	TOPIC(loop, "46m")    /* within the host; errors; multicast */        \
	TOPIC(filter, "46m")  /* the program's socket filter */               \
	TOPIC(effects, "46m") /* options that change sending or receiving */  \
	TOPIC(ports, "4")     /* several sockets at one port */               \
	TOPIC(zone, "6")      /* link-local addresses */                      \
	TOPIC(stamps, "46m")  /* transmit time stamps */

#define TOPIC_DECLARE(name, kinds) void topic_##name(const struct kind *);
TOPICS(TOPIC_DECLARE)
#undef TOPIC_DECLARE

#endif
