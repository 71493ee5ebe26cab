/* SPDX-License-Identifier: ISC */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>

#include "arena.h"
#include "ipc.h"
#include "net.h"
#include "seccomp.h"

/* Bytes: of an address with port and zone, TOS and TTL, and the name of a COPY;
 * of the AEAD, before the sealed body. */
enum { COPY = 26, FROM = COPY + 19, NONCE = crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_chacha20poly1305_ietf_ABYTES,
	BODY = INTERNAL_HEAD + NONCE };

_Static_assert(INTERNAL_OVERHEAD == BODY + FROM + TAG, "INTERNAL_OVERHEAD");
_Static_assert(ARENA_KEY == crypto_aead_chacha20poly1305_ietf_KEYBYTES,
    "ARENA_KEY");

static void
internal_put_copy(uint8_t *p, const struct mp_copy *c)
{
	memcpy(p, &c->session, 4);
	memcpy(p + 4, &c->gen, 4);
	memcpy(p + 8, &c->sid, 4);
	memcpy(p + 12, &c->seq, 4);
	memcpy(p + 16, &c->flow, 2);
	p[18] = c->part;
}

static void
internal_get_copy(const uint8_t *p, struct mp_copy *c)
{
	memcpy(&c->session, p, 4);
	memcpy(&c->gen, p + 4, 4);
	memcpy(&c->sid, p + 8, 4);
	memcpy(&c->seq, p + 12, 4);
	memcpy(&c->flow, p + 16, 2);
	c->part = p[18] != 0;
}

bool
internal_is(const struct arena *a, const uint8_t *packet, size_t len)
{
	return len >= INTERNAL_OVERHEAD && packet[0] == 0 && packet[2] == 0 &&
	    memcmp(packet + 4, a->token, ARENA_TOKEN) == 0;
}

size_t
internal_make(struct arena *a, const struct internal *in, const void *payload,
    size_t len, uint8_t *out)
{
	uint8_t *nonce = out + INTERNAL_HEAD, *body = out + BODY;
	uint64_t number = atomic_fetch_add(&a->sent, 1);

	if (len > 0) /* first, since the payload may lie within `out' */
		memmove(body + FROM, payload, len);
	out[0] = out[2] = 0;
	out[1] = (uint8_t)(in->slot << 3);
	out[3] = (uint8_t)in->kind;
	memcpy(out + 4, a->token, ARENA_TOKEN);
	memset(nonce, 0, NONCE); /* unique under the arena's key: a count */
	memcpy(nonce, &number, sizeof(number));
	memcpy(body, in->from.ip, 16);
	body[16] = (uint8_t)(in->from.port >> 8);
	body[17] = (uint8_t)in->from.port;
	memcpy(body + 22, &in->tos, sizeof(in->tos));
	memcpy(body + 24, &in->ttl, sizeof(in->ttl));
	memcpy(body + 18, &in->zone, sizeof(in->zone));
	internal_put_copy(body + COPY, &in->copy);
	crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, body, len + FROM,
	    out, INTERNAL_HEAD, NULL, nonce, a->key);
	return len + INTERNAL_OVERHEAD;
}

bool
internal_open(const struct arena *a, struct internal *in, uint8_t *packet,
    size_t len)
{
	uint8_t *body = packet + BODY;

	if (!internal_is(a, packet, len) ||
	    crypto_aead_chacha20poly1305_ietf_decrypt(body, NULL, NULL, body,
		len - BODY, packet, INTERNAL_HEAD, packet + INTERNAL_HEAD,
		a->key) != 0)
		return false;
	in->kind = packet[3];
	in->slot = packet[1] >> 3;
	memcpy(in->from.ip, body, 16);
	in->from.port = (uint16_t)(body[16] << 8 | body[17]);
	memcpy(&in->tos, body + 22, sizeof(in->tos));
	memcpy(&in->ttl, body + 24, sizeof(in->ttl));
	memcpy(&in->zone, body + 18, sizeof(in->zone));
	internal_get_copy(body + COPY, &in->copy);
	in->off = BODY + FROM;
	in->len = len - INTERNAL_OVERHEAD;
	return true;
}

int
internal_error(const struct internal *in, const uint8_t *packet)
{
	const uint8_t *p = packet + in->off;

	return in->len < 4 ? EIO : (int)((uint32_t)p[0] << 24 |
	    (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

int
internal_send_made(const struct net_self *self, struct arena *a, int fd,
    const struct internal *in, uint8_t *packet, size_t len)
{
	enum { TRIES = 3 };
	int i;
	struct sockaddr_in6 to;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)] = { 0 };
	struct iovec iov = { .iov_base = packet, .iov_len = len };
	struct msghdr msg = { .msg_name = &to, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = room };

	if (self->device != 0 && in->kind == INTERNAL_WAKE)
		return ipc_wake(a->port);
	/* To a group they come to each socket, whatever the steering says. */
	if (self->family == 0 || (self->device != 0 &&
	    (in->kind == INTERNAL_LOCATE || self->family != AF_INET6)))
		return -EADDRNOTAVAIL;
	msg.msg_namelen = net_put(&self->at, self->family,
	    (struct sockaddr *)&to, sizeof(to));
	if (self->device != 0)
		to.sin6_scope_id = self->device;
	net_add(&msg, SOL_SOCKET, SO_TIMESTAMPING, &in->stamps,
	    sizeof(in->stamps));
	/* The error may be what ICMP said of an earlier packet, which the
	 * kernel reports once. */
	for (i = 0; i < TRIES; i++)
		if (seccomp_sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >=
		    0)
			return 0;
		else if (errno == EAGAIN)
			break;
	return -errno;
}

int
internal_send_as(const struct net_self *self, struct arena *a, int fd,
    const struct internal *in, const void *payload, size_t len, uint8_t *buf)
{
	len = internal_make(a, in, payload, len, buf);
	return internal_send_made(self, a, fd, in, buf, len);
}

int
internal_send(struct arena *a, int fd, const struct internal *in,
    const void *payload, size_t len, uint8_t *buf)
{
	struct net_self self = { .device = 0 };

	(void)net_self_learn(fd, &self);
	return internal_send_as(&self, a, fd, in, payload, len, buf);
}
