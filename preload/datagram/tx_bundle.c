/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Datagrams that a program sends at once, by UDP_SEGMENT or sendmmsg(2), to one
 * peer and of one length, leave at once: their packets lie side by side in the
 * thread's buffer and go to the kernel by one UDP_SEGMENT send, at most
 * MP_BUNDLE_MAX of them and LONGEST bytes (kernel fact K60).  On the wire, and
 * for the peer, each is the packet that it would be alone.
 *
 *	tx_bundle_send	 begins a bundle, gives it, commits it.
 *	tx_bundle_give	 seals the packets and sends them.
 *
 * Where a datagram is not like any other it goes by itself, by tx_sealed.c: the
 * engine says so (mp_bundle_begin() is 0), or the program wants a time stamp
 * of it.
 *
 * Errors.  A send of a bundle goes whole or not at all (K61).
 *	no room		 waits as the send of a packet does (tx_packet_room())
 *	refused		 the kernel or the interface does not take a bundle, or
 *			 not of that size.  Nothing was sent.  The same
 *			 datagrams, and the rest of their call, go one by one at
 *			 once, and those sends tell what is wrong, if anything
 *			 is: EINVAL may be either.
 *			 tx_bundle_is_refusal() is the place that decides.
 *	any other	 is the first packet's, as if it had gone alone.
 *
 * Never: a bundle that goes in part, or twice.
 */
#include "tx_bundle.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "icmp.h"
#include "mp.h"
#include "policy/conf.h"
#include "process/forked.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/recover.h"
#include "socket/sockopt.h"
#include "tx_option.h"
#include "tx_packet.h"
#include "tx_stamp.h"

enum {
	LONGEST = 65507, /* bytes of packets: the longest payload over IPv4 */
};

unsigned
tx_bundle_most(size_t len)
{
	size_t n = LONGEST / (len + MP_OVERHEAD);

	return n < 1 ? 1 : n < MP_BUNDLE_MAX ? (unsigned)n : MP_BUNDLE_MAX;
}

/* May this socket's packets go so?  A send without control messages cannot say
 * it, and the kernel refuses it where there are no checksums. */
static bool
tx_bundle_may(const struct tx *o)
{
	return !o->singly && o->stamps == 0 && !o->s->options.no_check &&
	    !conf_get()->set.no_bundles &&
	    (seccomp_unfiltered() || SECCOMP_ALLOWS(SYS_sendmsg));
}

/* Is it an error of a bundle that its datagrams need not have? */
static bool
tx_bundle_is_refusal(int error)
{
	return error == -EIO || error == -EINVAL || error == -EMSGSIZE ||
	    error == -EOPNOTSUPP || error == -ENOPROTOOPT;
}

/* The engine remembers who refuses bundles; that one is too long for the path,
 * or for the room of its options, single ones tell. */
int
tx_bundle_error(int error, bool refused)
{
	return refused && (error == -ENOBUFS || error == -EMSGSIZE) ? 0 : error;
}

/* Seals all packets: bytes. */
static size_t
tx_bundle_seal(struct tx *o, const struct mp_bundle *b, const struct tx_run *r)
{
	const uint8_t *payload = r->payload;
	uint8_t *out = o->buf->packet;
	unsigned i;
	size_t n;

	for (i = 0; i < b->n; i++, payload += r->stride) {
		n = i + 1 < r->n ? r->len : r->last;
		icmp_note(o->s, out, &o->dst, &o->ask, payload, n);
		out += mp_bundle_seal(b, i, payload, n, out);
	}
	return (size_t)(out - o->buf->packet);
}

/* Lets the kernel cut the message into packets of `size' bytes.  False: there
 * is no room to say so. */
static bool
tx_bundle_cut(struct msghdr *msg, size_t size)
{
	uint16_t segment = (uint16_t)size;
	size_t used = msg->msg_controllen;

	net_add(msg, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return msg->msg_controllen > used;
}

int
tx_bundle_give(struct tx *o, const struct mp_bundle *b, const struct tx_run *r,
    bool *refused)
{
	int flags = o->staged || o->waits < TX_WAITS ? o->flags | MSG_DONTWAIT :
	    o->flags, error;
	struct tx_packet p;

	tx_packet_aim(o, &b->tx.path, &p);
	if (o->s->options.stamping & SOCKOPT_STAMP_TX)
		tx_stamp_put(&p.msg, 0);
	*refused = b->n > 1 && !tx_bundle_cut(&p.msg, r->len + MP_OVERHEAD);
	if (*refused)
		return -ENOBUFS;
	p.iov.iov_len = tx_bundle_seal(o, b, r);
	error = tx_packet_give(o, &p.msg, flags);
	*refused = b->n > 1 && tx_bundle_is_refusal(error);
	return error;
}

/* One try: how many were sent; 0: they are to go one by one; or a negative
 * errno, where -EAGAIN with `room' is to be tried again. */
static int
tx_bundle_attempt(struct tx *o, const struct tx_run *r)
{
	struct mp *m = &o->s->map.mp;
	struct mp_bundle b;
	unsigned forks = forked_times(), n, sent;
	bool refused, waits = (o->flags & MSG_DONTWAIT) == 0 && !o->staged &&
	    o->waits < TX_WAITS;
	int error = tx_packet_lock(o);

	if (error != 0)
		return error == -EDEADLK ? 0 : error;
	n = mp_bundle_begin(m, arena_now(), o->slot, &o->dst, r->len, r->last,
	    r->n, o->df ? MP_DF : 0, &b);
	reentry_unlock(o->s->map.arena);
	if (n == 0 || forked_times() != forks)
		return 0; /* the parent sends what was begun before the fork */
	error = tx_bundle_give(o, &b, r, &refused);
	sent = error == 0 ? n : 0;
	o->singly = refused;
	tx_option_keep(&o->ask, o->s, &b.tx);
	if (!reentry_lock(o->s->map.arena))
		return (int)n;
	error = mp_bundle_commit(m, arena_now(), &b, sent,
	    tx_bundle_error(error, refused), r->payload, r->stride, r->len,
	    n < r->n ? r->len : r->last);
	tx_packet_unlock(o);
	if (error == -EAGAIN && waits) {
		o->len = r->len;
		error = tx_packet_room(o, &b.tx.path);
	}
	return error < 0 ? error : (int)sent;
}

int
tx_bundle_send(struct tx *o, const struct tx_run *all, unsigned most)
{
	struct tx_run run = *all;
	int n;

	if (most > tx_bundle_most(run.len))
		most = tx_bundle_most(run.len);
	if (run.n > most) {
		run.n = most;
		run.last = run.len;
	}
	if (run.n < 2 || !tx_bundle_may(o))
		return 0;
	o->waits = 0;
	do {
		o->room = false;
		n = tx_bundle_attempt(o, &run);
	} while (n == -EAGAIN && o->room);
	recover_agent(o->fd, o->s);
	return n;
}
