/* SPDX-License-Identifier: ISC */
/*
 * A program that does what the library would: it binds sockets, gets their slot
 * and arena from the agent, and sends and receives by the engine.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include <sys/types.h>

#include "shared/ipc.h"

struct player {
	int fd; /* the data socket */
	int netns;
	uint16_t port;
	uint32_t slot;
	uint64_t cookie;
	struct arena_map map;
	struct ipc_answer answer; /* to the last request */
};

/* --- The world: two hosts, two links (see lab.c) -------------------------- */

enum { LAB_A, LAB_B, LAB_HOSTS };

/* Makes the namespaces and links; false: it cannot, the reason is on stderr. */
bool lab_begin(void);
void lab_end(void);
/* Moves the process to that host; its sockets stay where they are. */
void lab_enter(int host);
/* Runs a command of ip(8) on a host. */
void lab_ip(int host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The address of a host on link 1 or 2. */
struct mp_addr lab_addr(int host, int link, uint16_t port);
/* Makes a new runtime directory, with an identity for each host (ends A and B),
 * which knows the other one as the peer home. */
void lab_fresh(void);
/* The path of that peer: DIRECTORY/home. */
const char *lab_key(int host);
/* Writes a file with that mode. */
void lab_write(const char *path, mode_t mode, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *lab_directory(void);
/* Starts the agent on this host: the exit status of mpshim-agent. */
int lab_agent(void);
/* Can a socket be bound to the port that does not share it? */
bool lab_port_free(uint16_t port);
/* Binds a socket to any port and leaves it open; false: it cannot. */
bool lab_any_socket(void);

/* --- Players ------------------------------------------------------------ */

/* A request of this kind, still about no socket. */
struct ipc_request *player_question(enum ipc_kind);
/* Sends a request: the answer's error, or the connection's. */
int player_ask(struct player *, const struct ipc_request *, const int *pass,
    int n, int *got);
/* Binds data and control sockets on the host and opens the port with the keys
 * (paths, a line each): the answer's error. */
int player_open(struct player *, int host, uint16_t port, const char *keys);
/* The control socket of the port that is opened next stays open, as *fd. */
void player_keep_control(int *fd);
/* Binds one more socket to the port of another player, and does not tell the
 * agent yet. */
int player_bind_beside(struct player *, const struct player *);
/* Asks for its slot, with a control socket of its own or without one: the
 * answer's error. */
int player_ask_open(struct player *, const char *keys, bool control);
/* Both, without one. */
int player_join(struct player *, const struct player *, const char *keys);
/* Gets arena and slot again, by the socket's cookie. */
int player_find(struct player *);
/* Gives a copy of the arena to an agent that does not have the port. */
int player_adopt(struct player *, const char *keys);
/* Writes into the record that the socket is connected, as the library would. */
void player_connect(struct player *, const struct mp_addr *peer);
void player_close(struct player *);
/* Tells the agent that a close is coming, and closes. */
void player_announce_close(struct player *);

/* Sends a datagram, or stages it: 0, or a negative errno. */
int player_send(struct player *, const struct mp_addr *to, const void *,
    size_t);
/* Has a datagram wait for others, as a program in a hurry: what mp_gather()
 * says.  The agent is to send it. */
int player_gather(struct player *, const struct mp_addr *to, const void *,
    size_t);
/* As if they were known to arrive by each flow of its port. */
void player_trust_bundles(struct player *);
/* Lets bundles come in, and takes what comes within so many ms: the number of
 * packets, and of those that the peer sent together at the most. */
unsigned player_count_bundled(struct player *, int wait_ms, unsigned *most);
/* Receives a datagram within so many ms: its length, or -EAGAIN. */
int player_recv(struct player *, struct mp_addr *from, void *, size_t,
    int wait_ms);

/* Sends bytes without the engine. */
void player_throw(struct player *, const struct mp_addr *to, const void *,
    size_t);

/* ms of CLOCK_BOOTTIME. */
uint64_t player_ms(void);
void player_sleep(int ms);

#endif
