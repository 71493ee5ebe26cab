/* SPDX-License-Identifier: ISC */
/*
 * The kernel stamps what leaves the program's socket, and numbers it
 * (SOF_TIMESTAMPING_OPT_ID): so plain datagrams have the kernel's stamps.  Each
 * protected datagram must be one such packet, too, and nothing else may be:
 *
 *	its first packet	as the program asked; the others (copies, a
 *				second part, the further datagrams of a
 *				UDP_SEGMENT call) none, by a control message
 *	internal datagrams	none
 *	a staged datagram	the agent sends it later, from a socket of its
 *				own; so the wake-up of the agent is stamped and
 *				counted in its place, over lo.  The program has
 *				the time at which it let go of the datagram
 *
 * The kernel loops the packet back with the stamp.  The program sees its own
 * datagram there, with headers that a plain one would have: a note of what was
 * sent is kept (`notes'), and found again by the first bytes of the packet,
 * which no other packet has.  A note that is overwritten, or was another
 * process's, leaves the sealed packet as it is.
 *
 * No lock: `owner' of a note is 0 while it is written, and a reader looks at it
 * before and after.
 */
#include "tx_stamp.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "cmsg.h"
#include "mp.h"
#include "process/iov.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/notify.h"
#include "socket/own_addr.h"
#include "socket/sockopt.h"
#include "tx_option.h"

enum {
	NOTES = 64,
	HEAD = 32,    /* bytes of a packet that no other one has */
	DATA = 2048,  /* of a datagram that are kept */
	DEEP = 160,   /* bytes of headers before the packet, at most */
	UDP = 8,
	DISCARD = 9,  /* a port, RFC 863 */
};

static struct tx_stamp_known {
	_Atomic uint64_t owner; /* the socket's cookie; 0: nothing is kept */
	uint8_t head[HEAD];
	struct mp_addr to;
	size_t len; /* of the whole datagram */
	uint8_t data[DATA];
} notes[NOTES];
static _Atomic uint32_t next;

/* --- Sending -------------------------------------------------------------- */

uint32_t
tx_stamp_flags(const struct sock *s, const struct tx_option *ask)
{
	return (ask->stamps >= 0 ? (uint32_t)ask->stamps :
	    s->options.stamping) & SOCKOPT_STAMP_TX;
}

void
tx_stamp_put(struct msghdr *packet, uint32_t flags)
{
	net_add(packet, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

void
tx_stamp_note(const struct sock *s, const uint8_t *packet,
    const struct mp_addr *to, const void *payload, size_t len)
{
	struct tx_stamp_known *k = &notes[atomic_fetch_add(&next, 1) % NOTES];

	if (s->options.stamping & SOCKOPT_STAMP_BARE)
		return;
	atomic_store(&k->owner, 0);
	memcpy(k->head, packet, sizeof(k->head));
	k->to = *to;
	k->len = len;
	memcpy(k->data, payload, len < DATA ? len : DATA);
	atomic_store(&k->owner, s->cookie);
}

void
tx_stamp_stage(int fd, struct sock *s, uint32_t flags, const struct mp_addr *to,
    const struct mp_addr *source, const void *payload, size_t len)
{
	struct internal in = { .kind = INTERNAL_WAKE, .stamps = flags };
	uint8_t packet[INTERNAL_OVERHEAD];
	struct net_self self = s->self;
	size_t n = internal_make(s->map.arena, &in, NULL, 0, packet);

	tx_stamp_note(s, packet, to, payload, len);
	(void)net_self_learn(fd, &self);
	/* Over lo nothing reaches a socket that is bound to an interface; the
	 * packet is stamped all the same. */
	if (self.device != 0) {
		self.device = 0;
		self.at = *source;
		self.at.port = DISCARD;
		notify_agent(fd, s);
	}
	(void)internal_send_made(&self, s->map.arena, fd, &in, packet, n);
}

/* --- Its packet, as the program would have sent it ------------------------- */

static void
tx_stamp_put16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

/* Of an IPv4 header of 20 bytes (RFC 1071). */
static uint16_t
tx_stamp_checksum(const uint8_t *ip)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

/* Writes the IP header; `was' is that of the packet.  Returns its length. */
static size_t
tx_stamp_write_ip(uint8_t *ip, const uint8_t *was, const struct mp_addr *from,
    const struct mp_addr *to, size_t len)
{
	bool was4 = was[0] >> 4 == 4;
	uint8_t ttl = was4 ? was[8] : was[7];
	uint8_t tos = was4 ? was[1] : (uint8_t)(was[0] << 4 | was[1] >> 4);

	if (!net_is_v4(to)) {
		memset(ip, 0, 40);
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)(tos << 4);
		tx_stamp_put16(ip + 4, len);
		ip[6] = IPPROTO_UDP;
		ip[7] = ttl;
		memcpy(ip + 8, from->ip, 16);
		memcpy(ip + 24, to->ip, 16);
		return 40;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = tos;
	tx_stamp_put16(ip + 2, len + 20);
	if (was4)
		memcpy(ip + 4, was + 4, 2);
	ip[6] = 0x40; /* don't fragment */
	ip[8] = ttl;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, from->ip + 12, 4);
	memcpy(ip + 16, to->ip + 12, 4);
	tx_stamp_put16(ip + 10, tx_stamp_checksum(ip));
	return 20;
}

/* Where the IP header of the looped packet begins, whose payload is at `at'. */
static size_t
tx_stamp_find_ip(const uint8_t *frame, size_t at)
{
	const size_t len[] = { UDP + 40, UDP + 20, UDP + 48 };
	const uint8_t version[] = { 0x60, 0x40, 0x60 };
	const uint8_t *ip;
	size_t i;

	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		ip = frame + at - len[i];
		if (at >= len[i] && (ip[0] & 0xf0) == version[i] &&
		    (version[i] == 0x40 ? ip[0] == 0x45 &&
		    ip[9] == IPPROTO_UDP : ip[6] == IPPROTO_UDP ||
		    len[i] == UDP + 48))
			return at - len[i];
	}
	return at;
}

/* Replaces the looped packet, whose payload is at `at', by the datagram. */
static void
tx_stamp_replace(struct tx_stamp_entry *e, size_t at,
    const struct tx_stamp_known *k, const struct mp_addr *from)
{
	static const uint8_t none[40] = { 0x45 };
	size_t ip = tx_stamp_find_ip(e->frame, at), n = ip, room;
	size_t keep = k->len < DATA ? k->len : DATA;

	memcpy(e->scratch, e->frame, ip);
	if (ip >= 14) /* the type of an Ethernet header */
		tx_stamp_put16(e->scratch + ip - 2, net_is_v4(&k->to) ? 0x800 :
		    0x86dd);
	n += tx_stamp_write_ip(e->scratch + n, ip < at ? e->frame + ip : none,
	    from, &k->to, k->len + UDP);
	tx_stamp_put16(e->scratch + n, from->port);
	tx_stamp_put16(e->scratch + n + 2, k->to.port);
	tx_stamp_put16(e->scratch + n + 4, k->len + UDP);
	tx_stamp_put16(e->scratch + n + 6, 0);
	n += UDP;
	memcpy(e->scratch + n, k->data, keep);
	room = n + keep;
	e->frame = e->scratch;
	e->n = room;
}

/* Finds the note of a looped packet, and copies it; *at is where the packet's
 * payload begins. */
static bool
tx_stamp_find(const struct tx_stamp_entry *e, struct tx_stamp_known *copy,
    size_t *at)
{
	struct tx_stamp_known *k;
	size_t end = e->n < HEAD ? 0 : e->n - HEAD + 1;

	for (k = notes; k < notes + NOTES; k++) {
		if (atomic_load(&k->owner) != e->s->cookie)
			continue;
		for (*at = 0; *at < end && *at < DEEP; (*at)++)
			if (e->frame[*at] == k->head[0] &&
			    memcmp(e->frame + *at, k->head, HEAD) == 0)
				break;
		if (*at == end || *at == DEEP)
			continue;
		memcpy(copy->data, k->data, k->len < DATA ? k->len : DATA);
		copy->to = k->to;
		copy->len = k->len;
		return atomic_load(&k->owner) == e->s->cookie &&
		    memcmp(e->frame + *at, k->head, HEAD) == 0;
	}
	return false;
}

/* --- Giving --------------------------------------------------------------- */

/* Is the message a stamp?  Reads its error, and the source of the packet as
 * far as the kernel tells it. */
static bool
tx_stamp_read_error(struct msghdr *got, struct sock_extended_err *ee,
    struct mp_addr *from)
{
	struct cmsghdr *c;

	memset(from, 0, sizeof(*from));
	for (c = CMSG_FIRSTHDR(got); c != NULL; c = CMSG_NXTHDR(got, c))
		if (c->cmsg_len >= CMSG_LEN(sizeof(*ee)) &&
		    ((c->cmsg_level == IPPROTO_IP &&
			c->cmsg_type == IP_RECVERR) ||
			(c->cmsg_level == IPPROTO_IPV6 &&
			c->cmsg_type == IPV6_RECVERR)))
			break;
	if (c == NULL)
		return false;
	memcpy(ee, CMSG_DATA(c), sizeof(*ee));
	(void)net_get(from, (const struct sockaddr *)(CMSG_DATA(c) +
	    sizeof(*ee)), (socklen_t)(c->cmsg_len - CMSG_LEN(sizeof(*ee))));
	return ee->ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
}

/* The error with the sender of the packet, in the program's family.  IPv4 tells
 * the sender only with SOF_TIMESTAMPING_OPT_CMSG. */
static void
tx_stamp_put_error(struct cmsg_room *room, const struct sock *s,
    const struct sock_extended_err *ee, const struct mp_addr *from)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 offender;
	} all;
	bool v4 = s->family == AF_INET;
	struct mp_addr who = *from;

	memset(&all, 0, sizeof(all));
	all.ee = *ee;
	who.port = 0;
	if (!net_is_any(&who) && !(v4 && (s->options.stamping &
	    SOCKOPT_STAMP_CMSG) == 0))
		(void)net_put(&who, s->family, (struct sockaddr *)
		    &all.offender, sizeof(all.offender));
	cmsg_put(room, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR :
	    IPV6_RECVERR, &all, sizeof(all.ee) + (v4 ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
}

/* Makes a looped packet of the library the program's datagram. */
static void
tx_stamp_translate(struct tx_stamp_entry *e, struct net_info *info,
    struct mp_addr *from)
{
	struct tx_stamp_known k;
	struct net_info own = { .ifindex = 0 };
	size_t at;

	if (e->n == 0 || !tx_stamp_find(e, &k, &at))
		return;
	own_addr_tell(e->fd, e->s, &k.to, &own);
	*from = own.local;
	from->port = (uint16_t)e->s->map.arena->port;
	tx_stamp_replace(e, at, &k, from);
	info->local = k.to;
	if (info->ifindex == NET_LOOPBACK)
		info->ifindex = own.ifindex;
}

bool
tx_stamp_give(struct tx_stamp_entry *e, struct msghdr *to, ssize_t *done)
{
	static const uint8_t none[4];
	struct cmsg_room room = { .at = to->msg_control,
		.left = to->msg_control != NULL ? to->msg_controllen : 0 };
	struct sock_extended_err ee;
	struct net_info info;
	struct mp_addr from;
	int flags = e->got->msg_flags & ~(MSG_TRUNC | MSG_CTRUNC);

	if (!tx_stamp_read_error(e->got, &ee, &from))
		return false;
	net_info_read(e->got, &info);
	tx_stamp_translate(e, &info, &from);
	*done = iov_scatter(to, e->frame, e->n);
	if (*done < 0)
		return true;
	if ((size_t)*done < e->n)
		flags |= MSG_TRUNC;
	/* The kernel's IPv4 sockets tell the source there, IPv6 ones do not. */
	memcpy(info.spec, e->s->family == AF_INET ? from.ip + 12 : none,
	    sizeof(info.spec));
	cmsg_put_asked(&room, e->s, &info);
	tx_stamp_put_error(&room, e->s, &ee, &from);
	to->msg_namelen = 0;
	to->msg_controllen = room.used;
	to->msg_flags = flags | (room.cut ? MSG_CTRUNC : 0);
	return true;
}
