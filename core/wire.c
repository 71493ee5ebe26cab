/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "wire.h"

#define NONCE_DIR (UINT64_C(1) << 63)
#define NONCE_FLOW_SHIFT 48
#define NONCE_FLOW 0x7fffU /* also what an id out of range becomes */
#define NONCE_SEQ ((UINT64_C(1) << NONCE_FLOW_SHIFT) - 1)

/* Modifiers of PROBE. */
#define PROBE_MODIFIERS                                                       \
	(WIRE_REPLY | WIRE_CHALLENGE | WIRE_RESPONSE | WIRE_SELECT |       \
	    WIRE_COUNT | WIRE_SKIP)

enum { FAMILY_NONE = 0, FAMILY_4 = 4, FAMILY_6 = 6, IP4_OFF = 12 };

static bool
all_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;
	size_t i;

	for (i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

/* --- Head in the clear ---------------------------------------------------- */

void
wire_put_ad(uint8_t out[WIRE_AD], const struct wire_ad *ad)
{
	uint64_t nonce = ad->seq & NONCE_SEQ;
	uint32_t flow = ad->flow;

	/* An id out of range must not reach the direction bit, nor become
	 * another flow's: either would repeat a nonce. */
	if (flow > WIRE_FLOW_MAX)
		flow = NONCE_FLOW;
	nonce |= (uint64_t)flow << NONCE_FLOW_SHIFT;
	if (ad->dir)
		nonce |= NONCE_DIR;
	put32(out, (ad->sid & ~WIRE_SID_C) | (ad->control ? WIRE_SID_C : 0));
	put64(out + 4, nonce);
}

void
wire_put_seq(uint8_t out[WIRE_AD], uint64_t seq)
{
	put64(out + 4, (get64(out + 4) & ~NONCE_SEQ) | (seq & NONCE_SEQ));
}

static void
get_ad(const uint8_t in[WIRE_AD], struct wire_ad *ad)
{
	uint32_t sid = get32(in);
	uint64_t nonce = get64(in + 4);

	ad->sid = sid & ~WIRE_SID_C;
	ad->control = (sid & WIRE_SID_C) != 0;
	ad->dir = (nonce & NONCE_DIR) != 0;
	ad->flow = (uint16_t)(nonce >> NONCE_FLOW_SHIFT & NONCE_FLOW);
	ad->seq = nonce & NONCE_SEQ;
}

bool
wire_get_ad(const uint8_t *packet, size_t len, struct wire_ad *ad)
{
	if (len < WIRE_MIN)
		return false;
	get_ad(packet, ad);
	return true;
}

/* --- Sealed head ---------------------------------------------------------- */

/* Does it say which probe it answers? */
static bool
is_answer(unsigned flags)
{
	return (flags & WIRE_PROBE) != 0 && (flags & WIRE_REPLY) != 0;
}

/* Does it name the packet of a datagram? */
static bool
has_name(unsigned flags)
{
	return (flags & WIRE_COPYFLAG) != 0 || WIRE_IS_FRAG(flags);
}

size_t
wire_put_msg(uint8_t *out, const struct wire_msg *m)
{
	uint8_t *p = out;

	put16(p, (uint16_t)(m->flags | m->held_log2 << WIRE_HELD_SHIFT));
	put16(p + 2, m->ts);
	put16(p + 4, m->tsreply);
	p += WIRE_HEAD;
	if (m->flags & WIRE_PROBE) {
		put16(p, m->data);
		p += WIRE_DATA;
	}
	if (is_answer(m->flags)) {
		put16(p, m->number);
		p += WIRE_NUMBER;
	}
	if (m->flags & WIRE_COUNT) {
		put16(p, m->sent);
		put16(p + 2, m->missing);
		p += WIRE_REPORT;
	}
	if (WIRE_IS_SKIP(m->flags)) {
		put16(p, m->skipped);
		p += WIRE_SKIPPED;
	}
	if (m->flags & WIRE_TOKENS)
		*p++ = m->link;
	if (m->flags & WIRE_CHALLENGE) {
		memcpy(p, m->challenge, WIRE_TOKEN);
		p += WIRE_TOKEN;
	}
	if (m->flags & WIRE_RESPONSE) {
		memcpy(p, m->response, WIRE_TOKEN);
		p += WIRE_TOKEN;
	}
	if (m->flags & WIRE_SELECT) {
		put32(p, m->select);
		p += 4;
	}
	if (has_name(m->flags)) {
		wire_put_ad(p, &m->copy);
		p += WIRE_COPY;
	}
	if (WIRE_IS_FRAG(m->flags)) {
		put16(p, m->total);
		p[2] = m->part;
		p += WIRE_HALF;
	}
	return (size_t)(p - out);
}

/* Is this a known combination of flags? */
static bool
flags_known(unsigned flags, bool control)
{
	if (flags & WIRE_PROBE)
		flags &= ~(unsigned)PROBE_MODIFIERS;
	switch (flags) {
	case 0:
		return !control;
	case WIRE_PROBE:
	case WIRE_ADDR:
	case WIRE_ADDR | WIRE_REPLY:
	case WIRE_REKEY:
	case WIRE_CLOSE:
	case WIRE_COPYFLAG:
	case WIRE_COPYFLAG | WIRE_REPLY:
	case WIRE_COPYFLAG | WIRE_LOSSY:
	case WIRE_FRAG:
	case WIRE_FRAG | WIRE_COPYFLAG:
	case WIRE_FRAG | WIRE_COPYFLAG | WIRE_REPLY:
	case WIRE_FRAG | WIRE_COPYFLAG | WIRE_LOSSY:
		return control;
	default:
		return false;
	}
}

/* Bytes of the fields that the flags ask for. */
static size_t
fields_len(unsigned flags)
{
	size_t len = 0;

	if (flags & WIRE_PROBE)
		len += WIRE_DATA;
	if (is_answer(flags))
		len += WIRE_NUMBER;
	if (flags & WIRE_COUNT)
		len += WIRE_REPORT;
	if (WIRE_IS_SKIP(flags))
		len += WIRE_SKIPPED;
	if (flags & WIRE_TOKENS)
		len += WIRE_LINK;
	if (flags & WIRE_CHALLENGE)
		len += WIRE_TOKEN;
	if (flags & WIRE_RESPONSE)
		len += WIRE_TOKEN;
	if (flags & WIRE_SELECT)
		len += 4;
	if (has_name(flags))
		len += WIRE_COPY;
	if (WIRE_IS_FRAG(flags))
		len += WIRE_HALF;
	return len;
}

/* Reads the fields; their length has been checked. */
static void
get_fields(const uint8_t *p, struct wire_msg *m)
{
	if (m->flags & WIRE_PROBE) {
		m->data = get16(p);
		p += WIRE_DATA;
	}
	if (is_answer(m->flags)) {
		m->number = get16(p);
		p += WIRE_NUMBER;
	}
	if (m->flags & WIRE_COUNT) {
		m->sent = get16(p);
		m->missing = get16(p + 2);
		p += WIRE_REPORT;
	}
	if (WIRE_IS_SKIP(m->flags)) {
		m->skipped = get16(p);
		p += WIRE_SKIPPED;
	}
	if (m->flags & WIRE_TOKENS)
		m->link = *p++;
	if (m->flags & WIRE_CHALLENGE) {
		memcpy(m->challenge, p, WIRE_TOKEN);
		p += WIRE_TOKEN;
	}
	if (m->flags & WIRE_RESPONSE) {
		memcpy(m->response, p, WIRE_TOKEN);
		p += WIRE_TOKEN;
	}
	if (m->flags & WIRE_SELECT)
		m->select = get32(p);
	if (has_name(m->flags)) {
		get_ad(p, &m->copy);
		p += WIRE_COPY;
	}
	if (WIRE_IS_FRAG(m->flags)) {
		m->total = get16(p);
		m->part = p[2];
	}
}

/* Has the part the length that the whole one's tells? */
static bool
part_right(const struct wire_msg *m)
{
	size_t rest = m->total / 2;

	return m->total <= MP_PAYLOAD_MAX && m->part <= 1 &&
	    m->len == (m->part == 0 ? m->total - rest : rest);
}

enum wire_error
wire_get_msg(const uint8_t *in, size_t len, bool control, struct wire_msg *m)
{
	memset(m, 0, sizeof(*m));
	if (len < WIRE_HEAD)
		return WIRE_EBODY;
	m->flags = get16(in) & WIRE_FLAGS;
	m->held_log2 = (uint8_t)(get16(in) >> WIRE_HELD_SHIFT);
	m->ts = get16(in + 2);
	m->tsreply = get16(in + 4);
	if (!flags_known(m->flags, control))
		return WIRE_EFLAGS;
	m->off = WIRE_HEAD + fields_len(m->flags);
	if (len < m->off)
		return WIRE_EBODY;
	m->len = len - m->off;
	get_fields(in + WIRE_HEAD, m);
	if ((m->flags == WIRE_ADDR || m->flags == WIRE_CLOSE) && m->len != 0)
		return WIRE_EBODY;
	if (WIRE_IS_FRAG(m->flags) && !part_right(m))
		return WIRE_EBODY;
	if ((m->flags & WIRE_PROBE) && !all_zero(in + m->off, m->len))
		return WIRE_EBODY;
	return WIRE_OK;
}

/* --- Address lists -------------------------------------------------------- */

size_t
wire_put_addr(uint8_t *out, const struct mp_addr *a)
{
	bool is4 = addr_is4(a->ip);
	uint8_t size = is4 ? WIRE_IP4 : WIRE_IP6;

	out[0] = (uint8_t)(size - 1);
	out[1] = is4 ? FAMILY_4 : FAMILY_6;
	put16(out + 2, a->port);
	if (is4)
		memcpy(out + 4, a->ip + IP4_OFF, 4);
	else
		memcpy(out + 4, a->ip, 16);
	return size;
}

/* One sub-message of `size' bytes, its length byte included. */
static bool
get_addr(const uint8_t *p, size_t size, struct mp_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (size == WIRE_IP4 && p[1] == FAMILY_4) {
		memset(a->ip + 10, 0xff, 2);
		memcpy(a->ip + IP4_OFF, p + 4, 4);
	} else if (size == WIRE_IP6 && p[1] == FAMILY_6) {
		memcpy(a->ip, p + 4, 16);
		if (addr_is4(a->ip))
			return false; /* IPv4 has one spelling */
	} else
		return false;
	a->port = get16(p + 2);
	return !addr_unusable(a);
}

int
wire_get_addr(const uint8_t *in, size_t len, size_t *off, struct mp_addr *a)
{
	const uint8_t *p;
	size_t size;

	if (*off >= len)
		return 0;
	p = in + *off;
	size = (size_t)p[0] + 1;
	if (size > len - *off) {
		*off = len;
		return -1;
	}
	*off += size;
	return get_addr(p, size, a) ? 1 : -1;
}

size_t
wire_put_part(uint8_t out[WIRE_PART], unsigned part)
{
	out[0] = WIRE_PART - 1;
	out[1] = FAMILY_NONE;
	out[2] = (uint8_t)part;
	return WIRE_PART;
}

unsigned
wire_get_part(const uint8_t *in, size_t len, size_t *off)
{
	const uint8_t *p = in + *off;

	if (*off + WIRE_PART > len || p[0] != WIRE_PART - 1 ||
	    p[1] != FAMILY_NONE)
		return 0;
	*off += WIRE_PART;
	return p[2] & (WIRE_PART_MORE | WIRE_PART_NEXT);
}

/* --- Handshake ------------------------------------------------------------ */

void
wire_put_handshake(uint8_t out[WIRE_HANDSHAKE], const struct wire_handshake *s)
{
	put32(out, WIRE_MAGIC);
	out[4] = (uint8_t)s->type;
	out[5] = WIRE_VERSION;
	put16(out + 6, 0);
	put32(out + 8, s->isid);
}

bool
wire_is_handshake(const uint8_t *packet, size_t len)
{
	return len >= 4 && get32(packet) == WIRE_MAGIC;
}

/* The length of a handshake packet of that type; 0: unknown type. */
static size_t
handshake_len(unsigned type)
{
	switch (type) {
	case WIRE_T_INIT:
		return WIRE_INIT;
	case WIRE_T_RESP:
		return WIRE_RESP;
	case WIRE_T_COOKIE:
		return WIRE_COOKIE;
	case WIRE_T_WELCOME:
		return WIRE_WELCOME;
	default:
		return 0;
	}
}

bool
wire_get_handshake(const uint8_t *packet, size_t len, struct wire_handshake *s)
{
	if (len < WIRE_HANDSHAKE || !wire_is_handshake(packet, len) ||
	    len != handshake_len(packet[4]) || packet[5] != WIRE_VERSION ||
	    get16(packet + 6) != 0)
		return false;
	s->type = (enum wire_type)packet[4];
	s->isid = get32(packet + 8);
	return true;
}

void
wire_put_child(uint8_t out[WIRE_CHILD], uint32_t parent, uint32_t number)
{
	wire_put_handshake(out, &(struct wire_handshake) { WIRE_T_CHILD,
	    parent });
	put32(out + WIRE_HANDSHAKE, number);
}

bool
wire_get_child(const uint8_t *packet, size_t len, struct wire_child *c)
{
	if (len < WIRE_CHILD + WIRE_MIN || !wire_is_handshake(packet, len) ||
	    packet[4] != WIRE_T_CHILD || packet[5] != WIRE_VERSION ||
	    get16(packet + 6) != 0)
		return false;
	c->parent = get32(packet + 8);
	c->number = get32(packet + WIRE_HANDSHAKE);
	get_ad(packet + WIRE_CHILD, &c->ad);
	return true;
}

void
wire_put_welcome(uint8_t out[WIRE_WELCOME], uint32_t isid,
    const struct wire_welcome *w)
{
	wire_put_handshake(out, &(struct wire_handshake) { WIRE_T_WELCOME,
	    isid });
	put32(out + 12, w->sid);
	memcpy(out + 16, w->yours.ip, 16);
	put16(out + 32, w->yours.port);
	put16(out + 34, w->max_flows);
	put32(out + 36, w->flow);
	put32(out + 40, w->seq);
}

void
wire_get_welcome(const uint8_t in[WIRE_WELCOME], struct wire_welcome *w)
{
	memset(w, 0, sizeof(*w));
	w->sid = get32(in + 12);
	memcpy(w->yours.ip, in + 16, 16);
	w->yours.port = get16(in + 32);
	w->max_flows = get16(in + 34);
	w->flow = get32(in + 36);
	w->seq = get32(in + 40);
}

void
wire_put_init(uint8_t out[WIRE_INNER], const struct wire_init *i)
{
	put32(out, i->previous);
	put32(out + 4, i->features);
	memcpy(out + 8, i->assoc, sizeof(i->assoc));
	memcpy(out + 16, i->source, sizeof(i->source));
}

void
wire_get_init(const uint8_t in[WIRE_INNER], struct wire_init *i)
{
	i->previous = get32(in);
	i->features = get32(in + 4);
	memcpy(i->assoc, in + 8, sizeof(i->assoc));
	memcpy(i->source, in + 16, sizeof(i->source));
}

void
wire_put_resp(uint8_t out[WIRE_INNER], const struct wire_resp *r)
{
	put32(out, r->sid);
	put32(out + 4, r->features);
	memcpy(out + 8, r->yours.ip, 16);
	put16(out + 24, r->yours.port);
	put16(out + 26, r->max_flows);
	put32(out + 28, 0);
}

bool
wire_get_resp(const uint8_t in[WIRE_INNER], struct wire_resp *r)
{
	r->sid = get32(in);
	r->features = get32(in + 4);
	memcpy(r->yours.ip, in + 8, 16);
	r->yours.port = get16(in + 24);
	r->max_flows = get16(in + 26);
	return all_zero(in + 28, 4);
}
