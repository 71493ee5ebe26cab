/* SPDX-License-Identifier: ISC */
/*
 * What the kernel lets in to a socket: the program of sockfilter_attach(), run
 * in preload/shared/bpf.c, against the same decision written in C.  The input
 * says the rules, then packets.
 */
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "filter_packet.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

enum { FILTER_PEERS = 6, FILTER_PACKETS = 12 };

static bool
filter_in(const uint8_t *ip, const struct mp_addr *of, unsigned len)
{
	unsigned i;

	for (i = 0; i < len; i++)
		if (((ip[i / 8] ^ of->ip[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

static bool
filter_is_ours(const struct sockfilter_rules *r, const struct filter_packet *p,
    bool *probe)
{
	const uint8_t *b = p->payload;
	size_t len = p->seen.len;

	*probe = false;
	if (r->prefix == 0)
		return false;
	if (len >= MP_OVERHEAD && b[0] == r->prefix && b[6] == 0 && b[7] == 0)
		return true;
	if (len < INTERNAL_OVERHEAD || b[0] != 0 ||
	    memcmp(b + 4, r->token, ARENA_TOKEN) != 0)
		return false;
	*probe = b[3] == INTERNAL_LOCATE;
	return true;
}

/* Does plaintext come in? */
static bool
filter_plain(const struct sockfilter_rules *r, const struct filter_packet *p)
{
	static const struct mp_addr hosts = { .ip = { 0xff, 1, [15] = 1 } };
	bool v4 = net_is_v4(&p->from);
	size_t i;

	if ((v4 && !r->v4) || (!v4 && !r->v6))
		return false;
	if (r->local_only && memcmp(p->to.ip, r->local.ip, 16) != 0)
		return false;
	if (r->here ? p->seen.ifindex == NET_LOOPBACK :
	    net_is_loopback(&p->from))
		return true;
	if (r->multicast && memcmp(p->to.ip, hosts.ip, 16) == 0)
		return false;
	if (r->multicast && net_is_multicast(&p->to))
		return true;
	if (r->broadcast && v4 && memcmp(p->to.ip + 12, "\xff\xff\xff\xff",
	    4) == 0)
		return true;
	if (r->dns && p->from.port == 53)
		return true;
	for (i = 0; i < r->npeers; i++)
		if ((r->peers[i].addr.port == 0 ||
		    r->peers[i].addr.port == p->from.port) &&
		    (!v4 || r->peers[i].len >= 96) &&
		    filter_in(p->from.ip, &r->peers[i].addr, r->peers[i].len))
			return !r->peers[i].drop;
	return r->all_plain;
}

static void
filter_rules(struct feed *f, struct sockfilter_rules *r,
    struct sockfilter_prefix peers[FILTER_PEERS])
{
	static const struct sock_filter cut[] = {
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 10),
		BPF_STMT(BPF_RET | BPF_A, 0) };
	unsigned flags = (unsigned)feed_number(f, 2), i;
	uint8_t bits;

	memset(r, 0, sizeof(*r));
	r->prefix = flags & 1 ? FILTER_PREFIX : 0;
	feed_fill(f, r->token, sizeof(r->token));
	r->v4 = !(flags & 2);
	r->v6 = flags & 4;
	r->local_only = (flags & 0x18) == 0x18;
	r->local = filter_addr(f, !r->v6 || flags & 0x8000);
	r->dns = flags & 0x20;
	r->multicast = flags & 0x40;
	r->broadcast = flags & 0x80;
	r->here = flags & 0x100;
	r->all_plain = flags & 0x200;
	r->npeers = (flags >> 10 & 7) % (FILTER_PEERS + 1);
	for (i = 0; i < r->npeers; i++) {
		bits = feed_byte(f);
		peers[i].addr = filter_addr(f, bits & 1);
		if (bits & 2)
			peers[i].addr.port = 0;
		peers[i].drop = bits & 4;
		peers[i].len = feed_byte(f) % 129;
		if (bits & 8)
			peers[i].len = 128;
	}
	r->peers = peers;
	if (flags & 0x2000) {
		r->then = cut;
		r->nthen = sizeof(cut) / sizeof(cut[0]);
	}
}

static void
filter_of_socket(struct feed *f, int fd)
{
	struct sockfilter_prefix peers[FILTER_PEERS];
	struct sockfilter_rules r;
	struct filter_packet p;
	bool probe, ours;
	uint32_t kept, want;
	int i;

	filter_rules(f, &r, peers);
	FUZZ_ASSERT(sockfilter_attach(fd, &r, &(uint64_t) { 0 }) == 0);
	for (i = 0; i < FILTER_PACKETS && f->left > 0; i++) {
		filter_packet(f, &p, r.token);
		ours = filter_is_ours(&r, &p, &probe);
		want = ours ? (probe ? 0 : UINT32_MAX) : !filter_plain(&r, &p) ?
		    0 : r.nthen > 0 ? 10 : UINT32_MAX;
		kept = bpf_filter(&filter_program, &p.seen);
		fuzz_count("packets");
		FUZZ_ASSERT(kept == want);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	int fd = filter_socket();

	filter_of_socket(&f, fd);
	close(fd);
	return 0;
}
