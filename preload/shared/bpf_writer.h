/* SPDX-License-Identifier: ISC */
/* Writes classic BPF: a program that only jumps forward, block by block. */
#ifndef BPF_WRITER_H
#define BPF_WRITER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_addr;

struct bpf_writer {
	struct sock_filter at[BPF_MAXINSNS];
	size_t n;
	size_t room; /* instructions, at most */
	bool full;   /* it was not enough */
};

/* The conditional jumps that leave a block; bpf_writer_block_end() sets where
 * to. */
struct bpf_exits {
	size_t at[24];
	bool when[24]; /* leaves when the condition holds */
	size_t n;
};

/* An empty program; NULL: no memory. */
struct bpf_writer *bpf_writer_new(size_t room);
/*
 * Attaches the program by this option, and frees it: 0, or a negative errno
 * (-E2BIG: it has no room).  The kernel compiles each program that it is given,
 * which costs as much as some twenty other system calls.  So *mark, a hash,
 * tells what was attached last (0: something else), and the same program is not
 * attached again.
 */
int bpf_writer_set(int fd, int option, struct bpf_writer *, uint64_t *mark);

void bpf_writer_emit(struct bpf_writer *, uint16_t code, uint32_t k);
void bpf_writer_load(struct bpf_writer *, uint16_t size, uint32_t off);
void bpf_writer_return(struct bpf_writer *, uint32_t k);
/* Leaves the block if the comparison of the accumulator with k is `when'. */
void bpf_writer_leave_if(struct bpf_writer *, struct bpf_exits *,
    uint16_t test, uint32_t k, bool when);
void bpf_writer_leave_unless(struct bpf_writer *, struct bpf_exits *,
    uint16_t test, uint32_t k);
/* The block ends here: sets where its jumps lead. */
void bpf_writer_block_end(struct bpf_writer *, struct bpf_exits *);

/* Goes on only for packets of an IP version. */
void bpf_writer_if_version(struct bpf_writer *, struct bpf_exits *,
    uint32_t version);
/* Goes on only if the source (or destination) address begins with the first
 * `len' bits of the address, in its IPv6 form. */
void bpf_writer_if_prefix(struct bpf_writer *, struct bpf_exits *,
    const struct mp_addr *, uint32_t len, bool source);

/* Four bytes, as a program loads them. */
uint32_t bpf_writer_word(const uint8_t *);

#endif
