/* SPDX-License-Identifier: ISC */
#include "rules.h"

#include <arpa/inet.h>
#include <string.h>

#include "shared/net.h"

enum { TEXT = 64 }; /* longer than any prefix with all its parts */

/* --- Prefixes ------------------------------------------------------------ */

/* Digits of a number up to `max' and nothing else. */
static bool
rules_number(const char *s, unsigned max, unsigned *value)
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

/* Splits off what follows the last `mark'. */
static char *
split(char *s, char mark)
{
	char *at = strrchr(s, mark);

	if (at != NULL)
		*at++ = '\0';
	return at;
}

/* Cuts brackets and port off.  *port is NULL where there is none. */
static bool
split_port(char **s, char **port)
{
	char *close = strchr(*s, ']');

	*port = NULL;
	if (**s != '[') {
		if (strchr(*s, ':') == strrchr(*s, ':'))
			*port = split(*s, ':');
		return true;
	}
	if (close == NULL || (close[1] != ':' && close[1] != '\0'))
		return false;
	*port = close[1] == ':' ? close + 2 : NULL;
	*close = '\0';
	++*s;
	return strchr(*s, ':') != NULL; /* IPv6 alone is in brackets */
}

bool
rules_prefix(struct sockfilter_prefix *prefix, const char *word)
{
	char text[TEXT], *s = text, *bits, *port;
	unsigned len = 0, number_of = 0;
	bool v4;

	memset(prefix, 0, sizeof(*prefix));
	if (strlen(word) >= sizeof(text))
		return false;
	memcpy(text, word, strlen(word) + 1);
	if (!split_port(&s, &port) || (port != NULL &&
	    (!rules_number(port, 65535, &number_of) || number_of == 0)))
		return false;
	prefix->addr.port = (uint16_t)number_of;
	bits = split(s, '/');
	v4 = inet_pton(AF_INET, s, prefix->addr.ip + 12) == 1;
	if (v4)
		memset(prefix->addr.ip + 10, 0xff, 2);
	else if (inet_pton(AF_INET6, s, prefix->addr.ip) != 1)
		return false;
	if (bits != NULL && !rules_number(bits, v4 ? 32 : 128, &len))
		return false;
	prefix->len = (uint8_t)(bits == NULL ? 128 : v4 ? 96 + len : len);
	return true;
}

static bool
matches(const struct sockfilter_prefix *x, const struct mp_addr *a)
{
	uint32_t bytes = x->len / 8, bits = x->len % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	if (x->addr.port != 0 && x->addr.port != a->port)
		return false;
	/* As the kernel's filter has it: ::/0 says nothing about IPv4. */
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
		if (matches(&r->rule[i].peers, a))
			return &r->rule[i];
	return NULL;
}

/* Port 53 apart. */
static bool
exempt(const struct mp_addr *a)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	return net_is_loopback(a) || net_is_any(a) || net_is_multicast(a) ||
	    (net_is_v4(a) && memcmp(a->ip + 12, broadcast, 4) == 0);
}

bool
rules_exempt(const struct mp_addr *a)
{
	return exempt(a) || a->port == RULES_NAMES;
}

/* By the rules alone. */
static enum conf_way
way(const struct rules *r, const struct mp_addr *a)
{
	const struct rule *rule = rules_find(r, a);

	if (rule != NULL)
		return rule->way;
	if (r->rest == REST_PLAIN)
		return WAY_PLAIN;
	/* A link-local address says nothing without its interface. */
	return net_is_link_local(a) ? WAY_REFUSE : WAY_PROTECT;
}

enum conf_way
rules_way(const struct rules *r, const struct mp_addr *a)
{
	return rules_exempt(a) ? WAY_PLAIN : way(r, a);
}

bool
rules_prefer(const struct rules *r, const struct mp_addr *a)
{
	return r->rest == REST_PREFER && rules_find(r, a) == NULL;
}

/* What a rule says of plaintext that comes in. */
static bool
lets_in(const struct rules *r, enum conf_way of)
{
	return of == WAY_PLAIN || (of == WAY_PROTECT && r->accept_plain);
}

static bool
rest_in(const struct rules *r)
{
	return r->accept_plain || r->rest != REST_REQUIRE;
}

static bool
rules_list_plain(const struct rules *r, const struct mp_addr *a)
{
	const struct rule *rule = rules_find(r, a);

	return rule != NULL ? lets_in(r, rule->way) : rest_in(r);
}

bool
rules_is_dns(const struct rules *r, const struct mp_addr *a)
{
	return a->port == RULES_NAMES && !exempt(a) && !r->accept_plain &&
	    way(r, a) != WAY_PLAIN;
}

bool
rules_plain_from(const struct rules *r, const struct mp_addr *a)
{
	return rules_exempt(a) || rules_list_plain(r, a);
}

size_t
rules_filter(const struct rules *r, struct sockfilter_prefix prefix[RULES_MAX],
    bool *rest)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		prefix[i] = r->rule[i].peers;
		prefix[i].drop = !lets_in(r, r->rule[i].way);
	}
	*rest = rest_in(r);
	return r->n;
}
