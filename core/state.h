/* SPDX-License-Identifier: ISC */
/*
 * The layout of an endpoint's block: fixed-size records that refer to each
 * other by index.  Other processes map the block and may have written anything,
 * so an index out of it is used only through an accessor below, which checks it
 * against the caller's own view.
 */
#ifndef STATE_H
#define STATE_H

#include "crypto.h"
#include "mp.h"
#include "noise.h"
#include "rtt.h"
#include "replay.h"
#include "wire.h"

#define MS UINT64_C(1000) /* in microseconds */
#define SEC (1000 * MS)

enum state_bound {
	STATE_OPEN = 1024,   /* peers' handshakes, half-open or confirmed */
	STATE_SENT = 1024,   /* handshakes of ours */
	STATE_HANDSHAKES = STATE_OPEN + STATE_SENT,
	STATE_SOURCES = 16,  /* sources of one INIT that are noted */
	STATE_BUCKETS = 4096, /* of the limits by source, and by peer */
	STATE_ASKED = 4, /* last probes of a flow whose answers count, even
			  * late ones */
	STATE_LINKS = 8, /* links that changed, at a time (change.c) */
	STATE_WEIGHTS = 22, /* lists of peers that hold much (share.c) */
	STATE_HEAVY = 22, /* lists of sessions that hold much of a pool */
	STATE_NO_FLOW = 0xff,	/* no flow id */
	STATE_LINE = 64, /* bytes of a cache line */
	STATE_NEAR_FLOWS = 8, /* flows, and addresses told, of a session ... */
	STATE_NEAR_TOLD = 7, /* ... that are not in its annex */
};

#define STATE_NO_INDEX UINT32_MAX /* no flow record */

/* Which sequence numbers of a flow have arrived: record i is flow i's.  Data
 * and control packets have each their own (flow.h: flow_seen()). */
struct replay {
	struct replay_window window;	/* under the session's present key */
	struct replay_tail former;	/* under the former one */
	struct replay_tail control[2];	/* under the former one: [1] */
};

/* Loss of a flow in one direction, over its last packets. */
struct loss {
	uint16_t n;	/* packets that count */
	int16_t lost;	/* of them; negative: more arrived late than were lost
			 * since half was forgotten */
	uint64_t at;	/* when half was forgotten last */
	uint64_t since; /* when it became heavy; 0: it is not */
};

/* What a flow counts under its present key, modulo 2^16 (loss.h): packets of
 * the peer's, where nothing else is said. */
struct count {
	uint64_t probe_seq;    /* number of the last probe, while `waits' */
	uint16_t probe_data;   /* datagrams sent before it */
	uint16_t data_came, control_came; /* arrived */
	uint16_t data, control; /* sent, as far as probes have told */
	uint16_t data_missing, control_missing;
	uint16_t sent, missing; /* both kinds, when they were compared last */
	uint16_t told_sent, told_missing; /* the same, as told to the peer */
	uint16_t peer_sent, peer_missing; /* of ours, as the peer tells */
	uint16_t skipped; /* numbers of ours that do not count ... */
	uint16_t peer_skipped; /* ... and of the peer's */
	uint16_t excused; /* of data_missing: dropped at our socket */
	uint16_t found; /* of data_missing: since loss_excuse() was called */
	uint8_t told_left; /* probes that are still to tell `missing' ... */
	uint8_t skip_left; /* ... and `skipped' */
	uint8_t held : 2; /* probes that came since, while `waits' */
	bool exact : 1; /* `exact' of the flow is not told yet */
	bool waits : 1; /* a probe, for a datagram sent after it */
};

/* What was sent up to the probe that waits, and up to the last that did: control
 * packets, and both kinds. */
struct exact {
	uint16_t control, control_missing;
	uint16_t sent, missing;
};

enum { OFFLOAD_POINTS = 5 }; /* probes that reports may name */

/* Packets, and how many of them are missing. */
struct offload_sum {
	uint32_t n;
	int32_t lost;
};

/* The same, of the last ones only (offload_add()). */
struct offload_share {
	uint16_t n, lost;
};

/* Of the experiment: what its packets are. */
enum offload_phase {
	OFFLOAD_ANY,   /* none of it */
	OFFLOAD_WITH,  /* some in bundles */
	OFFLOAD_ALONE, /* all alone */
};

/* A probe: packets of the flow sent before it, modulo 2^32. */
struct offload_point {
	uint32_t sent, bundled; /* all, and those of bundles */
	uint8_t phase; /* of the packets since the probe before ... */
	bool ends;     /* ... which is long enough */
};

/* What is known of the flow's bundles (offload.c): first what each datagram
 * asks. */
struct offload {
	uint8_t state;	     /* enum mp_bundles */
	uint8_t phase;	     /* enum offload_phase of what goes now */
	uint8_t strikes : 4; /* times that they failed, lately */
	uint8_t acquittals : 4; /* experiments that found something else */
	bool alone : 1;	    /* the next datagram goes alone */
	bool unproven : 1;  /* refused, and no single one went since */
	bool suspected : 1; /* something was lost since they are tried */
	uint32_t bundled; /* datagrams that went in bundles */
	struct offload_point known; /* the peer told of all before it */
	int16_t error; /* of the refusal, or 0 */
	uint16_t size; /* datagrams in bundles of this try, or trial ... */
	uint16_t left; /* ... that may go yet */
	uint16_t with_bundled; /* ... of which the peer told */
	uint16_t alone_n; /* packets that the phase of single ones takes */
	int8_t score;  /* of the trials that speak against bundles */
	uint8_t voids : 4; /* trials in which single ones were lost */
	uint8_t probes : 4; /* of this phase of single ones */
	uint32_t points;  /* probes so far */
	uint32_t good_ms; /* when TRUSTED bundles were last told to arrive, ms
			   * modulo 2^32 */
	uint32_t phase_from; /* packets before it */
	int32_t pending;  /* missing, of no interval yet */
	struct offload_point point[OFFLOAD_POINTS]; /* the last probes */
	struct offload_share single; /* packets alone, lately */
	struct offload_sum with, without; /* the phases of this trial ... */
	struct offload_share bad, good;	  /* ... and of all trials of CHECK;
					   * `bad' when TRUSTED: since then */
	uint64_t since;	   /* of TRUSTED; OFF: until; 0: neither yet */
	uint64_t probe_at; /* last probe; 0: none */
	uint64_t tolerant; /* losses do not lead to TRY until then */
};

/*
 * One flow: an address pair of a session.  Its record and id stay with the
 * session for good, so that its sequence counters outlive the pair.  What a
 * datagram needs comes first, in cache lines by who needs it: a datagram that
 * is sent takes lines 0, 1, 2, 4 and 5, one that arrives all of these but 4,
 * and 3 (tests/unit/check_ahead.c, tests/bench/lines).
 */
struct flow {
	/* line 0: the pair, and what may happen on it */
	struct mp_path path;
	uint16_t size;	  /* proven UDP payload, bytes */
	uint16_t ts_recent;
	uint64_t tx_seq;  /* last sequence number used */
	uint8_t id;
	uint8_t send_errors; /* in a row */
	uint8_t ts_turn; /* of ts_recent: state_turn(), or 0: anyone may echo
			  * it */
	bool gone : 1;	   /* the pair does not exist at present */
	bool down : 1;	   /* its link has no carrier */
	bool failed : 1;   /* sending failed twice; an answer mends it */
	bool validated : 1; /* the pair answered a CHALLENGE ... */
	bool proven_once : 1; /* ... or did so once, perhaps long ago */
	bool unproven : 1; /* counts as validated, but little may go there */
	bool ts_pending : 1;  /* ts_recent is not echoed yet */
	bool probe_now : 1;	   /* probe at once */
	bool doubted : 1;  /* doubt was noticed, a resend begun */
	bool big_out : 1;  /* a big datagram waits for an answer */
	bool probe_answered : 1; /* the last probe was answered itself */
	bool probe_selects : 1;	/* ... and carried the SELECT */
	bool reply : 1;	      /* a probe is to be answered */
	bool reply_token : 1; /* ... with `token' in a RESPONSE */
	bool reply_alt : 1;   /* ... to alt */
	bool size_again : 1;  /* proving `size' anew */
	bool size_lost : 1;   /* that went unanswered: it is searched again */
	bool route_wanted : 1; /* the kernel is to be asked where it leads */
	bool link_new : 1; /* the peer is to be told by which link it leaves */
	bool searched : 1;    /* its silence began a search (path_choice.c) */
	bool ack_one : 1;     /* a datagram was answered */
	bool ack_wait : 1;    /* ack_due waits for a second one */
	bool voided : 1;      /* it failed: loss does not count */
	bool slow : 1;	      /* answers take over RTT_SAMPLE_MAX: timestamps,
			       * which wrap at 16.4 s, say nothing */
	uint8_t probes;	      /* sent since the last answer */
	uint8_t big_lost; /* waits with big datagrams that only a probe ended */

	/* line 1: waits; times are MP_NEVER where nothing is outstanding */
	uint64_t ts_arrival;   /* of ts_recent */
	uint64_t stamp_at;     /* the last packet sent on it, 0: none */
	uint64_t ack_due;      /* delayed acknowledgement; MP_NEVER */
	uint64_t wait_since;   /* the wait that runs */
	uint64_t silent_since; /* first wait since the last answer */
	uint64_t data_since;   /* first datagram since the last answer */
	uint64_t probe1_at;    /* first unanswered probe */
	uint64_t copy_seen;    /* peer doubts this flow; MP_NEVER */

	/* line 2: what answers tell */
	struct rtt rtt;
	uint64_t answer_at; /* last answer, 0: never */
	uint64_t proof_at;  /* a packet sent on it then or later is known to
			     * have arrived; 0: none */
	uint64_t data_last; /* last datagram sent as such ... */
	uint64_t data_seen; /* when the last datagram in order arrived */
	uint64_t alt_at;    /* next challenge to alt; MP_NEVER: none */
	uint32_t data_gap;  /* data_last: how long after the one before, us */
	uint16_t tx_data;    /* datagrams sent under the present key */
	uint8_t suspect;      /* quick probes still to be sent (probe.c) */

	/* line 3: what arrives */
	uint64_t mark[2];   /* highest number in order, by the C bit ... */
	uint64_t rx_packets, rx_bytes;
	uint64_t heard_at;  /* last packet in order from the pair */
	uint32_t via;	    /* interface that its last packet came by */
	uint32_t in_bytes;  /* from the pair's address ... */
	uint64_t probe_at;  /* last probe sent, 0: none */
	uint64_t probe2_at; /* second unanswered probe */

	/* line 4: what is sent */
	uint64_t tx_packets, tx_bytes;
	uint64_t big_check_at; /* when to prove `size' anew, if it is used */
	uint64_t moved_at;  /* 0: never */
	uint32_t out_bytes; /* ... and to it while it has not answered: 3
			     * times as much at most */
	uint32_t session;
	struct loss tx_loss;

	/* line 5: what is counted */
	struct count count;
	struct offload offload;

	/* and what only control packets need, or little else */
	struct exact exact;
	struct loss rx_loss;
	uint64_t prompt_at;    /* its answer is late after this, however late
				* agents are: another flow has a newer answer;
				* MP_NEVER */
	uint64_t copy_last; /* last COPY sent, 0: never */
	uint64_t peer_at;   /* last COPY or SELECT that came by it; 0: never */
	struct rtt_late late;
	uint64_t void_until; /* it had failed: until then loss does not count */
	uint64_t fate;	  /* flows, by state_bit(), that fell silent with it */
	uint32_t leaves_by; /* interface that packets really take; 0: the
			     * path's, or not known */
	uint32_t lower; /* interface that carries the path's: mp_local.lower */
	uint8_t peer_link;  /* of the peer's links; 0: unknown */
	uint8_t link_tries; /* challenges sent to learn it */
	uint8_t alt_tries;	/* challenges sent to alt */
	uint8_t asked_done;	/* bit i: probe i of asked[] was answered */
	uint32_t move_gap;  /* us until it may move again */
	uint64_t former_mark[2]; /* as mark[], under the former key */
	uint64_t born_at;   /* of this pair */
	uint64_t asked_at[STATE_ASKED]; /* last probes, newest first; 0: none */
	uint16_t asked[STATE_ASKED]; /* lowest bits of their numbers */
	uint16_t probe_seen; /* number of the peer's last probe */

	uint16_t size_max; /* UDP payload not disproved */
	uint16_t size_goal;
	uint8_t size_mask; /* rungs to be sent now ... */
	uint8_t size_sent; /* ... and those sent in this search */
	uint8_t size_tries;
	uint32_t alt_left; /* bytes that may still go to alt */
	uint64_t size_at; /* last try, or when to try again; MP_NEVER */

	struct mp_path alt; /* where the peer may have moved */
	struct mp_path former; /* where it was before it moved; no port: there it
				* never answered */
	uint8_t token[WIRE_TOKEN];
	uint8_t challenge[WIRE_TOKEN];
	uint8_t alt_challenge[WIRE_TOKEN];
	uint8_t size_token[WIRE_TOKEN];
} __attribute__((aligned(STATE_LINE)));

/* The keys of one handshake: what a packet needs in one line. */
struct keys {
	uint8_t tx[CRYPTO_KEY];
	uint32_t sid_in, sid_out; /* of the peer's packets, and of ours */
	uint64_t born_at;
	uint32_t forged;  /* packets that failed to open */
	uint32_t child_hi; /* as child_bits */
	uint8_t suite;
	bool live : 1;
	bool own : 1; /* of a handshake of ours */
	bool parent : 1; /* `secret' is set */
	bool heard : 1; /* a packet of the peer's opened under them */
	bool child : 1; /* made of a parent's secret, without a handshake */
	bool framed : 1; /* initiator: the peer has not told sid_out, which is
			  * sid_in; packets go as CHILD */
	uint8_t id; /* which of keys[] (the lowest bit), and which keys these
		     * are of all that were there (session.c) */
	uint8_t rx[CRYPTO_KEY];
	uint8_t secret[CRYPTO_KEY]; /* of children (child.h) */
	uint64_t wipe_at; /* of a former key: when it is wiped */
	uint64_t child_bits; /* responder: which of the 64 numbers up to
			      * child_hi were used */
};

/* Datagrams of a session in a pool, oldest first (pool.c).  Zeros: empty. */
struct queue {
	union {
		struct {
			uint32_t n;	 /* records; 0: empty */
			uint32_t number; /* of the next one */
		};
		uint64_t count; /* both: written at once */
	};
	uint32_t first, last; /* places */
	uint32_t bytes;	      /* of records */
	uint32_t chunks;      /* that hold them, the last one ... */
	uint32_t end;	      /* ... up to this place */
	uint32_t epoch;	      /* of the pool */
	uint32_t before, after; /* in a list of heavy ones: session + 1; or 0 */
};

/* What one peer holds of the block (share.c).  Places are sessions + 1. */
struct share {
	uint64_t key_id; /* the peer's */
	uint32_t next;	 /* of the bucket, or of the free list: share + 1 */
	uint32_t sessions, flows;
	uint32_t most; /* sessions that its line allows; 0: any number */
	uint32_t before, after; /* in the list of its weight: share + 1 */
	struct {
		uint32_t first, last;
	} list[2]; /* of its sessions: busy, and idle */
};

/* A session's neighbours in a list, + 1; 0: none. */
struct neighbours {
	uint32_t before, after;
};

/*
 * A session.  What each datagram needs comes first, as in struct flow: one that
 * is sent takes lines 0 to 3, one that arrives 0, 2 and 3, both besides those
 * of the key.  What few sessions need is in the record's annex.
 */
struct session {
	/* line 0 */
	uint32_t gen;
	uint32_t addr_next; /* hash chain, or the free list */
	uint32_t locals_gen; /* of the local addresses that it has seen */
	struct mp_addr shown;
	uint8_t state; /* enum mp_session_state */
	uint8_t slot;
	uint8_t cur;	 /* which of keys[] */
	uint8_t current; /* id of the flow in use, or STATE_NO_FLOW */
	bool initiator : 1;
	bool plain : 1; /* no peer answered: plain UDP */
	bool frame : 1; /* the datagram that is being sent goes as CHILD ... */
	bool welcome : 1; /* responder: WELCOME is due ... */
	bool child_waits : 1; /* initiator: no answer has come yet */
	bool part_mixed : 1;
	uint8_t selected;   /* responder: the flow that the peer chose */
	uint32_t choice; /* number of the last SELECT sent or followed */
	uint16_t part_need;
	uint16_t frames_left; /* datagrams that may still go as CHILD, now that
			       * the peer knows us */
	uint8_t part_left;
	uint8_t part_flow;
	uint8_t nflows;	    /* ids 0..nflows-1 were used */
	uint8_t live_flows; /* not gone */
	uint64_t review_at; /* when path_choice_review() is due; 0: now */
	uint64_t last_in;

	/* line 1: what is sent */
	uint64_t last_send;
	uint64_t resend_from; /* when the resend began: ages count to here */
	uint64_t frames_until; /* so long the next datagram waits for the last
				* one that went as CHILD */
	struct queue pool;

	/* lines 2 and 3; `count' of what is staged is in line 2 */
	uint32_t flow_near[STATE_NEAR_FLOWS]; /* state_flow_index() + 1 */
	uint64_t last_data; /* 0: never */
	uint64_t deadline;
	uint64_t hurry_at; /* how far ahead the program is: see gather.c */
	struct queue staged;
	uint64_t tx_datagrams, rx_datagrams, tx_bytes, rx_bytes;

	struct keys keys[2];

	uint32_t assoc_next; /* hash chain */
	uint64_t silence_at; /* when the last search began: what counts is what
			      * flows answered since */
	uint64_t gather_at; /* so long what is staged waits for more; 0: not */
	uint64_t gather_since; /* when the oldest of them came */
	uint16_t gather_len; /* its length */
	uint8_t gather_most; /* how many may wait */
	uint16_t mtu_request; /* UDP payload that the program needs */
	uint64_t key_id;
	uint8_t assoc[8];
	uint32_t share; /* of its peer, + 1; 0: none */
	struct neighbours peers, idles; /* in its peer's list; in that of all idle */
	uint32_t handshake;	   /* our own handshake, or MP_NONE */
	bool want_handshake : 1, handshake_inner : 1;
	bool shown_linked : 1, assoc_linked : 1;
	bool annexed : 1; /* there is something in its annex */
	bool idle : 1; /* of its peer's two lists it is in the second */
	bool left : 1; /* its peer sent CLOSE before it began */
	bool turned : 1; /* initiator: it was the responder once */
	bool recall : 1; /* initiator: its peer sent CLOSE, and may be back at
			  * once */
	bool shook_well : 1; /* since `shook_at' its peer has sent data, or was
			      * there 1 s later */
	uint8_t max_flows; /* of the peer */
	uint8_t server; /* initiator: first byte of all sids of its peer, which is
			 * one server of a fleet; 0: it is of none */
	uint32_t told_answered; /* bits of the addresses told: that one answered */
	uint64_t up_at, connect_since, rekey_at;
	uint64_t handshake_after; /* when a handshake wanted may begin */
	uint64_t shook_at; /* when our last one began, 0: none did ... */
	uint32_t shook_gap; /* ... and us until the next one may */
	uint32_t stray_gap; /* us, from a refusal to `stray_at' (budget.c) */

	/* choice */
	uint64_t why_at;
	uint64_t resend_pos; /* of the next record that the resend looks at */
	uint64_t resend_rest; /* the record of which only one part was sent;
			       * MP_NEVER: none */
	uint64_t asked_at; /* when all flows were probed last (a search) */
	uint64_t resend_at;   /* when its next batch of copies goes ... */
	uint16_t resend_left; /* ... and how many of this one are left */
	uint16_t resend_few;  /* copies of a batch; 0: not counted yet */
	uint32_t staged_seq; /* of the one at staged_pos, of which only the
			      * first part was taken; 0: none */
	uint8_t staged_by;   /* ... on this flow */
	uint8_t resend_by;   /* the flow that carried resend_rest's part */
	uint8_t staged_group; /* those that the agent took and may send as one
			       * bundle, up to that at staged_pos */
	bool staged_agent : 1; /* who takes staged ones away is the agent */
	bool again : 1; /* `bundle' (struct annex) goes once more */
	uint64_t staged_pos; /* the last staged one that was taken away ... */
	uint64_t staged_at; /* when that was, */
	uint64_t staged_until; /* ... and how long nobody else takes more */
	uint64_t staged_again; /* when the agent tries again */
	uint64_t resend_flow_at; /* until then ... */
	uint8_t resend_flow; /* ... what was sent on this flow is at risk,
			      * though it works */
	uint8_t last_valid;
	uint8_t why;	   /* enum mp_reason */
	bool select_acked : 1; /* initiator */
	bool resend : 1;	   /* a resend goes on */
	bool resend_stuck : 1;	   /* it found no flow for some copies */

	/* addresses */
	bool addr_reply : 1;
	uint8_t addr_flow; /* which flow the request came on */
	uint8_t addr_tries, push_tries;
	uint8_t told_n;
	uint8_t turn; /* which of told[] gets a pair first where all have
		       * equally many flows */
	bool pairs_left : 1; /* some pairs have no flow: all are taken */
	bool told_more : 1; /* the last list goes on in another message */
	bool told_all : 1; /* the peer's whole list was there once */
	uint8_t list_part, list_flow; /* the part of ours that is due; 0: none */
	uint8_t close_tries;
	uint64_t addr_at, push_at;
	struct mp_addr reflexive;
	uint32_t plain_us;  /* us to wait for a peer, until it is up; 0: for
			     * good */
	uint64_t came, strayed; /* bytes of the peer's; and ours to addresses
				 * that have not answered */
	uint64_t stray_at; /* when some more are tried */
	struct mp_addr told_near[STATE_NEAR_TOLD]; /* state_told() */

	/* a child (child.h); its number is in the association */
	uint32_t parent; /* sid of the parent, as the responder chose it */
	uint32_t child_held; /* staged records below this number went out as
			      * CHILD, too */
	uint64_t child_ask_at; /* when INIT goes out; MP_NEVER */
	uint64_t unheard_at; /* what was sent until then may be lost, whatever
			      * its flow answers; 0: nothing */
	uint64_t frame_at;  /* when that was sent, */
	uint32_t frame_seq; /* its number (responder: of the last that came) */
	uint8_t frame_flow; /* and flow */
	uint8_t welcome_flow; /* ... on this flow */
} __attribute__((aligned(STATE_LINE)));

/* The last bundle of staged datagrams (staged.c). */
struct bundle {
	uint8_t first[WIRE_AD + WIRE_HEAD], rest[WIRE_AD + WIRE_HEAD];
	uint64_t seq;
	uint32_t number, sid; /* of the first record; of the key */
	uint16_t n;	      /* 0: it was none */
	uint8_t flow, keys;
};

/* Of the last datagrams that went in parts (part_order.c). */
struct part_order {
	uint64_t at, prev, gone, seq;
};

/*
 * What few sessions need: record i is session i's.  One that needs none of it
 * does not touch it, so that a block of many sessions takes no memory for it:
 * `annexed' of the session says that there is something in it.
 */
struct annex {
	uint32_t flow_far[MP_FLOWS_MAX - STATE_NEAR_FLOWS]; /* index + 1 */
	struct mp_addr told_far[MP_TOLD_MAX - STATE_NEAR_TOLD];
	struct queue parts; /* received, without their other part */
	struct part_order order;
	struct bundle bundle;
	uint8_t source[16]; /* initiator: the source of plain UDP, or zeros */
};

extern const struct annex state_no_annex; /* of a session without one */

enum {
	STATE_FLOW_HOT = 6 * STATE_LINE, /* bytes of a flow that datagrams
					  * need */
};

enum handshake_state {
	HANDSHAKE_FREE,
	HANDSHAKE_SENT, /* ours, INIT sent */
	HANDSHAKE_OPEN, /* a peer's, answered, not confirmed */
	HANDSHAKE_DONE, /* a peer's, confirmed: answers late copies of INIT */
};

struct handshake {
	uint8_t state;
	uint8_t round;
	bool inner : 1;	/* inside the live session */
	bool any_link : 1; /* the last RESP went by the kernel's choice */
	bool initiator : 1; /* our role in the session */
	bool turns : 1; /* ours, of a responder: INIT begins an association
			 * `assoc', of which this end is the initiator */
	bool turned : 1; /* it has done so before */
	uint8_t slot;
	uint32_t session, gen; /* MP_NONE: no session yet */
	uint64_t key_id;
	bool wins; /* ours, where both ends begin one */
	uint64_t born_at, next_at;
	uint64_t mask;	  /* flow ids on which INIT is due */
	uint8_t cursor;	  /* flow id of the last INIT to one pair */
	uint8_t assoc[8];
	uint8_t packet[WIRE_INIT]; /* INIT, or the RESP to it */
	struct noise noise;
	uint8_t cookie[CRYPTO_MAC];
	uint8_t cookie_flow; /* STATE_NO_FLOW: no cookie */
	uint8_t primary;     /* flow id of the initiator's primary pair */
	uint8_t claim[16];   /* a peer's: its address of that pair, or zeros */
	uint32_t most;	     /* a peer's: sessions that it may have; 0: any */
	uint8_t resp_flow;   /* ours: flow of `resp', which waits ... */
	uint64_t resp_until; /* ... so long for the primary pair's */
	uint8_t resp[WIRE_RESP];
	struct keys keys;    /* sid_in is set at either end */
	uint8_t mac1[CRYPTO_MAC];
	struct {
		struct mp_addr addr;
		uint8_t n;
	} source[STATE_SOURCES];
};

/* A token bucket: at time `at' it had `level' millionths of a token. */
struct bucket {
	uint64_t at;
	uint64_t level;
};

struct ratelimit {
	struct bucket fresh, curve, known, peers;
	struct bucket source[STATE_BUCKETS], peer[STATE_BUCKETS];
	uint32_t core_rate; /* see mp_curve_rate() */
	uint8_t secret[2][32]; /* of cookies: the present, the former */
	uint64_t turned_at;
};

enum {
	STATE_TICKETS = 4,
	STATE_LEFT = 32, /* peers that sent CLOSE, the last ones */
	STATE_YIELDS = 8, /* INITs that gave way to ours, the last ones */
	STATE_GATHERS = 8, /* sessions whose datagrams may wait for company */
};

/* An entry of the heap of deadlines. */
struct due {
	uint64_t at;
	uint32_t session;
};

/* Chunks of memory for datagrams (pool.c).  Zeros: nothing was kept yet. */
struct pool {
	uint32_t free;	/* the first free chunk + 1; 0: none */
	uint32_t last;	/* the last free one, if there is any */
	uint32_t used;	/* chunks below this one are free, or taken */
	uint32_t taken; /* chunks that sessions hold */
	uint32_t epoch; /* queues of another one are void */
	uint32_t hand;	/* session that a walk looks at next */
	uint32_t heavy[STATE_HEAVY]; /* sessions by logarithm of their chunks:
				      * first of each list + 1; 0: none */
};

/* A walk over the sessions, which are told of a change (change.c). */
struct change {
	uint32_t at; /* the next one */
	uint32_t ifindex;
	bool left : 1; /* it is not at its end */
};

/* What a socket's queue had no room for (overflow.h). */
struct overflow {
	uint64_t late_at; /* its program last read a datagram late; 0: never */
	uint64_t left_at; /* when it last dropped any */
	uint32_t drops;	  /* so far */
	uint32_t left;	  /* datagrams that they may have been, and are not yet */
	uint32_t flow;	  /* that found datagrams missing, + 1; 0: none */
};

struct shared {
	uint64_t magic;
	struct mp_limits limits;
	uint16_t port;
	uint8_t sid_prefix;
	uint8_t accept_slot;
	bool tell_private : 1, aes : 1;
	bool drain : 1; /* no peer may begin a session */
	bool fleet : 1; /* sid_prefix is our number in a fleet */
	bool changing : 1; /* some walk below is not at its end */
	uint64_t change_at; /* when the next sessions are told */
	struct change locals_change, link_change[STATE_LINKS];
	uint32_t resend_us; /* see struct mp_setup */
	uint32_t open_slots, parting_slots; /* by slot; see endpoint.c */
	uint8_t family[MP_SLOTS_MAX];
	struct overflow overflow[MP_SLOTS_MAX];
	uint8_t hash_key[CRYPTO_MAC];
	uint64_t numbers; /* of packets, given so far: rollback.c */
	uint64_t counted_at; /* about when the last one was */
	struct rng rng;
	uint32_t session_free, session_used; /* free list; high-water mark */
	uint32_t flow_free, flow_used, flows_live;
	uint32_t heap_n;
	uint32_t share_free, share_used; /* as of the sessions */
	uint32_t weight[STATE_WEIGHTS]; /* peers by the logarithm of what they
					 * hold: first of each list + 1 */
	uint64_t hog; /* key id of the peer that was last refused, or gave back,
		       * what is over its share; 0: none */
	uint32_t idle_first, idle_last; /* idle sessions, the oldest first */
	uint32_t initiators; /* sessions whose program sent first */
	uint32_t handshake_used[2]; /* high-water marks: peers', ours */
	uint64_t sweep_at;    /* when handshake_sweep() is due */
	uint64_t init_tag[STATE_OPEN]; /* beginnings of the mac1 of peers'
					* INITs, by handshake */
	uint64_t handshake_rank[STATE_OPEN]; /* of peers': see handshake.c; 0:
					      * the record is free */
	uint16_t handshake_peer[STATE_OPEN]; /* hashes of their key ids */
	uint32_t route_first; /* list of sessions: see route.c */
	uint32_t synthetic;   /* last synthetic address given */
	uint32_t given; /* times that what the agent read was handed on */
	uint32_t left_next;   /* the place of the next peer that left */
	struct { /* peers whose CLOSE came; free: at 0 */
		struct mp_addr addr; /* as the program knows it */
		uint64_t at;
	} left[STATE_LEFT];
	uint32_t yield_next;
	struct { /* peers' INITs that gave way to our session's; free: at 0 */
		uint64_t tag; /* as init_tag */
		uint64_t at;
		uint32_t session, gen;
	} yield[STATE_YIELDS];
	uint32_t locals_gen; /* changes with what follows */
	uint32_t nlocals;
	struct mp_local local[MP_LOCALS_MAX];
	struct pool pool, staged, parts;
	struct ratelimit ratelimit;
	struct due gather[STATE_GATHERS]; /* see gather.c; free: at 0 */
	uint64_t count[MP_C_MAX];
	uint32_t ticket_next; /* the place of the next ticket */
	struct mp_ticket ticket[STATE_TICKETS]; /* free: number 0 */
};

/* Reads once what another process may be writing, so that the value checked is
 * the value used. */
#define STATE_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

static inline void
state_count(struct mp *m, enum mp_counter c)
{
	m->sh->count[c]++;
}

/* Names the time until mp_recv_given() is called next: 1 to 255.  That it comes
 * round makes a time stamp wait a little longer, no more. */
static inline uint8_t
state_turn(const struct mp *m)
{
	return (uint8_t)(m->sh->given % UINT8_MAX + 1);
}

static inline struct session *
state_session(const struct mp *m, uint32_t i)
{
	return i < m->limits.sessions ? &m->sessions[i] : NULL;
}

static inline uint32_t
state_index(const struct mp *m, const struct session *s)
{
	return (uint32_t)(s - m->sessions);
}

/* The session with that gen, unless it is over; NULL. */
static inline struct session *
state_session_gen(const struct mp *m, uint32_t i, uint32_t gen)
{
	struct session *s = state_session(m, i);

	return s != NULL && s->gen == gen && s->state != MP_S_FREE &&
	    s->state != MP_S_CLOSED ? s : NULL;
}

/* A session's annex, to read, and to write. */
static inline const struct annex *
state_annexed(const struct mp *m, const struct session *s)
{
	return s->annexed ? &m->annexes[state_index(m, s)] :
	    &state_no_annex;
}

static inline struct annex *
state_annex(const struct mp *m, struct session *s)
{
	s->annexed = true;
	return &m->annexes[state_index(m, s)];
}

/* The record number of a flow id; STATE_NO_INDEX: the id was never used.  And
 * to say so. */
static inline uint32_t
state_flow_index(const struct mp *m, const struct session *s, uint32_t id)
{
	uint32_t ref = 0;

	if (id < STATE_NEAR_FLOWS)
		ref = STATE_ONCE(s->flow_near[id]);
	else if (id < MP_FLOWS_MAX)
		ref = STATE_ONCE(state_annexed(m, s)->
		    flow_far[id - STATE_NEAR_FLOWS]);
	return ref - 1;
}

static inline void
state_flow_put(const struct mp *m, struct session *s, uint32_t id,
    uint32_t index)
{
	if (id < STATE_NEAR_FLOWS)
		s->flow_near[id] = index + 1;
	else if (id < MP_FLOWS_MAX)
		state_annex(m, s)->flow_far[id - STATE_NEAR_FLOWS] =
		    index + 1;
}

/* Address i < MP_TOLD_MAX of those that a peer told. */
static inline const struct mp_addr *
state_told(const struct mp *m, const struct session *s, uint32_t i)
{
	return i < STATE_NEAR_TOLD ? &s->told_near[i] :
	    &state_annexed(m, s)->told_far[(i - STATE_NEAR_TOLD) %
		(MP_TOLD_MAX - STATE_NEAR_TOLD)];
}

static inline void
state_told_put(const struct mp *m, struct session *s, uint32_t i,
    const struct mp_addr *a)
{
	if (i < STATE_NEAR_TOLD)
		s->told_near[i] = *a;
	else if (i < MP_TOLD_MAX)
		state_annex(m, s)->told_far[i - STATE_NEAR_TOLD] = *a;
}

/* The record of a flow id, gone or not; NULL: the id was never used. */
static inline struct flow *
state_flow(const struct mp *m, const struct session *s, uint32_t id)
{
	uint32_t i = state_flow_index(m, s, id);

	return i < m->limits.flows ? &m->flows[i] : NULL;
}

static inline struct replay *
state_replay(const struct mp *m, const struct flow *f)
{
	return &m->replay[f - m->flows];
}

/* The bit of a flow id in a mask. */
static inline uint64_t
state_bit(uint32_t id)
{
	return UINT64_C(1) << (id % MP_FLOWS_MAX);
}

/* Is path_locals() still to be called, as the local addresses changed? */
static inline bool
state_locals_due(const struct mp *m, const struct session *s)
{
	return s->locals_gen != m->sh->locals_gen;
}

/* Is that slot open? */
static inline bool
state_slot_open(const struct mp *m, uint32_t slot)
{
	return slot < MP_SLOTS_MAX && (m->sh->open_slots >> slot & 1) != 0;
}

/* Is there a socket that may get new sessions? */
static inline bool
state_slot_accepts(const struct mp *m, uint32_t slot)
{
	return state_slot_open(m, slot) &&
	    (m->sh->parting_slots >> slot & 1) == 0;
}

static inline uint32_t
state_nflows(const struct session *s)
{
	uint8_t n = STATE_ONCE(s->nflows);

	return n <= MP_FLOWS_MAX ? n : MP_FLOWS_MAX;
}

static inline struct keys *
state_keys(struct session *s)
{
	return &s->keys[s->cur & 1];
}

/* Each flow of a session that is not gone. */
#define STATE_FLOWS(m, s, f, id)                                              \
	for (uint32_t id = 0; id < state_nflows(s); id++)                     \
		if (((f) = state_flow(m, s, id)) != NULL && !(f)->gone)

#endif
