/* SPDX-License-Identifier: ISC */
#include "sockfilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "seccomp.h"
#include "internal.h"
#include "net.h"
#include "real.h"

enum {
	OURS = 1152, /* instructions; 64 rules of the longest kind */
	ROOM = BPF_MAXINSNS,
	UDP = 8,     /* bytes of UDP header that a socket filter sees first */
	NOBODY = 255,
	ALL = -1, /* a filter's verdict: the whole packet */
	NONE = 0,
	LOOPBACK = 1, /* its index in each network namespace */
};

struct prog {
	struct sock_filter at[ROOM];
	size_t n;
	bool full;
	bool then; /* another one is to follow */
	bool following;
};

/* Conditional jumps of a block that leave it; patched by sockfilter_leave(). */
struct exits {
	size_t at[24];
	bool when[24]; /* leaves when the condition holds */
	size_t n;
};

static void
emit(struct prog *p, uint16_t code, uint32_t k)
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
	emit(p, BPF_LD | BPF_ABS | size, off);
}

static void
verdict(struct prog *p, uint32_t k)
{
	emit(p, BPF_RET | BPF_K, k);
}

enum { OPEN = 0xffffff }; /* of a jump to what is not written yet */

/* Plaintext that is wanted: where there is a filter of the program, that says
 * what becomes of it. */
static void
let_in(struct prog *p)
{
	if (p->then)
		emit(p, BPF_JMP | BPF_JA, OPEN);
	else
		verdict(p, (uint32_t)ALL);
}

/* The program's filter, which begins with all zero, follows. */
static void
append(struct prog *p, const struct sockfilter_rules *f)
{
	size_t i, start = p->n;

	if (f->nthen == 0)
		return;
	for (i = 0; i < start; i++)
		if (p->at[i].code == (BPF_JMP | BPF_JA) && p->at[i].k == OPEN)
			p->at[i].k = (uint32_t)(start - i - 1);
	p->following = true;
	emit(p, BPF_LD | BPF_IMM, 0);
	emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < f->nthen; i++) {
		emit(p, f->then[i].code, f->then[i].k);
		if (!p->full) {
			p->at[p->n - 1].jt = f->then[i].jt;
			p->at[p->n - 1].jf = f->then[i].jf;
		}
	}
}

/* Leaves the block unless (or when) the accumulator compares so with k. */
static void
leave_if(struct prog *p, struct exits *e, uint16_t test, uint32_t k, bool when)
{
	e->at[e->n] = p->n;
	e->when[e->n++] = when;
	emit(p, BPF_JMP | BPF_K | test, k);
}

static void
leave_unless(struct prog *p, struct exits *e, uint16_t test, uint32_t k)
{
	leave_if(p, e, test, k, false);
}

/* The block ends here. */
static void
sockfilter_leave(struct prog *p, struct exits *e)
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
word(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

/* An empty one, or NULL: too large for the least of stacks. */
static struct prog *
prog_new(void)
{
	void *p = mmap(NULL, sizeof(struct prog), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Attaches it, and frees it. */
static int
sockfilter_set(int fd, int option, struct prog *p)
{
	struct sock_fprog prog;
	int error = p->full ? -E2BIG : 0;

	memset(&prog, 0, sizeof(prog)); /* what lies between its fields, too */
	prog.len = (unsigned short)p->n;
	prog.filter = p->at;
	if (error == 0 && seccomp_setsockopt(fd, SOL_SOCKET, option, &prog,
	    sizeof(prog)) != 0)
		error = -errno;
	munmap(p, sizeof(*p));
	return error;
}

/* --- A port's group: the program returns an index ------------------------ */

static void
group_of(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };
	uint32_t i;

	emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
	emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (g->slot[i] == NOBODY)
			continue;
		leave_unless(p, &e, BPF_JEQ, i);
		verdict(p, g->slot[i]);
		sockfilter_leave(p, &e);
	}
	verdict(p, g->plain);
}

/* Data of sessions that another socket than the one of their slot is to have. */
static void
others(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };
	uint32_t i;

	sockfilter_load(p, BPF_W, 0);
	emit(p, BPF_MISC | BPF_TAX, 0);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((g->only >> i & 1) == 0)
			continue;
		emit(p, BPF_MISC | BPF_TXA, 0);
		emit(p, BPF_ALU | BPF_RSH | BPF_K, 19);
		emit(p, BPF_ALU | BPF_AND | BPF_K, 31);
		leave_unless(p, &e, BPF_JEQ, i);
		emit(p, BPF_MISC | BPF_TXA, 0);
		leave_if(p, &e, BPF_JEQ, g->sid[i][0], true);
		leave_if(p, &e, BPF_JEQ, g->sid[i][1], true);
		verdict(p, g->control);
		sockfilter_leave(p, &e);
	}
}

/* Control goes to the agent, the rest by its slot.  The first word of the
 * packet is in the accumulator before and in X. */
static void
by_sid(struct prog *p, const struct sockfilter_steering *g)
{
	struct exits e = { .n = 0 };

	emit(p, BPF_MISC | BPF_TAX, 0);
	leave_unless(p, &e, BPF_JSET, 1);
	verdict(p, g->control);
	sockfilter_leave(p, &e);
	emit(p, BPF_MISC | BPF_TXA, 0);
	group_of(p, g);
}

int
sockfilter_steer(int fd, const struct sockfilter_steering *g)
{
	struct prog *p = prog_new();
	struct exits e = { .n = 0 }, probe = { .n = 0 };

	if (p == NULL)
		return -ENOMEM;
	/* A packet of a session: its flow's sequence number is small. */
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	sockfilter_load(p, BPF_H, 6);
	leave_unless(p, &e, BPF_JEQ, 0);
	sockfilter_load(p, BPF_B, 0);
	leave_unless(p, &e, BPF_JEQ, g->prefix);
	others(p, g);
	sockfilter_load(p, BPF_W, 0);
	by_sid(p, g);
	sockfilter_leave(p, &e);
	/* A handshake, or an internal datagram. */
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	leave_unless(p, &e, BPF_JGE, MP_OVERHEAD);
	sockfilter_load(p, BPF_W, 0);
	leave_unless(p, &e, BPF_JEQ, MP_HANDSHAKE_MAGIC);
	verdict(p, g->control);
	sockfilter_leave(p, &e);
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	leave_unless(p, &e, BPF_JGE, INTERNAL_OVERHEAD);
	sockfilter_load(p, BPF_B, 0);
	leave_unless(p, &e, BPF_JEQ, 0);
	sockfilter_load(p, BPF_W, 4);
	leave_unless(p, &e, BPF_JEQ, word(g->token));
	sockfilter_load(p, BPF_B, 3);
	leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	verdict(p, g->probed);
	sockfilter_leave(p, &probe);
	sockfilter_load(p, BPF_W, 0);
	by_sid(p, g);
	sockfilter_leave(p, &e);
	verdict(p, g->plain);
	return sockfilter_set(fd, SO_ATTACH_REUSEPORT_CBPF, p);
}

int
sockfilter_steer_first(int fd)
{
	struct prog *p = prog_new();

	if (p == NULL)
		return -ENOMEM;
	verdict(p, 0);
	return sockfilter_set(fd, SO_ATTACH_REUSEPORT_CBPF, p);
}

/* --- A data socket: the program says how much of a packet is kept --------- */

/* Packets of sessions, and what we tell each other. */
static void
ours(struct prog *p, const struct sockfilter_rules *f)
{
	struct exits e = { .n = 0 }, probe = { .n = 0 };
	uint32_t i;

	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	leave_unless(p, &e, BPF_JGE, UDP + MP_OVERHEAD);
	sockfilter_load(p, BPF_B, UDP);
	leave_unless(p, &e, BPF_JEQ, f->prefix);
	sockfilter_load(p, BPF_H, UDP + 6);
	leave_unless(p, &e, BPF_JEQ, 0);
	verdict(p, (uint32_t)ALL);
	sockfilter_leave(p, &e);
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	leave_unless(p, &e, BPF_JGE, UDP + INTERNAL_OVERHEAD);
	sockfilter_load(p, BPF_B, UDP);
	leave_unless(p, &e, BPF_JEQ, 0);
	for (i = 0; i < ARENA_TOKEN; i += 4) {
		sockfilter_load(p, BPF_W, UDP + 4 + i);
		leave_unless(p, &e, BPF_JEQ, word(f->token + i));
	}
	sockfilter_load(p, BPF_B, UDP + 3);
	leave_unless(p, &probe, BPF_JEQ, INTERNAL_LOCATE);
	verdict(p, NONE);
	sockfilter_leave(p, &probe);
	verdict(p, (uint32_t)ALL);
	sockfilter_leave(p, &e);
}

/* Goes on only for packets of an IP version. */
static void
of_version(struct prog *p, struct exits *e, uint32_t version)
{
	sockfilter_load(p, BPF_B, (uint32_t)SKF_NET_OFF);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	leave_unless(p, e, BPF_JEQ, version);
}

/* Goes on only when an address in the IP header begins with these bits. */
static void
has_prefix(struct prog *p, struct exits *e, const struct mp_addr *a,
    uint32_t len, bool source)
{
	bool v4 = net_is_v4(a) && len >= 96;
	uint32_t off = v4 ? (source ? 12 : 16) : (source ? 8 : 24);
	const uint8_t *ip = v4 ? a->ip + 12 : a->ip;
	uint32_t mask, bits;

	of_version(p, e, v4 ? 4 : 6);
	for (len -= v4 ? 96 : 0; len > 0; len -= bits, ip += 4, off += 4) {
		bits = len > 32 ? 32 : len;
		mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
		sockfilter_load(p, BPF_W, (uint32_t)SKF_NET_OFF + off);
		if (bits < 32)
			emit(p, BPF_ALU | BPF_AND | BPF_K, mask);
		leave_unless(p, e, BPF_JEQ, word(ip) & mask);
	}
}

static void
from_prefix(struct prog *p, const struct sockfilter_prefix *x)
{
	struct exits e = { .n = 0 };

	has_prefix(p, &e, &x->addr, x->len, true);
	if (x->addr.port != 0) {
		sockfilter_load(p, BPF_H, 0);
		leave_unless(p, &e, BPF_JEQ, x->addr.port);
	}
	if (x->drop)
		verdict(p, NONE);
	else
		let_in(p);
	sockfilter_leave(p, &e);
}

static void
from_loopback(struct prog *p)
{
	struct sockfilter_prefix v4 = { .len = 104 }, v6 = { .len = 128 };

	v4.addr.ip[10] = v4.addr.ip[11] = 0xff;
	v4.addr.ip[12] = 127;
	v6.addr.ip[15] = 1;
	from_prefix(p, &v4);
	from_prefix(p, &v6);
}

/* What this host sent itself, whatever the address. */
static void
from_here(struct prog *p)
{
	struct exits e = { .n = 0 };

	sockfilter_load(p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	leave_unless(p, &e, BPF_JEQ, LOOPBACK);
	let_in(p);
	sockfilter_leave(p, &e);
}

static void
to_prefix(struct prog *p, const uint8_t ip[4], bool v4, uint32_t len)
{
	struct mp_addr a = { .port = 0 };
	struct exits e = { .n = 0 };

	if (v4)
		memset(a.ip + 10, 0xff, 2);
	memcpy(a.ip + (v4 ? 12 : 0), ip, 4);
	has_prefix(p, &e, &a, v4 ? 96 + len : len, false);
	let_in(p);
	sockfilter_leave(p, &e);
}

/* What was sent to a group. */
static void
to_groups(struct prog *p)
{
	to_prefix(p, (const uint8_t[4]) { 224 }, true, 4);
	to_prefix(p, (const uint8_t[4]) { 255 }, false, 8);
}

/* What was sent to everybody; not every link layer says so, and of what this
 * host sent itself none does. */
static void
to_all(struct prog *p)
{
	static const uint32_t types[] = { PACKET_BROADCAST, PACKET_LOOPBACK };
	struct exits e = { .n = 0 };
	size_t i;

	to_prefix(p, (const uint8_t[4]) { 255, 255, 255, 255 }, true, 32);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		sockfilter_load(p, BPF_B,
		    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
		leave_unless(p, &e, BPF_JEQ, types[i]);
		let_in(p);
		sockfilter_leave(p, &e);
	}
}

/* Drops the packets of an IP version. */
static void
refuse_version(struct prog *p, uint32_t version)
{
	struct exits e = { .n = 0 };

	of_version(p, &e, version);
	verdict(p, NONE);
	sockfilter_leave(p, &e);
}

/* Drops what was not sent to this address. */
static void
only_to(struct prog *p, const struct mp_addr *a)
{
	struct exits e = { .n = 0 };
	size_t over;

	has_prefix(p, &e, a, 128, false);
	over = p->n;
	emit(p, BPF_JMP | BPF_JA, 1); /* it was: step over the drop */
	sockfilter_leave(p, &e);
	verdict(p, NONE);
	if (!p->full)
		p->at[over].k = (uint32_t)(p->n - over - 1);
}

int
sockfilter_attach(int fd, const struct sockfilter_rules *f)
{
	struct prog *p = prog_new();
	struct exits e = { .n = 0 };
	size_t i;

	if (p == NULL)
		return -ENOMEM;
	p->then = f->nthen > 0;
	if (f->prefix != 0)
		ours(p, f);
	if (!f->v4)
		refuse_version(p, 4);
	if (!f->v6)
		refuse_version(p, 6);
	if (f->local_only)
		only_to(p, &f->local);
	from_loopback(p);
	if (f->here)
		from_here(p);
	if (f->multicast)
		to_groups(p);
	if (f->broadcast)
		to_all(p);
	if (f->dns) {
		sockfilter_load(p, BPF_H, 0);
		leave_unless(p, &e, BPF_JEQ, 53);
		let_in(p);
		sockfilter_leave(p, &e);
	}
	for (i = 0; i < f->npeers; i++)
		from_prefix(p, &f->peers[i]);
	if (f->all_plain)
		let_in(p);
	else
		verdict(p, NONE);
	append(p, f);
	return sockfilter_set(fd, SO_ATTACH_FILTER, p);
}
