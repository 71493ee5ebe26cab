/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Two ends of one association, two paths between them, and a network that does
 * what it likes.  The actions are those of core/ (the function is named at each),
 * cut down to what decides who holds which key, who is initiator, and which flow
 * is in use.  README.md says what that proves and what it leaves out.
 *
 * The network.  Whatever was sent stays known for good: it may arrive at any
 * time, in any order, any number of times, or never.  That is loss,
 * duplication, reordering and an onlooker who replays, all at once.
 *
 * Two phases.  First there is chaos: any action at any time, so also restarts,
 * and timers that fire too early.  At any moment calm begins: what is sent then
 * arrives, in any order, and a timer fires only when nothing is under way.
 * Each run of calm must end with both ends up, under one key, that both have
 * heard, and with both on one flow.  A run that cannot go on is a deadlock, and
 * one that needs more handshakes than there are here stops at an assertion.
 * So what shall happen in the end is checked as what holds at each end.
 *
 * Which part of the chaos there is depends on one of -DBEGIN, -DREKEY,
 * -DSELECT; all of it in all orders would be too much at once.  A mutant breaks
 * one rule, and then there must be a run that goes wrong.
 */

/* The rule that is broken in this run of pan: the variable MUTANT. */
c_decl {
\#include <stdlib.h>
};
byte mutant = 0;
#define BROKEN(n) (mutant == (n))
#define M_REPLAY	1	/* an INIT changes nothing */
#define M_FORMER	2	/* the former key goes on receiving */
#define M_LOST		3	/* silence makes the initiator ask again */
#define M_TURN		4	/* a responder that is not known turns */
#define M_CROSS		5	/* of two handshakes one wins */
#define M_OLDER		6	/* ... but not over a newer key */
#define M_ROLE		7	/* bit 30 counts in a known association only */
#define M_NUMBER	8	/* a SELECT with a lower number is old */
#define M_REPEAT	9	/* SELECT is repeated until it is answered */
#define M_AGAIN		10	/* a SELECT for each new peer */
#define M_BACK		11	/* the responder returns to the flow selected */

/* Handshakes while there is chaos, and in all. */
#ifdef BEGIN
#define CHAOS_INITS	2
#define RESTARTS	1
#endif
#ifdef REKEY
#define CHAOS_INITS	3
#define RESTARTS	1
#define UP_FIRST
#endif
#ifdef SELECT
#define CHAOS_INITS	2
#define RESTARTS	1
#define UP_FIRST
#endif
#define CHAOS_KEYS	CHAOS_INITS
#define INITS		8	/* as many as ANY() and PICK() try */
#define KEYS		8
#define TICKS		24	/* timers in calm: a run needs fewer */
#define CHOICES		2	/* of the initiator in chaos */

#define BIT(n)		(1 << (n))
#define HAS(set, n)	(((set) >> (n)) & 1)
#define OTHER(e)	(1 - (e))

/* States of a session (core/session.c): what MP_S_... means. */
#define NONE		0	/* no session: not begun, or restarted */
#define CONN		1
#define UP		2
#define DOWN		3

/* --- The ends ------------------------------------------------------------- */

bit low;		/* the end with the lower public key: it wins */
byte st[2];
bit role[2];		/* is the association's initiator */
byte assoc[2];
byte cur[2], former[2];	/* keys; 0: none */
bit own[2];		/* cur came of a handshake that this end began */
byte sent[2];		/* its INIT that waits for RESP; 0: none */
bit inner[2], turns[2];	/* of that one */
byte open[4];		/* keys of answered INITs, two an end; 0: free */
bit older[4];		/* ... made before the end's own key */

/* --- What was sent ---------------------------------------------------------- */

byte inits = 0, keys = 0, assocs = 0;	/* how many there were */
bit init_by[INITS + 1];
byte init_assoc[INITS + 1];
bit init_role[INITS + 1];	/* its sender is initiator: not bit 30 */
byte init_in[INITS + 1];	/* the key that it is sealed with; 0: outside */
byte key_init[KEYS + 1];	/* the INIT that a key answers: its RESP, too */
short spoke[2];			/* keys under which an end has sent */

/* --- Chaos and calm --------------------------------------------------------- */

bit calm = 0;
byte restarts = 0;
bit want[2];		/* has a program with something to say */
bit asked[2], heard[2];	/* under the present key, since calm began */
bit again[2];		/* the INIT was sent anew */
short new_init, new_resp, new_spoke[2];	/* sent in calm, not arrived */
byte ticks = 0, last = 2;	/* timers that ran in calm; whose was the last */

/* --- Ghosts, for what shall hold -------------------------------------------- */

short installed[2];	/* keys that an end has ever had */
byte began[2];		/* associations that an end has begun */
bit crossed = 0;	/* an end answered that had keys which the other one
			 * had not yet: see README.md, "What it found" */
byte letter, letter_to;	/* the key of one datagram under way; its receiver */
bit letter_used = 0;
byte letter_keys;	/* that its receiver has got since that one */

#ifdef SELECT
bit flow[2];		/* in use */
byte choice[2];		/* its number, at either end */
byte picked[2];		/* what the responder was told; 2: nothing */
bit acked[2];		/* the initiator's SELECT was answered */
bit works[2];		/* the paths, in calm */
byte said[KEYS + 1];	/* numbers said by SELECT under a key */
byte said_flow[KEYS + 1];	/* a bit for each number */
byte acks[KEYS + 1];	/* numbers answered under a key */
byte new_said, new_ack;	/* in calm: of the present key */
byte new_said_key, new_ack_key;
bit new_said_to;
#endif

/* Scratch within one action: no part of the state. */
hidden byte an_init, a_key, place, number_said;
hidden byte rival, dropped, known;
hidden byte was_cur, was_former;

/* The role of an end under a key: its packets' direction. */
#define ROLE_IN(e, k)	(init_by[key_init[k]] == (e) -> \
				init_role[key_init[k]] : \
				1 - init_role[key_init[k]])
/* Does a session of the end open what was sealed with k? */
#define OPENS(e, k)	((k) != 0 && (cur[e] == (k) || former[e] == (k)) && \
				ROLE_IN(e, k) == role[e])
#define NEW_KEY_OF(e, i)	(open[2 * (e)] != 0 && \
				key_init[open[2 * (e)]] == (i) || \
				open[2 * (e) + 1] != 0 && \
				key_init[open[2 * (e) + 1]] == (i))
#define QUIET		(new_init == 0 && new_resp == 0 && \
				new_spoke[0] == 0 && new_spoke[1] == 0 QUIET_SELECT)
#ifdef SELECT
#define QUIET_SELECT	&& new_said == 0 && new_ack == 0
#else
#define QUIET_SELECT
#endif

/* --- What the ends do ------------------------------------------------------- */

/* The datagram under way is no longer expected. */
inline letter_forget(e)
{
	if
	:: letter != 0 && letter_to == e -> letter = 0; letter_keys = 0
	:: else
	fi
}

inline forget_choice(e)
{
#ifdef SELECT
	choice[e] = 0; picked[e] = 2; acked[e] = 0;
#endif
	skip
}

/* An INIT is written: write_init(). */
inline write_init(e, a, r)
{
	printf("%d sends INIT %d\n", e, inits + 1);
	assert(inits < INITS);	/* else calm does not end */
	inits++;
	init_by[inits] = e; init_assoc[inits] = a; init_role[inits] = r;
	if
	:: inner[e] -> init_in[inits] = cur[e]
	:: else
	fi;
	sent[e] = inits;
	again[e] = 0;
	new_init = (calm -> new_init | BIT(inits) : 0)
}

/* A handshake of ours begins: initiator_start(). */
inline begin(e, inside)
{
	inner[e] = inside; turns[e] = 0;
	write_init(e, assoc[e], role[e])
}

/* The program's first datagram: session_new(). */
inline start(e)
{
	printf("%d begins\n", e);
	st[e] = CONN; role[e] = 1;
	assocs++; assoc[e] = assocs;
	began[e] = began[e] | BIT(assocs);
	forget_choice(e);
	begin(e, 0)
}

/* Five seconds without RESP: next_round() writes another INIT, a responder that
 * is not up in turn as an initiator (may_turn()). */
inline renew(e)
{
	if
	:: role[e] == 0 && !inner[e] && st[e] != UP && !turns[e] &&
	    !BROKEN(M_TURN) ->
		turns[e] = 1;
		assocs++;
		began[e] = began[e] | BIT(assocs);
		write_init(e, assocs, 1)
	:: else ->
		turns[e] = 0;
		write_init(e, assoc[e], role[e])
	fi
}

/* The peer is lost: session_ask(). */
inline ask_outside(e)
{
	printf("%d asks outside\n", e);
	if
	:: sent[e] == 0 -> begin(e, 0)
	:: else ->
		inner[e] = 0;
		init_in[sent[e]] = 0;
		new_init = (calm -> new_init | BIT(sent[e]) : 0)
	fi
}

/* Sends under the present key: a probe, an answer, a datagram. */
inline speak(e)
{
	printf("%d speaks under key %d\n", e, cur[e]);
	spoke[e] = spoke[e] | BIT(cur[e]);
	new_spoke[e] = (calm -> new_spoke[e] | BIT(cur[e]) : 0);
#ifdef SELECT
	if
	:: role[e] == 1 && !acked[e] ->
		said[cur[e]] = said[cur[e]] | BIT(choice[e]);
		said_flow[cur[e]] = (flow[e] ->
		    said_flow[cur[e]] | BIT(choice[e]) : said_flow[cur[e]]);
		if
		:: calm && works[flow[e]] ->
			new_said = choice[e] + 1; new_said_key = cur[e];
			new_said_to = OTHER(e)
		:: else
		fi;
		if
		:: BROKEN(M_REPEAT) -> acked[e] = 1
		:: else
		fi
	:: else
	fi;
#endif
	skip
}

/* New keys: session_install(). */
inline install(e, key, mine)
{
	printf("%d has key %d\n", e, key);
	if
	:: cur[e] != 0 && !BROKEN(M_FORMER) -> former[e] = cur[e]
	:: else
	fi;
	cur[e] = key; own[e] = mine;
	sent[e] = 0; st[e] = UP;
	asked[e] = 0; heard[e] = 0;
#ifdef SELECT
	if
	:: role[e] == 1 && choice[e] == 0 -> choice[e] = 1; acked[e] = 0
	:: else
	fi;
#endif
	installed[e] = installed[e] | BIT(key);
	letter_keys = (letter != 0 && letter_to == e && letter_keys < 2 ->
	    letter_keys + 1 : letter_keys)
}

/* RESP: initiator_reply_done(). */
inline take_resp(e, key)
{
	printf("%d gets RESP, key %d\n", e, key);
	if
	:: turns[e] ->	/* session_turn() */
		assoc[e] = init_assoc[key_init[key]]; role[e] = 1;
		forget_choice(e);
		letter_forget(e)
	:: else
	fi;
#ifdef SELECT
	if
	:: !inner[e] && !BROKEN(M_AGAIN) -> acked[e] = 0
	:: else
	fi;
#endif
	older[2 * e] = 1; older[2 * e + 1] = 1;
	turns[e] = 0;
	install(e, key, 1);
	speak(e);	/* confirms */
	asked[e] = 1
}

/* Is there a rival: find_rival()?  In chaos one that is up may be too old. */
inline find_rival(e)
{
	rival = (role[e] == 1 && (st[e] == CONN || st[e] == UP));
	if
	:: rival && st[e] == UP && !calm -> rival = 0
	:: true
	fi
}

/* An INIT of the peer: take_init(), consider(), yields(). */
inline take_init(e, x)
{
	printf("%d gets INIT %d\n", e, x);
	was_cur = cur[e]; was_former = former[e];
	dropped = 0;
	known = (st[e] != NONE && assoc[e] == init_assoc[x]);
	if
	:: init_in[x] != 0 && !OPENS(e, init_in[x]) -> dropped = 1
	:: else ->
		if
		:: init_in[x] != 0 && !known -> dropped = 1
		:: known && role[e] == init_role[x] -> dropped = 1
		:: !known && init_role[x] == 0 && !BROKEN(M_ROLE) -> dropped = 1
		:: else
		fi
	fi;
	if
	:: !dropped && low == e && known && sent[e] != 0 &&
	    (init_in[x] != 0 || !inner[e]) -> dropped = 1
	:: !dropped && low == e && !known && role[e] == 1 && st[e] == CONN &&
	    sent[e] != 0 -> dropped = 1
	/* Without the rule both dropped. */
	:: BROKEN(M_CROSS) && !dropped && low != e && sent[e] != 0 -> dropped = 1
	:: else
	fi;
	if
	:: dropped -> printf("... dropped\n")
	:: else ->
		assert(keys < KEYS);	/* else calm does not end */
		keys++;
		key_init[keys] = x;
		crossed = (crossed || own[e] && cur[e] != 0 &&
		    !HAS(installed[OTHER(e)], cur[e]));
		place = (open[2 * e] == 0 || open[2 * e + 1] != 0 ->
		    2 * e : 2 * e + 1);
		open[place] = keys; older[place] = 0;
		new_resp = (calm -> new_resp | BIT(keys) : 0);
		if
		:: BROKEN(M_REPLAY) && known -> install(e, keys, 0)
		:: else
		fi
	fi;
	/* An INIT may be an old one. */
	assert(cur[e] == was_cur && former[e] == was_former)
}

/* The first packet under the keys of an answered INIT: responder_confirm().
 * place: its place in open[]. */
inline confirm(e, key)
{
	printf("%d: key %d is confirmed\n", e, key);
	an_init = key_init[key];
	known = (st[e] != NONE && assoc[e] == init_assoc[an_init]);
	dropped = 0;
	rival = 0;
	if
	:: known && role[e] == init_role[an_init] -> dropped = 1
	:: known && role[e] != init_role[an_init]
	:: else ->
		find_rival(e);
		if
		:: rival && low == e && st[e] == UP -> dropped = 1; open[place] = 0
		:: else ->	/* responder_adopt(), or peer_addr_new() */
			letter_forget(e);
			if
			:: !rival -> cur[e] = 0; former[e] = 0; sent[e] = 0
			:: else
			fi;
			assoc[e] = init_assoc[an_init]; role[e] = 1 - init_role[an_init];
			forget_choice(e)
		fi
	fi;
	if
	:: dropped
	:: else ->
		open[place] = 0;
		/* The keys are the peer's, too, and it began that handshake. */
		assert(HAS(installed[OTHER(e)], key));
		assert(role[e] == 0 || HAS(began[e], assoc[e]));
		if
		:: low == e && cur[e] != 0 && own[e] && older[place] &&
		    !BROKEN(M_OLDER) ->
			former[e] = key;	/* session_install_former() */
			installed[e] = installed[e] | BIT(key);
			letter_keys = (letter != 0 && letter_to == e -> 2 :
			    letter_keys)
		:: else -> install(e, key, 0)
		fi
	fi
}

/* A packet under a key: mp_recv_begin(), owner(). */
inline take_packet(e, key)
{
	place = (open[2 * e] == key -> 2 * e : 2 * e + 1);
	if
	:: OPENS(e, key)
	:: else ->
		if
		:: open[place] == key -> confirm(e, key)
		:: else
		fi
	fi;
	if
	:: OPENS(e, key) && calm ->
		heard[e] = 1;
		if
		:: role[e] == 0 -> speak(e)	/* the answer */
		:: else
		fi
	:: else
	fi
}

/* A process with the same identity and port, and nothing else. */
inline restart(e)
{
	printf("%d restarts\n", e);
	st[e] = NONE; role[e] = 0; assoc[e] = 0; cur[e] = 0; former[e] = 0;
	own[e] = 0; sent[e] = 0; inner[e] = 0; turns[e] = 0;
	open[2 * e] = 0; open[2 * e + 1] = 0;
	older[2 * e] = 0; older[2 * e + 1] = 0;
	began[e] = 0;
	forget_choice(e);
	letter_forget(e)
}

/* 180 s of silence: session_down(). */
inline go_down(e)
{
	printf("%d goes down\n", e);
	st[e] = DOWN; cur[e] = 0; former[e] = 0; own[e] = 0; sent[e] = 0;
	inner[e] = 0; turns[e] = 0;
	letter_forget(e)
}

#ifdef SELECT
/* The initiator leaves its flow: use(). */
inline choose(e)
{
	printf("%d leaves flow %d\n", e, flow[e]);
	flow[e] = 1 - flow[e]; choice[e] = choice[e] + 1; acked[e] = 0
}

/* SELECT: path_choice_follow().  The answer names the probe. */
inline take_select(e, key, number)
{
	printf("%d gets SELECT %d under key %d\n", e, number, key);
	if
	:: OPENS(e, key) && role[e] == 0 ->
		was_cur = choice[e];
		if
		:: number > choice[e] || BROKEN(M_NUMBER) ->
			choice[e] = number;
			picked[e] = HAS(said_flow[key], number);
			flow[e] = picked[e]
		:: else
		fi;
		assert(choice[e] >= was_cur);	/* numbers never go back */
		acks[cur[e]] = acks[cur[e]] | BIT(number);
		if
		:: calm -> new_ack = number + 1; new_ack_key = cur[e]
		:: else
		fi
	:: else
	fi
}

/* The answer: match_probe(). */
inline take_ack(e, key, number)
{
	if
	:: OPENS(e, key) && role[e] == 1 && choice[e] == number -> acked[e] = 1
	:: else
	fi
}
#endif

/* --- Chaos ------------------------------------------------------------------- */

#define WHEN(cond, ...)	:: atomic { (cond) -> __VA_ARGS__ }
#define CHAOS(cond, ...) WHEN(!calm && (cond), __VA_ARGS__)
#define MORE		(inits < CHAOS_INITS && keys < CHAOS_KEYS)
#define CHAOS_TIMERS(e) \
	CHAOS(st[e] == NONE && MORE, start(e)) \
	CHAOS(st[e] == DOWN && MORE, st[e] = CONN; begin(e, 0)) \
	CHAOS(st[e] == CONN && sent[e] == 0 && MORE, begin(e, 0)) \
	CHAOS(st[e] == UP && sent[e] == 0 && MORE, begin(e, 1)) \
	CHAOS(open[2 * e] != 0, open[2 * e] = 0; older[2 * e] = 0) \
	CHAOS(open[2 * e + 1] != 0, open[2 * e + 1] = 0; older[2 * e + 1] = 0) \
	CHAOS(former[e] != 0 && !(letter == former[e] && letter_to == e), \
	    former[e] = 0) \
	CHAOS(restarts < RESTARTS && st[e] != NONE, restarts++; restart(e)) \
	CHAOS(st[e] == UP && !HAS(spoke[e], cur[e]), speak(e))
#ifdef BEGIN
#define CHAOS_TIMES(e) \
	CHAOS(sent[e] != 0 && MORE, renew(e)) \
	CHAOS(st[e] == UP || st[e] == CONN, go_down(e))
#else
#define CHAOS_TIMES(e)
#endif
/* The peer seems lost; no RESP for 5 s; 180 s without a packet, or given up. */
#ifndef SELECT
#define CHAOS_LOSSES(e) \
	CHAOS(st[e] == UP && role[e] == 1 && \
	    (sent[e] == 0 && MORE || sent[e] != 0 && inner[e]), ask_outside(e)) \
	CHAOS_TIMES(e)
#else
#define CHAOS_LOSSES(e)
#endif
/* One datagram is sealed with a key that its receiver has, and arrives. */
#ifdef REKEY
#define CHAOS_LETTER(e) \
	CHAOS(st[e] == UP && !letter_used && OPENS(OTHER(e), cur[e]), \
	    letter_used = 1; letter = cur[e]; letter_to = OTHER(e); \
	    letter_keys = (cur[OTHER(e)] == letter -> 0 : 1)) \
	CHAOS(letter != 0 && letter_to == e, \
	    assert(letter_keys > 1 || OPENS(e, letter)); \
	    letter = 0; letter_keys = 0)
#else
#define CHAOS_LETTER(e)
#endif

/* Anything that was ever sent may arrive. */
#define ANY(what, e)	(what(e, 1) || what(e, 2) || what(e, 3) || what(e, 4) || \
			what(e, 5) || what(e, 6) || what(e, 7) || what(e, 8))
#define PICK(what, e, v) if :: what(e, 1) -> v = 1 :: what(e, 2) -> v = 2 \
			:: what(e, 3) -> v = 3 :: what(e, 4) -> v = 4 \
			:: what(e, 5) -> v = 5 :: what(e, 6) -> v = 6 \
			:: what(e, 7) -> v = 7 :: what(e, 8) -> v = 8 fi
#define INIT_MAY(e, x)	((x) <= inits && init_by[x] != e && \
			!NEW_KEY_OF(e, x))
#define RESP_MAY(e, x)	((x) <= keys && sent[e] != 0 && \
			key_init[x] == sent[e] && \
			init_by[key_init[x]] == e)
#define PACKET_MAY(e, x) (HAS(spoke[OTHER(e)], x) && !OPENS(e, x) && \
			(open[2 * e] == (x) || open[2 * e + 1] == (x)))
#define CHAOS_ARRIVALS(e) \
	CHAOS(keys < CHAOS_KEYS && ANY(INIT_MAY, e), \
	    PICK(INIT_MAY, e, an_init); take_init(e, an_init)) \
	CHAOS(ANY(RESP_MAY, e), PICK(RESP_MAY, e, a_key); take_resp(e, a_key)) \
	CHAOS(ANY(PACKET_MAY, e), PICK(PACKET_MAY, e, a_key); take_packet(e, a_key))

#ifdef SELECT
#define SAID_MAY(e, x)	(role[e] == 0 && OPENS(e, x) && said[x] != 0)
#define ACK_MAY(e, x)	(OPENS(e, x) && HAS(acks[x], choice[e]))
#define CHAOS_CHOICES(e) \
	CHAOS(st[e] == UP && role[e] == 1 && choice[e] < CHOICES, choose(e)) \
	CHAOS(st[e] == UP && role[e] == 1 && !acked[e] && \
	    !HAS(said[cur[e]], choice[e]), speak(e)) \
	CHAOS(st[e] == UP && role[e] == 0, flow[e] = 1 - flow[e]) \
	CHAOS(ANY(SAID_MAY, e), PICK(SAID_MAY, e, a_key); \
	    if :: HAS(said[a_key], 1) -> number_said = 1 \
	    :: HAS(said[a_key], 2) -> number_said = 2 \
	    :: HAS(said[a_key], 3) -> number_said = 3 fi; take_select(e, a_key, number_said)) \
	CHAOS(role[e] == 1 && !acked[e] && ANY(ACK_MAY, e), acked[e] = 1)
#else
#define CHAOS_CHOICES(e)
#endif

/* --- Calm -------------------------------------------------------------------- */

/* Ends whose timers are short come first: 180 s of silence are longer than all
 * else. */
#define LOST(e)		(st[e] == UP && role[e] == 1 && asked[e] && !heard[e] && \
			!BROKEN(M_LOST))
#define FAST(e)		(st[e] == CONN || LOST(e) || \
			st[e] == UP && role[e] == 1 && !asked[e] || \
			(st[e] == DOWN || st[e] == NONE) && want[e])
#define ALIVE		(st[0] == UP && st[1] == UP && heard[0] && heard[1])
/* They take turns, as all are seconds. */
#define TICK(e, cond, ...) WHEN(calm && QUIET && !(ALIVE && AGREED) && (cond) && \
			(last != e || !FAST(OTHER(e))), \
			ticks++; assert(ticks < TICKS); last = e; __VA_ARGS__)

#define CALM_TIMERS(e) \
	TICK(e, st[e] == NONE && want[e], start(e)) \
	TICK(e, st[e] == DOWN && want[e], st[e] = CONN; begin(e, 0)) \
	TICK(e, st[e] == CONN && sent[e] == 0 && want[e], begin(e, 0)) \
	TICK(e, st[e] == CONN && !want[e] && (sent[e] == 0 || again[e]), \
	    go_down(e)) \
	TICK(e, (st[e] == CONN || LOST(e)) && sent[e] != 0 && !again[e], \
	    again[e] = 1; ask_outside(e)) \
	TICK(e, (st[e] == CONN && want[e] || LOST(e)) && sent[e] != 0 && \
	    again[e], renew(e)) \
	TICK(e, LOST(e) && sent[e] == 0, begin(e, 0)) \
	TICK(e, st[e] == UP && role[e] == 1 && !asked[e], \
	    asked[e] = 1; speak(e)) \
	TICK(e, st[e] == UP && role[e] == 0 && !heard[e] && !FAST(OTHER(e)), \
	    go_down(e))

/* What was sent in calm arrives, once. */
#define INIT_NEW(e, x)	(HAS(new_init, x) && init_by[x] != e)
#define RESP_NEW(e, x)	(HAS(new_resp, x) && init_by[key_init[x]] == e)
#define PACKET_NEW(e, x) HAS(new_spoke[OTHER(e)], x)
#define RESP_OF(e, x)	(open[2 * e] != 0 && key_init[open[2 * e]] == (x) -> \
			open[2 * e] : open[2 * e + 1])
#define CALM_ARRIVALS(e) \
	WHEN(calm && ANY(INIT_NEW, e), PICK(INIT_NEW, e, an_init); \
	    new_init = new_init & ~BIT(an_init); \
	    if :: NEW_KEY_OF(e, an_init) -> new_resp = new_resp | BIT(RESP_OF(e, an_init)) \
	    :: else -> take_init(e, an_init) fi) \
	WHEN(calm && ANY(RESP_NEW, e), PICK(RESP_NEW, e, a_key); \
	    new_resp = new_resp & ~BIT(a_key); \
	    if :: RESP_MAY(e, a_key) -> take_resp(e, a_key) :: else fi) \
	WHEN(calm && ANY(PACKET_NEW, e), PICK(PACKET_NEW, e, a_key); \
	    new_spoke[OTHER(e)] = new_spoke[OTHER(e)] & ~BIT(a_key); \
	    take_packet(e, a_key))

#ifdef SELECT
#define NEXT_FLOW(e)	(st[e] == UP && (!works[flow[e]] && \
			(role[e] == 1 || picked[e] == 2 || !works[picked[e]]) || \
			role[e] == 0 && picked[e] != 2 && works[picked[e]] && \
			flow[e] != picked[e] && !BROKEN(M_BACK)))
#define SELECTS(e)	(st[e] == UP && role[e] == 1 && !acked[e])
#define AGREED		(!NEXT_FLOW(0) && !NEXT_FLOW(1) && !SELECTS(0) && \
			!SELECTS(1))
#define SAME_FLOW	(flow[0] == flow[1])
#define CALM_CHOICES(e) \
	TICK(e, NEXT_FLOW(e), if :: role[e] == 1 -> choose(e) \
	    :: else -> flow[e] = 1 - flow[e] fi) \
	TICK(e, ALIVE && !NEXT_FLOW(e) && SELECTS(e), speak(e)) \
	WHEN(calm && new_said != 0 && new_said_to == e, a_key = new_said_key; \
	    number_said = new_said - 1; new_said = 0; take_select(e, a_key, number_said)) \
	WHEN(calm && new_ack != 0 && new_said_to != e, a_key = new_ack_key; \
	    number_said = new_ack - 1; new_ack = 0; take_ack(e, a_key, number_said))
#else
#define AGREED		true
#define SAME_FLOW	true
#define CALM_CHOICES(e)
#endif

/* --- All runs ---------------------------------------------------------------- */

inline set_up()
{
	c_code {
		now.mutant = getenv("MUTANT") == NULL ? 0 :
		    atoi(getenv("MUTANT"));
	};
#ifdef UP_FIRST
	if :: low = 0 :: low = 1 fi;	/* else either end is like the other */
	/* End 0 is the initiator; both have heard each other. */
	assocs = 1; began[0] = BIT(1);
	assoc[0] = 1; assoc[1] = 1; role[0] = 1;
	st[0] = UP; st[1] = UP;
	inits = 1; init_by[1] = 0; init_assoc[1] = 1; init_role[1] = 1;
	keys = 1; key_init[1] = 1;
	cur[0] = 1; cur[1] = 1; own[0] = 1;
	spoke[0] = BIT(1); spoke[1] = BIT(1);
	installed[0] = BIT(1); installed[1] = BIT(1);
#endif
#ifdef SELECT
	choice[0] = 1; choice[1] = 1; acked[0] = 1;
	said[1] = BIT(1); picked[0] = 2;	/* both on flow 0 */
#endif
	skip
}

inline calm_begins()
{
	printf("calm begins\n");
	calm = 1;
	letter = 0; letter_keys = 0;
	if :: want[0] = 1 :: want[1] = 1 :: want[0] = 1; want[1] = 1 fi;
#ifdef SELECT
	if :: works[0] = 1 :: works[1] = 1 :: works[0] = 1; works[1] = 1 fi;
#endif
	skip
}

active proctype pair()
{
	atomic { set_up() };
	do
	CHAOS_TIMERS(0) CHAOS_TIMERS(1)
	CHAOS_LOSSES(0) CHAOS_LOSSES(1)
	CHAOS_LETTER(0) CHAOS_LETTER(1)
	CHAOS_ARRIVALS(0) CHAOS_ARRIVALS(1)
	CHAOS_CHOICES(0) CHAOS_CHOICES(1)
	WHEN(!calm, calm_begins())
	CALM_TIMERS(0) CALM_TIMERS(1)
	CALM_ARRIVALS(0) CALM_ARRIVALS(1)
	CALM_CHOICES(0) CALM_CHOICES(1)
	WHEN(calm && QUIET && ALIVE && AGREED, break)
	od;
	assert(cur[0] == cur[1] || crossed);
	assert(SAME_FLOW)
}
