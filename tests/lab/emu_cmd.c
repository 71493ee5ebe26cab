/* SPDX-License-Identifier: ISC */
/*
 * Commands, each one line; several in a line are parted by `;' and take effect
 * together:
 *
 *	link NAME HOSTA DEVA HOSTB DEVB
 *	NAME [WHERE] WORD VALUE ...
 *	NAME show | clear
 *	show
 *
 * WHERE says which direction or end the words after it mean: both (if nothing
 * is said), a>b, b>a, a, b, where a and b may be the names of the hosts.  The
 * words are in the tables below.
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

/* A command being read: the rest of its words, and what they mean. */
struct order {
	struct emu *emu;
	struct link *link;
	bool way[2], end[2];
	char **word;
	FILE *answer;
};

/* What a direction can be told, where it is kept, how it is written. */
static const struct {
	const char *name;
	bool (*read)(const char *, uint64_t *);
	const char *example;
	size_t where;
} values[] = {
#define VALUE(name, read, example, field) \
	{ name, read, example, offsetof(struct impair, field) }
	VALUE("delay", word_time, "20ms", delay_ns),
	VALUE("jitter", word_time, "5ms", jitter_ns),
	VALUE("rate", word_rate, "10mbit", rate_bps),
	VALUE("loss", word_part, "1%", loss_ppm),
	VALUE("burst", word_size, "5", burst),
	VALUE("dup", word_part, "1%", dup_ppm),
	VALUE("dup-by", word_time, "50ms", dup_by_ns),
	VALUE("reorder", word_part, "1%", reorder_ppm),
	VALUE("reorder-by", word_time, "20ms", reorder_by_ns),
	VALUE("corrupt", word_part, "1%", corrupt_ppm),
	VALUE("pmtu", word_size, "1280", pmtu),
};

static const char *const causes[CAUSES] = { NULL, "lost", "queue", "blackhole",
	"carrier", "pmtu", "full", "down" };

static uint64_t *
value_of(struct way *w, size_t where)
{
	return (uint64_t *)((char *)&w->is + where);
}

static bool
wrong(struct order *o, const char *word, const char *wants)
{
	fprintf(o->answer, "%s: %s wants %s, not `%s'\n", o->link->name, word,
	    wants, *o->word == NULL ? "" : *o->word);
	return false;
}

static bool
failed(struct order *o, const char *word, int error)
{
	fprintf(o->answer, "%s: %s: %s\n", o->link->name, word,
	    strerror(-error));
	return false;
}

/* --- Words --------------------------------------------------------------- */

static bool
do_value(struct order *o, size_t row)
{
	uint64_t n;
	int i;

	if (*o->word == NULL || !values[row].read(*o->word, &n))
		return wrong(o, values[row].name, values[row].example);
	for (i = 0; i < 2; i++) {
		if (!o->way[i])
			continue;
		*value_of(&o->link->way[i], values[row].where) = n;
		way_changed(&o->link->way[i]);
	}
	o->word++;
	return true;
}

/* A time or a number of octets; each replaces the other. */
static bool
do_queue(struct order *o)
{
	uint64_t ns = 0, bytes = 0;
	int i;

	if (*o->word == NULL ||
	    !(word_time(*o->word, &ns) || word_size(*o->word, &bytes)))
		return wrong(o, "queue", "50ms or 64k");
	for (i = 0; i < 2; i++) {
		if (!o->way[i])
			continue;
		o->link->way[i].is.queue_ns = ns;
		o->link->way[i].is.queue_bytes = bytes;
	}
	o->word++;
	return true;
}

static bool where_read(struct order *, const char *);

/* Says which directions are dead; those that it does not say are alive. */
static bool
do_blackhole(struct order *o)
{
	bool dead[2] = { false, false }, was[2] = { o->way[0], o->way[1] };
	int i;

	if (*o->word == NULL)
		return wrong(o, "blackhole", "on, off, both, a>b or b>a");
	if (strcmp(*o->word, "on") == 0) {
		dead[0] = dead[1] = true;
	} else if (strcmp(*o->word, "off") != 0) {
		if (!where_read(o, *o->word))
			return wrong(o, "blackhole",
			    "on, off, both, a>b or b>a");
		memcpy(dead, o->way, sizeof(dead));
		memcpy(o->way, was, sizeof(was));
	}
	for (i = 0; i < 2; i++)
		if (o->way[i])
			o->link->way[i].is.black = dead[i];
	o->word++;
	return true;
}

static bool
do_carrier(struct order *o)
{
	bool on = *o->word != NULL && strcmp(*o->word, "on") == 0;
	int i, error = 0;

	if (*o->word == NULL || (!on && strcmp(*o->word, "off") != 0))
		return wrong(o, "carrier", "on or off");
	for (i = 0; i < 2 && error == 0; i++)
		if (o->end[i])
			error = end_set_carrier(&o->link->end[i], on);
	if (error != 0)
		return failed(o, "carrier", error);
	o->word++;
	return true;
}

static bool
do_mtu(struct order *o)
{
	uint64_t mtu;
	int i, error = 0;

	if (*o->word == NULL || !word_size(*o->word, &mtu) || mtu < 68 ||
	    mtu > PACKET_MAX)
		return wrong(o, "mtu", "68 to 65535");
	for (i = 0; i < 2 && error == 0; i++)
		if (o->end[i])
			error = end_set_mtu(&o->link->end[i], (int)mtu);
	if (error != 0)
		return failed(o, "mtu", error);
	o->word++;
	return true;
}

static bool
do_pcap(struct order *o)
{
	struct link *l = o->link;

	if (*o->word == NULL)
		return wrong(o, "pcap", "a file's name or off");
	if (l->pcap != NULL && fclose(l->pcap) != 0) {
		l->pcap = NULL;
		return failed(o, "pcap", -errno);
	}
	l->pcap = NULL;
	if (strcmp(*o->word, "off") != 0) {
		l->pcap = pcap_open(*o->word);
		if (l->pcap == NULL)
			return failed(o, *o->word, -errno);
	}
	o->word++;
	return true;
}

/* All impairments off; the devices' MTU and the record stay. */
static bool
do_clear(struct order *o)
{
	int i, error = 0;

	for (i = 0; i < 2; i++) {
		memset(&o->link->way[i].is, 0, sizeof(o->link->way[i].is));
		way_changed(&o->link->way[i]);
		if (!o->link->end[i].carrier && error == 0)
			error = end_set_carrier(&o->link->end[i], true);
	}
	return error == 0 || failed(o, "carrier", error);
}

static void
say(struct order *o, const char *name, uint64_t n)
{
	fprintf(o->answer, " %s %llu", name, (unsigned long long)n);
}

static void
way_show(struct order *o, int i)
{
	const struct end *end = o->link->end;
	const struct way *w = &o->link->way[i];
	size_t k;

	fprintf(o->answer, "%s %s>%s", o->link->name, end[i].host,
	    end[!i].host);
	say(o, "in", w->n.in);
	say(o, "inbytes", w->n.in_bytes);
	say(o, "out", w->n.out);
	say(o, "outbytes", w->n.out_bytes);
	for (k = 1; k < CAUSES; k++)
		say(o, causes[k], w->n.dropped[k]);
	say(o, "dup", w->n.dup);
	say(o, "reordered", w->n.reordered);
	say(o, "corrupted", w->n.corrupted);
	say(o, "flying", w->flying);
	putc('\n', o->answer);
}

static bool
do_show(struct order *o)
{
	int i;

	for (i = 0; i < 2; i++)
		if (o->way[i])
			way_show(o, i);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct order *);
} acts[] = {
	{ "queue", do_queue },
	{ "blackhole", do_blackhole },
	{ "carrier", do_carrier },
	{ "mtu", do_mtu },
	{ "pcap", do_pcap },
	{ "clear", do_clear },
	{ "show", do_show },
};

/* --- Lines --------------------------------------------------------------- */

/* Takes a word that says a direction or an end; false if it does not. */
static bool
where_read(struct order *o, const char *word)
{
	const struct end *end = o->link->end;
	char hosts[2 * NAME_LEN + 2];
	bool both = strcmp(word, "both") == 0, way, at;
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(hosts, sizeof(hosts), "%s>%s", end[i].host,
		    end[!i].host);
		way = strcmp(word, i == 0 ? "a>b" : "b>a") == 0 ||
		    strcmp(word, hosts) == 0;
		at = strcmp(word, i == 0 ? "a" : "b") == 0 ||
		    strcmp(word, end[i].host) == 0;
		if (!both && !way && !at)
			continue;
		o->way[i] = both || way;
		o->end[i] = both || at;
		if (!both)
			o->way[!i] = o->end[!i] = false;
		if (!both || i == 1)
			return true;
	}
	return false;
}

static bool
word_run(struct order *o)
{
	const char *word = *o->word++;
	size_t k;

	if (where_read(o, word))
		return true;
	for (k = 0; k < sizeof(values) / sizeof(*values); k++)
		if (strcmp(word, values[k].name) == 0)
			return do_value(o, k);
	for (k = 0; k < sizeof(acts) / sizeof(*acts); k++)
		if (strcmp(word, acts[k].name) == 0)
			return acts[k].run(o);
	fprintf(o->answer, "%s: unknown word `%s'\n", o->link->name, word);
	return false;
}

static bool
link_make(struct order *o)
{
	const char *what;
	int i, error;

	for (i = 0; i < 5; i++) {
		if (o->word[i] != NULL && strlen(o->word[i]) <
		    (i == 2 || i == 4 ? DEV_LEN : NAME_LEN))
			continue;
		fprintf(o->answer, "link wants NAME HOST DEVICE HOST DEVICE,"
		    " a device's name under %d letters\n", DEV_LEN);
		return false;
	}
	if (link_find(o->emu, o->word[0]) != NULL) {
		fprintf(o->answer, "%s: exists\n", o->word[0]);
		return false;
	}
	error = link_new(o->emu, o->word, &what);
	if (error != 0)
		fprintf(o->answer, "link %s: %s: %s\n", o->word[0], what,
		    strerror(-error));
	return error == 0;
}

static bool
order_run(struct order *o)
{
	size_t i;

	if (*o->word == NULL)
		return true;
	if (strcmp(*o->word, "link") == 0) {
		o->word++;
		return link_make(o);
	}
	if (strcmp(*o->word, "show") == 0) {
		for (i = 0; i < o->emu->n_links; i++) {
			o->link = o->emu->links[i];
			do_show(o);
		}
		return true;
	}
	o->link = link_find(o->emu, *o->word);
	if (o->link == NULL) {
		fprintf(o->answer, "no link `%s'\n", *o->word);
		return false;
	}
	for (o->word++; *o->word != NULL; )
		if (!word_run(o))
			return false;
	return true;
}

bool
cmd_run(struct emu *e, char *line, FILE *answer)
{
	char *words[WORDS_MAX + 1], *part, *rest, *save;
	struct order o;
	size_t n;

	for (part = strtok_r(line, ";\n", &rest); part != NULL;
	    part = strtok_r(NULL, ";\n", &rest)) {
		n = 0;
		words[0] = strtok_r(part, " \t", &save);
		while (words[n] != NULL && n < WORDS_MAX)
			words[++n] = strtok_r(NULL, " \t", &save);
		words[n] = NULL;
		o = (struct order){ .emu = e, .way = { true, true },
			.end = { true, true }, .word = words,
			.answer = answer };
		if (!order_run(&o))
			return false;
	}
	return true;
}
