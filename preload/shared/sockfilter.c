/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Two classic BPF programs let the kernel sort the packets of a port, so that
 * the program's socket is readable exactly when there is something for it, and
 * no wait function needs a hook.  Neither needs a privilege.  One steers the
 * port's group (sockfilter_group.c), the other is here.
 *
 * A socket filter (SO_ATTACH_FILTER) is one for each data socket.  It sees the
 * UDP header at offset 0, the payload at 8 and the IP header at SKF_NET_OFF,
 * and returns how many bytes are kept.  In this order: packets of sessions and
 * internal datagrams pass, but for INTERNAL_LOCATE; then dropped is plaintext
 * of a family that the program has not, or to another address than it bound;
 * then passes what the rules let in; the rest is dropped.  The program's own
 * filter is appended: where the rules let plaintext in, it decides.
 *
 * Invariants: jumps go forward.  A payload's length is checked before it is
 * loaded from, since a load out of range ends the program with 0: all dropped.
 * What does not fit into a program gives -E2BIG, never half a program.
 *
 * Never: trust.  A stranger can make packets that look like those of a session;
 * the AEAD finds them out, and either socket takes any kind of packet.
 *
 * No lock, no state.
 *
 * Sources: PROTOCOL.md 1 (sid, C bit, sequence numbers); K14 and K15 of
 * doc/design.md; Documentation/networking/filter.rst of Linux.
 */
#include "sockfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf_writer.h"
#include "internal.h"
#include "net.h"

enum {
	OURS = 1152, /* instructions; 64 prefixes of the longest kind fit */
	ROOM = BPF_MAXINSNS,
	UDP = 8,     /* bytes of UDP header before the payload */
	ALL = -1, /* a socket filter's verdict: the whole packet */
	NONE = 0,
};

enum { OPEN = 0xffffff }; /* distance of a jump to the program's own filter */

/* Lets plaintext in: all of it, or as the program's own filter says. */
static void
sockfilter_accept(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	if (f->nthen > 0)
		bpf_writer_emit(p, BPF_JMP | BPF_JA, OPEN);
	else
		bpf_writer_return(p, (uint32_t)ALL);
}

/* Appends the program's own filter, whose registers are 0 at its start. */
static void
sockfilter_append(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	size_t i, start = p->n;

	if (f->nthen == 0)
		return;
	for (i = 0; i < start; i++)
		if (p->at[i].code == (BPF_JMP | BPF_JA) && p->at[i].k == OPEN)
			p->at[i].k = (uint32_t)(start - i - 1);
	p->room = ROOM;
	bpf_writer_emit(p, BPF_LD | BPF_IMM, 0);
	bpf_writer_emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < f->nthen; i++) {
		bpf_writer_emit(p, f->then[i].code, f->then[i].k);
		if (!p->full) {
			p->at[p->n - 1].jt = f->then[i].jt;
			p->at[p->n - 1].jf = f->then[i].jf;
		}
	}
}

/* Lets in what looks like a handshake.  Steering gives those to the agent, so one
 * comes here only where no agent has the port any more. */
static void
sockfilter_accept_handshake(struct bpf_writer *p)
{
	struct bpf_exits e = { .n = 0 };

	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, UDP + MP_OVERHEAD);
	bpf_writer_load(p, BPF_W, UDP);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, MP_HANDSHAKE_MAGIC);
	bpf_writer_return(p, (uint32_t)ALL);
	bpf_writer_block_end(p, &e);
}

/* Lets packets of sessions and internal datagrams in. */
static void
sockfilter_accept_ours(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	struct bpf_exits e = { .n = 0 }, probe = { .n = 0 };
	uint32_t i;

	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, UDP + MP_OVERHEAD);
	bpf_writer_load(p, BPF_B, UDP);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, f->prefix);
	bpf_writer_load(p, BPF_H, UDP + 6);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, 0);
	bpf_writer_return(p, (uint32_t)ALL);
	bpf_writer_block_end(p, &e);
	bpf_writer_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	bpf_writer_leave_unless(p, &e, BPF_JGE, UDP + INTERNAL_OVERHEAD);
	bpf_writer_load(p, BPF_B, UDP);
	bpf_writer_leave_unless(p, &e, BPF_JEQ, 0);
	for (i = 0; i < ARENA_TOKEN; i += 4) {
		bpf_writer_load(p, BPF_W, UDP + 4 + i);
		bpf_writer_leave_unless(p, &e, BPF_JEQ,
		    bpf_writer_word(f->token + i));
	}
	bpf_writer_load(p, BPF_B, UDP + 3);
	bpf_writer_leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	bpf_writer_return(p, NONE);
	bpf_writer_block_end(p, &probe);
	bpf_writer_return(p, (uint32_t)ALL);
	bpf_writer_block_end(p, &e);
}

static void
sockfilter_from_prefix(struct bpf_writer *p, const struct sockfilter_rules *f,
    const struct sockfilter_prefix *x)
{
	struct bpf_exits e = { .n = 0 };

	bpf_writer_if_prefix(p, &e, &x->addr, x->len, true);
	if (x->addr.port != 0) {
		bpf_writer_load(p, BPF_H, 0);
		bpf_writer_leave_unless(p, &e, BPF_JEQ, x->addr.port);
	}
	if (x->drop)
		bpf_writer_return(p, NONE);
	else
		sockfilter_accept(p, f);
	bpf_writer_block_end(p, &e);
}

static void
sockfilter_from_loopback(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	struct sockfilter_prefix v4 = { .len = 104 }, v6 = { .len = 128 };

	v4.addr.ip[10] = v4.addr.ip[11] = 0xff;
	v4.addr.ip[12] = 127;
	v6.addr.ip[15] = 1;
	sockfilter_from_prefix(p, f, &v4);
	sockfilter_from_prefix(p, f, &v6);
}

/* Lets in what this host sent to itself, whatever the address: it arrives on
 * lo. */
static void
sockfilter_from_this_host(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	struct bpf_exits e = { .n = 0 };

	bpf_writer_load(p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	bpf_writer_leave_unless(p, &e, BPF_JEQ, NET_LOOPBACK);
	sockfilter_accept(p, f);
	bpf_writer_block_end(p, &e);
}

/* Lets in what was sent to an address that begins with the `len' bits of
 * `ip'. */
static void
sockfilter_to_prefix(struct bpf_writer *p, const struct sockfilter_rules *f,
    const uint8_t ip[4], bool v4, uint32_t len)
{
	struct mp_addr a = { .port = 0 };
	struct bpf_exits e = { .n = 0 };

	if (v4)
		memset(a.ip + 10, 0xff, 2);
	memcpy(a.ip + (v4 ? 12 : 0), ip, 4);
	bpf_writer_if_prefix(p, &e, &a, v4 ? 96 + len : len, false);
	sockfilter_accept(p, f);
	bpf_writer_block_end(p, &e);
}

/* Lets in what was sent to a multicast group, but for ff01::1: internal
 * datagrams of another port with the same number. */
static void
sockfilter_to_groups(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	const struct mp_addr hosts = { .ip = { 0xff, 1, [15] = 1 } };
	struct bpf_exits e = { .n = 0 };

	bpf_writer_if_prefix(p, &e, &hosts, 128, false);
	bpf_writer_return(p, NONE);
	bpf_writer_block_end(p, &e);
	sockfilter_to_prefix(p, f, (const uint8_t[4]) { 224 }, true, 4);
	sockfilter_to_prefix(p, f, (const uint8_t[4]) { 255 }, false, 8);
}

/* Lets in what was sent to a broadcast address.  Not every link layer tells:
 * then 255.255.255.255 does, and PACKET_LOOPBACK for this host's own. */
static void
sockfilter_to_broadcast(struct bpf_writer *p, const struct sockfilter_rules *f)
{
	static const uint32_t types[] = { PACKET_BROADCAST, PACKET_LOOPBACK };
	struct bpf_exits e = { .n = 0 };
	size_t i;

	sockfilter_to_prefix(p, f, (const uint8_t[4]) { 255, 255, 255, 255 },
	    true, 32);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		bpf_writer_load(p, BPF_B,
		    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
		bpf_writer_leave_unless(p, &e, BPF_JEQ, types[i]);
		sockfilter_accept(p, f);
		bpf_writer_block_end(p, &e);
	}
}

/* Drops the packets of an IP version. */
static void
sockfilter_drop_version(struct bpf_writer *p, uint32_t version)
{
	struct bpf_exits e = { .n = 0 };

	bpf_writer_if_version(p, &e, version);
	bpf_writer_return(p, NONE);
	bpf_writer_block_end(p, &e);
}

/* Drops what was not sent to this address. */
static void
sockfilter_only_to(struct bpf_writer *p, const struct mp_addr *a)
{
	struct bpf_exits e = { .n = 0 };
	size_t over;

	bpf_writer_if_prefix(p, &e, a, 128, false);
	over = p->n;
	bpf_writer_emit(p, BPF_JMP | BPF_JA, 1); /* over the drop */
	bpf_writer_block_end(p, &e);
	bpf_writer_return(p, NONE);
	if (!p->full)
		p->at[over].k = (uint32_t)(p->n - over - 1);
}

int
sockfilter_attach(int fd, const struct sockfilter_rules *f, uint64_t *mark)
{
	struct bpf_writer *p = bpf_writer_new(OURS);
	struct bpf_exits e = { .n = 0 };
	size_t i;

	if (p == NULL)
		return -ENOMEM;
	if (f->prefix != 0) {
		sockfilter_accept_ours(p, f);
		sockfilter_accept_handshake(p);
	}
	if (!f->v4)
		sockfilter_drop_version(p, 4);
	if (!f->v6)
		sockfilter_drop_version(p, 6);
	if (f->local_only)
		sockfilter_only_to(p, &f->local);
	if (f->here) /* the kernel drops loopback addresses from elsewhere */
		sockfilter_from_this_host(p, f);
	else
		sockfilter_from_loopback(p, f);
	if (f->multicast)
		sockfilter_to_groups(p, f);
	if (f->broadcast)
		sockfilter_to_broadcast(p, f);
	if (f->dns) {
		bpf_writer_load(p, BPF_H, 0);
		bpf_writer_leave_unless(p, &e, BPF_JEQ, 53);
		sockfilter_accept(p, f);
		bpf_writer_block_end(p, &e);
	}
	for (i = 0; i < f->npeers; i++)
		sockfilter_from_prefix(p, f, &f->peers[i]);
	if (f->all_plain)
		sockfilter_accept(p, f);
	else
		bpf_writer_return(p, NONE);
	sockfilter_append(p, f);
	return bpf_writer_set(fd, SO_ATTACH_FILTER, p, mark);
}
