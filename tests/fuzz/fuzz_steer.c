/* SPDX-License-Identifier: ISC */
/*
 * Which socket of a port's group a packet goes to: the program of
 * sockfilter_steer(), run in preload/shared/bpf.c, against the same decision
 * written in C.  The input says the sockets, then packets.
 */
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "filter_packet.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

enum { STEER_CLAIMS = 5, STEER_PACKETS = 12 };

static uint32_t
steer_word(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

static uint8_t
steer_slot_of(const struct sockfilter_steering *g, uint32_t word)
{
	uint8_t index = g->slot[word >> 19 & 31];

	return word & 1 ? g->control : index == 255 ? g->plain : index;
}

/* Where a packet of a session goes. */
static uint8_t
steer_session_to(const struct sockfilter_steering *g, uint32_t word)
{
	uint32_t i, k, slot = word >> 19 & 31;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		for (k = 0; k < 2; k++)
			if (g->sid[i][k] != 0 && g->sid[i][k] == word &&
			    (word >> 19 & 31) != i && g->slot[i] != 255)
				return g->slot[i];
	for (i = 0; i < g->nothers; i++)
		if (g->other[i] == word)
			return g->control;
	if ((g->only >> slot & 1) != 0 && word != g->sid[slot][0] &&
	    word != g->sid[slot][1])
		return g->control;
	return steer_slot_of(g, word);
}

static bool
steer_claims(const struct sockfilter_claim *c, const struct filter_packet *p)
{
	bool v4 = net_is_v4(&p->from);

	return (v4 ? c->v4 : c->v6) &&
	    (!c->at || memcmp(c->local.ip, p->to.ip, 16) == 0) &&
	    (!c->from || (memcmp(c->peer.ip, p->from.ip, 16) == 0 &&
		c->peer.port == p->from.port));
}

/* May a packet go to that index? */
static bool
steer_may_go(const struct sockfilter_steering *g, const struct filter_packet *p,
    uint32_t index)
{
	const uint8_t *b = p->payload;
	uint32_t word = steer_word(b);
	size_t len = p->seen.len, i, k;

	for (i = 0; len >= MP_OVERHEAD && i < g->nlate; i++)
		if (g->late[i] == (word & ~1U))
			return index == g->control;
	if (len >= MP_OVERHEAD && b[6] == 0 && b[7] == 0 && b[0] == g->prefix)
		return index == steer_session_to(g, word);
	if (len >= MP_OVERHEAD && word == MP_HANDSHAKE_MAGIC)
		return index == g->control;
	if (len >= INTERNAL_OVERHEAD && b[0] == 0 &&
	    memcmp(b + 4, g->token, 4) == 0)
		return index == (b[3] == INTERNAL_LOCATE ? g->probed :
		    steer_slot_of(g, word));
	for (i = 0; i < g->nclaims; i += g->claim[i].share + 1U) {
		if (!steer_claims(&g->claim[i], p))
			continue;
		for (k = 0; k <= g->claim[i].share; k++)
			if (g->claim[i + k].index == index)
				return true;
		return false;
	}
	return index == g->plain;
}

static void
steer_steering(struct feed *f, struct sockfilter_steering *g,
    struct sockfilter_claim claim[STEER_CLAIMS])
{
	uint32_t i, k;
	uint8_t how;

	memset(g, 0, sizeof(*g));
	g->prefix = FILTER_PREFIX;
	feed_fill(f, g->token, sizeof(g->token));
	g->control = feed_byte(f) & 7;
	g->plain = feed_byte(f) & 7;
	g->probed = feed_byte(f) & 7;
	memset(g->slot, 255, sizeof(g->slot));
	for (i = feed_byte(f) & 7; i > 0; i--) {
		k = feed_byte(f) & 31;
		g->slot[k] = feed_byte(f) & 7;
		how = feed_byte(f);
		g->only |= (uint32_t)(how & 1) << k;
		if (how & 2)
			g->sid[k][0] = UINT32_C(0xc3) << 24 |
			    (how & 4 ? k : how >> 3U) << 19 | 0x10;
	}
	for (g->nothers = feed_byte(f) & 3, i = 0; i < g->nothers; i++)
		g->other[i] = UINT32_C(0xc3) << 24 |
		    (uint32_t)(feed_byte(f) & 31) << 19 | 0x20;
	for (g->nlate = feed_byte(f) & 3, i = 0; i < g->nlate; i++)
		g->late[i] = (uint32_t)feed_number(f, 4) & ~1U;
	g->claim = claim;
	g->nclaims = feed_byte(f) % (STEER_CLAIMS + 1);
	for (i = 0; i < g->nclaims; i++) {
		how = feed_byte(f);
		claim[i] = (struct sockfilter_claim) { .index = how & 7,
			.at = how & 8, .from = how & 16, .v4 = how & 32,
			.v6 = !(how & 32) || (!(how & 24) && how & 64) };
		claim[i].local = filter_addr(f, claim[i].v4);
		claim[i].peer = filter_addr(f, claim[i].v4);
		if (how & 128 && i > 0 && claim[i - 1].share == 0 &&
		    (i == 1 || claim[i - 2].share != 1)) {
			claim[i - 1].share = 1;
			k = claim[i].index;
			claim[i] = claim[i - 1];
			claim[i].index = (uint8_t)k;
			claim[i].share = 0;
		}
	}
}

/* In a group's program the payload is at 0 (K11 of doc/design.md). */
static bool
steer_get(const void *of, uint32_t off, unsigned size, uint32_t *to)
{
	const struct filter_packet *p = of;
	bool net = off >= (uint32_t)SKF_NET_OFF;
	size_t at = net ? off - (uint32_t)SKF_NET_OFF : off, n;
	uint8_t all[48 + FILTER_SPAN];

	n = net ? p->seen.iplen + 8 : 0;
	if (net) {
		memcpy(all, p->seen.ip, p->seen.iplen);
		memcpy(all + p->seen.iplen, p->seen.udp, 8);
	}
	memcpy(all + n, p->payload, p->seen.len);
	n += p->seen.len;
	if (at + size > n)
		return false;
	for (*to = 0; size > 0; size--)
		*to = *to << 8 | all[at++];
	return true;
}

static uint32_t
steer_run_group(const struct filter_packet *p)
{
	const struct bpf_data data = { .of = p, .get = steer_get,
		.len = (uint32_t)p->seen.len };

	return bpf_run(filter_program.at, filter_program.len, &data);
}

static void
steer_of_group(struct feed *f, int fd)
{
	struct sockfilter_claim claim[STEER_CLAIMS];
	struct sockfilter_steering g;
	struct filter_packet p;
	int i;

	steer_steering(f, &g, claim);
	FUZZ_ASSERT(sockfilter_steer(fd, &g, &(uint64_t) { 0 }) == 0);
	for (i = 0; i < STEER_PACKETS && f->left > 0; i++) {
		filter_packet(f, &p, g.token);
		if (p.payload[3] & 0x40 && g.nlate > 0) {
			p.payload[0] = (uint8_t)(g.late[0] >> 24);
			p.payload[1] = (uint8_t)(g.late[0] >> 16);
			p.payload[2] = (uint8_t)(g.late[0] >> 8);
			p.payload[3] = (uint8_t)g.late[0];
		}
		fuzz_count("packets");
		FUZZ_ASSERT(steer_may_go(&g, &p, steer_run_group(&p)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	int fd = filter_socket();

	steer_of_group(&f, fd);
	close(fd);
	return 0;
}
