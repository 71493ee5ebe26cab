/* SPDX-License-Identifier: ISC */
/*
 * One UDP port: the arena that its programs share with the agent, the control
 * socket in its group, its keys, and its sockets as the agent knows them.
 *
 * A program may write anything into the arena.  So what decides about the
 * agent's own actions (which socket has a slot, its index in the group, when
 * the port is closed) is kept here, and the wait for the arena's lock is
 * bounded.
 */
#ifndef PORT_H
#define PORT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "loop.h"

struct agent;
struct backlog_item;
struct keyring;
struct status;

enum port_bound {
	PORT_LINKS = 8,		/* changed interfaces that are kept, at most */
	PORT_UNKNOWN = 200,	/* an index above every group's: the kernel
				 * chooses by hash */
	PORT_SHUT_US = 2000,	/* first pause after the lock was not
				 * available; doubles up to: */
	PORT_SHUT_MAX_US = 1000000,
};

/* A socket of the port. */
struct own_slot {
	bool used, connected;
	uint8_t group;	 /* index in the group, or PORT_UNKNOWN */
	uint32_t gen;	 /* of the arena's record when it was read last */
	uint64_t cookie, inode;
	uint64_t drops;	 /* packets that the kernel dropped there, until the
			  * last scan */
	uint64_t opened; /* agent.opened when it was opened */
	uint64_t told;	 /* generation, plus 1, of the last session that the
			  * program was told it has no peer; 0: none */
	uint64_t gave_at; /* when it last got a datagram of the backlog */
};

/* A socket that hears of closed ports for a slot: see refusal.h. */
struct refusal {
	struct watch watch;
	struct port *port;
	struct mp_addr peer;
	uint64_t staged; /* MP_C_staged when the program was told last */
	bool open;
};

struct port {
	LIST_ENTRY(port) entry;
	struct port *more; /* of the same number, at another device */
	size_t scan_place; /* of socket_scan.c */
	struct agent *agent;
	struct watch control_watch;
	struct alarm alarm; /* when pump_port() is to be called */
	uint16_t number;
	uint64_t id; /* the keeper's name for it */
	struct arena_map map;
	int memfd, control;
	enum mp_family kernel; /* the control socket's */
	enum mp_family only; /* the family that it can send in; MP_DUAL: both */
	uint32_t device; /* interface that its sockets are bound to; or 0 */
	struct mp_addr bound;  /* its address: the wildcard, if it was free */
	struct keyring *keyring;
	struct ipc_request how; /* as the first socket was opened */
	struct own_slot slot[MP_SLOTS_MAX];
	unsigned nslots;
	struct refusal refusal[MP_SLOTS_MAX];
	unsigned refusals; /* that are open */
	uint32_t parting; /* slots without a socket, with staged datagrams */
	uint64_t part_by; /* when they are given up */
	uint64_t locate_at; /* when indices that could not be learnt are asked
			     * for again; 0: none */
	uint8_t group; /* index of the control socket, or PORT_UNKNOWN */
	uint64_t steered; /* mark of the group's program: sockfilter.h */
	int df; /* don't-fragment of the control socket; -1: unknown */
	/* The lock was not available: no attempt before shut_until, which is
	 * shut_us after the last one; 0: it was available. */
	uint64_t shut_until, shut_us;
	bool paused; /* the control socket is not read until then */
	/* A record or a session's keys changed: the group has to be steered. */
	bool steering_due;
	bool keys_new; /* what was made with other keys is to end */
	bool curve_new; /* the engine is to be told agent.curve_rate */
	/* The engine is to be told when its lock is held next. */
	bool locals_new;
	struct mp_local locals[MP_LOCALS_GIVEN];
	size_t nlocals;
	uint32_t link[PORT_LINKS]; /* interfaces that changed; MP_NONE: all */
	unsigned nlinks;
	bool due; /* something happened that the pump has to look at */
	uint64_t next;	     /* when the pump is due, if nothing is gathered */
	uint64_t watch_until; /* so long the pump looks for gathered ones */
	uint64_t gathered;   /* datagrams that were, at its last look */
	uint64_t traffic;    /* datagrams in and out when it was pumped last */
	uint64_t unanswered; /* MP_C_drop_unanswered at that time */
	bool has_parent; /* a secret of its sessions was taken */
	uint64_t inits; /* MP_C_handshake_out at the last look of parent.c, */
	uint64_t parent_at, parent_until; /* when the next may be, and from when
					   * on none is needed */
	/* While a reader follows events: what readers were told, and whether
	 * that may have changed. */
	struct status *told;
	/* What peers were refused over their shares, as the log says; when */
	uint64_t over, over_at;
	bool touched;
	STAILQ_HEAD(, backlog_item) backlog; /* see backlog.h */
	unsigned backlog_n;
	size_t backlog_bytes;
};

/* Takes the lock; false: it is not available now, and the port's alarm is
 * set. */
bool port_lock(struct port *);
void port_unlock(struct port *);
/* The port's alarm rings at the loop's next turn, and it is pumped then. */
void port_due(struct port *);
/* Reads the control socket again if port_lock() stopped that, and the pause is
 * over. */
void port_resume(struct port *, uint64_t now);

/*
 * The port of this number whose sockets are bound to that device; NULL: it is
 * not served.  Sockets of one number that are bound to different devices
 * (SO_BINDTODEVICE; 0: to none) have groups of their own in the kernel, and so
 * each device makes a port of its own here.
 */
struct port *port_find(const struct agent *, uint32_t number, uint32_t device);

/* Is this a UDP socket in the agent's namespace? */
bool port_is_udp(const struct agent *, int fd);
/* Is this a UDP socket of the requested family and port, in the agent's
 * namespace?  Then *at is the address that it is bound to. */
bool port_fits(const struct agent *, int fd, const struct ipc_request *,
    struct mp_addr *at);
/* The options of a control socket. */
void port_set_options(int fd, enum mp_family kernel);
/* Link or route of an interface changed (0: of addresses on no interface,
 * MP_NONE: of all): for the engine to hear. */
void port_note_link(struct port *, uint32_t ifindex);

/* A truth value from memory that others write: any byte but 0 is true. */
static inline bool
port_read_bool(const bool *b)
{
	return *(const volatile uint8_t *)b != 0;
}

#endif
