/* SPDX-License-Identifier: ISC */
/*
 * What the worker requests of the keeper: to hold a port's descriptors, so that
 * another worker can go on with them, and to open files of keys, which the
 * worker has no right to.
 *
 * Over a SOCK_SEQPACKET pair.  Each request with a number has one answer, the
 * others have none: the keeper takes them in their order, also those that a
 * worker left when it died, before it starts the next one.  Requests that say
 * nothing of `how' are KEEPER_IPC_SHORT bytes long.
 */
#ifndef KEEPER_IPC_H
#define KEEPER_IPC_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

enum keeper_ipc_kind {
	KEEPER_IPC_READY = 1, /* the worker serves */
	KEEPER_IPC_STORE, /* with the arena's memfd and the control socket */
	KEEPER_IPC_DROP,  /* both are to be closed */
	KEEPER_IPC_KEY,	  /* the answer has the descriptor of a file of keys */
	KEEPER_IPC_ALIVE, /* each KEEPER_IPC_HEARTBEAT_US: the worker does not
			   * hang */
	KEEPER_IPC_BYE,	  /* nothing is left; -EBUSY: a client connects */
};

enum {
	KEEPER_IPC_HEARTBEAT_US = 1000000,
	KEEPER_IPC_BUFFER = 8 << 20, /* bytes, of a control socket's buffers */
};

struct keeper_ipc_request {
	uint32_t kind;
	uint32_t number; /* counts requests; keeper_ipc_call() sets it; 0: no
			  * answer */
	uint64_t id;	 /* of STORE and DROP */
	struct ipc_request how; /* of STORE: how the port was opened; of KEY:
				 * the path, in `keys' */
};

enum { KEEPER_IPC_SHORT = offsetof(struct keeper_ipc_request, how) };

struct keeper_ipc_answer {
	int32_t error; /* 0 or a negative errno */
	uint32_t number; /* of the request */
	char text[IPC_TEXT];
};

/* What the keeper holds of one port. */
struct kept_port {
	LIST_ENTRY(kept_port) entry;
	uint64_t id;
	struct ipc_request how;
	int memfd, control;
};
LIST_HEAD(kept_port_list, kept_port);

/*
 * The worker's side: requests and waits for the answer.  0, or a negative
 * errno: the answer's, or the channel's (-EPIPE: the keeper died; -ETIMEDOUT:
 * it is slow, and may do it yet).  *got: a descriptor or -1.
 */
int keeper_ipc_call(int channel, struct keeper_ipc_request *, const int *pass,
    int n, struct keeper_ipc_answer *, int *got);
/* The same without an answer: 0, or a negative errno of the channel.  It does
 * not wait for the keeper, unless that is many requests behind. */
int keeper_ipc_tell(int channel, struct keeper_ipc_request *, const int *pass,
    int n);
/* Reads and drops answers that nobody waits for; false: the keeper died. */
bool keeper_ipc_late(int channel);

/* The keeper's side: takes one request and answers it.  Returns its kind, 0 for
 * one that is malformed, or a negative errno. */
int keeper_ipc_serve(int channel, struct kept_port_list *, int (*bye)(void *),
    void *arg);

#endif
