/* SPDX-License-Identifier: ISC */
/*
 * watch: looks at hosts and wires while a world runs, and keeps what it saw.
 *
 * Hosts are looked at each WATCH_US; only changes are kept.  Packets are kept
 * one by one.  Both can be written as CSV.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "net.h"

struct host;

enum { WATCH_US = 10000 };

/* A packet that a host sent. */
struct sent {
	uint64_t at;
	struct iface *from, *to; /* `to' NULL: unknown, or behind a NAT */
	struct mp_addr dst;
	uint16_t len; /* of the UDP payload */
	uint16_t flow, stream;
	uint8_t kind, fate;
	uint32_t seq;
};

/* One session of a host. */
struct sight {
	uint64_t at;
	struct host *host;
	uint32_t session, flows, current, choice;
	enum mp_session_state state;
	enum mp_reason why;
	bool doubt; /* of the flow in use */
	uint64_t copies, switches;
};

/* One flow of a session. */
struct flow_sight {
	uint64_t at, idle_us;
	struct host *host;
	struct iface *iface; /* ours; NULL: it has no such address any more */
	uint32_t session, flow, srtt_us;
	struct mp_path path;
	bool validated, doubt, in_use;
};

struct watch {
	struct net *net;
	struct host **host;
	unsigned n_hosts;
	bool packets, flows; /* keep them */
	uint64_t base;	     /* time 0 of what is written */
	struct sent *sent;
	size_t n_sent, room_sent;
	struct sight *sight;
	size_t n_sights, room_sights;
	struct flow_sight *flow_sight;
	size_t n_flow_sights, room_flow_sights;
	struct sight *last;		/* [host][session] */
	struct flow_sight *last_flow;	/* [host][session][flow] */
};

enum { WATCH_SESSIONS = 16 };

void watch_init(struct watch *, struct net *, struct host **, unsigned n);
void watch_free(struct watch *);
/* Begins to look, and never ends. */
void watch_run(struct watch *);
/* For net.sent and net.fate. */
void watch_sent(struct watch *, struct iface *, struct packet *);
void watch_fate(struct watch *, const struct packet *, enum fate);
/* Writes DIR/NAME-packets.csv, -flows.csv and -sessions.csv; false when it
 * cannot. */
bool watch_csv(const struct watch *, const char *dir, const char *name);

const char *packet_kind_name(enum packet_kind);
const char *fate_name(enum fate);

#endif
