/* SPDX-License-Identifier: ISC */
/*
 * A configuration file: 8 bytes and a port, which make an address, then the
 * file's text.
 *
 * Reading ends; each value that is taken is taken again alone, and an error
 * message is one line of printable text.  What the rules of the file say of an
 * address is also what their filter says.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "policy/config_file.h"
#include "policy/rules.h"
#include "shared/net.h"

static void
config_is_line(const char *text)
{
	size_t n = strlen(text);

	FUZZ_ASSERT(n > 0 && n < CONFIG_FILE_TEXT);
	for (; *text != '\0'; text++)
		FUZZ_ASSERT(isprint((unsigned char)*text));
}

static void
config_value_again(const struct directive *d)
{
	static struct directive again;

	FUZZ_ASSERT(d->what < SETTINGS && d->line > 0);
	FUZZ_ASSERT(memchr(d->word, '\0', sizeof(d->word)) != NULL);
	memset(&again, 0xa5, sizeof(again));
	again.number = 0;
	FUZZ_ASSERT(config_file_value(&again, d->what, d->word));
	FUZZ_ASSERT(strcmp(again.word, d->word) == 0);
	if (d->what <= SET_SPIN)
		FUZZ_ASSERT(again.number == d->number);
	if (d->what >= SET_PLAIN)
		FUZZ_ASSERT(memcmp(&again.peers, &d->peers,
		    sizeof(d->peers)) == 0);
}

static void
config_take(struct rules *r, const struct directive *d)
{
	struct rule rule = { .peers = d->peers, .line = d->line };

	if (d->what == SET_DEFAULT)
		r->rest = (enum rules_rest)d->number;
	else if (d->what == SET_ACCEPT_PLAIN)
		r->accept_plain = d->number;
	else if (d->what >= SET_PLAIN) {
		rule.way = d->what == SET_PLAIN ? WAY_PLAIN :
		    d->what == SET_PROTECT ? WAY_PROTECT : WAY_REFUSE;
		(void)rules_add(r, &rule);
	}
}

/* Does the prefix stand for the address?  Bit by bit, and IPv4 apart. */
static bool
config_fits(const struct sockfilter_prefix *x, const struct mp_addr *a)
{
	unsigned i;

	if ((x->addr.port != 0 && x->addr.port != a->port) ||
	    (net_is_v4(a) && x->len < 96))
		return false;
	for (i = 0; i < x->len; i++)
		if (((x->addr.ip[i / 8] ^ a->ip[i / 8]) >> (7 - i % 8) & 1) !=
		    0)
			return false;
	return true;
}

static void
config_agrees(const struct rules *r, const struct mp_addr *a)
{
	struct sockfilter_prefix prefix[RULES_MAX];
	struct rules_policy p = rules_apply(r, a);
	bool rest, in;
	size_t i, n = rules_filter(r, prefix, &rest);

	in = rest;
	for (i = 0; i < n; i++)
		if (config_fits(&prefix[i], a)) {
			in = !prefix[i].drop;
			break;
		}
	FUZZ_ASSERT(p.plain_from == (in || rules_exempt(a)));
	FUZZ_ASSERT(!rules_exempt(a) || p.way == WAY_PLAIN);
	FUZZ_ASSERT(!p.prefer || p.way == WAY_PROTECT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct directive d;
	static struct config_file file;
	static struct rules rules;
	struct feed f = { data, len };
	struct mp_addr a = { .ip = { [10] = 0xff, [11] = 0xff } };
	uint8_t *text;
	size_t i;
	int error;

	if (feed_byte(&f) & 1)
		memset(a.ip, 0, sizeof(a.ip));
	feed_fill(&f, a.ip + 12, 4);
	if (a.ip[10] == 0)
		feed_fill(&f, a.ip, 4);
	a.port = (uint16_t)feed_number(&f, 2);
	text = fuzz_exact(f.at, f.left);
	memset(&rules, 0, sizeof(rules));
	config_file_begin(&file, (const char *)text, f.left);
	while ((error = config_file_next(&file, &d)) == 1) {
		config_value_again(&d);
		config_take(&rules, &d);
	}
	if (error != 0)
		config_is_line(file.fault);
	config_agrees(&rules, &a);
	for (i = 0; i < rules.n; i++) /* an address that the rule is about */
		config_agrees(&rules, &rules.rule[i].peers.addr);
	free(text);
	return 0;
}
