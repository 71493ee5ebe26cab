/* SPDX-License-Identifier: ISC */
/*
 * What programs and mpctl say to the agent, over a SOCK_SEQPACKET Unix socket
 * that lives for one question.
 *
 * The socket lies at RUNTIME/agent.COOKIE, where COOKIE is SO_NETNS_COOKIE of
 * the network namespace in hexadecimal and RUNTIME is $MPSHIM_RUNTIME_DIR, else
 * $XDG_RUNTIME_DIR/mpshim, else /run/mpshim for root and /tmp/mpshim-UID for
 * others.  The directory is the user's own and 0700, or it is not used.
 *
 * question	struct ipc_request, one message; with IPC_OPEN of a new port the
 *		control socket comes with it (SCM_RIGHTS), with IPC_ADOPT the
 *		control socket and the arena's memfd, with IPC_REFUSAL a socket
 * answer	struct ipc_answer, one message; with the arena's memfd where
 *		one is given.  IPC_STATUS: no such answer but rows at once, any
 *		number of struct ipc_row, then end of file.  IPC_EVENTS: the
 *		same, but first what is there already and then what happens, as
 *		long as both sides live; or an answer with an error.
 *
 * The abstract socket.  A process that has changed its user or its root
 * directory gets there no more.  So the agent listens at an abstract address of
 * its namespace, too, of a random name, where anybody may knock, and each
 * answer gives that name and a token: a hash, under a secret of the keeper's,
 * of the key files that the question named.  Both live in the memory of
 * processes alone: the child of a fork has them, who executes another program
 * has them no more.  Who comes by the abstract socket
 * - shows the token, and is served under those keys only;
 * - shows the socket that he asks about, the last descriptor of the message:
 *   so a token is of no use with the sockets of others;
 * - asks neither IPC_STATUS, IPC_EVENTS nor IPC_ADOPT;
 * - finds the agent there as long as he lives: he could not start another.
 * He in turn trusts the user only who answered him at the directory.
 */
#ifndef IPC_H
#define IPC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum ipc_bound {
	IPC_VERSION = 2,
	IPC_KEYS = 4096,  /* bytes of all key file names */
	IPC_NAMES = 512,  /* bytes of interface names */
	IPC_TEXT = 256,	  /* bytes of a message for people */
	IPC_PATH = 256,	  /* bytes of the socket's path, and some behind it */
	IPC_PASS = 2,	  /* descriptors of one message, at most */
	IPC_ABSTRACT = 48,	  /* bytes of the abstract socket's name, 0 included */
	IPC_TOKEN = 32,
	IPC_VALUE = 2048, /* bytes of an option's value */
	IPC_WAIT_MS = 2000, /* longest wait for an answer */
};

enum ipc_kind {
	IPC_HELLO = 1, /* is somebody there?  The text says of which
			* version it is */
	IPC_OPEN,      /* a socket: give it a slot, and make the port's arena */
	IPC_FIND,      /* the arena and slot of a socket by its cookie */
	IPC_MAY_BIND,       /* may this socket join the port?  Nothing changes.
			* error: 0 it may, -EADDRINUSE it may not, -ENOENT the
			* port is none of ours */
	IPC_ADOPT,     /* an arena whose agent died, as a copy, and its port */
	IPC_CLOSING,      /* sockets may be gone: let go of what they held */
	IPC_STATUS,
	IPC_WAKE,      /* the engine's deadline is nearer than announced; of
			* those who cannot say so by an INTERNAL_WAKE.  Only the
			* first IPC_SHORT bytes are sent, no answer comes */
	IPC_SET,       /* an option of the socket that comes with it, for a
			* program that may not set it itself */
	IPC_REFUSAL,      /* a socket that hears of closed ports at the peer that
			* the asking one was connected to */
	IPC_EVENTS,    /* what happens on a port (0: all), as it happens */
};

struct ipc_request {
	uint32_t version;
	uint32_t kind;
	uint64_t cookie, inode; /* of the socket */
	uint32_t port;		/* IPC_OPEN, IPC_MAY_BIND, IPC_CLOSING, IPC_EVENTS (0:
				 * all) */
	uint8_t token[IPC_TOKEN]; /* by the abstract socket; ipc_call() sets it */
	uint8_t stay;		/* the agent is to stay as long as who asks: he
				 * could not start another */
	uint8_t kernel;		/* enum mp_family of the kernel's socket */
	uint8_t family;		/* AF_INET, AF_INET6: the program's */
	uint8_t v6only, reuseaddr, reuseport;
	uint8_t tell_private;
	uint32_t sessions, memory;	/* limits of a new port; 0: as usual */
	struct mp_addr local;		/* as the program bound it */
	char keys[IPC_KEYS];		/* absolute paths, one a line */
	char interfaces[IPC_NAMES];	/* only these; blank separated; or "" */
	char no_interfaces[IPC_NAMES];	/* never these */
	char program[ARENA_NAME];
	int32_t level, option; /* IPC_SET */
	uint32_t len;
	uint8_t value[IPC_VALUE]; /* of a filter: its code */
};

enum { IPC_SHORT = offsetof(struct ipc_request, stay) };

struct ipc_answer {
	uint32_t version;
	int32_t error; /* 0 or a negative errno */
	uint32_t slot;
	uint32_t pid; /* of the worker */
	char text[IPC_TEXT]; /* one line without a newline, why; or "" */
	char abstract[IPC_ABSTRACT]; /* the abstract socket's name, or "" */
	uint8_t token[IPC_TOKEN];
};

/* A row of the status, or an event: what it is of, then the fields that this
 * kind has. */
enum ipc_row_kind { IPC_ROW_PORT = 1, IPC_ROW_SLOT, IPC_ROW_SESSION,
	IPC_ROW_FLOW, IPC_ROW_COUNTER, IPC_ROW_LINK, IPC_ROW_ADDRESS,
	IPC_ROW_AGENT, IPC_ROW_ERROR, IPC_ROW_LOST, IPC_ROW_END };

/* What happens, X(name, kind of its row). */
#define IPC_EVENT_LIST(X)                                                     \
	X(agent_up, AGENT)	  /* whom we listen to from now on */         \
	X(socket_open, SLOT)                                                  \
	X(socket_close, SLOT)                                                 \
	X(session_connecting, SESSION)                                        \
	X(session_up, SESSION)	  /* has keys */                              \
	X(session_down, SESSION)  /* the peer is silent, the keys are gone */ \
	X(session_closing, SESSION)                                           \
	X(session_gone, SESSION)  /* and its flows */                         \
	X(flow_new, FLOW)                                                     \
	X(flow_validated, FLOW)	  /* the peer answers there */                \
	X(flow_doubt, FLOW)	  /* it should have answered */               \
	X(flow_failed, FLOW)	  /* sending failed, or its link is down */   \
	X(flow_ok, FLOW)	  /* after doubt or failure */                \
	X(flow_moved, FLOW)	  /* has other addresses */                   \
	X(flow_gone, FLOW)                                                    \
	X(choice, FLOW)		  /* is in use from now on */                 \
	X(sample, FLOW)		  /* of the round trip, or its lack */        \
	X(link_up, LINK)                                                      \
	X(link_down, LINK)                                                    \
	X(address_new, ADDRESS)                                               \
	X(address_gone, ADDRESS)                                              \
	X(dropped, COUNTER)	  /* packets that were not taken */           \
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
	uint32_t port;	  /* whose */
	uint32_t session; /* of SESSION and FLOW: index */
	uint32_t gen;	  /* of SESSION and FLOW: of the session */
	uint32_t flow;	  /* of FLOW: id */
	uint32_t event;	  /* enum ipc_event */
	uint32_t already; /* event: 1, it is so since before we listened */
	uint32_t why;	  /* event choice: enum mp_reason */
	uint32_t before;  /* event choice: id of the flow before; MP_NONE */
	uint64_t now;	  /* when it was taken down */
	uint64_t at;	  /* event: when it happened */
	uint64_t wall;	  /* the same in us since 1970 */
	union {
		struct {
			uint64_t id;
			uint32_t worker, restarts;
		} port_row;
		struct {
			uint32_t slot;
			struct slot record;
			uint64_t drops; /* of the kernel, at its queue */
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
			uint64_t more; /* event: since the last */
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
	} u;
};

/* Takes RUNTIME from this environment, once, for good; without this call the
 * process' own environment is asked each time. */
void ipc_setup(char **envp);
/* Where the agent of this network namespace listens: 0, or a negative errno
 * (the directory is not ours alone).  `make': create the directory. */
int ipc_path(char path[IPC_PATH], int make);
/* The directory alone. */
int ipc_directory(char path[IPC_PATH], int make);

/*
 * While somebody holds it, nobody else binds sockets that the agent shall know:
 * so it learns of them in the order in which the kernel does.  A descriptor for
 * ipc_unlock(); -1: not to be had within a second, go on without.
 */
int ipc_lock(void);
void ipc_unlock(int fd);

/* Connects, by the abstract socket where the other is shut: a descriptor, or a
 * negative errno (nobody listens there, or it is neither us nor root who does).
 * */
int ipc_connect(void);
/* Is the abstract socket known? */
bool ipc_known(void);
/* Asks IPC_WAKE for a port: 0, or a negative errno. */
int ipc_wake(uint32_t port);
/* Sends a message and `n' descriptors, 0..IPC_PASS: 0 or -errno. */
int ipc_send(int fd, const void *, size_t len, const int *pass, int n);
/* Receives one of at most `len' bytes: its length, 0 at the end, or -errno.
 * Descriptors that came with it go to got[], the others of which are -1. */
int ipc_recv(int fd, void *, size_t len, int got[IPC_PASS]);
/* What ipc_recv() will give, but its descriptors: its length, or -errno.  Does
 * not wait. */
int ipc_peek(int fd, void *, size_t len);
/*
 * Asks and waits for the answer, at most IPC_WAIT_MS: 0, or a negative errno
 * of the transport (answer->error says how the question went).  `show' is the
 * socket that is asked about, or -1.  *got is a memfd or -1.
 */
int ipc_call(struct ipc_request *, const int *pass, int n, int show,
    struct ipc_answer *, int *got);

#endif
