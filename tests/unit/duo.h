/* SPDX-License-Identifier: ISC */
/*
 * duo: endpoints in memory, joined by links in virtual time.
 *
 * End 0 is the client (key end A), end 1 the server (key end B); more can be
 * added.  Address i of end e is 10.e.0.(i + 1) on interface i + 1, with port
 * DUO_PORT + e.  Between any two addresses there is a link each way, with a
 * delay that is (1 + i + j) times DUO_DELAY at first: the pair (0, 0) is the
 * fastest.  Nothing is lost unless a test says so.
 *
 *	struct duo *d = duo_new(2, 1);		2 client addresses, 1 server's
 *
 *	duo_up(d);				a session, all flows probed
 *	duo_cut(d, 0, 0, true);			client addr 0 - server addr 0
 *	duo_say(d, 0, 7);			client sends datagram number 7
 *	duo_run(d, d->now + SEC);
 *	ck_assert_int_eq(duo_heard(d, 1, 7), 1);
 *	duo_free(d);
 *
 * Whatever goes wrong in here fails the test.  Look at the engine through
 * d->end[e].mp, and state.h; it sees the time duo_time(d, e).
 */
#ifndef DUO_H
#define DUO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct flow;
struct session;
struct wire_ad;
struct wire_msg;

enum duo_bound {
	DUO_ENDS = 4,
	DUO_ADDRS = 16, /* of an end */
	DUO_PORT = 5000,
	DUO_DELAY = 10 * 1000, /* us */
};

enum duo_verdict { DUO_PASS, DUO_DROP };

/* A packet under way, as its receiver will see it. */
struct duo_packet {
	struct duo_packet *next;
	uint64_t order;
	int from, to;	     /* ends */
	int from_addr, to_addr;
	struct mp_path path; /* of the receiver */
	uint64_t sent_at, at; /* of the duo's clock */
	bool df;
	int tos, ttl; /* -1: as the host has it */
	size_t len;
	uint8_t data[];
};

/* A datagram that a program got. */
struct duo_got {
	uint64_t at; /* of the duo's clock */
	uint32_t slot;
	struct mp_addr from;
	size_t len;
	uint8_t *data;
};

struct duo_link {
	uint64_t delay; /* us, one way */
	bool down;	/* loses everything */
	size_t mtu;	/* loses UDP payloads over this; 0: none */
};

struct duo_addr {
	struct mp_local local;
	bool there; /* the host has it */
	bool nat;   /* packets from it seem to come from ... */
	uint8_t seen[16];
	int error;  /* what sending from it gives: 0 or negative errno */
};

struct duo_end {
	struct mp mp;
	void *block;
	size_t size;
	struct mp_setup setup;
	struct mp_keyring keys;
	uint64_t skew;	     /* its clock is that much ahead; set at once */
	uint16_t port;
	const struct mp_tx_option *wish; /* of datagrams that are held; or NULL */
	struct mp_addr peer; /* whom the program sends to; the server learns
			      * it from what it gets */
	struct duo_addr addr[DUO_ADDRS];
	int n_addrs;
	bool asleep; /* the program reads nothing: data waits in `unread' */
	bool off;    /* the host is off: neither polled nor reached */
	struct duo_packet *unread;
	struct duo_got *got; /* all that came, oldest first */
	size_t n_got;
	unsigned restarts;
	uint64_t idle_wakes; /* its deadline came, but it had nothing to send */
};

struct duo {
	uint64_t now;
	struct duo_end end[DUO_ENDS];
	int n_ends;
	struct duo_link link[DUO_ENDS][DUO_ADDRS][DUO_ENDS][DUO_ADDRS];
	struct duo_packet *air; /* under way, next to arrive first */
	uint64_t order;
	/*
	 * Sees every packet that is sent, before links lose it.  It may drop
	 * it, change it (not its length), delay it (p->at), or duo_post() a
	 * copy or another one.
	 */
	enum duo_verdict (*tap)(struct duo *, struct duo_packet *p, void *arg);
	void *tap_arg;
	uint64_t sent[DUO_ENDS], sent_bytes[DUO_ENDS]; /* by each end */
	struct mp_addr nowhere; /* sending there gives MP_ENETUNREACH */
};

/* --- One engine alone ----------------------------------------------------- */

/* An endpoint with one open slot (0) and no addresses, for tests of a single
 * module; limits of zero stand for small ones. */
void duo_bare(struct mp *, const struct mp_limits *);
void duo_bare_free(struct mp *);
/* ::ffff:a.b.c.d and a port. */
struct mp_addr duo_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d,
    uint16_t port);

/* --- The world ---------------------------------------------------------- */

/* Client and server with so many addresses; ChaCha20, small limits. */
struct duo *duo_new(int n_client_addrs, int n_server_addrs);
/* The same with limits and options of both ends. */
struct duo *duo_new_setup(const struct mp_setup *, int n_client_addrs,
    int n_server_addrs);
/* One more end like the client (it sends to the server); its number.  All
 * hold the same key; wipe and fill d->end[e].keys for another. */
int duo_add_end(struct duo *, int n_addrs, char key_end);
void duo_free(struct duo *);
/* The engine of an end starts again with nothing in its memory. */
void duo_restart(struct duo *, int e);

/* Runs all that happens up to `until' and leaves the clock there. */
void duo_run(struct duo *, uint64_t until);
uint64_t duo_time(const struct duo *, int e); /* the clock of an end */
/* The client says 0, both ends get up, and 4 s pass. */
void duo_up(struct duo *);

/* --- Programs ------------------------------------------------------------ */

/* Sends a datagram as a program would, held if need be.  0: sent or held; or
 * the error that the program sees. */
int duo_send(struct duo *, int e, const void *data, size_t len);
int duo_send_to(struct duo *, int e, uint32_t slot, const struct mp_addr *,
    const void *data, size_t len, enum mp_send_flag);
/* Sends datagram number n (8 bytes); how often an end got that one. */
int duo_say(struct duo *, int e, uint32_t n);
int duo_heard(const struct duo *, int e, uint32_t n);
/* Both say something each `every' us until a time: numbers from *n on, even
 * by the client, odd by the server.  *n is the next one then. */
void duo_chat(struct duo *, uint64_t until, uint64_t every, uint32_t *n);
/* How many of the numbers from..to-1 did not come (to the end that they were
 * meant for), or twice. */
int duo_missing(const struct duo *, uint32_t from, uint32_t to);
int duo_twice(const struct duo *, uint32_t from, uint32_t to);
/* Asserts that each of them came once. */
void duo_all_came(const struct duo *, uint32_t from, uint32_t to);
/* An end says something each 100 ms, numbers from `from' on, until the end
 * that it speaks to (0 or 1) heard any of it: after how long, or MP_NEVER when
 * that takes longer than `most'. */
uint64_t duo_until_heard(struct duo *, int e, uint32_t from, uint64_t most);
/* A sleeping program reads all that waits. */
void duo_wake(struct duo *, int e);

/* --- Links and addresses ------------------------------------------------- */

struct duo_link *duo_link(struct duo *, int from, int from_addr, int to,
    int to_addr);
/* Both ways between a client address and a server address. */
void duo_delay(struct duo *, int client_addr, int server_addr, uint64_t us);
void duo_cut(struct duo *, int client_addr, int server_addr, bool down);
/* All links of an address, both ways. */
void duo_cut_addr(struct duo *, int e, int addr, bool down);
/* The host loses an address, has it again; loses its link's carrier.  The
 * engine is told. */
void duo_addr_del(struct duo *, int e, int addr);
void duo_addr_add(struct duo *, int e, int addr);
void duo_carrier(struct duo *, int e, int addr, bool down);
/* One more address, anything (16 bytes); told at once.  Returns its number. */
int duo_addr_new(struct duo *, int e, const uint8_t ip[16], uint32_t ifindex);
/* Address i of an end, with its port. */
struct mp_addr duo_addr(const struct duo *, int e, int addr);
/* Tells the engine of the addresses that there are. */
void duo_tell(struct duo *, int e);

/* --- Packets ------------------------------------------------------------- */

/* Puts a copy of a packet on its way, to arrive at p->at. */
void duo_post(struct duo *, const struct duo_packet *);
/* Delivers bytes to an end now, and does what follows: what the engine said
 * in the end (MP_HANDSHAKE: it went to mp_handshake()). */
enum mp_verdict duo_inject(struct duo *, int e, const struct mp_path *,
    const uint8_t *, size_t len);
/* Opens a packet of a session with the keys of the end that it is for:
 * false for handshakes and when it has no such key.  `body' (or NULL) has
 * p->len bytes and gets what msg->off, msg->len mean. */
bool duo_peek(struct duo *, const struct duo_packet *, struct wire_ad *,
    struct wire_msg *, uint8_t *body);
/* A packet as the end's first session would seal it, with any sequence
 * number and flow; sid and direction are filled in.  Returns its length;
 * `out' has len + 64 bytes. */
size_t duo_make(struct duo *, int e, uint16_t flow, uint64_t seq,
    const struct wire_msg *, const void *body, size_t len, uint8_t *out);
/* The path of a pair as end `e' sees packets come. */
struct mp_path duo_path(const struct duo *, int e, int addr, int peer,
    int peer_addr);

/* --- Looking ------------------------------------------------------------- */

/* The end's first session that is not over, or NULL; how many there are. */
struct session *duo_session(const struct duo *, int e);
int duo_sessions(const struct duo *, int e);
/* Flow of end e (0 or 1) between those addresses of client and server, gone
 * or not; NULL: never was. */
struct flow *duo_flow(const struct duo *, int e, int client_addr,
    int server_addr);
/* The flow in use, or NULL. */
struct flow *duo_current(const struct duo *, int e);
uint64_t duo_count(const struct duo *, int e, enum mp_counter);

#endif
