/* SPDX-License-Identifier: ISC */
#include "bpf.h"

#include <linux/if_packet.h>

struct bpf_state {
	const struct bpf_data *data;
	uint32_t a, x;
	uint32_t mem[BPF_MEMWORDS];
};

static bool
bpf_get(const struct bpf_state *r, uint32_t off, unsigned size, uint32_t *to)
{
	return r->data->get(r->data->of, off, size, to);
}

static bool
bpf_load(struct bpf_state *r, const struct sock_filter *f)
{
	unsigned size = BPF_SIZE(f->code) == BPF_W ? 4 :
	    BPF_SIZE(f->code) == BPF_H ? 2 : 1;
	uint32_t at;

	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		r->a = f->k;
		return true;
	case BPF_LEN:
		r->a = r->data->len;
		return true;
	case BPF_MEM:
		r->a = r->mem[f->k % BPF_MEMWORDS];
		return true;
	case BPF_IND:
		/* Ancillary data is loaded by a constant offset only. */
		at = r->x + f->k;
		return at < (uint32_t)SKF_AD_OFF && bpf_get(r, at, size, &r->a);
	default:
		if (f->k != (uint32_t)SKF_AD_OFF + SKF_AD_ALU_XOR_X)
			return bpf_get(r, f->k, size, &r->a);
		r->a ^= r->x;
		return true;
	}
}

static bool
bpf_load_x(struct bpf_state *r, const struct sock_filter *f)
{
	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		r->x = f->k;
		return true;
	case BPF_LEN:
		r->x = r->data->len;
		return true;
	case BPF_MEM:
		r->x = r->mem[f->k % BPF_MEMWORDS];
		return true;
	default: /* the length of an IPv4 header */
		if (!bpf_get(r, f->k, 1, &r->x))
			return false;
		r->x = (r->x & 15) << 2;
		return true;
	}
}

/* False: a division by zero, which ends the program. */
static bool
bpf_compute(struct bpf_state *r, const struct sock_filter *f)
{
	uint32_t by = BPF_SRC(f->code) == BPF_X ? r->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		r->a += by;
		return true;
	case BPF_SUB:
		r->a -= by;
		return true;
	case BPF_MUL:
		r->a *= by;
		return true;
	case BPF_DIV:
		r->a = by != 0 ? r->a / by : 0;
		return by != 0;
	case BPF_MOD:
		r->a = by != 0 ? r->a % by : 0;
		return by != 0;
	case BPF_AND:
		r->a &= by;
		return true;
	case BPF_OR:
		r->a |= by;
		return true;
	case BPF_XOR:
		r->a ^= by;
		return true;
	case BPF_LSH:
		r->a <<= by & 31;
		return true;
	case BPF_RSH:
		r->a >>= by & 31;
		return true;
	default:
		r->a = 0 - r->a; /* BPF_NEG */
		return true;
	}
}

/* How many instructions the jump skips. */
static uint32_t
bpf_jump(const struct bpf_state *r, const struct sock_filter *f)
{
	uint32_t with = BPF_SRC(f->code) == BPF_X ? r->x : f->k;
	bool is;

	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		is = r->a == with;
		break;
	case BPF_JGT:
		is = r->a > with;
		break;
	case BPF_JGE:
		is = r->a >= with;
		break;
	case BPF_JSET:
		is = (r->a & with) != 0;
		break;
	default: /* BPF_JA */
		return f->k;
	}
	return is ? f->jt : f->jf;
}

/* Executes one instruction other than JMP and RET.  False: the program ends
 * (load out of range, division by 0). */
static bool
bpf_step(struct bpf_state *r, const struct sock_filter *f)
{
	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		return bpf_load(r, f);
	case BPF_LDX:
		return bpf_load_x(r, f);
	case BPF_ST:
		r->mem[f->k % BPF_MEMWORDS] = r->a;
		return true;
	case BPF_STX:
		r->mem[f->k % BPF_MEMWORDS] = r->x;
		return true;
	case BPF_ALU:
		return bpf_compute(r, f);
	default:
		if (BPF_MISCOP(f->code) == BPF_TXA)
			r->a = r->x;
		else
			r->x = r->a;
		return true;
	}
}

/* Ends, since jumps only go forward. */
uint32_t
bpf_run(const struct sock_filter *at, size_t n, const struct bpf_data *data)
{
	struct bpf_state r = { .data = data };
	struct sock_filter f;
	uint32_t over;
	size_t pc;

	for (pc = 0; pc < n; pc++) {
		f = at[pc];
		if (BPF_CLASS(f.code) == BPF_RET)
			return BPF_RVAL(f.code) == BPF_A ? r.a : f.k;
		if (BPF_CLASS(f.code) == BPF_JMP) {
			over = bpf_jump(&r, &f);
			if (over > n)
				return 0;
			pc += over;
		} else if (!bpf_step(&r, &f))
			return 0;
	}
	return 0;
}

/* --- Packets -------------------------------------------------------------- */

/* The byte at an offset from the UDP header on. */
static bool
bpf_get_byte(const struct bpf_packet *p, uint32_t off, uint8_t *b)
{
	if (off < sizeof(p->udp))
		*b = p->udp[off];
	else if (off - sizeof(p->udp) < p->len)
		*b = p->payload[off - sizeof(p->udp)];
	else
		return false;
	return true;
}

/* The byte at an offset from the IP header on, which has no link header before
 * it. */
static bool
bpf_get_net_byte(const struct bpf_packet *p, uint32_t off, uint8_t *b)
{
	if (off >= p->iplen)
		return bpf_get_byte(p, off - (uint32_t)p->iplen, b);
	*b = p->ip[off];
	return true;
}

/* Ancillary data (SKF_AD_*): what is known besides the packet's bytes. */
static uint32_t
bpf_ancillary(const struct bpf_packet *p, uint32_t off)
{
	switch (off) {
	case SKF_AD_PROTOCOL:
		return p->protocol;
	case SKF_AD_PKTTYPE:
		return PACKET_HOST;
	case SKF_AD_IFINDEX:
		return p->ifindex;
	case SKF_AD_PAY_OFFSET:
		return sizeof(p->udp);
	default:
		return 0;
	}
}

static bool
bpf_get_packet(const void *of, uint32_t off, unsigned size, uint32_t *to)
{
	const struct bpf_packet *p = of;
	bool net = off >= (uint32_t)SKF_NET_OFF;
	uint8_t b = 0;
	unsigned i;

	if (off >= (uint32_t)SKF_AD_OFF) {
		*to = bpf_ancillary(p, off - (uint32_t)SKF_AD_OFF);
		return true;
	}
	if (off > INT32_MAX && !net)
		return false;
	if (net)
		off -= (uint32_t)SKF_NET_OFF;
	for (i = 0, *to = 0; i < size; i++) {
		if (!(net ? bpf_get_net_byte : bpf_get_byte)(p, off + i, &b))
			return false;
		*to = *to << 8 | b;
	}
	return true;
}

uint32_t
bpf_filter(const struct bpf *bpf, const struct bpf_packet *p)
{
	const struct bpf_data data = { .of = p, .get = bpf_get_packet,
		.len = (uint32_t)(sizeof(p->udp) + p->len) };
	uint32_t n = atomic_load(&bpf->len);

	return bpf_run(bpf->at, n < BPF_MAXINSNS ? n : BPF_MAXINSNS, &data);
}
