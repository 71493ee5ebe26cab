/* SPDX-License-Identifier: ISC */
#include "tx_packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "icmp.h"
#include "mp.h"
#include "process/reentry.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/sibling.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/notify.h"
#include "socket/recover.h"
#include "socket/sockopt.h"
#include "tx_option.h"
#include "tx_room.h"
#include "tx_stamp.h"

/*
 * Waits until the socket's buffer has room, as a send of this packet would: so
 * long as the program's socket says (O_NONBLOCK, SO_SNDTIMEO), and until a
 * signal that does not restart calls.  The packet itself must not wait: its
 * timestamps would count the time in the buffer as time on the path, at both
 * ends, and the flow that it is for may die meanwhile.  So the kernel is given
 * a packet whose last byte cannot be read: it waits for room, then fails with
 * EFAULT (kernel fact K51).  Where that byte can be read, a packet goes out
 * that its receiver drops.
 */
static int
tx_packet_wait(struct tx *o, const struct msghdr *packet, int flags)
{
	struct iovec iov[2] = { packet->msg_iov[0], { NULL, 1 } };
	struct msghdr msg = *packet;

	o->waits++;
	iov[0].iov_len--;
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	tx_stamp_put(&msg, 0);
	if (!SECCOMP_ALLOWS(SYS_sendmsg)) /* sendto(2) takes one piece */
		o->waits = TX_WAITS;
	else if (seccomp_sendmsg(o->fd, &msg, flags) < 0 && errno != EFAULT &&
	    !icmp_is_error(o->s, -errno))
		return -errno;
	o->room = true;
	return -EAGAIN;
}

enum { ERRORS = 4 }; /* ICMP errors that are passed over for one packet */

int
tx_packet_lock(struct tx *o)
{
	struct sock *s = o->s;

	if (atomic_load(&s->map.arena->moved))
		recover_follow(o->fd, s);
	if (!reentry_lock(s->map.arena))
		return -EDEADLK;
	attach_refresh(s);
	if (attach_refused(s)) {
		reentry_unlock(s->map.arena);
		return -ECONNREFUSED;
	}
	o->slot = sibling_sender(&s->map, s->slot, &o->dst);
	return 0;
}

void
tx_packet_unlock(struct tx *o)
{
	bool late = notify_due(o->s);

	reentry_unlock(o->s->map.arena);
	if (late)
		notify_agent(o->fd, o->s);
}

void
tx_packet_aim(
    const struct tx *o, const struct mp_path *path, struct tx_packet *p)
{
	memset(p->room, 0, 64);
	p->iov.iov_base = o->buf->packet;
	p->msg = (struct msghdr) { .msg_name = &p->to, .msg_iov = &p->iov,
		.msg_iovlen = 1, .msg_control = p->room };
	net_aim(&p->msg, o->s->kernel, path);
	tx_option_add(&o->ask, &p->msg, &path->remote);
}

/* UDP ignores MSG_FASTOPEN.  If the descriptor is a connected TCP socket by
 * now, the kernel refuses that flag instead of sending the packet into its
 * stream. */
int
tx_packet_give(struct tx *o, const struct msghdr *msg, int flags)
{
	int i;

	flags |= MSG_FASTOPEN;
	if (seccomp_sendmsg(o->fd, msg, flags) >= 0)
		return 0;
	/* The error may be an ICMP error about an earlier packet, which the
	 * kernel reports once: then the packet is sent again. */
	for (i = 0; i < ERRORS && icmp_is_error(o->s, -errno); i++)
		if (seccomp_sendmsg(o->fd, msg, flags) >= 0) {
			icmp_later(o->s);
			return 0;
		}
	return -errno;
}

int
tx_packet_send(struct tx *o, struct mp_tx *tx, int flags, uint32_t stamps)
{
	int now = o->staged || o->waits < TX_WAITS ? flags | MSG_DONTWAIT :
	    flags;
	struct tx_packet p;
	int error;

	tx_packet_aim(o, &tx->path, &p);
	if (tx->copy || stamps != (o->s->options.stamping & SOCKOPT_STAMP_TX))
		tx_stamp_put(&p.msg, stamps);
	p.iov.iov_len = mp_seal(tx, o->payload, o->len, o->buf->packet);
	if (!tx->copy)
		icmp_note(o->s, o->buf->packet, &o->dst, &o->ask, o->payload,
		    o->len);
	if (stamps != 0)
		tx_stamp_note(o->s, o->buf->packet, &o->dst, o->payload,
		    o->len);
	error = tx_packet_give(o, &p.msg, now);
	if (error == -EAGAIN && !tx->part && tx_room_grow(o->fd, o->s, o->len,
	    net_is_v4(&o->dst), net_is_v4(&tx->path.remote)))
		error = tx_packet_give(o, &p.msg, now);
	if (error == -EAGAIN && !o->staged && now != flags)
		return tx_packet_wait(o, &p.msg, flags | MSG_FASTOPEN);
	return error;
}

int
tx_packet_room(struct tx *o, const struct mp_path *path)
{
	struct tx_packet p;

	tx_packet_aim(o, path, &p);
	p.iov.iov_len = o->len;
	return tx_packet_wait(o, &p.msg, o->flags | MSG_FASTOPEN);
}
