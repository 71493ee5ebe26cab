/* SPDX-License-Identifier: ISC */
#include "emu.h"

#include <time.h>

enum {
	MAGIC_NS = 0xa1b23c4d, /* times in nanoseconds */
	LINKTYPE_RAW = 101,
	BUFFER = 1 << 20, /* octets; a slow disk shall not slow the links */
};

FILE *
pcap_open(const char *path)
{
	const uint32_t head[6] = { MAGIC_NS, 2 | 4 << 16, 0, 0, PACKET_MAX,
		LINKTYPE_RAW };
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return NULL;
	setvbuf(f, NULL, _IOFBF, BUFFER);
	fwrite(head, sizeof(head), 1, f);
	return f;
}

void
pcap_add(FILE *f, const uint8_t *packet, size_t len)
{
	struct timespec t;
	uint32_t head[4];

	clock_gettime(CLOCK_REALTIME, &t);
	head[0] = (uint32_t)t.tv_sec;
	head[1] = (uint32_t)t.tv_nsec;
	head[2] = head[3] = (uint32_t)len;
	fwrite(head, sizeof(head), 1, f);
	fwrite(packet, len, 1, f);
}
