/* SPDX-License-Identifier: ISC */
/*
 * Requests of programs and mpctl to the agent, over a Unix socket (ipc.c).
 *
 * request	struct ipc_request.  Descriptors: with IPC_OPEN of a new port
 *		the control socket and, if `refusal' is set, what IPC_REFUSAL
 *		would bring; with IPC_ADOPT the control socket and the arena's
 *		memfd, with IPC_REFUSAL and IPC_SET a socket; by the abstract
 *		socket then the socket in question.
 * answer	struct ipc_answer; with the arena's memfd after IPC_OPEN,
 *		IPC_FIND and IPC_ADOPT, a new one after IPC_FILE.  IPC_STATUS:
 *		instead any number of struct ipc_row, then end of file.  IPC_EVENTS: rows of what
 *		there is, then of what happens, as long as both sides live; or
 *		an answer with an error.
 */
#ifndef IPC_H
#define IPC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "mp.h"

enum ipc_bound {
	IPC_VERSION = 7,
	IPC_KEYS = 4096,  /* bytes of what is wanted of keys */
	IPC_NAMES = 512,  /* bytes of interface names */
	IPC_TEXT = 256,	  /* bytes of a message for people */
	IPC_PATH = 256,	  /* bytes of a path: the socket's and a suffix */
	IPC_PASS = 3,	  /* descriptors of one message, at most */
	IPC_ABSTRACT = 48, /* bytes of the abstract name, 0 included */
	IPC_TOKEN = 32,
	IPC_VALUE = 2048, /* bytes of an option's value */
	IPC_STATES = MP_S_CLOSED + 1,
	IPC_MOST = 1000,  /* sessions of a port, where no number is asked for */
	IPC_WAIT_MS = 2000, /* longest wait for an answer */
	IPC_PAGE = 4096,  /* bytes of a page of IPC_FILE */
};

enum ipc_kind {
	IPC_HELLO = 1, /* is there an agent?  The text tells its version */
	IPC_OPEN,      /* a socket: give it a slot, and make the port's arena.
			* Error -ESTALE: no control socket came, and the port is
			* not served; ask again with one */
	IPC_FIND,      /* the arena and slot of a socket by its cookie */
	IPC_MAY_BIND,  /* may this socket join the port?  Changes nothing.
			* error: 0, -EADDRINUSE, or -ENOENT: the agent does not
			* serve that port, at any device */
	IPC_ADOPT,     /* serve the port of an arena whose agent died */
	IPC_CLOSING,   /* sockets may be closed: look which */
	IPC_STATUS,
	IPC_WAKE,      /* the engine's deadline is before `wakeup_at'; where no
			* INTERNAL_WAKE can be sent.  Only the first IPC_SHORT
			* bytes are sent, and there is no answer */
	IPC_SET,       /* set an option of the socket that is passed, which the
			* program's seccomp filter forbids it to set */
	IPC_REFUSAL,   /* a socket that hears ICMP port unreachable of the peer
			* that the socket in question is connected to */
	IPC_LINKS,     /* the socket that is passed may be bound to another
			* interface now (SO_BINDTODEVICE), or no_interfaces has
			* more names: use the links that it may use.  Error
			* -EXDEV: the control socket is bound to another one; ask
			* again with a new one before the socket.  If the answer
			* has a memfd, the socket has this slot of that arena now
			*/
	IPC_EVENTS,    /* what happens on a port (0: on all), as it happens */
	IPC_FILE,      /* a sealed memory file of `len' pages, all holes: for the
			* copy of an arena, before IPC_ADOPT.  A program may have
			* a limit on the size of its own files (RLIMIT_FSIZE) */
	IPC_STEER,     /* the socket of a port with others was connected:
			* its peer's packets are steered to it before the
			* answer */
	IPC_DRAIN,     /* no port takes sessions that peers begin, `len' 1; or
			* again, 0 */
};

/* Which sessions of each port IPC_STATUS tells of, and in which order. */
enum ipc_sort { IPC_SORT_NONE, IPC_SORT_BYTES, IPC_SORT_AGE, IPC_SORT_SILENCE };

struct ipc_view {
	char key[32];	/* the key of their peers; "": any */
	uint8_t ip[16]; /* their peers' addresses have this prefix ... */
	uint32_t bits;	/* ... of so many bits */
	uint32_t sort;	/* enum ipc_sort: the most bytes, the newest, those
			 * heard last first */
	uint32_t from;	/* so many are left out, ... */
	uint32_t most;	/* ... and no more are told; 0: IPC_MOST */
};

struct ipc_request {
	uint32_t version;
	uint32_t kind;
	uint64_t cookie, inode; /* of the socket */
	uint32_t port;		/* IPC_EVENTS: 0 is all */
	uint8_t token[IPC_TOKEN]; /* for the abstract socket; of ipc_call() */
	uint8_t stay;		/* the agent shall stay as long as the client,
				 * which could not start another */
	uint8_t kernel;		/* enum mp_family of the kernel's socket */
	uint8_t family;		/* AF_INET, AF_INET6: the program's */
	uint8_t connected;
	uint8_t refusal;	/* IPC_OPEN: the second descriptor is one */
	uint8_t v6only, reuseaddr, reuseport;
	uint8_t prefix;		/* of the arena of a new port, with its ... */
	uint8_t arena_token[ARENA_TOKEN]; /* ... token; 0: as the agent likes */
	uint8_t tell_private;
	uint8_t server;		/* our number in a fleet; 0: none */
	uint32_t device;	/* interface that the socket is bound to; or 0 */
	uint32_t sessions, memory, resend_us; /* of a new port; 0: as usual */
	struct mp_addr local;		/* as the program bound it */
	struct mp_addr peer;		/* that it is connected to, or sends to
					 * now; port 0: not known yet */
	char keys[IPC_KEYS];		/* the peers wanted: keyring.h */
	char interfaces[IPC_NAMES];	/* only these, by blanks; "": all */
	char no_interfaces[IPC_NAMES];	/* never these */
	char program[ARENA_NAME];
	struct ipc_view view; /* IPC_STATUS */
	int32_t level, option; /* IPC_SET */
	uint32_t len;	/* of the value; IPC_FILE: pages */
	uint8_t value[IPC_VALUE]; /* of a BPF filter: its instructions */
};

enum { IPC_SHORT = offsetof(struct ipc_request, stay) };

struct ipc_answer {
	uint32_t version;
	int32_t error; /* 0 or a negative errno */
	uint32_t slot;
	uint32_t pid; /* of the worker */
	char text[IPC_TEXT]; /* why, for people: no newline; or "" */
	char abstract[IPC_ABSTRACT]; /* the abstract socket's name, or "" */
	uint8_t token[IPC_TOKEN];
};

/* A row of the status, or an event: its subject, then the fields of its
 * kind. */
enum ipc_row_kind { IPC_ROW_PORT = 1, IPC_ROW_SLOT, IPC_ROW_SESSION,
	IPC_ROW_FLOW, IPC_ROW_COUNTER, IPC_ROW_LINK, IPC_ROW_ADDRESS,
	IPC_ROW_AGENT, IPC_ROW_ERROR, IPC_ROW_LOST, IPC_ROW_SUM, IPC_ROW_END };

/* The events, X(name, kind of its row). */
#define IPC_EVENT_LIST(X)                                                     \
	X(agent_up, AGENT)	  /* the agent that tells from now on */      \
	X(socket_open, SLOT)                                                  \
	X(socket_close, SLOT)                                                 \
	X(session_connecting, SESSION)                                        \
	X(session_up, SESSION)	  /* has keys */                              \
	X(session_down, SESSION)  /* the peer is silent, the keys are gone */ \
	X(session_closing, SESSION)                                           \
	X(session_gone, SESSION)  /* and its flows */                         \
	X(flow_new, FLOW)                                                     \
	X(flow_validated, FLOW)	  /* the peer answered a challenge there */   \
	X(flow_doubt, FLOW)	  /* a probe was not answered in time */      \
	X(flow_failed, FLOW)	  /* sending failed, or its link is down */   \
	X(flow_ok, FLOW)	  /* after doubt or failure */                \
	X(flow_moved, FLOW)	  /* has other addresses */                   \
	X(flow_gone, FLOW)                                                    \
	X(bundles_off, FLOW)	  /* they fail there, single ones go */       \
	X(bundles_again, FLOW)	  /* are tried again */                       \
	X(choice, FLOW)		  /* is in use from now on */                 \
	X(sample, FLOW)		  /* a round-trip time, or none */            \
	X(link_up, LINK)                                                      \
	X(link_down, LINK)                                                    \
	X(address_new, ADDRESS)                                               \
	X(address_gone, ADDRESS)                                              \
	X(dropped, COUNTER)	  /* packets, for this reason */              \
	X(error, ERROR)                                                       \
	X(lost, LOST)		  /* events that the reader was too slow for */

enum ipc_event {
	IPC_EVENT_NONE,
#define IPC_X(name, kind) IPC_EVENT_##name,
	IPC_EVENT_LIST(IPC_X)
#undef IPC_X
	IPC_EVENT_MAX
};

struct ipc_row {
	uint32_t kind;
	uint32_t port;	  /* of the port that this is about */
	uint32_t session; /* of SESSION and FLOW: index */
	uint32_t gen;	  /* of SESSION and FLOW: of the session */
	uint32_t flow;	  /* of FLOW: id */
	uint32_t event;	  /* enum ipc_event */
	uint32_t already; /* event: 1, older than the reader's request */
	uint32_t why;	  /* event choice: enum mp_reason */
	uint32_t before;  /* event choice: id of the flow before, or MP_NONE */
	uint32_t rank;	  /* status, SESSION and FLOW: place of the session in
			   * the order that was asked for */
	uint64_t now;	  /* when the row was written, CLOCK_BOOTTIME us */
	uint64_t at;	  /* event: when it happened, CLOCK_BOOTTIME us */
	uint64_t wall;	  /* the same in us since 1970 */
	union {
		struct {
			uint64_t id;
			uint32_t worker, restarts;
		} port_row;
		struct {
			uint32_t slot;
			struct slot record;
			uint64_t drops; /* by the kernel, at its queue */
		} slot_row;
		struct {
			struct mp_session_info info;
			char suite[24];
			char key[32];
			uint32_t mtu;
			uint32_t pid;
			char program[ARENA_NAME]; /* of its socket */
		} session_row;
		struct {
			struct mp_flow_info info;
			char interface[16];
		} flow_row;
		struct {
			char name[32];
			uint64_t value;
			uint64_t more; /* event: since the last one */
		} counter_row;
		struct {
			uint32_t ifindex, mtu;
			bool up;
			char name[16];
		} link_row;
		struct {
			struct mp_addr addr;
			uint32_t ifindex;
			char interface[16];
		} address_row;
		struct {
			uint32_t pid, restarts;
			char version[24];
		} agent_row;
		struct {
			char text[IPC_TEXT];
		} error_row;
		struct {
			uint64_t lines;
		} lost_row;
		struct { /* of all sessions of a port that fit the view */
			uint32_t state[IPC_STATES]; /* enum mp_session_state */
			uint32_t sessions, flows, from, most;
			uint64_t tx_datagrams, rx_datagrams;
			uint64_t tx_bytes, rx_bytes;
		} sum_row;
	} u;
};

/* Sends IPC_WAKE for a port: 0, or a negative errno. */
int ipc_wake(uint32_t port);
/* Sends a message with `n' descriptors, 0..IPC_PASS: 0, or a negative errno. */
int ipc_send(int fd, const void *, size_t len, const int *pass, int n);
/* Receives a message of at most `len' bytes: its length, 0 at the end of file,
 * or a negative errno.  Its descriptors go to got[], whose others are -1. */
int ipc_recv(int fd, void *, size_t len, int got[IPC_PASS]);
/* Reads the message that ipc_recv() will give, without its descriptors: its
 * length, or a negative errno.  Does not wait. */
int ipc_peek(int fd, void *, size_t len);
/*
 * Asks, and waits for the answer for IPC_WAIT_MS at most: 0, or a negative
 * errno of the transport; answer->error is the agent's own.  `show' is the
 * socket in question, or -1.  *got is a memfd, or -1.
 */
int ipc_call(struct ipc_request *, const int *pass, int n, int show,
    struct ipc_answer *, int *got);
/* The same with another limit, in ms. */
int ipc_call_within(unsigned ms, struct ipc_request *, const int *pass, int n,
    int show, struct ipc_answer *, int *got);

#endif
