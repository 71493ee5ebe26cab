/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Two classic BPF programs let the kernel sort the packets of a port, so that
 * the program's socket is readable exactly when there is something for it, and
 * no wait function needs a hook.  Neither needs a privilege.
 *
 * Steering (SO_ATTACH_REUSEPORT_CBPF) is one for the port's group.  It sees the
 * UDP payload at offset 0 and returns the index of the socket that gets the
 * packet.  In this order:
 * - a packet of a session, by the prefix of the port's sids and a sequence
 *   number below 2^32: to the agent if its C bit is set, else to the socket of
 *   the slot that its sid tells.  To the socket of a slot in `only', which is
 *   connected, go only the sids of its own peer; the others go to the agent,
 *   which keeps them (agent/backlog.h).
 * - a handshake, by its magic: to the agent;
 * - an internal datagram (internal.h), by the first word of the token:
 *   INTERNAL_LOCATE to the index `probed', others by kind and slot;
 * - all else is plaintext: to one socket, which the agent chooses.
 *
 * Until the agent attaches it, sockfilter_steer_first() sends all to index 0,
 * the program's socket, so that nothing goes to the control socket while it
 * joins the group and nobody reads it.
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
 * loaded from, since a load out of range ends the program with 0 (all dropped,
 * or index 0).  What does not fit into a program gives -E2BIG, never half a
 * program.
 *
 * Never: trust.  A stranger can make packets that look like those of a session;
 * the AEAD finds them out, and either socket takes any kind of packet.
 *
 * No lock, no state.
 *
 * Sources: PROTOCOL.md 1 (sid, C bit, sequence numbers); K10 to K16 of
 * doc/design.md; Documentation/networking/filter.rst of Linux.
 */
#include "sockfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "internal.h"
#include "net.h"
#include "seccomp.h"

enum {
	OURS = 1152, /* instructions; 64 prefixes of the longest kind fit */
	ROOM = BPF_MAXINSNS,
	UDP = 8,     /* bytes of UDP header before the payload */
	NO_INDEX = 255, /* of a slot without a socket */
	ALL = -1, /* a socket filter's verdict: the whole packet */
	NONE = 0,
};

struct prog {
	struct sock_filter at[ROOM];
	size_t n;
	bool full;
	bool then;	/* the program's own filter will be appended */
	bool following;	/* and is being appended */
};

/* The conditional jumps that leave a block; sockfilter_block_end() sets where
 * to. */
struct exits {
	size_t at[24];
	bool when[24]; /* leaves when the condition holds */
	size_t n;
};

static void
sockfilter_emit(struct prog *p, uint16_t code, uint32_t k)
{
	if (p->n == (p->following ? ROOM : OURS)) {
		p->full = true;
		return;
	}
	p->at[p->n++] = (struct sock_filter) { .code = code, .k = k };
}

static void
sockfilter_load(struct prog *p, uint16_t size, uint32_t off)
{
	sockfilter_emit(p, BPF_LD | BPF_ABS | size, off);
}

static void
sockfilter_return(struct prog *p, uint32_t k)
{
	sockfilter_emit(p, BPF_RET | BPF_K, k);
}

enum { OPEN = 0xffffff }; /* distance of a jump to the program's own filter */

/* Lets plaintext in: all of it, or as the program's own filter says. */
static void
sockfilter_accept(struct prog *p)
{
	if (p->then)
		sockfilter_emit(p, BPF_JMP | BPF_JA, OPEN);
	else
		sockfilter_return(p, (uint32_t)ALL);
}

/* Appends the program's own filter, whose registers are 0 at its start. */
static void
sockfilter_append(struct prog *p, const struct sockfilter_rules *f)
{
	size_t i, start = p->n;

	if (f->nthen == 0)
		return;
	for (i = 0; i < start; i++)
		if (p->at[i].code == (BPF_JMP | BPF_JA) && p->at[i].k == OPEN)
			p->at[i].k = (uint32_t)(start - i - 1);
	p->following = true;
	sockfilter_emit(p, BPF_LD | BPF_IMM, 0);
	sockfilter_emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < f->nthen; i++) {
		sockfilter_emit(p, f->then[i].code, f->then[i].k);
		if (!p->full) {
			p->at[p->n - 1].jt = f->then[i].jt;
			p->at[p->n - 1].jf = f->then[i].jf;
		}
	}
}

/* Leaves the block if the comparison of the accumulator with k is `when'. */
static void
sockfilter_leave_if(struct prog *p, struct exits *e, uint16_t test, uint32_t k,
    bool when)
{
	e->at[e->n] = p->n;
	e->when[e->n++] = when;
	sockfilter_emit(p, BPF_JMP | BPF_K | test, k);
}

static void
sockfilter_leave_unless(struct prog *p, struct exits *e, uint16_t test,
    uint32_t k)
{
	sockfilter_leave_if(p, e, test, k, false);
}

/* The block ends here: sets where its jumps lead. */
static void
sockfilter_block_end(struct prog *p, struct exits *e)
{
	size_t i, skip;

	for (i = 0; i < e->n; i++) {
		if (e->at[i] >= p->n || p->full)
			continue;
		skip = p->n - e->at[i] - 1;
		if (e->when[i])
			p->at[e->at[i]].jt = (uint8_t)skip;
		else
			p->at[e->at[i]].jf = (uint8_t)skip;
	}
	e->n = 0;
}

static uint32_t
sockfilter_word(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

/* An empty program; NULL: no memory.  It is too large for a small stack. */
static struct prog *
sockfilter_new(void)
{
	void *p = mmap(NULL, sizeof(struct prog), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Attaches the program by this option, and frees it. */
static int
sockfilter_set(int fd, int option, struct prog *p)
{
	struct sock_fprog prog;
	int error = p->full ? -E2BIG : 0;

	memset(&prog, 0, sizeof(prog)); /* the padding as well */
	prog.len = (unsigned short)p->n;
	prog.filter = p->at;
	if (error == 0 && seccomp_setsockopt(fd, SOL_SOCKET, option, &prog,
	    sizeof(prog)) != 0)
		error = -errno;
	munmap(p, sizeof(*p));
	return error;
}

/* --- Steering
 * --------------------------------------------------------------- */

/* Returns the index of the slot in the accumulator's sid, else the one of
 * plaintext. */
static void
sockfilter_by_slot(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };
	uint32_t i;

	sockfilter_emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
	sockfilter_emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (g->slot[i] == NO_INDEX)
			continue;
		sockfilter_leave_unless(p, &e, BPF_JEQ, i);
		sockfilter_return(p, g->slot[i]);
		sockfilter_block_end(p, &e);
	}
	sockfilter_return(p, g->plain);
}

/* Sends data to the agent whose sid names a slot in `only', but is not one of
 * that socket's own peer. */
static void
sockfilter_by_peer(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };
	uint32_t i;

	sockfilter_load(p, BPF_W, 0);
	sockfilter_emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((g->only >> i & 1) == 0)
			continue;
		sockfilter_emit(p, BPF_MISC | BPF_TXA, 0);
		sockfilter_emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
		sockfilter_emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
		sockfilter_leave_unless(p, &e, BPF_JEQ, i);
		sockfilter_emit(p, BPF_MISC | BPF_TXA, 0);
		sockfilter_leave_if(p, &e, BPF_JEQ, g->sid[i][0], true);
		sockfilter_leave_if(p, &e, BPF_JEQ, g->sid[i][1], true);
		sockfilter_return(p, g->control);
		sockfilter_block_end(p, &e);
	}
}

/* Sends packets with the C bit to the agent, the others by their slot.  The
 * accumulator holds the packet's first word. */
static void
sockfilter_by_sid(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };

	sockfilter_emit(p, BPF_MISC | BPF_TAX, 0);
	sockfilter_leave_unless(p, &e, BPF_JSET, 1);
	sockfilter_return(p, g->control);
	sockfilter_block_end(p, &e);
	sockfilter_emit(p, BPF_MISC | BPF_TXA, 0);
	sockfilter_by_slot(p, g);
}

int
sockfilter_steer(int fd, const struct sockfilter_steering *g)
{
	struct prog *p = sockfilter_new();
	struct exits e = { .n = 0 }, probe = { .n = 0 };

	if (p == NULL)
		return -ENOMEM;
	/* A packet of a session.  Bytes 6 and 7: its sequence number is below
	 * 2^32. */
	sockfilter_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	sockfilter_leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	sockfilter_load(p, BPF_H, 6);
	sockfilter_leave_unless(p, &e, BPF_JEQ, 0);
	sockfilter_load(p, BPF_B, 0);
	sockfilter_leave_unless(p, &e, BPF_JEQ, g->prefix);
	sockfilter_by_peer(p, g);
	sockfilter_load(p, BPF_W, 0);
	sockfilter_by_sid(p, g);
	sockfilter_block_end(p, &e);
	/* A handshake, or an internal datagram. */
	sockfilter_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	sockfilter_leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	sockfilter_load(p, BPF_W, 0);
	sockfilter_leave_unless(p, &e, BPF_JEQ, MP_HANDSHAKE_MAGIC);
	sockfilter_return(p, g->control);
	sockfilter_block_end(p, &e);
	sockfilter_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	sockfilter_leave_unless(p, &e, BPF_JGE, INTERNAL_OVERHEAD);
	sockfilter_load(p, BPF_B, 0);
	sockfilter_leave_unless(p, &e, BPF_JEQ, 0);
	sockfilter_load(p, BPF_W, 4);
	sockfilter_leave_unless(p, &e, BPF_JEQ, sockfilter_word(g->token));
	sockfilter_load(p, BPF_B, 3);
	sockfilter_leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	sockfilter_return(p, g->probed);
	sockfilter_block_end(p, &probe);
	sockfilter_load(p, BPF_W, 0);
	sockfilter_by_sid(p, g);
	sockfilter_block_end(p, &e);
	sockfilter_return(p, g->plain);
	return sockfilter_set(fd, SO_ATTACH_REUSEPORT_CBPF, p);
}

int
sockfilter_steer_first(int fd)
{
	struct prog *p = sockfilter_new();

	if (p == NULL)
		return -ENOMEM;
	sockfilter_return(p, 0);
	return sockfilter_set(fd, SO_ATTACH_REUSEPORT_CBPF, p);
}

/* --- Socket filters
 * --------------------------------------------------------- */

/* Lets packets of sessions and internal datagrams in. */
static void
sockfilter_accept_ours(struct prog *p, const struct sockfilter_rules *f)
{
	struct exits e = { .n = 0 }, probe = { .n = 0 };
	uint32_t i;

	sockfilter_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	sockfilter_leave_unless(p, &e, BPF_JGE, UDP + MP_OVERHEAD);
	sockfilter_load(p, BPF_B, UDP);
	sockfilter_leave_unless(p, &e, BPF_JEQ, f->prefix);
	sockfilter_load(p, BPF_H, UDP + 6);
	sockfilter_leave_unless(p, &e, BPF_JEQ, 0);
	sockfilter_return(p, (uint32_t)ALL);
	sockfilter_block_end(p, &e);
	sockfilter_emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	sockfilter_leave_unless(p, &e, BPF_JGE, UDP + INTERNAL_OVERHEAD);
	sockfilter_load(p, BPF_B, UDP);
	sockfilter_leave_unless(p, &e, BPF_JEQ, 0);
	for (i = 0; i < ARENA_TOKEN; i += 4) {
		sockfilter_load(p, BPF_W, UDP + 4 + i);
		sockfilter_leave_unless(p, &e, BPF_JEQ,
		    sockfilter_word(f->token + i));
	}
	sockfilter_load(p, BPF_B, UDP + 3);
	sockfilter_leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	sockfilter_return(p, NONE);
	sockfilter_block_end(p, &probe);
	sockfilter_return(p, (uint32_t)ALL);
	sockfilter_block_end(p, &e);
}

/* Goes on only for packets of an IP version. */
static void
sockfilter_if_version(struct prog *p, struct exits *e, uint32_t version)
{
	sockfilter_load(p, BPF_B, (uint32_t)SKF_NET_OFF);
	sockfilter_emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	sockfilter_leave_unless(p, e, BPF_JEQ, version);
}

/* Goes on only if the source (or destination) address begins with the first
 * `len' bits of `a'. */
static void
sockfilter_if_prefix(struct prog *p, struct exits *e, const struct mp_addr *a,
    uint32_t len, bool source)
{
	bool v4 = net_is_v4(a) && len >= 96;
	uint32_t off = v4 ? (source ? 12 : 16) : (source ? 8 : 24);
	const uint8_t *ip = v4 ? a->ip + 12 : a->ip;
	uint32_t mask, bits;

	sockfilter_if_version(p, e, v4 ? 4 : 6);
	for (len -= v4 ? 96 : 0; len > 0; len -= bits, ip += 4, off += 4) {
		bits = len > 32 ? 32 : len;
		mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
		sockfilter_load(p, BPF_W, (uint32_t)SKF_NET_OFF + off);
		if (bits < 32)
			sockfilter_emit(p, BPF_ALU | BPF_AND | BPF_K, mask);
		sockfilter_leave_unless(p, e, BPF_JEQ,
		    sockfilter_word(ip) & mask);
	}
}

static void
sockfilter_from_prefix(struct prog *p, const struct sockfilter_prefix *x)
{
	struct exits e = { .n = 0 };

	sockfilter_if_prefix(p, &e, &x->addr, x->len, true);
	if (x->addr.port != 0) {
		sockfilter_load(p, BPF_H, 0);
		sockfilter_leave_unless(p, &e, BPF_JEQ, x->addr.port);
	}
	if (x->drop)
		sockfilter_return(p, NONE);
	else
		sockfilter_accept(p);
	sockfilter_block_end(p, &e);
}

static void
sockfilter_from_loopback(struct prog *p)
{
	struct sockfilter_prefix v4 = { .len = 104 }, v6 = { .len = 128 };

	v4.addr.ip[10] = v4.addr.ip[11] = 0xff;
	v4.addr.ip[12] = 127;
	v6.addr.ip[15] = 1;
	sockfilter_from_prefix(p, &v4);
	sockfilter_from_prefix(p, &v6);
}

/* Lets in what this host sent to itself, whatever the address: it arrives on
 * lo. */
static void
sockfilter_from_this_host(struct prog *p)
{
	struct exits e = { .n = 0 };

	sockfilter_load(p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	sockfilter_leave_unless(p, &e, BPF_JEQ, NET_LOOPBACK);
	sockfilter_accept(p);
	sockfilter_block_end(p, &e);
}

/* Lets in what was sent to an address that begins with the `len' bits of
 * `ip'. */
static void
sockfilter_to_prefix(struct prog *p, const uint8_t ip[4], bool v4, uint32_t len)
{
	struct mp_addr a = { .port = 0 };
	struct exits e = { .n = 0 };

	if (v4)
		memset(a.ip + 10, 0xff, 2);
	memcpy(a.ip + (v4 ? 12 : 0), ip, 4);
	sockfilter_if_prefix(p, &e, &a, v4 ? 96 + len : len, false);
	sockfilter_accept(p);
	sockfilter_block_end(p, &e);
}

/* Lets in what was sent to a multicast group. */
static void
sockfilter_to_groups(struct prog *p)
{
	sockfilter_to_prefix(p, (const uint8_t[4]) { 224 }, true, 4);
	sockfilter_to_prefix(p, (const uint8_t[4]) { 255 }, false, 8);
}

/* Lets in what was sent to a broadcast address.  Not every link layer tells:
 * then 255.255.255.255 does, and PACKET_LOOPBACK for this host's own. */
static void
sockfilter_to_broadcast(struct prog *p)
{
	static const uint32_t types[] = { PACKET_BROADCAST, PACKET_LOOPBACK };
	struct exits e = { .n = 0 };
	size_t i;

	sockfilter_to_prefix(p, (const uint8_t[4]) { 255, 255, 255, 255 }, true,
	    32);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		sockfilter_load(p, BPF_B,
		    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
		sockfilter_leave_unless(p, &e, BPF_JEQ, types[i]);
		sockfilter_accept(p);
		sockfilter_block_end(p, &e);
	}
}

/* Drops the packets of an IP version. */
static void
sockfilter_drop_version(struct prog *p, uint32_t version)
{
	struct exits e = { .n = 0 };

	sockfilter_if_version(p, &e, version);
	sockfilter_return(p, NONE);
	sockfilter_block_end(p, &e);
}

/* Drops what was not sent to this address. */
static void
sockfilter_only_to(struct prog *p, const struct mp_addr *a)
{
	struct exits e = { .n = 0 };
	size_t over;

	sockfilter_if_prefix(p, &e, a, 128, false);
	over = p->n;
	sockfilter_emit(p, BPF_JMP | BPF_JA, 1); /* over the drop */
	sockfilter_block_end(p, &e);
	sockfilter_return(p, NONE);
	if (!p->full)
		p->at[over].k = (uint32_t)(p->n - over - 1);
}

int
sockfilter_attach(int fd, const struct sockfilter_rules *f)
{
	struct prog *p = sockfilter_new();
	struct exits e = { .n = 0 };
	size_t i;

	if (p == NULL)
		return -ENOMEM;
	p->then = f->nthen > 0;
	if (f->prefix != 0)
		sockfilter_accept_ours(p, f);
	if (!f->v4)
		sockfilter_drop_version(p, 4);
	if (!f->v6)
		sockfilter_drop_version(p, 6);
	if (f->local_only)
		sockfilter_only_to(p, &f->local);
	sockfilter_from_loopback(p);
	if (f->here)
		sockfilter_from_this_host(p);
	if (f->multicast)
		sockfilter_to_groups(p);
	if (f->broadcast)
		sockfilter_to_broadcast(p);
	if (f->dns) {
		sockfilter_load(p, BPF_H, 0);
		sockfilter_leave_unless(p, &e, BPF_JEQ, 53);
		sockfilter_accept(p);
		sockfilter_block_end(p, &e);
	}
	for (i = 0; i < f->npeers; i++)
		sockfilter_from_prefix(p, &f->peers[i]);
	if (f->all_plain)
		sockfilter_accept(p);
	else
		sockfilter_return(p, NONE);
	sockfilter_append(p, f);
	return sockfilter_set(fd, SO_ATTACH_FILTER, p);
}
