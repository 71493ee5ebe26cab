/* SPDX-License-Identifier: ISC */
/*
 * What the worker asks of the keeper above it: to hold a port's descriptors,
 * so that another worker can go on with them, and to open key files, which the
 * worker has no right to.
 *
 * Over a SOCK_SEQPACKET pair; each question has one answer.
 */
#ifndef HOLD_H
#define HOLD_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc.h"

enum hold_kind {
	HOLD_READY = 1, /* the worker works */
	HOLD_STORE,	/* with the arena's memfd and the control socket */
	HOLD_DROP,	/* answered when both are closed */
	HOLD_KEY,	/* the answer comes with the key file's descriptor */
	HOLD_ALIVE,	/* each HOLD_BEAT_US: the worker does not hang */
	HOLD_BYE,	/* nothing is left; -EBUSY: somebody came */
};

enum { HOLD_BEAT_US = 1000000 };

struct hold_ask {
	uint32_t kind;
	uint32_t number; /* counts questions; hold_ask() sets it */
	uint64_t id;	    /* of STORE and DROP */
	struct ipc_ask how; /* of STORE: how the port was opened; of KEY: the
			     * path, in `keys' */
};

struct hold_answer {
	int32_t error; /* 0 or a negative errno */
	uint32_t number; /* of the question */
	char text[IPC_TEXT];
};

/* What is held of one port. */
struct held {
	LIST_ENTRY(held) entry;
	uint64_t id;
	struct ipc_ask how;
	int memfd, control;
};
LIST_HEAD(held_list, held);

/*
 * The worker's side: asks and waits.  0, or a negative errno: the answer's, or
 * of the way there (-EPIPE: the keeper is gone; -ETIMEDOUT: it is slow, and may
 * do it yet).  *got: a descriptor or -1.
 */
int hold_ask(int channel, struct hold_ask *, const int *pass, int n,
    struct hold_answer *, int *got);
/* Says HOLD_ALIVE; the answer comes late.  Does not wait. */
void hold_alive(int channel);
/* Takes answers that came late, of no use any more: false, the keeper is
 * gone. */
bool hold_late(int channel);

/* The keeper's side: takes one question and answers it.  Returns its kind, 0
 * for one that makes no sense, or a negative errno. */
int hold_serve(int channel, struct held_list *, int (*bye)(void *), void *arg);

#endif
