/* SPDX-License-Identifier: ISC */
/*
 * Commands.  Each is one line; several in a line are separated by `;' and take
 * effect together, before another packet moves:
 *
 *	link NAME HOSTA DEVA HOSTB DEVB
 *	NAME [WHERE] WORD VALUE ...
 *	NAME show | clear
 *	show
 *
 * WHERE says which direction or end the words behind it apply to: both (the
 * default), a>b, b>a, a or b; a and b may also be the names of the hosts.  The
 * words are in the tables `values' and `actions'.
 */
#include "emu.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	WORDS_MAX = 64,
};

/* A command that is being executed: what is selected, and the words left. */
struct command {
	struct emu *emu;
	struct link *link;
	bool direction[2], end[2];
	char **word;
	FILE *answer;
};

/* The values of a direction: how each is written, and its field. */
static const struct {
	const char *name;
	bool (*read)(const char *, uint64_t *);
	const char *example;
	size_t where;
} values[] = {
#define VALUE(name, read, example, field) \
	{ name, read, example, offsetof(struct impair, field) }
	VALUE("delay", parse_time, "20ms", delay_ns),
	VALUE("jitter", parse_time, "5ms", jitter_ns),
	VALUE("rate", parse_rate, "10mbit", rate_bps),
	VALUE("loss", parse_percent, "1%", loss_ppm),
	VALUE("burst", parse_size, "5", burst),
	VALUE("dup", parse_percent, "1%", dup_ppm),
	VALUE("dup-by", parse_time, "50ms", dup_by_ns),
	VALUE("reorder", parse_percent, "1%", reorder_ppm),
	VALUE("reorder-by", parse_time, "20ms", reorder_by_ns),
	VALUE("corrupt", parse_percent, "1%", corrupt_ppm),
	VALUE("pmtu", parse_size, "1280", pmtu),
};

static const char *const causes[CAUSES] = { NULL, "lost", "queue", "blackhole",
	"carrier", "pmtu", "full", "down" };

static uint64_t *
direction_value(struct direction *d, size_t where)
{
	return (uint64_t *)((char *)&d->impair + where);
}

static bool
wrong(struct command *c, const char *word, const char *wants)
{
	fprintf(c->answer, "%s: %s wants %s, not `%s'\n", c->link->name, word,
	    wants, *c->word == NULL ? "" : *c->word);
	return false;
}

static bool
failed(struct command *c, const char *word, int error)
{
	fprintf(c->answer, "%s: %s: %s\n", c->link->name, word,
	    strerror(-error));
	return false;
}

/* --- Words --------------------------------------------------------------- */

static bool
do_value(struct command *c, size_t row)
{
	uint64_t n;
	int i;

	if (*c->word == NULL || !values[row].read(*c->word, &n))
		return wrong(c, values[row].name, values[row].example);
	for (i = 0; i < 2; i++) {
		if (!c->direction[i])
			continue;
		*direction_value(&c->link->direction[i], values[row].where) = n;
		direction_changed(&c->link->direction[i]);
	}
	c->word++;
	return true;
}

/* Takes a time or a number of octets; each replaces the other. */
static bool
do_queue(struct command *c)
{
	uint64_t ns = 0, bytes = 0;
	int i;

	if (*c->word == NULL ||
	    !(parse_time(*c->word, &ns) || parse_size(*c->word, &bytes)))
		return wrong(c, "queue", "50ms or 64k");
	for (i = 0; i < 2; i++) {
		if (!c->direction[i])
			continue;
		c->link->direction[i].impair.queue_ns = ns;
		c->link->direction[i].impair.queue_bytes = bytes;
	}
	c->word++;
	return true;
}

static bool command_read_where(struct command *, const char *);

/*
 * Of the selected directions, those that the word names become dead, the others
 * alive.
 */
static bool
do_blackhole(struct command *c)
{
	bool dead[2] = { false, false };
	bool was[2] = { c->direction[0], c->direction[1] };
	int i;

	if (*c->word == NULL)
		return wrong(c, "blackhole", "on, off, both, a>b or b>a");
	if (strcmp(*c->word, "on") == 0) {
		dead[0] = dead[1] = true;
	} else if (strcmp(*c->word, "off") != 0) {
		if (!command_read_where(c, *c->word))
			return wrong(c, "blackhole",
			    "on, off, both, a>b or b>a");
		memcpy(dead, c->direction, sizeof(dead));
		memcpy(c->direction, was, sizeof(was));
	}
	for (i = 0; i < 2; i++)
		if (c->direction[i])
			c->link->direction[i].impair.black = dead[i];
	c->word++;
	return true;
}

static bool
do_carrier(struct command *c)
{
	bool on = *c->word != NULL && strcmp(*c->word, "on") == 0;
	int i, error = 0;

	if (*c->word == NULL || (!on && strcmp(*c->word, "off") != 0))
		return wrong(c, "carrier", "on or off");
	for (i = 0; i < 2 && error == 0; i++)
		if (c->end[i])
			error = end_set_carrier(&c->link->end[i], on);
	if (error != 0)
		return failed(c, "carrier", error);
	c->word++;
	return true;
}

static bool
do_mtu(struct command *c)
{
	uint64_t mtu;
	int i, error = 0;

	if (*c->word == NULL || !parse_size(*c->word, &mtu) || mtu < 68 ||
	    mtu > PACKET_MAX)
		return wrong(c, "mtu", "68 to 65535");
	for (i = 0; i < 2 && error == 0; i++)
		if (c->end[i])
			error = end_set_mtu(&c->link->end[i], (int)mtu);
	if (error != 0)
		return failed(c, "mtu", error);
	c->word++;
	return true;
}

static bool
do_segment(struct command *c)
{
	static const char *const how[] = { "none", "cut", "merge", "corrupt",
		"drop" };
	size_t k, n = sizeof(how) / sizeof(*how);
	int i, error = 0;

	for (k = 0; *c->word != NULL && k < n; k++)
		if (strcmp(*c->word, how[k]) == 0)
			break;
	if (*c->word == NULL || k == n)
		return wrong(c, "segment", "none, cut, merge, corrupt or drop");
	for (i = 0; i < 2 && error == 0; i++)
		if (c->direction[i])
			error = segment_set(c->link, i, (enum segment)k);
	if (error != 0)
		return failed(c, "segment", error);
	c->word++;
	return true;
}

static bool
do_pcap(struct command *c)
{
	struct link *l = c->link;

	if (*c->word == NULL)
		return wrong(c, "pcap", "a file's name or off");
	if (l->pcap != NULL && fclose(l->pcap) != 0) {
		l->pcap = NULL;
		return failed(c, "pcap", -errno);
	}
	l->pcap = NULL;
	if (strcmp(*c->word, "off") != 0) {
		l->pcap = pcap_open(*c->word);
		if (l->pcap == NULL)
			return failed(c, *c->word, -errno);
	}
	c->word++;
	return true;
}

/* Ends all impairments of the link; the MTU and the record stay. */
static bool
do_clear(struct command *c)
{
	int i, error = 0;

	for (i = 0; i < 2; i++) {
		if (error == 0)
			error = segment_set(c->link, i, SEGMENT_NONE);
		c->link->direction[i].impair = (struct impair){ 0 };
		direction_changed(&c->link->direction[i]);
		if (!c->link->end[i].carrier && error == 0)
			error = end_set_carrier(&c->link->end[i], true);
	}
	return error == 0 || failed(c, "clear", error);
}

static void
say(struct command *c, const char *name, uint64_t n)
{
	fprintf(c->answer, " %s %llu", name, (unsigned long long)n);
}

static void
direction_show(struct command *c, int i)
{
	const struct end *end = c->link->end;
	const struct direction *d = &c->link->direction[i];
	size_t k;

	fprintf(c->answer, "%s %s>%s", c->link->name, end[i].host,
	    end[!i].host);
	say(c, "in", d->n.in);
	say(c, "inbytes", d->n.in_bytes);
	say(c, "out", d->n.out);
	say(c, "outbytes", d->n.out_bytes);
	for (k = 1; k < CAUSES; k++)
		say(c, causes[k], d->n.dropped[k]);
	say(c, "dup", d->n.dup);
	say(c, "reordered", d->n.reordered);
	say(c, "corrupted", d->n.corrupted);
	say(c, "bundles", d->n.bundles);
	say(c, "inflight", d->in_flight);
	putc('\n', c->answer);
}

static bool
do_show(struct command *c)
{
	int i;

	for (i = 0; i < 2; i++)
		if (c->direction[i])
			direction_show(c, i);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct command *);
} actions[] = {
	{ "queue", do_queue },
	{ "blackhole", do_blackhole },
	{ "carrier", do_carrier },
	{ "mtu", do_mtu },
	{ "segment", do_segment },
	{ "pcap", do_pcap },
	{ "clear", do_clear },
	{ "show", do_show },
};

/* --- Lines --------------------------------------------------------------- */

/* Selects the direction or end that the word names; false if it names none. */
static bool
command_read_where(struct command *c, const char *word)
{
	const struct end *end = c->link->end;
	char hosts[2 * NAME_LEN + 2];
	bool both = strcmp(word, "both") == 0, direction, at;
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(hosts, sizeof(hosts), "%s>%s", end[i].host,
		    end[!i].host);
		direction = strcmp(word, i == 0 ? "a>b" : "b>a") == 0 ||
		    strcmp(word, hosts) == 0;
		at = strcmp(word, i == 0 ? "a" : "b") == 0 ||
		    strcmp(word, end[i].host) == 0;
		if (!both && !direction && !at)
			continue;
		c->direction[i] = both || direction;
		c->end[i] = both || at;
		if (!both)
			c->direction[!i] = c->end[!i] = false;
		if (!both || i == 1)
			return true;
	}
	return false;
}

static bool
command_run_word(struct command *c)
{
	const char *word = *c->word++;
	size_t k;

	if (command_read_where(c, word))
		return true;
	for (k = 0; k < sizeof(values) / sizeof(*values); k++)
		if (strcmp(word, values[k].name) == 0)
			return do_value(c, k);
	for (k = 0; k < sizeof(actions) / sizeof(*actions); k++)
		if (strcmp(word, actions[k].name) == 0)
			return actions[k].run(c);
	fprintf(c->answer, "%s: unknown word `%s'\n", c->link->name, word);
	return false;
}

static bool
command_link(struct command *c)
{
	const char *what;
	int i, error;

	for (i = 0; i < 5; i++) {
		if (c->word[i] != NULL && strlen(c->word[i]) <
		    (i == 2 || i == 4 ? DEV_LEN : NAME_LEN))
			continue;
		fprintf(c->answer, "link wants NAME HOST DEVICE HOST DEVICE,"
		    " a device's name under %d letters\n", DEV_LEN);
		return false;
	}
	if (link_find(c->emu, c->word[0]) != NULL) {
		fprintf(c->answer, "%s: exists\n", c->word[0]);
		return false;
	}
	error = link_new(c->emu, c->word, &what);
	if (error != 0)
		fprintf(c->answer, "link %s: %s: %s\n", c->word[0], what,
		    strerror(-error));
	return error == 0;
}

static bool
command_run(struct command *c)
{
	size_t i;

	if (*c->word == NULL)
		return true;
	if (strcmp(*c->word, "link") == 0) {
		c->word++;
		return command_link(c);
	}
	if (strcmp(*c->word, "show") == 0) {
		for (i = 0; i < c->emu->n_links; i++) {
			c->link = c->emu->links[i];
			do_show(c);
		}
		return true;
	}
	c->link = link_find(c->emu, *c->word);
	if (c->link == NULL) {
		fprintf(c->answer, "no link `%s'\n", *c->word);
		return false;
	}
	for (c->word++; *c->word != NULL; )
		if (!command_run_word(c))
			return false;
	return true;
}

bool
cmd_run(struct emu *e, char *line, FILE *answer)
{
	char *words[WORDS_MAX + 1], *part, *rest, *save;
	struct command c;
	size_t n;

	for (part = strtok_r(line, ";\n", &rest); part != NULL;
	    part = strtok_r(NULL, ";\n", &rest)) {
		n = 0;
		words[0] = strtok_r(part, " \t", &save);
		while (words[n] != NULL && n < WORDS_MAX)
			words[++n] = strtok_r(NULL, " \t", &save);
		words[n] = NULL;
		c = (struct command){ .emu = e, .direction = { true, true },
			.end = { true, true }, .word = words,
			.answer = answer };
		if (!command_run(&c))
			return false;
	}
	return true;
}
