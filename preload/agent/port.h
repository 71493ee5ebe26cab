/* SPDX-License-Identifier: ISC */
/*
 * One UDP port: the arena that its programs share with us, our control socket
 * in its reuseport group, its keys, and its sockets as we keep them.
 *
 * A program may write into the arena whatever it likes.  So all that decides
 * what we do (which socket holds a slot, where it stands in the group, when the
 * port is let go of) is kept here, and the lock is never waited for long.
 */
#ifndef PORT_H
#define PORT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include "shared/arena.h"
#include "shared/ipc.h"
#include "loop.h"

struct agent;
struct kept_port;
struct keyring;
struct status;

enum port_bound {
	PORT_EVENTS = 8,	/* interfaces that changed, at most kept */
	PORT_UNKNOWN = 200,	/* a group index out of range: the kernel
				 * chooses by hash */
	PORT_SHUT_US = 2000,	/* first pause after the lock was not to be
				 * had; doubles up to: */
	PORT_SHUT_MOST_US = 1000000,
};

/* A socket of the port. */
struct own_slot {
	bool used, connected;
	uint8_t group;	 /* index in the reuseport group, or PORT_UNKNOWN */
	uint32_t gen;	 /* of the arena's record, when last looked at */
	uint64_t cookie, inode;
	uint64_t drops;	 /* packets that the kernel dropped there, at last look */
	uint64_t opened; /* counts openings; the newest is the highest */
	uint64_t told;	 /* when an INTERNAL_ERROR last went to it */
	uint64_t gave_at; /* when a parked datagram last went to it: backlog.h */
};

/* Hears of closed ports for a slot: see refusal.h. */
struct refusal {
	struct watch watch;
	struct port *port;
	struct mp_addr peer;
	uint64_t held; /* datagrams held until then, when last told of one */
	bool open;
};

struct port {
	LIST_ENTRY(port) entry;
	struct agent *agent;
	struct watch control_watch;
	struct alarm alarm; /* the engine's deadline */
	uint16_t number;
	uint64_t id; /* what the keeper knows it by */
	struct arena_map map;
	int memfd, control;
	enum mp_family kernel; /* the control socket's */
	uint32_t device; /* interface that its sockets are bound to; or 0 */
	struct mp_addr bound;  /* its address: the wildcard, if it was free */
	struct keyring *keyring;
	struct ipc_request how; /* as the first socket was opened */
	struct own_slot slot[MP_SLOTS_MAX];
	unsigned nslots;
	struct refusal refusal[MP_SLOTS_MAX];
	unsigned refusals; /* that are open */
	uint32_t parting; /* slots without a socket, with datagrams to deliver */
	uint64_t part_by; /* when they are given up */
	uint64_t opened;
	uint8_t group; /* the control socket's index */
	uint32_t moved; /* slots whose index the last drop changed */
	uint32_t seen; /* slots whose sockets the last look found */
	int df;	       /* what the control socket is set to; -1: unknown */
	/* The lock was not to be had: until when we leave the port alone. */
	uint64_t shut_until, shut_us;
	/* To be told to the engine when its lock is held next. */
	bool locals_new, connects_new;
	struct mp_local locals[MP_LOCALS_MAX];
	size_t nlocals;
	uint32_t event[PORT_EVENTS];
	unsigned nevents;
	uint64_t traffic;    /* datagrams until then, when last looked */
	uint64_t unanswered; /* the engine's count, when last looked at */
	/* While somebody listens (events.h): what he was told of, and whether
	 * that may have changed. */
	struct status *told;
	bool touched;
	STAILQ_HEAD(, backlog_item) backlog; /* see backlog.h */
	unsigned backlog_n;
	size_t backlog_bytes;
};
LIST_HEAD(port_list, port);

/*
 * Makes a port of the control socket, which is ours from now on even where this
 * fails: 0, or a negative errno with the reason in `why'.
 */
int port_open(struct agent *, const struct ipc_request *, int control,
    struct port **, char why[IPC_TEXT]);
/* Makes one of an arena that has served already; `id' 0: of no held one. */
int port_recover(struct agent *, const struct ipc_request *, uint64_t id,
    int memfd, int control, struct port **, char why[IPC_TEXT]);
/* Is this a UDP socket in our namespace? */
bool port_udp(const struct agent *, int fd);
/* Is this a UDP socket of the port that is asked about, in our namespace?  Then
 * *at is what it is bound to. */
bool port_fits(const struct agent *, int fd, const struct ipc_request *,
    struct mp_addr *at);
/* Lets go of it; the keeper too. */
void port_close(struct port *);

/* Takes the lock; false: not to be had now, and the port's alarm is set. */
bool port_lock(struct port *);
void port_unlock(struct port *);

/* A truth value that a stranger wrote. */
static inline bool
port_read_bool(const bool *b)
{
	return *(const volatile uint8_t *)b != 0;
}

#endif
