/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "addr.h"
#include "bytes.h"

/* Offset of the four bytes of a mapped IPv4 address, and what is before
 * them. */
enum { MAPPED = 12 };
static const uint8_t mapped[MAPPED] = { [10] = 0xff, [11] = 0xff };

static const uint8_t unspecified[16];
static const uint8_t loopback6[16] = { [15] = 1 };

/* Synthetic addresses: 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180). */
#define SYNTH4 0xc6120000U
#define SYNTH4_MASK 0xfffe0000U
static const uint8_t synth6[6] = { 0x20, 0x01, 0x00, 0x02 };

bool
addr_is4(const uint8_t ip[16])
{
	return memcmp(ip, mapped, MAPPED) == 0;
}

bool
addr_equal(const struct mp_addr *a, const struct mp_addr *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port == b->port;
}

bool
addr_unusable(const struct mp_addr *a)
{
	uint32_t v4;

	if (a->port == 0)
		return true;
	if (!addr_is4(a->ip))
		return a->ip[0] == 0xff ||
		    memcmp(a->ip, unspecified, sizeof(unspecified)) == 0;
	v4 = get32(a->ip + MAPPED);
	return v4 == 0 || v4 == UINT32_MAX || v4 >> 28 == 0xe;
}

static enum addr_scope
scope4(uint32_t v4)
{
	if (v4 >> 24 == 127)
		return ADDR_LOOPBACK;
	if (v4 >> 16 == 0xa9fe) /* 169.254/16 */
		return ADDR_LINK;
	if (v4 >> 24 == 10 ||
	    v4 >> 20 == 0xac1 ||  /* 172.16/12 */
	    v4 >> 16 == 0xc0a8 || /* 192.168/16 */
	    v4 >> 22 == 0x191)	  /* 100.64/10 */
		return ADDR_PRIVATE;
	return ADDR_GLOBAL;
}

enum addr_scope
addr_scope_of(const uint8_t ip[16])
{
	if (addr_is4(ip))
		return scope4(get32(ip + MAPPED));
	if (memcmp(ip, loopback6, sizeof(loopback6)) == 0)
		return ADDR_LOOPBACK;
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) /* fe80::/10 */
		return ADDR_LINK;
	if ((ip[0] & 0xfe) == 0xfc) /* fc00::/7 */
		return ADDR_PRIVATE;
	return ADDR_GLOBAL;
}

bool
addr_pair_ok(const uint8_t local[16], const uint8_t remote[16])
{
	enum addr_scope l = addr_scope_of(local), r = addr_scope_of(remote);

	return addr_is4(local) == addr_is4(remote) &&
	    (l == ADDR_LOOPBACK) == (r == ADDR_LOOPBACK) &&
	    (l == ADDR_LINK) == (r == ADDR_LINK);
}

bool
addr_may_tell(const uint8_t ip[16], const uint8_t peer[16], bool tell_private)
{
	enum addr_scope ours = addr_scope_of(ip), theirs = addr_scope_of(peer);

	return ours >= theirs || (tell_private && ours == ADDR_PRIVATE);
}

void
addr_any(uint8_t ip[16], const uint8_t like[16])
{
	memset(ip, 0, 16);
	if (addr_is4(like))
		memcpy(ip, mapped, MAPPED);
}

bool
addr_fits(enum mp_family family, const uint8_t ip[16])
{
	if (family == MP_DUAL)
		return true;
	return family == (addr_is4(ip) ? MP_INET : MP_INET6);
}

void
addr_synthetic(uint8_t ip[16], enum mp_family family, uint32_t n)
{
	memset(ip, 0, 16);
	if (family == MP_INET6) {
		memcpy(ip, synth6, sizeof(synth6));
		put32(ip + MAPPED, n);
	} else {
		memcpy(ip, mapped, MAPPED);
		put32(ip + MAPPED, SYNTH4 | (n & ~SYNTH4_MASK));
	}
}

bool
addr_is_synthetic(const uint8_t ip[16])
{
	if (addr_is4(ip))
		return (get32(ip + MAPPED) & SYNTH4_MASK) == SYNTH4;
	return memcmp(ip, synth6, sizeof(synth6)) == 0;
}
