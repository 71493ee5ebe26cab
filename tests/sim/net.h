/* SPDX-License-Identifier: ISC */
/*
 * net: interfaces, the network between them, and NATs.
 *
 * Each interface has an uplink to one core that connects all of them.  What
 * a packet meets is, in this order: the `out' side of its source's interface,
 * the side of this pair of interfaces where one is set, the `in' side of its
 * destination's.  Interfaces with a link name reach those of the same link
 * and those without one only.
 *
 *	host A --[out]--+          +--[in]--> host B
 *	host A <--[in]--+-- core --+--[out]-- host B
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct world;

enum net_bound {
	NET_IFACES_MAX = 64,
	NET_PAIRS_MAX = 32,
	NET_NATS_MAX = 8,
	NAT_MAPS_MAX = 256,
	IFACE_ADDRS_MAX = 8,
	HEADERS_V4 = 28, /* bytes of IP and UDP headers */
	HEADERS_V6 = 48,
	NO_STREAM = 0xffff,
};

enum black {
	BLACK_V4 = 1,
	BLACK_V6 = 2,
	BLACK_ALL = 3,
};

/* One direction of an access, or of a pair of interfaces. */
struct side {
	uint32_t delay_us;
	uint32_t jitter_us;   /* up to this much more; keeps the order */
	uint32_t loss_ppm;    /* lost at random */
	uint32_t dup_ppm;     /* comes twice */
	uint32_t reorder_ppm; /* is late by reorder_us */
	uint32_t reorder_us;
	uint32_t eats;	      /* longer packets vanish, bytes; 0: none do */
	uint32_t rate_kbps;   /* 0: no limit */
	uint32_t queue;	      /* bytes that wait for it at most */
	unsigned black;	      /* enum black: what vanishes in silence */
	/* state */
	uint64_t busy_until, last;
};

struct host;
struct nat;

struct iface {
	char name[16]; /* "host.iface" */
	struct host *host;
	uint32_t ifindex;
	uint16_t mtu;
	bool down; /* no carrier */
	char link; /* 0: reaches all */
	struct side out, in;
	struct nat *nat;
	unsigned n_addrs;
	struct mp_addr addrs[IFACE_ADDRS_MAX];
};

struct pair {
	struct iface *from, *to;
	struct side side;
};

struct nat_map {
	struct iface *iface;
	struct mp_addr inside, remote;
	uint16_t port; /* outside; 0: free */
	bool odd;      /* of the other packets, where they take turns */
	uint64_t used_at, made_at;
};

/* Maps (inside address, remote address) of IPv4 to a port of its own address. */
struct nat {
	struct mp_addr outside;
	uint64_t forget_us; /* after so long without a packet */
	uint64_t life_us; /* and so long after it was made; 0: not for that */
	uint16_t next_port;
	bool balances; /* packets of a flow leave by two ports in turn */
	bool odd;      /* whose turn it is */
	struct nat_map map[NAT_MAPS_MAX];
};

enum packet_kind {
	P_DATA,	     /* sent by the program's call */
	P_COPY,	     /* COPY, by the program's call or the agent */
	P_PROBE,     /* asks */
	P_REPLY,     /* answers */
	P_HANDSHAKE, /* INIT, or an answer to one */
	P_OTHER,
};

enum fate {
	FATE_SENT,    /* on its way, or arrived */
	FATE_RANDOM,  /* lost at random, or by a full queue, on a live path */
	FATE_BLACK,   /* vanished on a dead path */
	FATE_EATEN,   /* too big for its path */
	FATE_NOBODY,  /* nobody has that address */
	FATE_NAT,     /* no mapping in a NAT */
	FATE_OVERRUN, /* the socket's receive queue was full */
};

/* One UDP packet.  `data' has `size' bytes. */
struct packet {
	struct packet *next;
	struct iface *from, *to;
	struct mp_addr src, dst;
	uint64_t arrival; /* at the destination's interface */
	size_t len, size;
	size_t log; /* its place in the watch's log */
	/* what the sender knows about it */
	enum packet_kind kind;
	uint16_t stream, flow;
	uint32_t seq;
	bool twin; /* the network made it, of another one */
	bool staged; /* of a datagram that was staged: the agent sends it */
	/* in a program's queue: opened already, the payload from here on */
	bool opened;
	size_t off;
	struct mp_addr sender;
	uint8_t data[];
};

enum { PACKET_CLASSES = 3 };

struct net {
	struct world *w;
	struct iface *iface[NET_IFACES_MAX];
	unsigned n_ifaces;
	struct pair pair[NET_PAIRS_MAX];
	unsigned n_pairs;
	struct nat *nat[NET_NATS_MAX];
	unsigned n_nats;
	struct packet *spare[PACKET_CLASSES];
	struct packet **made; /* all of them, to free in the end */
	size_t n_made, room_made;
	uint8_t magic[4]; /* how a handshake packet begins */
	bool magic_known;
	uint8_t scratch[65536]; /* for what is about to become a packet */
	/* calls of the floors above */
	void (*arrived)(struct iface *, struct packet *);
	void (*sent)(void *arg, struct iface *, struct packet *);
	void (*fate)(void *arg, struct packet *, enum fate);
	void *arg;
};

void net_init(struct net *, struct world *);
void net_free(struct net *);

struct iface *net_iface_add(struct net *, struct host *, const char *name);
struct iface *net_iface(struct net *, const char *name); /* or NULL */
/* What packets meet between these two interfaces alone, one way. */
struct side *net_pair(struct net *, struct iface *from, struct iface *to);
/* The NAT of that address, made when there is none. */
struct nat *net_nat(struct net *, const char *outside);
/* Takes a packet's source through; false when the table is full. */
bool nat_out(struct nat *, struct iface *from, struct packet *, uint64_t now);
/* Takes a packet's destination through: where to, NULL for nowhere. */
struct iface *nat_in(struct nat *, struct packet *, uint64_t now);
/* It forgets everything, as one that restarts does. */
void nat_flush(struct nat *);

/* "10.0.0.1" or "fd00::1"; ends the run when it is neither. */
struct mp_addr net_addr(const char *text, uint16_t port);
bool net_addr_is_v4(const struct mp_addr *);
bool net_addr_same_ip(const struct mp_addr *, const struct mp_addr *);
const char *net_addr_text(const struct mp_addr *, char out[64]);
/* The interface that has the address, NULL for none. */
struct iface *net_owner(struct net *, const struct mp_addr *);

/* A packet with room for `size' bytes. */
struct packet *net_packet(struct net *, size_t size);
void net_packet_free(struct net *, struct packet *);

/*
 * Sends from an interface of `ifaces', and takes the packet over.  Returns 0
 * or the negative errno that Linux 6.18 gives.
 */
int net_send(struct net *, struct iface *const *ifaces, unsigned n,
    const struct mp_path *, uint16_t port, struct packet *, bool df);
/* The source that the kernel would choose for a packet to that address; false:
 * no interface leads there. */
bool net_source(struct iface *const *ifaces, unsigned n,
    const struct mp_addr *to, struct mp_addr *source);
/* A packet whose source and destination are set already, perhaps forged, leaves
 * by an interface. */
void net_launch(struct net *, struct iface *from, struct packet *);

#endif
