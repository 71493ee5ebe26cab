/* SPDX-License-Identifier: ISC */
#include "rules.h"

#include <arpa/inet.h>
#include <string.h>

#include "mp.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

enum { TEXT = 64 }; /* bytes; a prefix with all its parts is shorter */

/* --- Prefixes ------------------------------------------------------------ */

/* A word of decimal digits only, of a number up to `max'. */
static bool
rules_parse_number(const char *s, unsigned max, unsigned *value)
{
	unsigned v = 0;

	if (*s == '\0' || strlen(s) > 5)
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (unsigned)(*s - '0');
	}
	*value = v;
	return v <= max;
}

/* Ends the string at the last `mark'; returns what follows it, or NULL. */
static char *
rules_split(char *s, char mark)
{
	char *at = strrchr(s, mark);

	if (at != NULL)
		*at++ = '\0';
	return at;
}

/* Cuts off brackets and port.  *port is NULL where there is none.  False: the
 * brackets are wrong. */
static bool
rules_split_port(char **s, char **port)
{
	char *close = strchr(*s, ']');

	*port = NULL;
	if (**s != '[') {
		if (strchr(*s, ':') == strrchr(*s, ':'))
			*port = rules_split(*s, ':');
		return true;
	}
	if (close == NULL || (close[1] != ':' && close[1] != '\0'))
		return false;
	*port = close[1] == ':' ? close + 2 : NULL;
	*close = '\0';
	++*s;
	return strchr(*s, ':') != NULL; /* brackets are for IPv6 only */
}

bool
rules_prefix(struct sockfilter_prefix *prefix, const char *word)
{
	char text[TEXT], *s = text, *bits, *port;
	unsigned len = 0, number = 0;
	bool v4;

	memset(prefix, 0, sizeof(*prefix));
	if (strlen(word) >= sizeof(text))
		return false;
	memcpy(text, word, strlen(word) + 1);
	if (!rules_split_port(&s, &port) || (port != NULL &&
	    (!rules_parse_number(port, 65535, &number) || number == 0)))
		return false;
	prefix->addr.port = (uint16_t)number;
	bits = rules_split(s, '/');
	v4 = inet_pton(AF_INET, s, prefix->addr.ip + 12) == 1;
	if (v4)
		memset(prefix->addr.ip + 10, 0xff, 2);
	else if (inet_pton(AF_INET6, s, prefix->addr.ip) != 1)
		return false;
	if (bits != NULL && !rules_parse_number(bits, v4 ? 32 : 128, &len))
		return false;
	prefix->len = (uint8_t)(bits == NULL ? 128 : v4 ? 96 + len : len);
	return true;
}

static bool
rules_fits(const struct sockfilter_prefix *x, const struct mp_addr *a)
{
	uint32_t bytes = x->len / 8, bits = x->len % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	if (x->addr.port != 0 && x->addr.port != a->port)
		return false;
	/* ::/0 does not stand for IPv4 addresses; the socket filter agrees. */
	if (net_is_v4(a) && x->len < 96)
		return false;
	return memcmp(x->addr.ip, a->ip, bytes) == 0 && (bits == 0 ||
	    ((x->addr.ip[bytes] ^ a->ip[bytes]) & mask) == 0);
}

/* --- Rules --------------------------------------------------------------- */

bool
rules_add(struct rules *r, const struct rule *rule)
{
	if (r->n == RULES_MAX)
		return false;
	r->rule[r->n++] = *rule;
	return true;
}

const struct rule *
rules_find(const struct rules *r, const struct mp_addr *a)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (rules_fits(&r->rule[i].peers, a))
			return &r->rule[i];
	return NULL;
}

static bool
rules_exempt_address(const struct mp_addr *a)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	return net_is_loopback(a) || net_is_any(a) || net_is_multicast(a) ||
	    (net_is_v4(a) && memcmp(a->ip + 12, broadcast, 4) == 0);
}

bool
rules_exempt(const struct mp_addr *a)
{
	return rules_exempt_address(a) || a->port == RULES_NAMES;
}

/* May plaintext of peers come in to which datagrams go this way? */
static bool
rules_lets_in(const struct rules *r, enum rules_way way)
{
	return way == WAY_PLAIN || (way == WAY_PROTECT && r->accept_plain);
}

/* The same of peers that no rule is about. */
static bool
rules_rest_lets_in(const struct rules *r)
{
	return r->accept_plain || r->rest != REST_REQUIRE;
}

/* The way without the exemptions. */
static enum rules_way
rules_way_by(const struct rules *r, const struct rule *rule,
    const struct mp_addr *a)
{
	if (rule != NULL)
		return rule->way;
	if (r->rest == REST_PLAIN)
		return WAY_PLAIN;
	/* Without its interface a link-local address names no peer. */
	return net_is_link_local(a) ? WAY_REFUSE : WAY_PROTECT;
}

struct rules_policy
rules_apply(const struct rules *r, const struct mp_addr *a)
{
	const struct rule *rule = rules_find(r, a);
	struct rules_policy p = { .way = rules_way_by(r, rule, a),
		.plain_from = rule != NULL ? rules_lets_in(r, rule->way) :
		rules_rest_lets_in(r) };

	p.is_dns = a->port == RULES_NAMES && p.way != WAY_PLAIN &&
	    !r->accept_plain && !rules_exempt_address(a);
	if (rules_exempt(a)) {
		p.way = WAY_PLAIN;
		p.plain_from = true;
	}
	p.prefer = p.way == WAY_PROTECT && rule == NULL &&
	    r->rest == REST_PREFER;
	return p;
}

size_t
rules_filter(const struct rules *r, struct sockfilter_prefix prefix[RULES_MAX],
    bool *rest)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		prefix[i] = r->rule[i].peers;
		prefix[i].drop = !rules_lets_in(r, r->rule[i].way);
	}
	*rest = rules_rest_lets_in(r);
	return r->n;
}
