/* SPDX-License-Identifier: ISC */
#include "tx_staged.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "icmp.h"
#include "mp.h"
#include "policy/dest_policy.h"
#include "process/forked.h"
#include "process/libc.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "socket/fdtab.h"
#include "socket/ksock.h"
#include "socket/notify.h"
#include "tx_option.h"
#include "tx_packet.h"
#include "tx_stamp.h"

enum {
	PATIENCE_US = 1000000, /* us that --prefer waits for an answer */
	ROUNDS = 8192, /* datagrams that one call sends for others: more than
			* can be staged */
	FULL_MS = 1000, /* that a call waits while another sends them */
};

/*
 * What would the kernel say to a datagram that is only staged: 0, or a negative
 * errno.  A send would have told the program that there is no route, that the
 * datagram is too long, or that the descriptor is another file by now.
 */
static int
tx_staged_may(const struct tx *o)
{
	size_t head = (net_is_v4(&o->dst) ? 28 : 48) + MP_OVERHEAD;
	int mtu, error;

	if (o->s->options.shut)
		return -EPIPE;
	if (!ksock_same(o->fd, o->s))
		return -ENOTSOCK;
	error = tx_option_probe(o->fd, o->s, &o->dst, NULL);
	if (error == -ENETUNREACH || error == -EHOSTUNREACH ||
	    error == -EACCES)
		return error;
	mtu = o->df && o->len > MP_DF_ALWAYS ?
	    net_mtu(o->s->kernel, &o->dst) : 0;
	return mtu > 0 && o->len + head > (size_t)mtu ? -EMSGSIZE : 0;
}

/* The local address that the kernel would send it from; zeros: unknown. */
static void
tx_staged_source(const struct tx *o, uint8_t ip[16])
{
	struct mp_addr from = o->ask.source;

	if (net_is_any(&from))
		from = o->s->local;
	if (net_is_any(&from) && SECCOMP_ALLOWS(SYS_getsockname) &&
	    (ksock_name(o->fd, &from) != 0 || net_is_any(&from)) &&
	    !net_source(o->s->kernel, &o->dst, &from))
		memset(&from, 0, sizeof(from));
	memcpy(ip, from.ip, sizeof(from.ip));
}

/* Sends the oldest datagram that is staged: 1; or 0: there is none, it cannot
 * go, or somebody else is sending it. */
static int
tx_staged_send(struct tx *o)
{
	struct mp *m = &o->s->map.mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_tx_option wish;
	unsigned forks = forked_times();
	int n, i;

	if (!reentry_lock(o->s->map.arena))
		return 0;
	n = mp_staged_begin(m, arena_now(), o->slot, &o->dst, tx, &wish,
	    o->buf->payload, REENTRY_PAYLOAD, &o->len);
	reentry_unlock(o->s->map.arena);
	if (n <= 0 || forked_times() != forks)
		return 0; /* the parent sends what was begun before the fork */
	for (i = 0; i < n; i++) {
		o->ask = tx_option_of_staged(o->s, &wish,
		    net_is_v4(&tx[i].path.remote));
		tx[i].error = tx_packet_send(o, &tx[i], o->flags, 0);
	}
	if (!reentry_lock(o->s->map.arena))
		return 0;
	n = mp_staged_commit(m, arena_now(), tx, n, o->payload, o->len);
	reentry_unlock(o->s->map.arena);
	if (n != -EAGAIN)
		return n == 0 || n == 1;
	o->room = false;
	(void)tx_packet_room(o, &tx[0].path);
	return o->room && o->waits < TX_WAITS;
}

int
tx_staged_send_all(const struct tx *first)
{
	struct tx o = *first;
	int n = 0, sent;
	bool late;

	o.buf = reentry_take();
	if (o.buf == NULL)
		return 0; /* the agent does it */
	o.payload = o.buf->payload;
	o.staged = true;
	while (n < ROUNDS && (sent = tx_staged_send(&o)) > 0) {
		o.waits = 0;
		n += sent;
	}
	reentry_give(o.buf);
	if (!reentry_lock(o.s->map.arena))
		return n;
	late = notify_due(o.s);
	reentry_unlock(o.s->map.arena);
	if (late)
		notify_agent(o.fd, o.s);
	return n;
}

/* May the program's call wait for a millisecond?  Then it has. */
static bool
tx_staged_wait(const struct tx *o)
{
	if ((o->flags & MSG_DONTWAIT) != 0 || !SECCOMP_ALLOWS(SYS_poll) ||
	    !SECCOMP_ALLOWS(SYS_fcntl, o->fd, F_GETFL) ||
	    (real_fcntl(o->fd, F_GETFL, NULL) & O_NONBLOCK) != 0)
		return false;
	(void)real_poll(NULL, 0, 1);
	return true;
}

/* Stages it: what mp_stage() says. */
static int
tx_staged_stage(const struct tx *o, uint64_t now,
    const struct mp_tx_option *wish)
{
	int error;
	bool late;

	if (!reentry_lock(o->s->map.arena))
		return 0;
	error = mp_stage(&o->s->map.mp, now, o->slot, &o->dst, wish,
	    o->payload, o->len);
	late = notify_due(o->s);
	reentry_unlock(o->s->map.arena);
	if (late)
		notify_agent(o->fd, o->s);
	return error;
}

int
tx_staged_put(struct tx *o, uint64_t now)
{
	struct mp_tx_option wish = { .plain_us =
	    dest_policy_known(&o->dst).prefer ? PATIENCE_US : 0 };
	int error = tx_staged_may(o), waited = 0;
	struct mp_addr from = { .port = 0 };

	if (error != 0)
		return error;
	tx_option_engine(&o->ask, o->s, &wish);
	wish.df = o->df;
	tx_staged_source(o, wish.source);
	icmp_note(o->s, NULL, &o->dst, &o->ask, o->payload, o->len);
	while ((error = tx_staged_stage(o, now, &wish)) == MP_EAGAIN) {
		if (tx_staged_send_all(o) > 0)
			continue;
		if (waited++ == FULL_MS)
			return -ENOBUFS;
		if (!tx_staged_wait(o))
			return -EAGAIN;
	}
	memcpy(from.ip, wish.source, sizeof(from.ip));
	if (error >= 0 && o->stamps != 0)
		tx_stamp_stage(o->fd, o->s, o->stamps, &o->dst, &from,
		    o->payload, o->len);
	if (error <= 0)
		return error;
	(void)tx_staged_send_all(o);
	return 0;
}
