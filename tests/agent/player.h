/* SPDX-License-Identifier: ISC */
/*
 * A program that plays the library: sockets on a port, their slot and arena
 * from the agent, datagrams through the engine.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include "shared/ipc.h"

struct player {
	int fd; /* the data socket */
	int netns;
	uint16_t port;
	uint32_t slot;
	uint64_t cookie;
	struct arena_map map;
	struct ipc_answer answer; /* to the last question */
};

/* --- The world: two hosts, two links (see lab.c) -------------------------- */

enum { LAB_A, LAB_B, LAB_HOSTS };

/* Makes the namespaces and links; false, with a reason on stderr: cannot. */
bool lab_begin(void);
void lab_end(void);
/* The process is on that host from now on; its sockets stay where they are. */
void lab_enter(int host);
/* Runs a command of ip(8) on a host. */
void lab_ip(int host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The address of a host on link 1 or 2. */
struct mp_addr lab_addr(int host, int link, uint16_t port);
/* A fresh runtime directory with keys home.key (host A's end A, B's end B). */
void lab_fresh(void);
const char *lab_key(int host);
const char *lab_directory(void);
/* Starts the agent here: its exit status. */
int lab_agent(void);
/* Can the port be had by one who shares it with nobody? */
bool lab_port_free(uint16_t port);
/* Opens a socket somewhere, for good; false: it cannot. */
bool lab_any_socket(void);

/* --- Players ------------------------------------------------------------ */

/* A question about nothing yet. */
struct ipc_request *player_question(enum ipc_kind);
/* Asks: the answer's error, or the transport's. */
int player_ask(struct player *, const struct ipc_request *, const int *pass,
    int n,
    int *got);
/* Binds data and control sockets on the host and opens the port with the keys
 * (paths, a line each): the answer's error. */
int player_open(struct player *, int host, uint16_t port, const char *keys);
/* Another socket of the port. */
int player_join(struct player *, const struct player *, const char *keys);
/* The arena and slot anew, by the socket's cookie. */
int player_find(struct player *);
/* Gives the arena to an agent that knows nothing of it. */
int player_adopt(struct player *, const char *keys);
/* Says that the socket is connected, as the library would. */
void player_connect(struct player *, const struct mp_addr *peer);
void player_close(struct player *);
/* Tells the agent that a close is coming, and closes. */
void player_announce_close(struct player *);

/* Sends a datagram, or holds it: 0, or a negative errno. */
int player_send(struct player *, const struct mp_addr *to, const void *,
    size_t);
/* Receives one within so many ms: its length, or -EAGAIN. */
int player_recv(struct player *, struct mp_addr *from, void *, size_t,
    int wait_ms);

/* Sends bytes as they are. */
void player_throw(struct player *, const struct mp_addr *to, const void *,
    size_t);

/* Milliseconds since some moment. */
uint64_t player_ms(void);
void player_sleep(int ms);

#endif
