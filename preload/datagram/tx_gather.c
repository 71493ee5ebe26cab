/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A program that sends single datagrams in a hurry has them gathered: what its
 * call accepted waits in the arena, some microseconds, until several go by one
 * call of the kernel.  Who is in a hurry, and how long one may wait, is decided
 * by core/gather.c; this module calls it and sends.
 *
 * Sent by whom:
 *	the thread's next send	when a bundle is there, or the oldest one has
 *			 waited GATHER_OWN (tx_gather_put() gives 2)
 *	any other hook	 that the same thread calls, with whatever descriptor:
 *			 sock_hold() calls tx_gather_now() first.  So what a
 *			 thread did before it receives, waits, closes, or writes
 *			 elsewhere, it did.  Calls that only wait have hooks for
 *			 this (hook/hook_wait.c).
 *	the agent	 when neither came within GATHER_MOST: the program does
 *			 something else, is stopped, killed, or another program
 *			 by now.
 *
 * Gathered is only what the engine calls fit (a flow without doubts, a length
 * that goes in one packet), and what this module calls so (tx_gather_may()).
 * All else goes behind what waits, by tx_staged.c, or comes after it was sent.
 *
 * Back-pressure.  As many wait as the kernel has room for, which is asked when
 * the first one begins to (tx_room.c): the call after that goes by itself, and
 * the kernel blocks it, or gives EAGAIN.  If there is no room nevertheless, as
 * another thread took it, what waits stays accepted, and no more is: a call
 * blocks until there is room, or gives EAGAIN.
 *
 * Errors.  What the agent heard (ECONNREFUSED) each call gives, as ever.  An
 * error of sending what waits leaves it staged; the flow is then no longer fit,
 * so that the next call goes by tx_sealed.c, which gives it.
 *
 * Not noticed: a descriptor that was made another file where no hook saw it, in
 * the midst of a burst; the kernel is not asked for each datagram.
 */
#include "tx_gather.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "icmp.h"
#include "mp.h"
#include "policy/conf.h"
#include "process/forked.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "tx_bundle.h"
#include "tx_option.h"
#include "tx_packet.h"
#include "tx_staged.h"

/* What this thread gathered last and has not sent. */
static __thread struct {
	struct mp_addr dst;
	uint64_t cookie;
	uint32_t slot;
	int fd;
	bool waits;
} mine __attribute__((tls_model("initial-exec")));

/* One bundle: how many; 0: none is to be sent so, and *left tells whether any
 * are staged; or -EAGAIN. */
static int
tx_gather_attempt(struct tx *o, bool *left)
{
	struct mp *m = &o->s->map.mp;
	struct tx_run run = { .payload = o->buf->packet + mp_bundle_head() };
	struct mp_tx_option wish;
	struct mp_bundle b;
	unsigned forks = forked_times();
	bool refused;
	int error;

	*left = true;
	if (!reentry_lock(o->s->map.arena))
		return 0;
	run.len = 0;
	run.n = mp_gather_begin(m, arena_now(), o->slot, &o->dst, &b, &wish,
	    o->buf->packet, REENTRY_PACKET, &run.len, &run.last);
	reentry_unlock(o->s->map.arena);
	*left = run.len > 0;
	if (run.n == 0 || forked_times() != forks)
		return 0; /* the parent sends what was begun before the fork */
	run.stride = run.len + MP_OVERHEAD;
	o->ask = tx_option_of_staged(o->s, &wish,
	    net_is_v4(&b.tx.path.remote));
	error = tx_bundle_give(o, &b, &run, &refused);
	o->way = b.tx.path;
	o->len = run.len;
	if (!reentry_lock(o->s->map.arena))
		return 0;
	error = mp_gather_commit(m, arena_now(), &b, error == 0 ? run.n : 0,
	    tx_bundle_error(error, refused));
	tx_packet_unlock(o);
	if (error == -EAGAIN)
		return error;
	return error == 0 ? (int)run.n : 0;
}

/* The same of all: how many, or -EAGAIN. */
static int
tx_gather_all(struct tx *first)
{
	struct tx o = *first;
	int n, sent = 0;
	bool left;

	o.staged = true;
	if (mine.fd == o.fd)
		mine.waits = false;
	while ((n = tx_gather_attempt(&o, &left)) > 0)
		sent += n;
	first->way = o.way;
	if (n < 0)
		return n;
	return left ? sent + tx_staged_send_all(first) : sent;
}

int
tx_gather_send(struct tx *o)
{
	return tx_gather_all(o) < 0 ? -EAGAIN : 0;
}

int
tx_gather_make_room(struct tx *o)
{
	size_t len = o->len;
	int n;

	while ((n = tx_gather_all(o)) < 0) {
		o->room = false;
		o->waits = 0;
		n = tx_packet_room(o, &o->way);
		o->len = len;
		if (!o->room)
			return n;
	}
	return n > 0;
}

/* Sends what this thread gathered. */
static void
tx_gather_now(void)
{
	struct tx o = { .fd = mine.fd, .flags = MSG_DONTWAIT | MSG_NOSIGNAL,
		.dst = mine.dst, .slot = mine.slot };
	int saved = errno;
	bool known;

	if (!mine.waits)
		return;
	mine.waits = false;
	o.s = fdtab_hold(o.fd, &known);
	if (o.s == NULL)
		return;
	if (o.s->cookie == mine.cookie &&
	    atomic_load(&o.s->state) == SOCK_ATTACHED &&
	    (o.buf = reentry_take()) != NULL) {
		(void)tx_gather_all(&o);
		reentry_give(o.buf);
	}
	fdtab_release(o.s);
	errno = saved;
}

void
tx_gather_before(int fd, const struct mp_addr *dst)
{
	if (mine.waits && (mine.fd != fd || !net_equal(&mine.dst, dst)))
		tx_gather_now();
}

/* May this socket's datagrams wait?  Not where the kernel is to be asked about
 * each of them. */
static bool
tx_gather_may(const struct tx *o)
{
	return o->single && o->len > 0 && o->stamps == 0 &&
	    !conf_get()->set.no_bundles &&
	    o->ask.socket == NULL && !o->s->options.shut &&
	    !o->s->options.no_check && seccomp_unfiltered() &&
	    (o->flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) == 0;
}

int
tx_gather_put(struct tx *o, uint64_t now)
{
	struct mp_tx_option wish;
	int n;

	if (!tx_gather_may(o))
		return 0;
	tx_option_engine(&o->ask, o->s, &wish);
	n = mp_gather(&o->s->map.mp, now, o->slot, &o->dst, &wish, o->left,
	    o->payload, o->len);
	if (n <= 0 || n == 3)
		return n;
	mine.dst = o->dst;
	mine.cookie = o->s->cookie;
	mine.slot = o->slot;
	mine.fd = o->fd;
	mine.waits = true;
	sock_before(tx_gather_now);
	return n;
}
