/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A program with IP_RECVERR hears of ICMP errors about its datagrams: by the
 * next call, by POLLERR and in the error queue, with the datagram's own bytes
 * and address.  What ICMP quotes under us is a sealed packet.
 *
 *	icmp_note	 remembers what each packet carries (`notes').
 *	icmp_take	 one entry of the kernel's queue: finds its note by the
 *			 first bytes of the packet, which no other one has.
 *			 About a plain datagram: it is the program's as it is.
 *	icmp_judge	 whether the program hears of it: below.
 *	icmp_keep	 keeps it until the program reads the error queue
 *			 (`kept'), and its errno for the next call.
 *
 * Whom to believe.  Anybody who sees a packet can forge an ICMP error about it.
 * So the engine never hears of ICMP: no such error ends a session, or moves it.
 * The program hears of one only where
 *	it gave the datagram a TTL of its own, and the error is "time exceeded":
 *	  what traceroute asks for; or
 *	no path of the session answers: what plain UDP would have told.  That is
 *	  known where it has no keys; then an error about a handshake counts for
 *	  the datagram that waits for it.  Else the agent waits
 *	  (INTERNAL_ICMP_JUDGE): it drops the error as soon as the peer answers
 *	  by any path, tells it when all paths are in doubt (INTERNAL_ICMP_TOLD),
 *	  and forgets it after some seconds.
 * "Too big" is left to the engine, which tries sizes, and to pmtu.c.
 *
 * Who hears.  The kernel gives an error to any socket of the port's group
 * (K26): to the program's, whose IP_RECVERR is on for both families, or to the
 * agent's, which passes it on to those that asked (INTERNAL_ICMP).
 *
 * The tables are of this process.  No lock: `owner' of an entry is 0 while it
 * is written, and a reader looks at it before and after.  A note that is gone,
 * or another process's, is an error that nobody hears of.  So is one whose
 * sender quoted fewer than ICMP_ERROR_LEAST bytes of the packet.  A transmit
 * time stamp that lies in the queue behind an ICMP error is lost.
 */
#include "icmp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "cmsg.h"
#include "mp.h"
#include "policy/dest_policy.h"
#include "policy/rules.h"
#include "process/iov.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/icmp_error.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "socket/fdtab.h"
#include "socket/notify.h"
#include "tx_option.h"

enum {
	NOTES = 128,
	KEPT = 16,
	TIME_EXCEEDED4 = 11, /* ICMP types */
	TIME_EXCEEDED6 = 3,
	UNREACHABLE4 = 3,
	UNREACHABLE6 = 1,
	TOO_BIG4 = 4, /* a code of UNREACHABLE4 */
	TOO_BIG6 = 2,
	QUEUE = 32, /* entries that one call looks at */
};

static struct icmp_noted {
	_Atomic uint64_t owner; /* the socket's cookie; 0: nothing is kept */
	uint8_t head[ICMP_ERROR_LEAST];
	bool staged; /* there is no packet yet, but handshakes: no `head' */
	bool own_ttl; /* the program chose its TTL */
	uint64_t at;
	struct mp_addr to;
	uint16_t len;
	uint8_t data[ICMP_ERROR_DATA];
} notes[NOTES];
static _Atomic uint32_t next_note;

static struct icmp_kept {
	_Atomic uint64_t owner; /* likewise */
	_Atomic uint32_t order; /* in which they came */
	struct icmp_error error;
} kept[KEPT];
static _Atomic uint32_t next_kept;

bool
icmp_is_error(const struct sock *s, int error)
{
	return (s->options.recverr || s->options.recverr6) &&
	    (error == -ECONNREFUSED || error == -EHOSTUNREACH ||
	    error == -ENETUNREACH || error == -EMSGSIZE ||
	    error == -EPROTO || error == -ENOPROTOOPT || error == -EACCES ||
	    error == -EOPNOTSUPP || error == -EHOSTDOWN || error == -ENONET);
}

/* Does the program ask for errors about datagrams to this address? */
static bool
icmp_asked(const struct sock *s, const struct mp_addr *to)
{
	return net_is_v4(to) ? s->options.recverr : s->options.recverr6;
}

void
icmp_note(const struct sock *s, const uint8_t *packet, const struct mp_addr *to,
    const struct tx_option *ask, const void *payload, size_t len)
{
	struct icmp_noted *k;
	bool v4 = net_is_v4(to);

	if (!icmp_asked(s, to))
		return;
	k = &notes[atomic_fetch_add(&next_note, 1) % NOTES];
	atomic_store(&k->owner, 0);
	k->staged = packet == NULL;
	if (packet != NULL)
		memcpy(k->head, packet, sizeof(k->head));
	k->own_ttl = ask->ttl >= 0 ||
	    (v4 ? s->options.set_ttl : s->options.set_hops) != 0;
	k->at = arena_now();
	k->to = *to;
	k->len = (uint16_t)(len < ICMP_ERROR_DATA ? len : ICMP_ERROR_DATA);
	memcpy(k->data, payload, k->len);
	atomic_store(&k->owner, s->cookie);
}

void
icmp_later(struct sock *s)
{
	atomic_store(&s->icmp_due, true);
}

/* --- Keeping and giving --------------------------------------------------- */

static void
icmp_keep(struct sock *s, const struct icmp_error *e)
{
	uint32_t order = atomic_fetch_add(&next_kept, 1);
	struct icmp_kept *k = &kept[order % KEPT];

	atomic_store(&k->owner, 0);
	k->error = *e;
	atomic_store(&k->order, order);
	atomic_store(&k->owner, s->cookie);
	atomic_store(&s->icmp_error, (int)e->errno_);
}

/* The oldest one that is kept for the socket, or NULL. */
static struct icmp_kept *
icmp_first(const struct sock *s)
{
	uint32_t end = atomic_load(&next_kept), i;
	struct icmp_kept *k;

	for (i = end - KEPT; i != end; i++) {
		k = &kept[i % KEPT];
		if (atomic_load(&k->owner) == s->cookie &&
		    atomic_load(&k->order) == i)
			return k;
	}
	return NULL;
}

/* The error as the kernel writes it: struct sock_extended_err, then the
 * offender. */
static void
icmp_put(struct cmsg_room *room, const struct sock *s,
    const struct icmp_error *e)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 offender;
	} all;
	bool v4 = s->family == AF_INET;
	struct mp_addr who = e->offender;

	memset(&all, 0, sizeof(all));
	all.ee = (struct sock_extended_err) { .ee_errno = e->errno_,
		.ee_origin = e->origin, .ee_type = e->type, .ee_code = e->code,
		.ee_info = e->info };
	who.port = 0;
	if (e->origin != SO_EE_ORIGIN_LOCAL && !net_is_any(&who))
		(void)net_put(&who, s->family,
		    (struct sockaddr *)&all.offender, sizeof(all.offender));
	cmsg_put(room, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR :
	    IPV6_RECVERR, &all, sizeof(all.ee) + (v4 ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
}

bool
icmp_give(struct sock *s, struct msghdr *msg, ssize_t *done)
{
	struct cmsg_room room = { .at = msg->msg_control,
		.left = msg->msg_control != NULL ? msg->msg_controllen : 0 };
	struct icmp_kept *k = icmp_first(s);
	uint64_t cookie = s->cookie;

	if (k == NULL)
		return false;
	*done = iov_scatter(msg, k->error.data, k->error.len);
	if (msg->msg_name != NULL)
		msg->msg_namelen = net_put(&k->error.to, s->family,
		    msg->msg_name, msg->msg_namelen);
	icmp_put(&room, s, &k->error);
	msg->msg_controllen = room.used;
	msg->msg_flags = MSG_ERRQUEUE | (room.cut ? MSG_CTRUNC : 0) |
	    (*done >= 0 && *done < k->error.len ? MSG_TRUNC : 0);
	atomic_compare_exchange_strong(&k->owner, &cookie, 0);
	/* Reading the queue ends the error, but for the next one's. */
	k = icmp_first(s);
	atomic_store(&s->icmp_error, k != NULL ? (int)k->error.errno_ : 0);
	return true;
}

/* The error of the next call: a negative errno, or 0; once. */
static int
icmp_error_once(struct sock *s)
{
	return -atomic_exchange(&s->icmp_error, 0);
}

/* --- Judging -------------------------------------------------------------- */

static bool
icmp_is_handshake(const struct icmp_error *e)
{
	const uint8_t *p = e->data;

	return e->len >= 4 && ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]) == MP_HANDSHAKE_MAGIC;
}

/* Is the note of what the error quotes? */
static bool
icmp_fits(const struct icmp_noted *k, const struct icmp_error *e)
{
	return icmp_is_handshake(e) ? k->staged && net_equal(&k->to, &e->to) :
	    !k->staged && memcmp(k->head, e->data, sizeof(k->head)) == 0;
}

/* Is the peer's session down, so that no path answers?  *up_at: when it was
 * last up, us; 0: never. */
static bool
icmp_is_down(const struct sock *s, const struct mp_addr *to, uint64_t *up_at)
{
	struct mp_session_info info = { .up_at = 0 };
	uint32_t session;
	bool down;

	*up_at = 0;
	if (!reentry_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, s->slot, to);
	down = session == MP_NONE ||
	    mp_session_get(&s->map.mp, session, &info) != 0 ||
	    info.state != MP_S_UP;
	if (session != MP_NONE)
		*up_at = info.up_at;
	reentry_unlock(s->map.arena);
	return down;
}

/* Puts the datagram in place of the packet that was quoted.  False: nothing is
 * known of it. */
static bool
icmp_find_note(const struct sock *s, struct icmp_error *e, bool *own_ttl)
{
	struct icmp_noted *k;

	if (e->len < ICMP_ERROR_LEAST)
		return false;
	for (k = notes; k < notes + NOTES; k++) {
		if (atomic_load(&k->owner) != s->cookie ||
		    !icmp_fits(k, e))
			continue;
		/* A plain datagram would be quoted to the same length. */
		if (k->len < e->len || k->staged)
			e->len = k->len;
		memcpy(e->data, k->data, e->len);
		e->to = k->to;
		e->sent_at = k->at;
		*own_ttl = k->own_ttl;
		if (atomic_exchange(&k->owner, 0) == s->cookie)
			return true;
	}
	return false;
}

/* What the path's family says, in the words of the datagram's family. */
static void
icmp_translate(struct icmp_error *e)
{
	bool v4 = net_is_v4(&e->to);

	if (v4 == (e->origin == SO_EE_ORIGIN_ICMP))
		return;
	if (v4)
		e->type = e->type == TIME_EXCEEDED6 ? TIME_EXCEEDED4 :
		    UNREACHABLE4;
	else
		e->type = e->type == TIME_EXCEEDED4 ? TIME_EXCEEDED6 :
		    UNREACHABLE6;
	e->code = 0;
	e->origin = v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
	e->info = 0;
	memset(&e->offender, 0, sizeof(e->offender));
}

static bool
icmp_is_exceeded(const struct icmp_error *e)
{
	return e->type == (e->origin == SO_EE_ORIGIN_ICMP ? TIME_EXCEEDED4 :
	    TIME_EXCEEDED6);
}

static bool
icmp_is_too_big(const struct icmp_error *e)
{
	return e->origin == SO_EE_ORIGIN_ICMP ? e->type == UNREACHABLE4 &&
	    e->code == TOO_BIG4 : e->type == TOO_BIG6;
}

/* An error that quotes a packet of ours: is the program to get it now?  If not,
 * the agent may tell it later. */
static bool
icmp_judge(int fd, struct sock *s, struct icmp_error *e, uint8_t *scratch)
{
	struct internal inner = { .kind = INTERNAL_ICMP_JUDGE,
		.slot = s->slot };
	bool own_ttl, shaking = icmp_is_handshake(e), down;
	uint64_t up_at;

	if (icmp_is_too_big(e) || !icmp_find_note(s, e, &own_ttl))
		return false;
	inner.from = e->to;
	own_ttl = own_ttl && icmp_is_exceeded(e);
	icmp_translate(e);
	down = icmp_is_down(s, &e->to, &up_at);
	if (shaking && e->sent_at <= up_at)
		return false; /* what was staged has gone */
	if (own_ttl || down)
		return true;
	(void)notify_internal(fd, s, &inner, e, sizeof(*e), scratch);
	return false;
}

/* --- The kernel's queue --------------------------------------------------- */

/* May these bytes be of a packet of ours?  One may go to an address that is
 * plain by the rules, where a peer has several. */
static bool
icmp_is_ours(const struct icmp_error *e)
{
	return icmp_is_handshake(e) || (e->len >= ICMP_ERROR_LEAST &&
	    e->data[6] == 0 && e->data[7] == 0);
}

bool
icmp_take(int fd, struct sock *s, struct msghdr *got, size_t n,
    struct reentry_buf *buf)
{
	struct icmp_error *e = (struct icmp_error *)(void *)buf->payload;
	size_t behind = (sizeof(*e) + 15) / 16 * 16;

	if (!icmp_error_read(e, got, buf->packet, n, ICMP_ERROR_DATA) ||
	    (e->origin != SO_EE_ORIGIN_ICMP &&
		e->origin != SO_EE_ORIGIN_ICMP6 &&
		e->origin != SO_EE_ORIGIN_LOCAL))
		return false;
	if (dest_policy_of(&e->to).way == WAY_PLAIN && !icmp_is_ours(e)) {
		if (!icmp_asked(s, &e->to))
			return false;
	} else if (e->origin == SO_EE_ORIGIN_LOCAL ||
	    !icmp_judge(fd, s, e, buf->payload + behind))
		return false;
	icmp_keep(s, e);
	return true;
}

int
icmp_look(int fd, struct sock *s, struct reentry_buf *buf)
{
	uint64_t control[NET_CONTROL / sizeof(uint64_t)];
	struct sockaddr_in6 name;
	struct iovec iov = { .iov_base = buf->packet, .iov_len = 4096 };
	struct msghdr m;
	ssize_t n;
	int i;

	atomic_store(&s->icmp_due, false);
	for (i = 0; i < QUEUE; i++) {
		m = (struct msghdr) { .msg_name = &name,
			.msg_namelen = sizeof(name), .msg_iov = &iov,
			.msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control) };
		n = seccomp_recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			break;
		(void)icmp_take(fd, s, &m, (size_t)n, buf);
	}
	return icmp_error_once(s);
}

int
icmp_look_due(int fd, struct sock *s, struct reentry_buf *buf)
{
	if (!atomic_load(&s->icmp_due))
		return atomic_load(&s->icmp_error) != 0 ? icmp_error_once(s) :
							  0;
	return icmp_look(fd, s, buf);
}

int
icmp_internal(int fd, struct sock *s, const struct internal *in,
    struct reentry_buf *buf)
{
	struct icmp_error *e = (struct icmp_error *)(void *)buf->payload;
	size_t behind = (sizeof(*e) + 15) / 16 * 16;

	if (in->len != sizeof(*e))
		return 0;
	memcpy(e, buf->packet + in->off, sizeof(*e));
	if (e->len > ICMP_ERROR_DATA || (in->kind == INTERNAL_ICMP ?
	    !icmp_judge(fd, s, e, buf->payload + behind) :
	    !icmp_asked(s, &e->to)))
		return 0;
	icmp_keep(s, e);
	return icmp_error_once(s);
}
