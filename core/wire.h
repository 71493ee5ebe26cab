/* SPDX-License-Identifier: ISC */
/*
 * Packets on the wire (PROTOCOL.md 1, 2): their layout, and the functions
 * that write and read them as bytes.  Nothing here decides anything.
 *
 * A packet of a live session:
 *
 *	 0       4                   12       14     16        18
 *	+-------+-------------------+--------+------+---------+------+-----+
 *	| sid   | nonce             | flags  | ts   | tsreply | body | tag |
 *	+-------+-------------------+--------+------+---------+------+-----+
 *	 32 bit  1 direction          16 bit  16 bit  16 bit          16 B
 *	         15 flow id
 *	         48 sequence number
 *
 * Handshake packets:
 *
 *	INIT	magic4 type1 ver1 flags2 isid4 | e 32 | sealed 48 | sealed 48
 *		mac1 mac2
 *	RESP	magic4 type1 ver1 flags2 isid4 | e 32 | sealed 48 | mac1
 *	COOKIE	magic4 type1 ver1 flags2 isid4 | nonce 24 | sealed 32
 *	WELCOME	magic4 type1 ver1 flags2 isid4 | sid4 yours18 max flows2 flow4
 *		seq4
 *
 * A packet of a child that its peer does not know yet:
 *
 *	CHILD	magic4 type1 ver1 flags2 parent sid4 number4 | a packet
 */
#ifndef WIRE_H
#define WIRE_H

#include "mp.h"

enum wire_size {
	WIRE_AD = 12,	 /* sid and nonce: associated data */
	WIRE_HEAD = 6,	 /* flags, ts, tsreply */
	WIRE_TAG = 16,
	WIRE_MIN = 34,	 /* shortest packet of a session */
	WIRE_COPY = 12,	 /* sid4 nonce8 in front of the payload of a COPY */
	WIRE_HALF = 3,	 /* then, of FRAG: the whole length, and which part */
	WIRE_TOKEN = 8,	 /* of CHALLENGE and RESPONSE */
	WIRE_DATA = 2,	 /* of PROBE: datagrams sent on this flow */
	WIRE_NUMBER = 2, /* of PROBE with REPLY: of the probe that it answers */
	WIRE_REPORT = 4, /* with COUNT: packets that were to come, and did not */
	WIRE_SKIPPED = 2, /* with SKIP: numbers that stand for no packet */
	WIRE_LINK = 1,	 /* before them: which of its links the sender uses */
	WIRE_HANDSHAKE = 12, /* header of a handshake packet */
	WIRE_INIT = 172,
	WIRE_RESP = 108,
	WIRE_COOKIE = 68,
	WIRE_WELCOME = 44,
	WIRE_CHILD = 16, /* in front of a packet of a child */
	WIRE_NOISE1 = 128, /* e, sealed public key and payload of INIT */
	WIRE_NOISE2 = 80, /* e and sealed payload of RESP */
	WIRE_INNER = 32, /* payload of INIT and RESP, opened */
	WIRE_MAC = 16,
	WIRE_MAC1_INIT = 140, /* offset of mac1, which covers all before it */
	WIRE_MAC2_INIT = 156,
	WIRE_MAC1_RESP = 92,
	WIRE_IP4 = 8,	 /* an address sub-message with its length byte */
	WIRE_IP6 = 20,
	WIRE_LIST_MAX = 16, /* addresses of one message */
	WIRE_PART = 3,	 /* the sub-message of a list in parts */
};

/* Which part of a list of addresses a message is. */
enum wire_part {
	WIRE_PART_MORE = 1, /* another message goes on with the list */
	WIRE_PART_NEXT = 2, /* this message goes on with a list */
};

enum wire_flag {
	WIRE_PROBE = 0x0001,
	WIRE_ADDR = 0x0002,
	WIRE_REPLY = 0x0004,
	WIRE_CHALLENGE = 0x0008,
	WIRE_RESPONSE = 0x0010,
	WIRE_SELECT = 0x0020,
	WIRE_REKEY = 0x0040,
	WIRE_CLOSE = 0x0080,
	WIRE_COPYFLAG = 0x0100,
	WIRE_LOSSY = 0x0200,
	WIRE_COUNT = 0x0400,
	WIRE_SKIP = 0x0800, /* with PROBE */
	WIRE_FRAG = 0x0800, /* without */
	WIRE_FLAGS = 0x0fff, /* the rest says how long tsreply was held */
	WIRE_TOKENS = WIRE_CHALLENGE | WIRE_RESPONSE,
	WIRE_HELD_SHIFT = 12,
	WIRE_HELD_MAX = 15,
};

/* One bit has both meanings. */
#define WIRE_IS_FRAG(flags)                                                   \
	(((flags) & (WIRE_PROBE | WIRE_FRAG)) == WIRE_FRAG)
#define WIRE_IS_SKIP(flags)                                                   \
	(((flags) & (WIRE_PROBE | WIRE_SKIP)) == (WIRE_PROBE | WIRE_SKIP))

#define WIRE_MAGIC MP_HANDSHAKE_MAGIC
#define WIRE_VERSION 3
#define WIRE_SEQ_MAX ((UINT64_C(1) << 32) - (1 << 16)) /* of a flow and key */
#define WIRE_FLOW_MAX 0x7ffe			       /* highest flow id */
#define WIRE_TS_NONE 0xffff
#define WIRE_TS_US 250 /* unit of timestamps, microseconds */

enum wire_type {
	WIRE_T_INIT = 1,
	WIRE_T_RESP = 2,
	WIRE_T_COOKIE = 3,
	WIRE_T_CHILD = 4,
	WIRE_T_WELCOME = 5,
};

/* sid: 8 bits common to the endpoint | 5 slot | 18 unique | 1 C.  In a fleet
 * the first 8 are 1 1 and 6 bits of the server's number. */
#define WIRE_SID_C 1U
#define WIRE_SID(prefix, slot, unique)                                        \
	((uint32_t)(prefix) << 24 | (uint32_t)(slot) << 19 |                  \
	    ((uint32_t)(unique)&0x3ffff) << 1)
#define WIRE_SID_SLOT(sid) ((sid) >> 19 & 31)
#define WIRE_SID_PREFIX(sid) ((sid) >> 24)
#define WIRE_PREFIX_FLEET 0xc0

/* The clear head of a packet: sid, and what its nonce holds. */
struct wire_ad {
	uint32_t sid;  /* C bit cleared */
	bool control;  /* the C bit */
	bool dir;      /* true: from the session's responder */
	uint16_t flow; /* 0..0x7fff; the caller checks the range */
	uint64_t seq;  /* 48 bits */
};

/* A flow id above WIRE_FLOW_MAX is written as 0x7fff, which no receiver
 * takes. */
void wire_put_ad(uint8_t out[WIRE_AD], const struct wire_ad *);
/* Changes its number. */
void wire_put_seq(uint8_t out[WIRE_AD], uint64_t seq);
/* False: shorter than WIRE_MIN. */
bool wire_get_ad(const uint8_t *packet, size_t len, struct wire_ad *);

/* The sealed head, and the fields that the flags ask for. */
struct wire_msg {
	uint16_t flags, ts, tsreply;
	uint8_t held_log2; /* tsreply was held for less than 2^held_log2 WIRE_TS_US */
	uint16_t data;	 /* with PROBE: datagrams sent on this flow so far */
	uint16_t number; /* with PROBE and REPLY: the last probe's that came */
	uint16_t sent, missing; /* with COUNT: of the peer's first `sent'
				 * packets of this flow, those that are */
	uint16_t skipped; /* with SKIP: numbers of this flow that do not count */
	uint8_t link; /* with either token: the sender's link, or 0 */
	uint8_t challenge[WIRE_TOKEN]; /* with CHALLENGE */
	uint8_t response[WIRE_TOKEN];  /* with RESPONSE */
	uint32_t select;	       /* with SELECT */
	struct wire_ad copy;	       /* with COPY, FRAG: the datagram's packet */
	uint16_t total; /* with FRAG: bytes of the whole payload */
	uint8_t part;	/* 0: the first half of them, 1: the rest */
	size_t off, len; /* of the body, within the message */
};

/* Writes head and fields (not the body) and returns their length. */
size_t wire_put_msg(uint8_t *out, const struct wire_msg *);

enum wire_error { WIRE_OK, WIRE_EFLAGS, WIRE_EBODY };

/*
 * Reads what a packet held.  WIRE_EFLAGS: an unknown flag or combination;
 * only these are known: 0 (data), PROBE with any of REPLY CHALLENGE RESPONSE
 * SELECT COUNT SKIP, ADDR, ADDR|REPLY, REKEY, CLOSE, COPY with one of
 * REPLY LOSSY, FRAG, FRAG with a COPY of these; `control' must be false for
 * data and true for the others.  WIRE_EBODY: too short for its fields; a
 * CLOSE or ADDR request with a body; a probe whose padding is not zero; a part
 * that is not as long as the whole length tells.
 */
enum wire_error wire_get_msg(const uint8_t *in, size_t len, bool control,
    struct wire_msg *);

/* Address sub-messages.  put: bytes written to `out', which has WIRE_IP6. */
size_t wire_put_addr(uint8_t *out, const struct mp_addr *);
/*
 * Reads the sub-message at *off, which moves on: 1 and an address; 0 at the end
 * of the list; -1 for one to be ignored (bad length, unknown family;
 * unspecified, multicast or broadcast address, port 0; IPv4 written as IPv6).
 * A length that runs past the end gives -1 and ends the list.
 */
int wire_get_addr(const uint8_t *in, size_t len, size_t *off,
    struct mp_addr *);
/* The sub-message that comes first in a list in parts; get: WIRE_PART_* that
 * are set, 0: the list is in one part. */
size_t wire_put_part(uint8_t out[WIRE_PART], unsigned part);
unsigned wire_get_part(const uint8_t *in, size_t len, size_t *off);

struct wire_handshake {
	enum wire_type type;
	uint32_t isid; /* the initiator's sid */
};

void wire_put_handshake(uint8_t out[WIRE_HANDSHAKE],
    const struct wire_handshake *);
/* Does it begin with the magic? wire_get_handshake(): is it also well-formed
 * (type, version, flags, exact length)? */
bool wire_is_handshake(const uint8_t *packet, size_t len);
bool wire_get_handshake(const uint8_t *packet, size_t len,
    struct wire_handshake *);

/* What stands in front of a child's packet, and that packet's clear head. */
struct wire_child {
	uint32_t parent; /* sid of the parent, as the responder chose it */
	uint32_t number; /* which child of it */
	struct wire_ad ad;
};

void wire_put_child(uint8_t out[WIRE_CHILD], uint32_t parent, uint32_t number);
/* False: it is none, or a malformed one. */
bool wire_get_child(const uint8_t *packet, size_t len, struct wire_child *);

/* WELCOME, behind its header. */
struct wire_welcome {
	uint32_t sid; /* the responder's */
	struct mp_addr yours;
	uint16_t max_flows;
	uint32_t flow, seq; /* of the CHILD that last brought a datagram; 0 */
};

void wire_put_welcome(uint8_t out[WIRE_WELCOME], uint32_t isid,
    const struct wire_welcome *);
void wire_get_welcome(const uint8_t in[WIRE_WELCOME], struct wire_welcome *);

/* INIT's sealed part: previous4 features4 association8 address16 */
struct wire_init {
	uint32_t previous; /* the responder's sid that this replaces, or 0 */
	uint32_t features;
	uint8_t assoc[8];
	uint8_t source[16]; /* the sender's address of its primary pair, or 0 */
};

/* RESP's sealed part: sid4 features4 your address18 max flows2 zero4 */
struct wire_resp {
	uint32_t sid;
	uint32_t features;
	struct mp_addr yours;
	uint16_t max_flows;
};

enum wire_feature {
	WIRE_F_AES = 1,			 /* bit 0: AES-256-GCM */
	WIRE_F_CHILD = 2, /* INIT: it replaces CHILD, whose parent `previous' is
			   * and whose number the association begins with;
			   * RESP: the child exists */
	WIRE_F_PARENT = 4, /* the session can have children */
	WIRE_F_FLEET = 8, /* RESP: sids begin with the responder's number */
	WIRE_F_RESPONDER = 0x40000000, /* INIT by the association's responder */
};

/* Bits 8 to 14 of an INIT's features: the flow id of the primary pair + 1; 0:
 * not known. */
#define WIRE_F_PRIMARY(id) (((uint32_t)(id) + 1) << 8)
#define WIRE_F_PRIMARY_ID(features) (((features) >> 8 & 0x7f) - 1)

void wire_put_init(uint8_t out[WIRE_INNER], const struct wire_init *);
void wire_get_init(const uint8_t in[WIRE_INNER], struct wire_init *);
void wire_put_resp(uint8_t out[WIRE_INNER], const struct wire_resp *);
bool wire_get_resp(const uint8_t in[WIRE_INNER], struct wire_resp *);

#endif
