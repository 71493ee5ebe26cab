/* SPDX-License-Identifier: ISC */
#include "bundle.h"

#include <string.h>

#include "host.h"
#include "net.h"
#include "rng.h"
#include "world.h"

enum {
	BYTES_MAX = 65507, /* of a bundle's packets */
	TOGETHER_US = 100, /* what arrives within that may be one bundle */
};

/* --- Out ------------------------------------------------------------------ */

/* Sends the packets of a bundle: how many went; *error is of the next one. */
static unsigned
emit(struct host *h, const struct mp_bundle *b, const uint8_t *payload,
    size_t len, uint16_t stream, uint32_t seq, int *error)
{
	struct packet *p;
	unsigned i;

	for (i = 0; i < b->n; i++) {
		p = net_packet(h->net, len + MP_OVERHEAD);
		p->len = mp_bundle_seal(b, i, payload + i * len, len, p->data);
		p->kind = P_DATA;
		p->flow = b->tx.flow;
		p->stream = stream;
		p->seq = seq + i;
		*error = net_send(h->net, h->iface, h->n_ifaces, &b->tx.path,
		    h->port, p, false);
		if (*error != 0)
			return i;
	}
	return i;
}

/* One bundle of n datagrams at most: for how many it is done; 0: none can go
 * so. */
static unsigned
send_some(struct host *h, const struct mp_addr *dst, const uint8_t *payload,
    size_t len, unsigned n, uint16_t stream, uint32_t seq, int result[])
{
	struct mp_bundle b;
	unsigned sent;
	int error = 0, r;

	n = mp_bundle_begin(&h->mp, host_now(h), 0, dst, len, len,
	    1 + (unsigned)rng_upto(&h->w->rng, n - 1), &b);
	if (n == 0)
		return 0;
	h->bundled_out += n > 1 ? n : 0;
	sent = emit(h, &b, payload, len, stream, seq, &error);
	r = mp_bundle_commit(&h->mp, host_now(h), &b, sent, error, payload,
	    len, len, len);
	memset(result, 0, sent * sizeof(*result));
	if (r >= 0)
		return sent;
	result[sent] = r;
	return sent + 1;
}

void
bundle_send(struct host *h, const struct mp_addr *dst, const uint8_t *payload,
    size_t len, unsigned n, uint16_t stream, uint32_t seq, int result[])
{
	unsigned i, did;

	for (i = 0; i < n && h->running; i += did) {
		did = rng_upto(&h->w->rng, 8) == 0 ? 0 : send_some(h, dst,
		    payload + i * len, len, n - i, stream, seq + i,
		    result + i);
		if (did > 0)
			continue;
		result[i] = host_send(h, dst, payload + i * len, len, stream,
		    seq + i);
		did = 1;
	}
	if (h->running)
		host_rearm(h, false);
}

/* --- In ------------------------------------------------------------------- */

/* Lays the packets side by side that the kernel would: how many bytes. */
static size_t
gather(const struct host *h, uint8_t *out)
{
	const struct packet *first = h->first, *p;
	size_t total = 0;
	unsigned n = 0;

	for (p = first; p != NULL && n < MP_BUNDLE_MAX; p = p->next, n++) {
		if (p->opened || p->len > first->len || p->to != first->to ||
		    total + p->len > BYTES_MAX ||
		    p->arrival > first->arrival + TOGETHER_US ||
		    memcmp(&p->src, &first->src, sizeof(p->src)) != 0 ||
		    memcmp(&p->dst, &first->dst, sizeof(p->dst)) != 0)
			break;
		memcpy(out + total, p->data, p->len);
		total += p->len;
		if (p->len < first->len)
			break; /* a shorter one is the last */
	}
	return total;
}

static struct packet *
pop(struct host *h)
{
	struct packet *p = h->first;

	h->first = p->next;
	if (h->first == NULL)
		h->last = &h->first;
	h->queued -= p->len + HOST_SKB;
	return p;
}

bool
bundle_take(struct host *h)
{
	static uint8_t packets[BYTES_MAX + 1], opened[BYTES_MAX + 1];
	const struct packet *first = h->first;
	struct mp_rx_bundle b = { .rx = { .path = { .local = first->dst,
	    .remote = first->src, .ifindex = first->to->ifindex },
	    .arrival = first->arrival + h->skew } };
	size_t seg = first->len, total = gather(h, packets);
	unsigned i, n = total == 0 ? 0 : mp_recv_bundle_begin(&h->mp,
	    host_now(h), &b, packets, seg, total);
	struct packet *p;

	if (n == 0)
		return false;
	h->bundled_in += n > 1 ? n : 0;
	for (i = 0, p = h->first; i < n; i++, p = p->next)
		(void)mp_recv_bundle_open(&b, i, packets + i * seg, p->len,
		    opened + i * seg);
	(void)mp_recv_bundle_commit(&h->mp, host_now(h), &b, 0, n, opened, seg);
	for (i = 0; i < n; i++)
		net_packet_free(h->net, pop(h));
	for (i = 0; i < n && h->running; i++)
		if (b.one[i].verdict == MP_DELIVER)
			h->deliver(h->arg, h, &b.rx.from, opened + i * seg +
			    b.one[i].off, b.one[i].len);
	return true;
}
