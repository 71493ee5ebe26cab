/* SPDX-License-Identifier: ISC */
/*
 * What the worker asks of the keeper above it: to hold a port's descriptors,
 * so that another worker can go on with them, and to open key files, which the
 * worker has no right to.
 *
 * Over a SOCK_SEQPACKET pair; each question has one answer.
 */
#ifndef KEEPER_IPC_H
#define KEEPER_IPC_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/ipc.h"

enum keeper_ipc_kind {
	KEEPER_IPC_READY = 1, /* the worker works */
	KEEPER_IPC_STORE,	/* with the arena's memfd and the control socket */
	KEEPER_IPC_DROP,	/* answered when both are closed */
	KEEPER_IPC_KEY,	/* the answer comes with the key file's descriptor */
	KEEPER_IPC_ALIVE,	/* each KEEPER_IPC_HEARTBEAT_US: the worker does not hang */
	KEEPER_IPC_BYE,	/* nothing is left; -EBUSY: somebody came */
};

enum { KEEPER_IPC_HEARTBEAT_US = 1000000 };

struct keeper_ipc_request {
	uint32_t kind;
	uint32_t number; /* counts questions; keeper_ipc_call() sets it */
	uint64_t id;	    /* of STORE and DROP */
	struct ipc_request how; /* of STORE: how the port was opened; of KEY: the
			     * path, in `keys' */
};

struct keeper_ipc_answer {
	int32_t error; /* 0 or a negative errno */
	uint32_t number; /* of the question */
	char text[IPC_TEXT];
};

/* What is held of one port. */
struct kept_port {
	LIST_ENTRY(kept_port) entry;
	uint64_t id;
	struct ipc_request how;
	int memfd, control;
};
LIST_HEAD(kept_port_list, kept_port);

/*
 * The worker's side: asks and waits.  0, or a negative errno: the answer's, or
 * of the way there (-EPIPE: the keeper is gone; -ETIMEDOUT: it is slow, and may
 * do it yet).  *got: a descriptor or -1.
 */
int keeper_ipc_call(int channel, struct keeper_ipc_request *, const int *pass,
    int n,
    struct keeper_ipc_answer *, int *got);
/* Says KEEPER_IPC_ALIVE; the answer comes late.  Does not wait. */
void keeper_ipc_alive(int channel);
/* Takes answers that came late, of no use any more: false, the keeper is
 * gone. */
bool keeper_ipc_late(int channel);

/* The keeper's side: takes one question and answers it.  Returns its kind, 0
 * for one that makes no sense, or a negative errno. */
int keeper_ipc_serve(int channel, struct kept_port_list *, int (*bye)(void *),
    void *arg);

#endif
