/* SPDX-License-Identifier: ISC */
#include "udpload.h"

#include <string.h>

enum {
	MAGIC = 0x64616f6c, /* "load" */
};

_Static_assert(sizeof(struct head) == HEAD_LEN, "struct head has no padding");

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* 64 bits; a change of one bit changes it, with the step of splitmix64. */
static uint64_t
hash(const uint8_t *p, size_t len)
{
	uint64_t h = len, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h + word) + 0x9e3779b97f4a7c15;
	}
	word = 0;
	memcpy(&word, p, len);
	return mix(h + word);
}

static void
fill(uint8_t *p, size_t len, uint64_t seed)
{
	size_t n;

	for (; len > 0; len -= n, p += n) {
		seed = mix(seed + 0x9e3779b97f4a7c15);
		n = len < sizeof(seed) ? len : sizeof(seed);
		memcpy(p, &seed, n);
	}
}

void
packet_make(uint8_t *packet, struct head *h, const char *text)
{
	size_t i, n = text == NULL ? 0 : strlen(text);

	h->magic = MAGIC;
	if (n == 0)
		fill(packet + HEAD_LEN, h->len - HEAD_LEN,
		    (uint64_t)h->stream << 32 ^ h->seq);
	for (i = HEAD_LEN; n != 0 && i < h->len; i++)
		packet[i] = (uint8_t)text[(i - HEAD_LEN) % n];
	memcpy(packet, h, HEAD_LEN);
	h->hash = hash(packet + sizeof(h->hash), h->len - sizeof(h->hash));
	memcpy(packet, &h->hash, sizeof(h->hash));
}

bool
packet_read(const uint8_t *packet, size_t len, struct head *h, bool *ours)
{
	*ours = false;
	if (len < HEAD_LEN)
		return false;
	memcpy(h, packet, HEAD_LEN);
	*ours = h->magic == MAGIC || h->len == len;
	return h->magic == MAGIC && h->len == len && h->seq < h->count &&
	    h->hash == hash(packet + sizeof(h->hash), len - sizeof(h->hash));
}
