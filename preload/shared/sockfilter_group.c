/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Steering (SO_ATTACH_REUSEPORT_CBPF) is one program for the port's group.  It
 * sees the UDP payload at offset 0 and the IP header at SKF_NET_OFF, and returns
 * the index of the socket that gets the packet.  In this order:
 * - a packet of a session of sockets that had the port before, by its sid: to
 *   the agent;
 * - a packet of a session, by the prefix of the port's sids and a sequence
 *   number below 2^32: to the agent if its C bit is set, else to the socket of
 *   the slot that its sid tells; but the sids of a connected socket's peer go
 *   to that, though they may tell the slot that had the session before.  To the
 *   socket of a slot in `only' go no others; those go to the agent, which keeps
 *   them (agent/backlog.h).
 * - a handshake, by its magic: to the agent;
 * - an internal datagram (internal.h), by the first word of the token:
 *   INTERNAL_LOCATE to the index `probed', others by kind and slot;
 * - all else is plaintext: to the first socket whose claim it fits, by family,
 *   address and peer; to `plain' if it fits none.  The agent gives the claims in
 *   the order in which the kernel prefers sockets.
 *
 * What is sent to a multicast or broadcast address does not come here: the
 * kernel gives it to every socket of the port that may have it.
 *
 * Until the agent attaches it, sockfilter_steer_first() sends all to index 0,
 * the program's socket, so that nothing goes to the control socket while it
 * joins the group and nobody reads it.
 *
 * Invariants: jumps go forward, over at most 255 instructions, so each claim is
 * a block of its own.  A payload's length is checked before it is loaded from,
 * since a load out of range ends the program with 0 (index 0).  Of the IP header
 * and the 8 bytes behind it the kernel has made sure.
 *
 * No lock, no state.
 *
 * Sources: PROTOCOL.md 1 (sid, C bit, sequence numbers); K10 to K13 and K46 of
 * doc/design.md; compute_score() of Linux's net/ipv4/udp.c.
 */
#include "sockfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "bpf_writer.h"
#include "internal.h"
#include "mp.h"

enum {
	NO_INDEX = 255, /* of a slot without a socket */
	SPREAD = 0x9e3779b1, /* 2^32 by the golden ratio: mixes a hash */
};

/* Returns the index of the slot in the accumulator's sid, else the one of
 * plaintext. */
static void
sockfilter_by_slot(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 };
	uint32_t i;

	bpf_writer_emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
	bpf_writer_emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (g->slot[i] == NO_INDEX)
			continue;
		bpf_writer_leave_unless(p, &e, BPF_JEQ, i);
		bpf_writer_return(p, g->slot[i]);
		bpf_writer_block_end(p, &e);
	}
	bpf_writer_return(p, g->plain);
}

/* Sends data of connected sockets' peers to them whose sid names the slot that
 * had the session before.  The accumulator holds the sid. */
static void
sockfilter_by_taken(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 };
	uint32_t i, k, sid;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		for (k = 0; k < 2; k++) {
			sid = g->sid[i][k];
			if (sid == 0 || (sid >> 19 & 31) == i ||
			    g->slot[i] == NO_INDEX)
				continue;
			bpf_writer_leave_unless(p, &e, BPF_JEQ, sid);
			bpf_writer_return(p, g->slot[i]);
			bpf_writer_block_end(p, &e);
		}
}

/* Sends data to the agent that is known to be another session's than the one of
 * the connected socket that its sid names.  The accumulator holds the sid. */
static void
sockfilter_by_other(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 };
	size_t i;

	for (i = 0; i < g->nothers; i++) {
		bpf_writer_leave_unless(p, &e, BPF_JEQ, g->other[i]);
		bpf_writer_return(p, g->control);
		bpf_writer_block_end(p, &e);
	}
}

/* Sends data to the agent whose sid names a slot in `only', but is not one of
 * that socket's own peer. */
static void
sockfilter_by_peer(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 };
	uint32_t i;

	bpf_writer_load(p, BPF_W, 0);
	sockfilter_by_taken(p, g);
	sockfilter_by_other(p, g);
	bpf_writer_emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((g->only >> i & 1) == 0)
			continue;
		bpf_writer_emit(p, BPF_MISC | BPF_TXA, 0);
		bpf_writer_emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
		bpf_writer_emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
		bpf_writer_leave_unless(p, &e, BPF_JEQ, i);
		bpf_writer_emit(p, BPF_MISC | BPF_TXA, 0);
		bpf_writer_leave_if(p, &e, BPF_JEQ, g->sid[i][0], true);
		bpf_writer_leave_if(p, &e, BPF_JEQ, g->sid[i][1], true);
		bpf_writer_return(p, g->control);
		bpf_writer_block_end(p, &e);
	}
}

/* Sends what is under way to sockets that had the port before to the agent. */
static void
sockfilter_by_late(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 }, one = { .n = 0 };
	size_t i;

	if (g->nlate == 0)
		return;
	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	bpf_writer_load(p, BPF_W, 0);
	bpf_writer_emit(p, BPF_ALU | BPF_AND | BPF_K, ~UINT32_C(1));
	for (i = 0; i < g->nlate; i++) {
		one.n = 0;
		bpf_writer_leave_unless(p, &one, BPF_JEQ, g->late[i]);
		bpf_writer_return(p, g->control);
		bpf_writer_block_end(p, &one);
	}
	bpf_writer_block_end(p, &e);
}

/* Sends packets with the C bit to the agent, the others by their slot.  The
 * accumulator holds the packet's first word. */
static void
sockfilter_by_sid(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	struct bpf_exits e = { .n = 0 };

	bpf_writer_emit(p, BPF_MISC | BPF_TAX, 0);
	bpf_writer_leave_unless(p, &e, BPF_JSET, 1);
	bpf_writer_return(p, g->control);
	bpf_writer_block_end(p, &e);
	bpf_writer_emit(p, BPF_MISC | BPF_TXA, 0);
	sockfilter_by_slot(p, g);
}

/* --- Plaintext ------------------------------------------------------------ */

/* Returns one of the sockets of `n' claims, by a hash of the sender. */
static void
sockfilter_by_sender(struct bpf_writer *p, const struct sockfilter_claim *c,
    size_t n, bool v4)
{
	struct bpf_exits e = { .n = 0 };
	size_t i;

	/* The end of the address, and both ports. */
	bpf_writer_load(p, BPF_W, (uint32_t)SKF_NET_OFF + (v4 ? 12 : 20));
	bpf_writer_emit(p, BPF_MISC | BPF_TAX, 0);
	bpf_writer_load(p, BPF_W, (uint32_t)SKF_NET_OFF + (v4 ? 20 : 40));
	bpf_writer_emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	bpf_writer_emit(p, BPF_ALU | BPF_MUL | BPF_K, SPREAD);
	bpf_writer_emit(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	bpf_writer_emit(p, BPF_ALU | BPF_MOD | BPF_K, (uint32_t)n);
	for (i = 0; i + 1 < n; i++) {
		bpf_writer_leave_unless(p, &e, BPF_JEQ, (uint32_t)i);
		bpf_writer_return(p, c[i].index);
		bpf_writer_block_end(p, &e);
	}
	bpf_writer_return(p, c[n - 1].index);
}

/* Packets of an IP version that fit the claim go to its socket, or to one of
 * those that share it. */
static void
sockfilter_by_claim(struct bpf_writer *p, const struct sockfilter_claim *c,
    bool v4)
{
	struct bpf_exits e = { .n = 0 };

	if (c->at)
		bpf_writer_if_prefix(p, &e, &c->local, 128, false);
	else
		bpf_writer_if_version(p, &e, v4 ? 4 : 6);
	if (c->from) {
		bpf_writer_if_prefix(p, &e, &c->peer, 128, true);
		bpf_writer_load(p, BPF_H, (uint32_t)SKF_NET_OFF +
		    (v4 ? 20 : 40));
		bpf_writer_leave_unless(p, &e, BPF_JEQ, c->peer.port);
	}
	if (c->share > 0)
		sockfilter_by_sender(p, c, c->share + 1, v4);
	else
		bpf_writer_return(p, c->index);
	bpf_writer_block_end(p, &e);
}

static void
sockfilter_by_claims(struct bpf_writer *p, const struct sockfilter_steering *g)
{
	const struct sockfilter_claim *c;
	size_t i;

	for (i = 0; i < g->nclaims; i += g->claim[i].share + 1) {
		c = &g->claim[i];
		if (c->v4)
			sockfilter_by_claim(p, c, true);
		if (c->v6)
			sockfilter_by_claim(p, c, false);
	}
	bpf_writer_return(p, g->plain);
}

int
sockfilter_steer(int fd, const struct sockfilter_steering *g, uint64_t *mark)
{
	struct bpf_writer *p = bpf_writer_new(BPF_MAXINSNS);
	struct bpf_exits e = { .n = 0 }, probe = { .n = 0 };

	if (p == NULL)
		return -ENOMEM;
	sockfilter_by_late(p, g);
	/* A packet of a session.  Bytes 6 and 7: its sequence number is below
	 * 2^32. */
	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	bpf_writer_load(p, BPF_H, 6);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, 0);
	bpf_writer_load(p, BPF_B, 0);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, g->prefix);
	sockfilter_by_peer(p, g);
	bpf_writer_load(p, BPF_W, 0);
	sockfilter_by_sid(p, g);
	bpf_writer_block_end(p, &e);
	/* A handshake, or an internal datagram. */
	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	bpf_writer_load(p, BPF_W, 0);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, MP_HANDSHAKE_MAGIC);
	bpf_writer_return(p, g->control);
	bpf_writer_block_end(p, &e);
	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, INTERNAL_OVERHEAD);
	bpf_writer_load(p, BPF_B, 0);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, 0);
	bpf_writer_load(p, BPF_W, 4);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, bpf_writer_word(g->token));
	bpf_writer_load(p, BPF_B, 3);
	bpf_writer_leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	bpf_writer_return(p, g->probed);
	bpf_writer_block_end(p, &probe);
	bpf_writer_load(p, BPF_W, 0);
	sockfilter_by_sid(p, g);
	bpf_writer_block_end(p, &e);
	sockfilter_by_claims(p, g);
	return bpf_writer_set(fd, SO_ATTACH_REUSEPORT_CBPF, p, mark);
}

int
sockfilter_steer_first(int fd)
{
	struct bpf_writer *p = bpf_writer_new(BPF_MAXINSNS);
	uint64_t none = 0;

	if (p == NULL)
		return -ENOMEM;
	bpf_writer_return(p, 0);
	return bpf_writer_set(fd, SO_ATTACH_REUSEPORT_CBPF, p, &none);
}

