/* SPDX-License-Identifier: ISC */
/*
 * mp: the mpshim engine, one endpoint of multipath UDP.
 *
 * An endpoint is the state of one UDP port: its sessions (peers), their flows
 * (address pairs) and what core/PROTOCOL.md says about them.  The engine is
 * pure: bytes, addresses and the time go in; packets, datagrams and a deadline
 * come out.
 *
 * Memory	All state lies in one zero-filled block that the caller gives
 *		and sizes by mp_size().  It holds no pointer, so several
 *		processes may map it; nothing is ever allocated.  `struct mp'
 *		is a caller's private view of the block: where its arrays lie
 *		and how long they are is read from this view alone, so another
 *		process that writes to the block can make no access leave it.
 * Threads	Functions marked [lock] are called with the caller's lock of
 *		the block held; the others (mp_seal, mp_open) need no lock and
 *		may run at the same time.  Nothing blocks.
 * Time		`now' is microseconds of a clock that never goes back and
 *		counts suspended time (CLOCK_BOOTTIME).  It is read under the
 *		lock, where there is one: a time from before a long wait for
 *		it looks like one of another boot (core/rollback.c).  MP_NEVER
 *		is later than any time.
 * Errors	Negative MP_E* values, which are the negative errno of Linux.
 *		A bad packet is not an error: it is dropped and counted.
 * Buffers	Belong to the caller; no pointer to one is kept.
 * Before use	The caller runs sodium_init() once per process.
 */
#ifndef MP_H
#define MP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_NEVER UINT64_MAX
#define MP_NONE UINT32_MAX /* no such index */
#define MP_CHECK __attribute__((warn_unused_result))

enum mp_error {
	MP_EPERM = -1,
	MP_ENOENT = -2,
	MP_EAGAIN = -11,
	MP_ENOMEM = -12,
	MP_EACCES = -13,
	MP_EEXIST = -17,
	MP_EINVAL = -22,
	MP_EMSGSIZE = -90,
	MP_ENETUNREACH = -101,
	MP_ENOBUFS = -105,
	MP_ECONNREFUSED = -111,
	MP_EHOSTUNREACH = -113,
};

enum mp_bound {
	MP_FLOWS_MAX = 64,	  /* flows of one session */
	MP_SERVERS_MAX = 63,	  /* servers of a fleet, numbered from 1 */
	MP_SLOTS_MAX = 32,	  /* sockets of one endpoint */
	MP_SESSIONS_MAX = 100000, /* of one endpoint: a slot has 2^18 sids, and
				   * each session needs two at times */
	MP_RECORDS_MAX = 1 << 20, /* flows of one endpoint */
	MP_KEYS_FEW = 64,	  /* peers of a keyring without more memory */
	MP_KEYS_MAX = 64,	  /* identities of one keyring */
	MP_FROM_MAX = 8,	  /* prefixes that a peer may come from */
	MP_REACH_MAX = 256,	  /* prefixes of its peers' addresses, in all */
	MP_LOCALS_MAX = 64,	  /* local addresses of one endpoint */
	MP_LOCALS_GIVEN = 256,	  /* of which they are chosen */
	MP_TOLD_MAX = 32,	  /* addresses of a peer that are kept */
	MP_PEER_FLOWS = 8,	  /* flows of a peer that a ticket knows */
	MP_OVERHEAD = 34,	  /* bytes around the payload of a datagram */
	MP_COPY_OVERHEAD = 46,	  /* bytes around the payload of a COPY */
	MP_SEAL_OVERHEAD = 65,	  /* most bytes around a payload, or its part */
	MP_CONTROL_MAX = 512,	  /* longest control packet but COPY, padded */
	MP_PAYLOAD_MAX = 65000,	  /* longest payload of a datagram */
	MP_SIZE_MIN = 1200,	  /* UDP payload that every flow carries */
	MP_GATHER_US = 100,	  /* that a datagram of mp_gather() waits */
	MP_DF_ALWAYS = 1232, /* the longest datagram that MP_DF never refuses:
			      * an IPv6 packet of 1280 bytes in plain UDP, which
			      * every path carries */
};

/* An address and a port, in host order; IPv4 as ::ffff:a.b.c.d. */
struct mp_addr {
	uint8_t ip[16];
	uint16_t port;
};

/* The path of one packet.  local.port is not used. */
struct mp_path {
	struct mp_addr local;
	struct mp_addr remote;
	uint32_t ifindex; /* 0: the kernel chooses */
	bool any_source;  /* IPv6: send with :: as source, since an interface
			   * with a source is a wish: see mp_route_set() */
};

/* --- The block ---------------------------------------------------------- */

struct mp_limits {
	uint32_t sessions;   /* 1..MP_SESSIONS_MAX; default 4096 */
	uint32_t flows;	     /* of all sessions, 1..MP_RECORDS_MAX; 8 a
			      * session, 4 where those are over 8192 */
	uint32_t flows_each; /* of one session, 1..64; default 64 */
	uint32_t pool;	     /* bytes of recent datagrams; default 32 MiB, of
			      * which only what is needed is ever touched. This
			      * and `staged' are rounded down to a power of
			      * two */
	uint32_t pool_each;  /* of one session; default 16 MiB */
	uint32_t staged;	     /* bytes of staged ones, and, up to 2 MiB, of
			      * parts that wait for the other one; default 16
			      * MiB, touched like `pool' */
};

/* A view of a block.  Private: use the functions. */
struct mp {
	struct mp_limits limits;
	struct shared *sh;
	struct session *sessions;
	struct annex *annexes;
	struct flow *flows;
	struct replay *replay;
	struct handshake *handshakes;
	uint32_t *sid_heads, *sid_next, *addr_heads, *assoc_heads;
	uint32_t *route_next, *share_heads;
	struct share *shares;
	struct due *heap;
	uint32_t *heap_pos;
	uint8_t *pool, *staged, *parts;
	uint32_t *pool_link, *staged_link, *parts_link;
	uint32_t buckets; /* of each hash table, a power of two */
	uint64_t block, numbers; /* see core/rollback.c */
};

struct mp_setup {
	struct mp_limits limits; /* 0 stands for each default */
	uint8_t seed[32];	 /* of the block's random generator */
	uint16_t port;		 /* the endpoint's UDP port, told to peers */
	uint32_t resend_us;	 /* no datagram is sent again that much after
				  * its first sending; 10 s at most; 0: 1 s */
	uint8_t server;		 /* our number in a fleet; 0: none */
	uint8_t sid_prefix;	 /* that mp_sid_prefix() gives, where we have
				  * no number; 0: any */
	bool tell_private;	 /* tell private addresses to public peers, and
				  * believe theirs */
	bool chacha_only;	 /* never offer AES-256-GCM */
	bool no_aes_hardware;	 /* libsodium has no AES-256-GCM on this CPU */
};

/* Bytes of a block with these limits; 0 when one is out of range. */
size_t mp_size(const struct mp_limits *);

/* Makes an endpoint in a zero-filled block at a multiple of 64 bytes.
 * MP_EINVAL: limits out of range, block too small, or misaligned. [lock] */
MP_CHECK int mp_create(struct mp *, void *block, size_t size,
    const struct mp_setup *, uint64_t now);

/* A view of a block that another process made.  MP_EINVAL: it holds no endpoint
 * of this version, or is too small for its limits. */
MP_CHECK int mp_attach(struct mp *, void *block, size_t size);

/* Takes no sessions that the peer begins, from now on or no longer; those that
 * there are go on. [lock] */
void mp_drain(struct mp *, bool);
bool mp_drains(const struct mp *);

/* Mixes 32 fresh random bytes into the block's generator. [lock] */
void mp_stir(struct mp *, const uint8_t seed[32]);

/* How many operations on the curve a core of this machine does in a second:
 * handshakes get shares of a core.  0: unknown.  [lock] */
void mp_curve_rate(struct mp *, uint32_t a_second);

/* --- Keys: only the agent holds a keyring, in its own memory ------------- */

/* Keys that anybody can derive from a public key: of INITs and RESPs that its
 * holder is to take, and of the cookies that it makes. */
struct mp_mac_keys {
	uint8_t init[16], resp[16], cookie[32];
};

/* A key pair of ours. */
struct mp_identity {
	uint8_t secret[32], pub[32];
	struct mp_mac_keys mac;
};

/* Addresses: IPv4 ones as in struct mp_addr. */
struct mp_prefix {
	uint8_t ip[16];
	uint8_t bits; /* of ip, that count: 0 to 128 */
};

/* A peer. */
struct mp_key {
	char name[32];	/* for the user */
	uint64_t id;	/* public, derived from both public keys */
	uint32_t own;	/* which identity we have for this peer */
	bool wins;	/* our handshake, where both ends begin one */
	uint8_t pub[32];
	uint8_t psk[32]; /* mixed into the handshake, or zeros */
	struct mp_mac_keys mac;
	uint32_t most; /* sessions that it may have; 0: any number */
	uint8_t nfrom; /* prefixes of `from'; 0: it may come from anywhere */
	struct mp_prefix from[MP_FROM_MAX];
	uint32_t next[2]; /* private to the engine */
};

/* A prefix of the addresses at which a peer is reached. */
struct mp_reach {
	struct mp_prefix prefix;
	uint32_t key; /* whose: its place in the keyring */
};

struct mp_keyring {
	uint32_t n;	/* peers */
	uint32_t n_own; /* identities */
	uint32_t n_reach; /* prefixes */
	uint32_t rest; /* the key for addresses of no prefix, by its place;
			* MP_NONE: they have none */
	struct mp_key key[MP_KEYS_FEW]; /* the first peers */
	struct mp_identity own[MP_KEYS_MAX];
	struct mp_reach reach[MP_REACH_MAX];
	/* Where ephemeral secrets come from: the kernel's random numbers, since
	 * a block can be an old one that was brought back.  NULL: the block's
	 * generator. */
	void (*random)(void *, size_t);
	/* private to the engine */
	uint32_t room;	     /* records of `more' */
	uint32_t buckets;    /* of each hash table in `more' */
	uint8_t hash_key[16];
	uint32_t few[2][MP_KEYS_FEW]; /* hash tables: first record + 1 */
	struct mp_key *more; /* records MP_KEYS_FEW ..., then hash tables */
};

/*
 * A keyring of zeros is empty and holds MP_KEYS_FEW peers.  For more of them
 * the caller gives memory: mp_keyring_size() says how many bytes hold so many
 * peers in all; mp_keyring_grow() takes such a block, all zeros and at a
 * multiple of 64 bytes.  What the block before held is in the new one then, and
 * wiped in the old one, which the caller frees.  MP_EINVAL: too few bytes for
 * the peers that are known.
 */
size_t mp_keyring_size(uint32_t peers);
MP_CHECK int mp_keyring_grow(struct mp_keyring *, void *block, size_t size);
/* Adds a peer by its public key, for the identity of ours with that secret.
 * `psk' may be NULL.  MP_EINVAL: bad name; the peer's key is ours, or no key;
 * MP_EEXIST: the keyring holds it already; MP_ENOMEM: the keyring is full. */
MP_CHECK int mp_keyring_add(struct mp_keyring *, const char *name,
    const uint8_t secret[32], const uint8_t peer[32], const uint8_t psk[32]);
/* The peer that was added last is reached at addresses of this prefix.
 * MP_EINVAL: more than 128 bits, or there is no peer; MP_ENOMEM: there are
 * MP_REACH_MAX. */
MP_CHECK int mp_keyring_reach(struct mp_keyring *, const uint8_t ip[16],
    uint8_t bits);
/* The peer that was added last begins sessions at addresses of this prefix only,
 * or of others that are given so.  MP_EINVAL: as above; MP_ENOMEM: there are
 * MP_FROM_MAX. */
MP_CHECK int mp_keyring_from(struct mp_keyring *, const uint8_t ip[16],
    uint8_t bits);
/* May the peer come from there? */
bool mp_keyring_admits(const struct mp_key *, const struct mp_addr *);
/* The peer that was added last may have so many sessions of an endpoint at most.
 * It still begins one where it has them all, if one of its own is not used any
 * more.  MP_EINVAL: there is no peer. */
MP_CHECK int mp_keyring_most(struct mp_keyring *, uint32_t sessions);
/* All peers were added: sets `rest'.  The first, where peers were named, or there
 * is but one; else the only one without a prefix, or none. */
void mp_keyring_rest(struct mp_keyring *, bool named);
/* The id of the key for a peer at that address: that of the longest prefix,
 * else that of `rest'; 0: there is none. */
uint64_t mp_keyring_choose(const struct mp_keyring *, const struct mp_addr *);
/* The peer of that place, below n; NULL: there is none. */
const struct mp_key *mp_keyring_at(const struct mp_keyring *, uint32_t place);
/* The peer of that id; 0: the first one of the keyring.  NULL: none. */
const struct mp_key *mp_keyring_find(const struct mp_keyring *, uint64_t id);
/* The peer with that public key, of this identity of ours; NULL: unknown. */
const struct mp_key *mp_keyring_peer(const struct mp_keyring *, uint32_t own,
    const uint8_t pub[32]);
/* The id of the peer that was last refused, or gave back, what is over its share
 * of the endpoint (MP_C_drop_share); 0: none. */
uint64_t mp_hog(const struct mp *);
/* The public key of a secret. */
void mp_keyring_public(uint8_t pub[32], const uint8_t secret[32]);
/* Wipes it and its block; it is all zeros then. */
void mp_keyring_wipe(struct mp_keyring *);

/* --- Sockets and local addresses ---------------------------------------- */

enum mp_family {
	MP_DUAL = 0, /* an IPv6 socket that takes IPv4-mapped addresses */
	MP_INET = 4,
	MP_INET6 = 6 /* IPv6 only */
};

/* Opens a slot for a socket of that family.  New sessions of strangers go to it
 * from now on. [lock] */
MP_CHECK int mp_slot_open(struct mp *, uint32_t slot, enum mp_family);
/* New sessions of strangers go to this open slot from now on. [lock] */
MP_CHECK int mp_slot_accept(struct mp *, uint32_t slot);
/* The socket of slot `from' was connected to `but', or closed (NULL).  All its
 * other sessions whose peers the socket of slot `to' can express belong to `to'
 * from now on.  [lock] */
void mp_slot_move(struct mp *, uint64_t now, uint32_t from, uint32_t to,
    const struct mp_addr *but);
/* The socket of slot `to' was connected to `peer': a session of slot `from'
 * with that peer belongs to `to' from now on.  [lock] */
void mp_slot_take(struct mp *, uint64_t now, uint32_t from, uint32_t to,
    const struct mp_addr *peer);
/* The open slots, as bits.  [lock] */
uint32_t mp_slots(const struct mp *);
/* Those of them that are not parting.  [lock] */
uint32_t mp_slots_accepting(const struct mp *);
/* The slot's socket was closed, but what it sent is still to go, where a session
 * is to come up for it or the first answer to a child: the other sessions end,
 * and no stranger gets one in this slot.  Later it is closed. [lock] */
void mp_slot_part(struct mp *, uint64_t now, uint32_t slot);
/* The slot's socket was closed: peers get a CLOSE, the sessions end. [lock] */
void mp_slot_close(struct mp *, uint64_t now, uint32_t slot);

struct mp_local {
	uint8_t ip[16];
	uint32_t ifindex;
	uint32_t mtu; /* of the interface, bytes; 0: unknown */
	uint32_t lower; /* the interface by which what this one carries leaves:
			 * of a tunnel; 0: none, or not known */
	bool down : 1; /* its link has no carrier */
};

/*
 * The complete list of the host's usable addresses, after any change.  Flows of
 * an address that is no longer listed, or whose link is down, are left at once;
 * flows of new addresses are tried at once.  MP_LOCALS_MAX of them are kept,
 * and told to peers, in this order: those whose link works, of these the first
 * of each interface and family, then the second of each, and so on.  At most
 * MP_LOCALS_GIVEN are looked at. [lock]
 */
void mp_locals(struct mp *, uint64_t now, const struct mp_local *, size_t n);
/* The link or a route of an interface changed: its flows are probed at once.
 * [lock] */
void mp_link_event(struct mp *, uint64_t now, uint32_t ifindex);

/* --- A datagram out: begin [lock], seal, send, commit [lock] ------------- */

struct mp_tx {
	struct mp_path path; /* where to send the packet */
	int error;	     /* the caller sets: 0 or negative errno */
	bool copy;	     /* it is, or is a part of, a COPY */
	/* The caller may set, of the datagram's first packet: what the program
	 * asked for, as in struct mp_tx_option, with which it is sent again. */
	bool df;
	int16_t tos, ttl;
	/* private to the engine */
	uint32_t session, gen;
	uint32_t number; /* of mp_staged_begin(): its datagram's */
	uint64_t seq, sent_at;
	uint16_t flow;
	uint8_t suite, slot, hdr_len;
	uint8_t keys;	   /* id of the session's keys */
	bool frame;	   /* it goes as CHILD */
	bool part;	   /* of two: these bytes of the payload */
	uint16_t off, len;
	uint8_t hdr[49];
	uint8_t key[32];
};

enum { MP_TX_MAX = 4 }; /* packets that carry one datagram */

enum mp_send_flag {
	MP_DF = 1, /* the program asked for "don't fragment" */
};

/*
 * Chooses the flow of a datagram of `len' bytes from a slot to `dst', the
 * peer's address as the program knows it.  Returns how many packets carry it:
 * 1, or 2 in parts, or as many more for a COPY: at most MP_TX_MAX.  Or
 *	0		 no peer answered within mp_stage()'s `plain_us':
 *			 send the datagram as plain UDP
 *	MP_EAGAIN	 it cannot go out now: mp_stage() it.  Where there is no
 *			 session, one is being made with the key `key_id' (0:
 *			 that of mp_keyring_choose())
 *	MP_EHOSTUNREACH	 no answer for 10 s
 *	MP_ENETUNREACH	 no flow is left, and none is being tried
 *	MP_EMSGSIZE	 with MP_DF: longer than MP_DF_ALWAYS, and no flow
 *			 carries that size, as probes have shown; or longer
 *			 than MP_PAYLOAD_MAX
 *	MP_ENOBUFS	 no room for one more session
 *	MP_EACCES	 the session with this peer has another key
 *	MP_EINVAL	 slot or address
 * [lock]
 */
MP_CHECK int mp_send_begin(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, uint64_t key_id, size_t len,
    enum mp_send_flag, struct mp_tx tx[]);

/*
 * Writes the packet to `out', which has room for len + MP_SEAL_OVERHEAD bytes
 * and does not overlap the payload: mp_send_commit(), a COPY and another try
 * want it unsealed.  Returns the packet's length.
 */
size_t mp_seal(const struct mp_tx *, const void *payload, size_t len,
    uint8_t *out);

/*
 * Reports how sending went: tx[i].error of each of n packets.  Returns 0; or 1
 * when the path failed and the caller is to begin anew; or the negative errno
 * for the program. [lock]
 */
MP_CHECK int mp_send_commit(struct mp *, uint64_t now, struct mp_tx *tx,
    int n, const void *payload, size_t len);

/* --- Several datagrams out: begin [lock], seal each, send, commit [lock] --- */

enum {
	MP_BUNDLE_MAX = 64,
	MP_BUNDLE_BYTES = 65507, /* of their packets: the longest UDP payload */
};
/* How many datagrams of that length go together at the most: 1 at least. */
unsigned mp_bundle_most(size_t len);

/*
 * Datagrams to one peer that leave together: by one flow, under one key, each
 * in a packet of its own, with numbers in a row.  The packets are those that
 * mp_send_begin() and mp_seal() would have made one by one, and so is all that
 * the engine does for them.
 */
struct mp_bundle {
	struct mp_tx tx; /* of the first one; `error' is not used; what is asked
			  * for it is for all */
	unsigned n;	 /* datagrams */
	/* private to the engine */
	uint8_t rest[18]; /* the head of the others, but for their number */
	uint8_t ready[512] __attribute__((aligned(16))); /* the key */
};

/*
 * As mp_send_begin(), for n datagrams of which each has `len' bytes, but the
 * last one `last' bytes, at most as many (for n of 1: both are the same).
 * Returns how many of them, from the first on, go together: their packets are
 * equally long, but for the last of all.  0: the first one is to go by
 * mp_send_begin(), which says why: there is no session, an error, others are
 * staged, its flow is in doubt or not proven, it goes in parts or as CHILD.
 * [lock]
 */
MP_CHECK unsigned mp_bundle_begin(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, size_t len, size_t last, unsigned n,
    struct mp_bundle *);

/* Where in its packet a datagram begins, bytes. */
size_t mp_bundle_head(void);
/* Writes packet i to `out', which has room for len + MP_OVERHEAD bytes, and
 * returns its length.  It does not overlap the payload, or that lies where it
 * goes: at out + mp_bundle_head(). */
size_t mp_bundle_seal(const struct mp_bundle *, unsigned i,
    const void *payload, size_t len, uint8_t *out);

/*
 * Reports how sending went: the first `sent' packets went out; the next one
 * failed with `error', a negative errno, or (0) was not tried.  Datagram i is
 * at payload + i * stride, unsealed.  Returns 0: all went out; 1: the caller is
 * to begin anew with the datagram behind those that did; or the negative errno
 * for the program of that one.  [lock]
 */
MP_CHECK int mp_bundle_commit(struct mp *, uint64_t now, struct mp_bundle *,
    unsigned sent, int error, const void *payload, size_t stride, size_t len,
    size_t last);
/* Wipes its key, as the commit does: for a bundle that is not committed. */
void mp_bundle_wipe(struct mp_bundle *);

/* What the program asked for with a staged datagram, of whichever family its
 * packet is: TOS or traffic class, TTL or hop limit; -1: the system's default.
 */
struct mp_tx_option {
	uint8_t source[16];	/* the source of plain UDP, or zeros */
	int16_t tos, ttl;
	bool df;		/* must not be fragmented on its way (DF) */
	uint32_t plain_us;	/* sent as plain UDP when no peer answered for
				 * so long and none ever did; 0: never */
};

/* Stages a datagram until its session is up.  One session has half of the bytes
 * for staged ones, but of those over 2 s old 208 KiB, with 48 bytes for each
 * datagram; its oldest are dropped first.  Options of NULL: the defaults.  Returns 0, or 1 where the session is up and others wait to be
 * sent: mp_staged_begin() is next.  MP_EAGAIN: so many wait (208 KiB) that there is
 * no room.  MP_EINVAL: there is no such session. [lock] */
MP_CHECK int mp_stage(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, const struct mp_tx_option *, const void *payload,
    size_t len);

/*
 * The oldest datagram staged for a session that is up, for the thread that
 * staged one behind it: as mp_send_begin() and mp_send_commit().  The datagram
 * is written to `payload', which has room for `size' bytes, its length to
 * `len', what was asked for it to the options.  0: none is left, or another
 * thread or the agent is sending some now, or none can go; the agent will see
 * to it.  Until the commit nobody else sends any of them.  [lock]
 */
MP_CHECK int mp_staged_begin(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, struct mp_tx tx[], struct mp_tx_option *,
    uint8_t *payload, size_t size, size_t *len);
/* What mp_send_commit() returns.  MP_EAGAIN, MP_ENOBUFS, or where the path
 * failed: the datagram is still staged. [lock] */
MP_CHECK int mp_staged_commit(struct mp *, uint64_t now, struct mp_tx *tx,
    int n, const void *payload, size_t len);

/*
 * Datagrams of a program that sends one after the other faster than 50000 a
 * second, since some ten of them: they may wait, 100 us at most, to go together
 * (core/gather.c).  To be called before mp_send_begin().  Returns
 *	0		 not this one: mp_send_begin() is next
 *	1		 it waits, staged
 *	2		 the same, and those that wait are to go now:
 *			 mp_gather_begin() is next
 *	3		 it would be the first to wait: to be called again with
 *			 `room', for how many datagrams of that length the
 *			 socket's buffer has room (until then 0)
 *	MP_EAGAIN	 it was not taken, since as many wait as there is room
 *			 for, or as go together, which have to go before
 * [lock]
 */
MP_CHECK int mp_gather(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, const struct mp_tx_option *, unsigned room,
    const void *payload, size_t len);
/*
 * Takes those staged for a session that go together, from the oldest one on:
 * how many; 0: none, or mp_staged_begin() is next.  Datagram i, `len' bytes and
 * the last one `last' bytes long, is written to `packets' (`size' bytes; 65536
 * is always enough) at i * (len + MP_OVERHEAD) + mp_bundle_head(): where
 * mp_bundle_seal() finds it.  Their options are the same.  Until the commit
 * nobody else sends any that are staged.  [lock]
 */
MP_CHECK unsigned mp_gather_begin(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, struct mp_bundle *, struct mp_tx_option *,
    uint8_t *packets, size_t size, size_t *len, size_t *last);
/* As mp_bundle_commit().  What did not go is still staged, whatever the error.
 * MP_EAGAIN: the kernel has no room.  [lock] */
MP_CHECK int mp_gather_commit(struct mp *, uint64_t now, struct mp_bundle *,
    unsigned sent, int error);

/* --- A packet in: begin [lock], open, commit [lock] ---------------------- */

enum mp_verdict {
	MP_DROPPED,   /* counted; nothing else happened */
	MP_SEALED,    /* of a session: mp_open() is next */
	MP_CONTROL,   /* processed; mp_poll() may have something to send */
	MP_DELIVER,   /* rx names what to deliver to the program */
	MP_JOIN,      /* the second part of a datagram: mp_recv_join() is next */
	MP_HANDSHAKE, /* for mp_handshake(), which only the agent calls */
};

/* A datagram of which a COPY, or both parts, came to the agent: its own packet
 * may lie before it in the program's queue.  Private to the engine.  Zeros:
 * none. */
struct mp_copy {
	uint32_t session, gen, sid, seq;
	uint16_t flow;
	bool part;
};

struct mp_rx {
	/* set by the caller */
	struct mp_path path;
	uint64_t arrival; /* when the kernel received it; MP_NEVER: unknown */
	bool later; /* a datagram that it brings is handed on later:
		     * mp_recv_given(), and, if `copy' names one,
		     * mp_recv_copy() */
	/* set for MP_DELIVER; `off' and `len' also for MP_HANDSHAKE of a
	 * commit */
	struct mp_addr from; /* the sender, as the program knows it */
	uint32_t slot;
	size_t off, len; /* of the payload, within the opened bytes */
	bool child; /* set with MP_SEALED: it may begin a session, which goes to
		     * the slot that takes strangers' (mp_slot_accept()) */
	struct mp_copy copy; /* with `later' */
	/* private to the engine */
	uint32_t sid, ref, session, gen;
	uint32_t parent, number; /* of a child */
	uint8_t assoc[8], back[32]; /* its association; the key of ours */
	uint64_t seq;
	uint16_t flow;
	uint8_t suite;
	bool control, dir;
	uint64_t part_pos; /* of MP_JOIN: the other part */
	uint64_t born_at;  /* of a bundle: when the key was made */
	uint8_t key[32];
};

/* MP_DROPPED, MP_SEALED or MP_HANDSHAKE. [lock] */
enum mp_verdict mp_recv_begin(struct mp *, uint64_t now, struct mp_rx *,
    const uint8_t *packet, size_t len);
/* Opens the packet into `out' (len bytes; may be the packet itself).  Returns
 * the bytes written, or a negative value: forged. */
MP_CHECK int mp_open(const struct mp_rx *, const uint8_t *packet, size_t len,
    uint8_t *out);
/* `opened' is what mp_open() returned, `out' what it wrote.  MP_DROPPED,
 * MP_CONTROL, MP_DELIVER, MP_JOIN, or MP_HANDSHAKE for a handshake packet at
 * off, len. [lock] */
enum mp_verdict mp_recv_commit(struct mp *, uint64_t now, struct mp_rx *,
    const uint8_t *out, int opened);
/* After MP_JOIN, before anything else: puts the datagram together in `out',
 * which holds the opened bytes and has room for `room'.  MP_DELIVER; or
 * MP_DROPPED: there is no room. [lock] */
enum mp_verdict mp_recv_join(struct mp *, struct mp_rx *, uint8_t *out,
    size_t room);
/*
 * The datagram of `len' bytes that `copy' names, which was handed on, is about
 * to be given to the program.  False: it was given already; drop it.  True for
 * each that was not, once (and where it is none): what lay before it in the
 * program's queue is given before it.  `peek': it is only looked at, and nothing
 * changes.  [lock]
 */
MP_CHECK bool mp_recv_copy(struct mp *, uint64_t now, const struct mp_copy *,
    size_t len, bool peek);
/* What packets with `later' brought has been handed on to the program.  Until
 * then no packet of the program's tells the peer that they were read, which
 * would let its next datagrams pass them. [lock] */
void mp_recv_given(struct mp *);

/*
 * After mp_open(): would mp_recv_commit() deliver this datagram?  For a caller
 * that looks at a datagram and leaves it in its queue: nothing changes in the
 * block, but that the first packet of a session begins it.  MP_DELIVER, with
 * `from', `slot', `off' and `len' set; or MP_DROPPED: commit it to learn what
 * it is. [lock]
 */
enum mp_verdict mp_recv_peek(struct mp *, uint64_t now, struct mp_rx *,
    const uint8_t *out, int opened);

/* --- Several packets in: begin [lock], open each, commit [lock] ----------- */

/* Packets of datagrams that arrived together, under one key, by one flow. */
struct mp_rx_bundle {
	struct mp_rx rx; /* the caller sets path and arrival; `from' and `slot'
			  * are set by the commit, if it delivers any */
	unsigned n;	 /* packets */
	struct mp_rx_one {
		int opened; /* what mp_recv_bundle_open() returned */
		enum mp_verdict verdict; /* of the commit: MP_DELIVER or
					  * MP_DROPPED */
		size_t off, len; /* of the payload, within the opened bytes */
		/* private to the engine */
		uint32_t seq;
	} one[MP_BUNDLE_MAX];
	/* private to the engine */
	uint8_t ready[512] __attribute__((aligned(16))); /* the key */
};

/*
 * For packets of `seg' bytes, the last one perhaps shorter, that lie side by
 * side and have `total' bytes together.  Returns how many of them, from the
 * first on, are of datagrams and go together.  0: the first one is to be taken
 * by mp_recv_begin().  [lock]
 */
MP_CHECK unsigned mp_recv_bundle_begin(struct mp *, uint64_t now,
    struct mp_rx_bundle *, const uint8_t *packets, size_t seg, size_t total);
/* As mp_open(), for packet i; all are to be opened, in their order, before the
 * commit.  After the last one, or after mp_recv_bundle_wipe(), no key is left in
 * it. */
int mp_recv_bundle_open(struct mp_rx_bundle *, unsigned i,
    const uint8_t *packet, size_t len, uint8_t *out);
/*
 * As mp_recv_commit(), for the packets from..to - 1, of which packet i was
 * opened to out + (i - from) * stride.  Each is committed once, in their order,
 * in one call or several.  Returns how many are delivered.  [lock]
 */
unsigned mp_recv_bundle_commit(struct mp *, uint64_t now,
    struct mp_rx_bundle *, unsigned from, unsigned to, const uint8_t *out,
    size_t stride);
void mp_recv_bundle_wipe(struct mp_rx_bundle *);

/* Were datagrams to that socket found missing since mp_recv_dropped() was called
 * for it?  Then the caller is to ask the kernel how many packets it dropped there,
 * ever, and say so, with how many datagrams one of them can have been: what the
 * socket had no room for is no loss of the path (core/overflow.h).  [lock] */
bool mp_recv_missed(const struct mp *, uint32_t slot);
void mp_recv_dropped(struct mp *, uint64_t now, uint32_t slot, uint32_t drops,
    uint32_t each);

/* --- For filters that sort packets before the engine sees them ----------- */

/*
 * A packet of a session begins with this byte; the next 5 bits are the slot of
 * its receiver; the lowest bit of its fourth byte is set on control packets,
 * which are the agent's.  No sid begins with 0 or with the first byte of
 * MP_HANDSHAKE_MAGIC, the first four bytes of a handshake packet.
 */
uint8_t mp_sid_prefix(const struct mp *);
/* Can it be one? */
bool mp_sid_prefix_ok(uint8_t);
/* That of a server of a fleet, 1 to MP_SERVERS_MAX. */
uint8_t mp_sid_prefix_of(uint8_t server);
#define MP_HANDSHAKE_MAGIC 0x9d4ec2b7U

/* --- Many datagrams of many peers ---------------------------------------- */

enum { MP_AHEAD = 16 }; /* datagrams that are looked at together */

/* A packet that is at hand. */
struct mp_ahead {
	const uint8_t *packet;
	size_t len;
};

/*
 * The caller is about to begin the next n datagrams, to these addresses or from
 * these packets: what they touch is asked for, of MP_AHEAD of them at most, so
 * that they do not wait for memory one by one (core/ahead.c).  Changes nothing.
 * [lock]
 */
void mp_ahead_send(const struct mp *, uint32_t slot, const struct mp_addr *dst,
    unsigned n);
void mp_ahead_recv(const struct mp *, const struct mp_ahead *, unsigned n);

/* --- The agent's part ---------------------------------------------------- */

struct mp_out {
	struct mp_path path;
	size_t len;
	bool df;	  /* must not be fragmented on its way (DF) */
	int16_t tos, ttl; /* -1: the system's default */
	uint32_t slot;	  /* whose socket; MP_NONE: the question's */
	bool staged; /* it carries a staged datagram */
	bool together; /* it may go in one send with others like it: the next
			* ones, as long, of which the last may be shorter */
	/* private to the engine */
	uint32_t session, gen;
	uint32_t number; /* of that */
	uint16_t flow;
	bool half;	 /* only the first part of it */
	uint8_t bundled; /* datagrams that count as bundled since it was taken */
};

/*
 * Takes a handshake packet: one that mp_recv_begin() gave MP_HANDSHAKE for, or
 * the one at off, len of a commit (then `rx' is that one's).  Returns 1 with an
 * answer to send in `out' and `buf' (MP_CONTROL_MAX bytes), else 0. [lock]
 */
MP_CHECK int mp_handshake(struct mp *, const struct mp_keyring *, uint64_t now,
    const struct mp_rx *, const uint8_t *packet, size_t len,
    struct mp_out *out, uint8_t *buf);

/* Ends all that was made with keys that the keyring does not hold, as it was
 * changed: sessions, whose peers get a CLOSE, handshakes and tickets. [lock] */
void mp_revoke(struct mp *, const struct mp_keyring *, uint64_t now);

/*
 * Writes the next packet that is due to `buf' of `size' bytes (65536 is always
 * enough): 1, or 0 when there is none before mp_deadline(), which is soon
 * where many sessions are still to be adapted to new addresses. [lock]
 */
MP_CHECK int mp_poll(struct mp *, const struct mp_keyring *, uint64_t now,
    struct mp_out *, uint8_t *buf, size_t size);
/* The kernel has the packet of mp_poll(): to be called for each one that is
 * `staged', in their order, for until then what the program sends next waits. 
 * [lock] */
void mp_poll_sent(struct mp *, uint64_t now, const struct mp_out *);
/* Sending a packet of mp_poll() or mp_handshake() failed.  After one that is
 * `staged' those of the same session that were to follow are not to be sent,
 * but reported with MP_EAGAIN. [lock] */
void mp_poll_failed(struct mp *, uint64_t now, const struct mp_out *,
    int error);
/* Before either of them: the kernel refused the packet and others that were to
 * go `together'; they go one by one.  `error' of the first one, 0 of the rest.
 * [lock] */
void mp_poll_refused(struct mp *, uint64_t now, struct mp_out *, int error);
/* When mp_poll() next has something to do; MP_NEVER: not before another call
 * changes something. [lock]; without it, a value that may be out of date. */
uint64_t mp_deadline(const struct mp *);

/*
 * Packets of IPv6 may leave by another interface than their path says.  The
 * agent asks the kernel about each such flow, before mp_poll():
 * mp_route_wanted() names the next one; false: there is none.  mp_route_set()
 * tells by which interface its packets leave, and whether that takes :: as
 * their source.  An answer about a pair that is no more is ignored. [lock]
 */
struct mp_route {
	struct mp_path path;
	/* private to the engine */
	uint32_t session, gen;
	uint16_t flow;
};
MP_CHECK bool mp_route_wanted(struct mp *, struct mp_route *);
void mp_route_set(struct mp *, uint64_t now, const struct mp_route *,
    uint32_t leaves_by, bool any_source);

/* --- Children: sessions that need no handshake --------------------------- */

/*
 * What is known of a peer to which there was a session serves the next one, of
 * any endpoint of this user's on this host.  The agent holds a parent for each
 * peer and key; it makes tickets of it, and gives one to the endpoint of a new
 * socket: the next session with that peer begins with it, at once, under keys
 * of its own (PROTOCOL.md 2, Children).
 */
struct mp_peer_flow { /* private to the engine */
	struct mp_path path;
	uint32_t leaves_by, srtt_us, rttvar_us;
	uint64_t answer_at;
	uint16_t size;
	uint8_t link;
};

struct mp_peer {
	struct mp_addr addr; /* as the program knows it */
	uint64_t key_id;
	uint8_t source[16]; /* the source of plain UDP, or zeros */
	/* private to the engine */
	uint32_t max_flows, nflows, ntold;
	uint32_t answered; /* bits of told[] */
	uint32_t told_all; /* told[] is all that the peer tells */
	struct mp_peer_flow flow[MP_PEER_FLOWS]; /* those that work */
	struct mp_addr told[MP_TOLD_MAX];
};

struct mp_parent {
	struct mp_peer peer;
	uint64_t until; /* no tickets from then on */
	/* private to the engine */
	uint32_t sid, number;
	uint8_t suite, secret[32];
};

struct mp_ticket {
	struct mp_peer peer;
	uint64_t until;
	/* private to the engine */
	uint32_t sid, number;
	uint8_t suite, seed[32];
};

/* Takes the secret of a session's present key out of it: the caller is the only
 * one who has it then.  MP_ENOENT: there is no such session, or its key can
 * have no children (any more); mp_session_get() says which can.  `old' (or
 * NULL) is the parent whose place it takes, the same peer's: what the session
 * does not know comes from there. [lock] */
MP_CHECK int mp_parent_take(struct mp *, uint64_t now, uint32_t session,
    struct mp_parent *, const struct mp_parent *old);
/* Takes in what a session, of whichever endpoint, knows of the same peer by
 * now, if it knows of a flow that works. [lock] */
void mp_parent_learn(const struct mp *, uint64_t now, uint32_t session,
    struct mp_parent *);
/* The next session from that index on whose program sent first, and which is up
 * or closing; MP_NONE. [lock] */
uint32_t mp_peer_next(const struct mp *, uint32_t from);
/* Makes the next ticket.  MP_ENOENT: the parent's time is over; then the ticket
 * has the peer's addresses alone, to which INIT goes. */
MP_CHECK int mp_parent_ticket(struct mp_parent *, uint64_t now,
    struct mp_ticket *);
/* Keeps a ticket for the next session with its peer, of any slot; the endpoint
 * has four, of peers that differ, and drops the oldest.  Its addresses serve
 * further sessions with the peer, and one that could not begin with it. [lock] */
void mp_ticket_put(struct mp *, const struct mp_ticket *);
void mp_parent_wipe(struct mp_parent *);
void mp_ticket_wipe(struct mp_ticket *);

/* --- Status -------------------------------------------------------------- */

/* All counters: X(name, what it means). */
#define MP_COUNTERS(X)                                                        \
	X(data_out, "datagrams sent")                                         \
	X(data_in, "datagrams delivered")                                     \
	X(copy_out, "copies sent")                                            \
	X(copy_in, "datagrams delivered by a copy")                           \
	X(part_out, "datagrams sent in two parts")                            \
	X(part_in, "datagrams delivered from two parts")                      \
	X(probe_out, "probes sent")                                           \
	X(reply_out, "answers to probes sent")                                \
	X(staged, "datagrams staged for a session")                           \
	X(gathered, "datagrams that waited to go together")                   \
	X(plain_out, "staged datagrams sent as they were: no peer")           \
	X(resent, "datagrams sent again on another flow")                     \
	X(handshake_out, "INIT sent")                                         \
	X(handshake_done, "handshakes completed")                             \
	X(child_out, "sessions begun without a handshake")                    \
	X(child_in, "sessions of peers begun without a handshake")            \
	X(child_failed, "sessions begun so that needed a handshake")          \
	X(drop_child, "of a child whose parent is not known")                 \
	X(drop_short, "too short or too long for any packet")                 \
	X(drop_sid, "unknown session id")                                     \
	X(drop_direction, "own direction: reflected")                         \
	X(drop_flow, "flow id out of range")                                  \
	X(drop_seq, "sequence number out of range")                           \
	X(drop_auth, "forged: failed authentication")                         \
	X(drop_replay, "seen already")                                        \
	X(drop_old, "older than the replay window")                           \
	X(drop_stale, "session ended meanwhile")                              \
	X(drop_flags, "unknown flags")                                        \
	X(drop_body, "malformed body")                                        \
	X(drop_copy_seen, "copy of a datagram that came")                     \
	X(drop_copy_bad, "copy of nothing that we know")                      \
	X(drop_part, "part of a datagram whose other part did not come")      \
	X(drop_flows_full, "no room for one more flow")                       \
	X(drop_addr, "address in a list not usable")                          \
	X(drop_addr_late, "address list or request out of order")             \
	X(drop_handshake_format, "handshake: unknown version, type or length") \
	X(drop_handshake_mac, "handshake: no key of ours")                    \
	X(drop_handshake_auth, "handshake: failed authentication")            \
	X(drop_handshake_peer, "handshake: of a peer that we do not know")    \
	X(drop_handshake_sid, "handshake: answers nothing that we asked")     \
	X(drop_handshake_rate, "handshake: over the load limits")             \
	X(drop_share, "of a peer that takes more than its share")             \
	X(drop_handshake_dup, "handshake: duplicate over its limit")          \
	X(drop_handshake_role, "handshake: yields to the other end's")        \
	X(drop_handshake_slot, "handshake: no socket takes new sessions")     \
	X(drop_handshake_drain, "handshake: a new peer, while this end drains") \
	X(drop_handshake_full, "handshake: no room for one more session")     \
	X(drop_handshake_from, "handshake: from where the peer may not come") \
	X(drop_most, "of a peer that has as many sessions as it may")         \
	X(drop_staged, "staged datagram given up")                            \
	X(drop_unanswered, "peers given up that never answered")              \
	X(cookie_out, "cookies sent under load")                              \
	X(sample_old, "round-trip samples over 5 s")                          \
	X(flow_switch, "changes of the flow in use")                          \
	X(flow_failed, "flows failed by a send error")                        \
	X(rebind, "peer addresses that moved")                                \
	X(rebind_back, "moved addresses taken back")                          \
	X(rolled_back, "times that the memory was an old copy")               \
	X(corrupt, "indices in the block out of range")

enum mp_counter {
#define MP_X(name, what) MP_C_##name,
	MP_COUNTERS(MP_X)
#undef MP_X
	MP_C_MAX
};

const char *mp_counter_name(enum mp_counter);
const char *mp_counter_what(enum mp_counter);
uint64_t mp_counter_get(const struct mp *, enum mp_counter); /* [lock] */

/* Why a flow was taken into use: X(name, what it means). */
#define MP_REASONS(X)                                                         \
	X(none, "not chosen yet")                                             \
	X(first, "first that answered")                                       \
	X(faster, "faster than the one before")                               \
	X(silent, "the one before went silent")                               \
	X(error, "sending on the one before failed")                          \
	X(lossy, "the one before loses much")                                 \
	X(own, "it leads to a fleet's server by the server's own address")    \
	X(gone, "address or link of the one before went")                     \
	X(select, "the peer chose it")                                        \
	X(data, "the peer's data came on it")                                 \
	X(back, "it answers again")

enum mp_reason {
#define MP_X(name, what) MP_WHY_##name,
	MP_REASONS(MP_X)
#undef MP_X
	MP_WHY_MAX
};

const char *mp_reason_name(enum mp_reason);
const char *mp_reason_what(enum mp_reason);

enum mp_session_state {
	MP_S_FREE,
	MP_S_CONNECTING, /* a handshake is under way, no keys yet */
	MP_S_UP,	 /* has keys */
	MP_S_DOWN,	 /* association kept, keys gone */
	MP_S_CLOSING,	 /* our socket is closed, CLOSE is still to be sent */
	MP_S_CLOSED,	 /* the peer sent CLOSE; its earlier data is taken */
};

struct mp_session_info {
	uint32_t gen; /* changes whenever the index is used again */
	enum mp_session_state state;
	bool initiator;
	bool plain; /* no peer answered: see mp_stage() */
	bool parent; /* mp_parent_take() would take its secret */
	bool child;  /* it has made no handshake yet */
	bool waits;  /* what it sent without a handshake has had no answer yet,
		      * and may have to go again after one; or the peer was asked
		      * for its addresses, which the next socket may need */
	uint32_t slot;
	uint64_t key_id;
	struct mp_addr shown; /* the peer, as the program knows it */
	struct mp_addr reflexive; /* our address at the peer; or port 0 */
	const char *suite;
	uint32_t staged;	      /* datagrams staged for it */
	uint32_t flows;	      /* live ones: mp_flow_get() 0..MP_FLOWS_MAX-1 */
	uint32_t current;     /* id of the flow in use, or MP_NONE */
	enum mp_reason why;   /* of the last change of the flow in use */
	uint64_t why_at, up_at, last_in_at, last_data_at;
	uint32_t choice; /* number of the last SELECT sent or followed */
	uint32_t sid[2]; /* of packets to us, by key; 0: no such key */
	uint64_t tx_datagrams, rx_datagrams, tx_bytes, rx_bytes;
};

/* May datagrams of a flow go in bundles?  (core/offload.c) */
enum mp_bundles {
	MP_BUNDLES_TRY,	    /* few, until these are known to arrive */
	MP_BUNDLES_TRUSTED, /* all */
	MP_BUNDLES_CHECK,   /* none: are single ones lost as well? */
	MP_BUNDLES_OFF,	    /* none: they failed */
};

struct mp_flow_info {
	struct mp_path path;
	uint32_t leaves_by; /* the interface that the kernel really takes */
	bool validated, failed, doubt, in_use;
	uint32_t srtt_us, rttvar_us; /* 0: no sample yet */
	uint64_t idle_us, answer_at;
	uint32_t loss_permille; /* of the packets sent lately, as
				 * the peer counts them */
	uint32_t size;		/* proven UDP payload, bytes */
	uint64_t tx_packets, rx_packets, tx_bytes, rx_bytes;
	enum mp_bundles bundles;
	int bundle_error; /* MP_BUNDLES_OFF: the kernel's refusal, negative
			   * errno; 0: they fared worse: */
	uint32_t bundle_n, bundle_lost; /* packets, most in bundles, and those
					 * of them that did not arrive ... */
	uint32_t single_n, single_lost; /* ... and single ones */
	uint32_t tx_bundled; /* datagrams that went in bundles, under the
			      * present key */
};

/* Sessions have indices below this. [lock] */
uint32_t mp_session_end(const struct mp *);
/* One session, or one live flow of it, by index: 0, or MP_ENOENT. [lock] */
MP_CHECK int mp_session_get(const struct mp *, uint32_t session,
    struct mp_session_info *);
MP_CHECK int mp_flow_get(const struct mp *, uint64_t now, uint32_t session,
    uint32_t flow_id, struct mp_flow_info *);
/* The session of a slot whose peer the program knows by this address, or
 * MP_NONE. [lock] */
uint32_t mp_session_find(const struct mp *, uint32_t slot,
    const struct mp_addr *);
/* The largest proven payload of the session's usable flows, bytes. [lock] */
uint32_t mp_session_mtu(const struct mp *, uint32_t session);
/* The program wants to know its MTU: probes try longer payloads, up to the
 * interface's. [lock] */
void mp_session_probe_mtu(struct mp *, uint64_t now, uint32_t session);

#endif
