/* SPDX-License-Identifier: ISC */
#include "bpf_writer.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "net.h"
#include "seccomp.h"

void
bpf_writer_emit(struct bpf_writer *p, uint16_t code, uint32_t k)
{
	if (p->n == p->room) {
		p->full = true;
		return;
	}
	p->at[p->n++] = (struct sock_filter) { .code = code, .k = k };
}

void
bpf_writer_load(struct bpf_writer *p, uint16_t size, uint32_t off)
{
	bpf_writer_emit(p, BPF_LD | BPF_ABS | size, off);
}

void
bpf_writer_return(struct bpf_writer *p, uint32_t k)
{
	bpf_writer_emit(p, BPF_RET | BPF_K, k);
}

void
bpf_writer_leave_if(struct bpf_writer *p, struct bpf_exits *e, uint16_t test,
    uint32_t k, bool when)
{
	e->at[e->n] = p->n;
	e->when[e->n++] = when;
	bpf_writer_emit(p, BPF_JMP | BPF_K | test, k);
}

void
bpf_writer_leave_unless(struct bpf_writer *p, struct bpf_exits *e,
    uint16_t test, uint32_t k)
{
	bpf_writer_leave_if(p, e, test, k, false);
}

void
bpf_writer_block_end(struct bpf_writer *p, struct bpf_exits *e)
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

uint32_t
bpf_writer_word(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

/* A program is too large for a small stack, and mapping room for each costs as
 * much as attaching it.  So there is one place; who finds it taken, by another
 * thread or by a call that a signal handler interrupted, maps its own. */
static struct bpf_writer place;
static _Atomic bool place_taken;

struct bpf_writer *
bpf_writer_new(size_t room)
{
	struct bpf_writer *p = &place;
	void *map;

	if (atomic_exchange(&place_taken, true)) {
		map = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED)
			return NULL;
		p = map;
	}
	p->n = 0;
	p->room = room;
	p->full = false;
	return p;
}

static void
bpf_writer_free(struct bpf_writer *p)
{
	if (p == &place)
		atomic_store(&place_taken, false);
	else
		munmap(p, sizeof(*p));
}

/* A hash of the program (FNV-1a), never 0. */
static uint64_t
bpf_writer_mark(const struct bpf_writer *p)
{
	const uint8_t *byte = (const uint8_t *)p->at;
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < p->n * sizeof(p->at[0]); i++)
		h = (h ^ byte[i]) * UINT64_C(0x100000001b3);
	return h == 0 ? 1 : h;
}

int
bpf_writer_set(int fd, int option, struct bpf_writer *p, uint64_t *mark)
{
	struct sock_fprog prog;
	uint64_t mine = bpf_writer_mark(p);
	int error = p->full ? -E2BIG : 0;

	if (error == 0 && *mark == mine) {
		bpf_writer_free(p);
		return 0;
	}
	memset(&prog, 0, sizeof(prog)); /* the padding as well */
	prog.len = (unsigned short)p->n;
	prog.filter = p->at;
	if (error == 0 && seccomp_setsockopt(fd, SOL_SOCKET, option, &prog,
	    sizeof(prog)) != 0)
		error = -errno;
	*mark = error == 0 ? mine : 0;
	bpf_writer_free(p);
	return error;
}

/* --- IP headers ----------------------------------------------------------- */

void
bpf_writer_if_version(struct bpf_writer *p, struct bpf_exits *e,
    uint32_t version)
{
	bpf_writer_load(p, BPF_B, (uint32_t)SKF_NET_OFF);
	bpf_writer_emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	bpf_writer_leave_unless(p, e, BPF_JEQ, version);
}

void
bpf_writer_if_prefix(struct bpf_writer *p, struct bpf_exits *e,
    const struct mp_addr *a, uint32_t len, bool source)
{
	bool v4 = net_is_v4(a) && len >= 96;
	uint32_t off = v4 ? (source ? 12 : 16) : (source ? 8 : 24);
	const uint8_t *ip = v4 ? a->ip + 12 : a->ip;
	uint32_t mask, bits;

	bpf_writer_if_version(p, e, v4 ? 4 : 6);
	for (len -= v4 ? 96 : 0; len > 0; len -= bits, ip += 4, off += 4) {
		bits = len > 32 ? 32 : len;
		mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
		bpf_writer_load(p, BPF_W, (uint32_t)SKF_NET_OFF + off);
		if (bits < 32)
			bpf_writer_emit(p, BPF_ALU | BPF_AND | BPF_K, mask);
		bpf_writer_leave_unless(p, e, BPF_JEQ,
		    bpf_writer_word(ip) & mask);
	}
}
