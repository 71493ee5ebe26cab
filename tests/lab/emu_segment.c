/* SPDX-License-Identifier: ISC */
/*
 * Devices that cut bundles.  A program's UDP_SEGMENT send reaches such a device
 * as one long packet (struct virtio_net_hdr says how long its datagrams are),
 * and the device makes the packets of it that go over the link, well or badly:
 * see enum segment.
 */
#include "emu.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>

enum { IP_LEN = 2, IP_ID = 4, IP_SUM = 10, IP_ADDRS = 12, IP6_LEN = 4,
	IP6_ADDRS = 8, IP6_HEAD = 40, UDP_LEN = 4, UDP_SUM = 6, UDP_HEAD = 8,
	PROTO_UDP = 17 };

/* TUN_F_USO4, TUN_F_USO6 of Linux 6.2 */
enum { USO4 = 0x20, USO6 = 0x40 };

static void
put16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

/* Adds the 16-bit words to the sum. */
static uint32_t
sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return len & 1 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

static uint32_t
sum_end(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

void
segment_sum(uint8_t *packet, size_t len, size_t start, size_t offset)
{
	uint32_t sum;

	if (start + offset + 2 > len)
		return;
	sum = sum_end(sum_add(0, packet + start, len - start));
	put16(packet + start + offset, sum == 0 ? 0xffff : sum);
}

/* Writes lengths and sums of a packet of which the IP header is as it was in
 * the bundle; `udp' is the offset of its UDP header. */
static void
segment_fill(uint8_t *p, size_t len, size_t udp, size_t nth)
{
	bool four = p[0] >> 4 == 4;
	uint32_t sum = PROTO_UDP + (uint32_t)(len - udp);
	size_t id;

	if (four) {
		put16(p + IP_LEN, len);
		id = ((size_t)p[IP_ID] << 8 | p[IP_ID + 1]) + nth;
		put16(p + IP_ID, id);
		put16(p + IP_SUM, 0);
		put16(p + IP_SUM, sum_end(sum_add(0, p, udp)));
		sum = sum_add(sum, p + IP_ADDRS, 8);
	} else {
		put16(p + IP6_LEN, len - IP6_HEAD);
		sum = sum_add(sum, p + IP6_ADDRS, 32);
	}
	put16(p + udp + UDP_LEN, len - udp);
	put16(p + udp + UDP_SUM, 0);
	sum = sum_end(sum_add(sum, p + udp, len - udp));
	put16(p + udp + UDP_SUM, sum == 0 ? 0xffff : sum);
}

void
segment_cut(struct emu *e, struct direction *d, const struct segment_head *h,
    const uint8_t *packet, size_t len)
{
	uint8_t one[PACKET_MAX];
	size_t head = (size_t)h->sum_start + UDP_HEAD, at, n, nth = 0;

	d->n.bundles++;
	if (h->size == 0 || head >= len || d->impair.segment == SEGMENT_DROP)
		return;
	for (at = head; at < len; at += n, nth++) {
		n = len - at < h->size ? len - at : h->size;
		memcpy(one, packet, head);
		memcpy(one + head, packet + at, n);
		if (d->impair.segment == SEGMENT_CORRUPT && nth % 2 == 1)
			one[head + n / 2] ^= 1;
		segment_fill(one, head + n, h->sum_start, nth);
		direction_take(e, d, one, head + n);
	}
}

int
segment_set(struct link *l, int i, enum segment how)
{
	unsigned long features = how == SEGMENT_NONE ? 0 :
	    TUN_F_CSUM | USO4 | USO6;

	if (l->direction[i].impair.segment == how)
		return 0;
	l->direction[i].impair.segment = how;
	return end_set_offload(&l->end[i], features);
}
