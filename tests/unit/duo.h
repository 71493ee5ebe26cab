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

struct duo_round;
struct flow;
struct session;
struct wire_ad;
struct wire_msg;

enum duo_bound {
	DUO_ENDS = 4,
	DUO_ADDRS = 48, /* of an end */
	DUO_BATCH = 16, /* packets of a round */
	DUO_PORT = 5000,
	DUO_DELAY = 10 * 1000, /* us */
};

enum duo_verdict { DUO_PASS, DUO_DROP };

/* A packet on its way, as its receiver will see it. */
struct duo_packet {
	struct duo_packet *next;
	uint64_t order;
	int from, to;	     /* numbers of ends */
	int from_addr, to_addr;
	struct mp_path path; /* of the receiver */
	uint64_t sent_at, at; /* of the duo's clock */
	bool df, waited;
	bool handed; /* not a packet, but what the agent hands on: `rx' */
	struct mp_rx rx;
	int tos, ttl; /* -1: the host's default */
	size_t len;
	uint8_t data[];
};

/* A datagram that a program received. */
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
	bool there; /* the host has it now */
	bool nat;   /* others see packets from it come from `seen' */
	uint8_t seen[16];
	int one_way; /* nothing leaves by its interface, but by another: 1, the
		      * kernel says so; 2, it vanishes */
	int error;  /* what sending from it gives: 0 or negative errno */
};

struct duo_end {
	struct mp mp;
	void *block;
	size_t size;
	struct mp_setup setup;
	struct mp_keyring keys;
	uint64_t skew;	     /* its clock is so many us ahead; set at once */
	uint16_t also_port; /* packets to it arrive, too; 0: none */
	uint16_t port;
	const struct mp_tx_option *option; /* what the program asks for with
					  * its datagrams, or NULL */
	struct mp_addr peer; /* the program sends to it; the server learns it by
			      * receiving */
	struct duo_addr addr[DUO_ADDRS];
	int n_addrs;
	bool asleep; /* the program reads nothing: data waits in `unread' */
	bool off;    /* the host is off: neither polled nor reached */
	/* The agent's rounds: it takes up to so many packets (DUO_BATCH at
	 * most), sends them after `send_us', says how that went `tell_us'
	 * later, and only then takes more.  0: it says so of each at once. */
	uint64_t read_us; /* so late it reads control packets */
	unsigned batch;
	uint64_t send_us, tell_us;
	struct duo_round *round; /* the one that is under way, or NULL */
	struct duo_packet *unread;
	struct duo_got *got; /* all datagrams received, oldest first */
	size_t n_got;
	unsigned restarts;
	uint64_t idle_wakes; /* deadlines that came without anything to send */
};

struct duo {
	uint64_t now;
	struct duo_end end[DUO_ENDS];
	int n_ends;
	struct duo_link link[DUO_ENDS][DUO_ADDRS][DUO_ENDS][DUO_ADDRS];
	struct duo_packet *air; /* packets on their way, the next to arrive
				 * first */
	uint64_t order;
	/*
	 * Sees every packet that is sent, before links lose it.  It may drop
	 * it, change it (not its length), delay it (p->at), or duo_post() a
	 * copy or another one.
	 */
	enum duo_verdict (*tap)(struct duo *, struct duo_packet *p, void *arg);
	void *tap_arg;
	uint64_t sent[DUO_ENDS], sent_bytes[DUO_ENDS]; /* by each end */
	uint64_t strays[DUO_ENDS]; /* of them those to no end's address ... */
	uint64_t stray_bytes[DUO_ENDS]; /* ... with IPv4 and UDP headers */
	struct mp_addr nowhere; /* sending there gives MP_ENETUNREACH */
};

/* --- One engine alone ----------------------------------------------------- */

/* An endpoint with one open slot (0) and no addresses, for tests of a single
 * module; limits of 0 stand for small ones. */
void duo_bare(struct mp *, const struct mp_limits *);
void duo_bare_free(struct mp *);
/* ::ffff:a.b.c.d and a port. */
struct mp_addr duo_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d,
    uint16_t port);

/* A copy of an engine as it is now, in a block of its own, for what would happen
 * otherwise; duo_bare_free() frees it. */
void duo_twin(const struct duo *, int e, struct mp *);

/* --- The world ---------------------------------------------------------- */

/* Client and server with so many addresses each; ChaCha20, small limits. */
struct duo *duo_new(int n_client_addrs, int n_server_addrs);
/* The same with limits and options of both ends. */
struct duo *duo_new_setup(const struct mp_setup *, int n_client_addrs,
    int n_server_addrs);
/* One more end like the client (it sends to the server); its number.  All
 * hold the same key; wipe and fill d->end[e].keys for another. */
int duo_add_end(struct duo *, int n_addrs, char key_end);
void duo_free(struct duo *);
/* Restarts the engine of an end, without its memory. */
void duo_restart(struct duo *, int e);

/* Runs everything up to `until' and leaves the clock there. */
void duo_run(struct duo *, uint64_t until);
uint64_t duo_time(const struct duo *, int e); /* the clock of an end */
/* The client says 0, both ends get a session, and 4 s pass. */
void duo_up(struct duo *);

/* --- Programs ------------------------------------------------------------ */

/* Sends a datagram as a program does, staged if need be. 0: sent or staged; or
 * the error that the program sees. */
int duo_send(struct duo *, int e, const void *data, size_t len);
int duo_send_to(struct duo *, int e, uint32_t slot, const struct mp_addr *,
    const void *data, size_t len, enum mp_send_flag);
/* Sends datagram number n (8 bytes); how often end e has received it. */
int duo_say(struct duo *, int e, uint32_t n);
int duo_heard(const struct duo *, int e, uint32_t n);
/* Both ends say something every `every' us until a time: numbers from *n on,
 * even ones by the client, odd ones by the server. *n is then the next one. */
void duo_chat(struct duo *, uint64_t until, uint64_t every, uint32_t *n);
/* How many of the numbers from..to-1 did not arrive at the other end; how many
 * arrived twice. */
int duo_missing(const struct duo *, uint32_t from, uint32_t to);
int duo_twice(const struct duo *, uint32_t from, uint32_t to);
/* Asserts that each of them arrived once. */
void duo_all_came(const struct duo *, uint32_t from, uint32_t to);
/* An end says something every 100 ms, numbers from `from' on, until its peer (0
 * or 1) has heard any of them.  Returns how long that took; MP_NEVER: longer
 * than `most'. */
uint64_t duo_until_heard(struct duo *, int e, uint32_t from, uint64_t most);
/* A sleeping program reads everything that waits. */
void duo_wake(struct duo *, int e);

/* --- Links and addresses ------------------------------------------------- */

struct duo_link *duo_link(struct duo *, int from, int from_addr, int to,
    int to_addr);
/* Both ways between a client address and a server address. */
void duo_delay(struct duo *, int client_addr, int server_addr, uint64_t us);
void duo_cut(struct duo *, int client_addr, int server_addr, bool down);
/* All links of an address, both ways. */
void duo_cut_addr(struct duo *, int e, int addr, bool down);
/* The host loses an address; gets it back; its link loses its carrier.  The
 * engine is told. */
void duo_addr_del(struct duo *, int e, int addr);
void duo_addr_add(struct duo *, int e, int addr);
void duo_carrier(struct duo *, int e, int addr, bool down);
/* One more address of any kind (16 bytes); the engine is told.  Returns its
 * number. */
int duo_addr_new(struct duo *, int e, const uint8_t ip[16], uint32_t ifindex);
/* Address i of an end, with its port. */
struct mp_addr duo_addr(const struct duo *, int e, int addr);
/* Tells the engine which addresses there are. */
void duo_tell(struct duo *, int e);

/* --- Packets ------------------------------------------------------------- */

/* Sends a copy of a packet, to arrive at p->at. */
void duo_post(struct duo *, const struct duo_packet *);
/* Sends a packet of an end: 0, or the error of sending it. */
int duo_transmit(struct duo *, int e, const struct mp_path *, const uint8_t *,
    size_t len);
/* Delivers bytes to an end now, and what follows from it.  Returns the engine's
 * last verdict (MP_HANDSHAKE: mp_handshake() was called). */
enum mp_verdict duo_inject(struct duo *, int e, const struct mp_path *,
    const uint8_t *, size_t len);
/* Opens a packet of a session with its receiver's keys.  False: it is a
 * handshake packet, or there is no such key.  `body' (or NULL) has p->len bytes
 * for what msg->off and msg->len mean. */
bool duo_peek(struct duo *, const struct duo_packet *, struct wire_ad *,
    struct wire_msg *, uint8_t *body);
/* Makes a packet as the end's first session would, with any sequence number and
 * flow; sid and direction are filled in.  Returns its length; `out' has len +
 * 64 bytes. */
size_t duo_make(struct duo *, int e, uint16_t flow, uint64_t seq,
    const struct wire_msg *, const void *body, size_t len, uint8_t *out);
/* The path of packets of a pair as end `e' receives them. */
struct mp_path duo_path(const struct duo *, int e, int addr, int peer,
    int peer_addr);

/* --- Looking ------------------------------------------------------------- */

/* The end's first session that is not over, or NULL; how many there are. */
struct session *duo_session(const struct duo *, int e);
int duo_sessions(const struct duo *, int e);
/* The flow of end e (0 or 1) between those addresses of client and server, gone
 * or not; NULL: there never was one. */
struct flow *duo_flow(const struct duo *, int e, int client_addr,
    int server_addr);
/* The flow in use, or NULL. */
struct flow *duo_current(const struct duo *, int e);
uint64_t duo_count(const struct duo *, int e, enum mp_counter);

#endif
