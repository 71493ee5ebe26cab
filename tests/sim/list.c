/* SPDX-License-Identifier: ISC */
#include "list.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "verbs.h"

static const char *const flag_word[] = {
#define X(name, word) word,
	LIST_FLAGS(X)
#undef X
};
static const char host_letter[] = "csd";

/* --- Text ----------------------------------------------------------------- */

static void
list_write_arg(FILE *out, char kind, uint32_t v)
{
	if (kind == 'h')
		fprintf(out, " %c", host_letter[v % LIST_HOSTS]);
	else if (kind == 'l')
		fprintf(out, " %c%u", host_letter[v / LIST_LINKS % LIST_HOSTS],
		    (unsigned)v % LIST_LINKS);
	else
		fprintf(out, " %u", (unsigned)v);
}

void
list_write(FILE *out, const struct list *l)
{
	const struct verb *v;
	const struct op *o;
	int i;

	fprintf(out, "seed %llu\nworld %u %u", (unsigned long long)l->seed,
	    l->links[0], l->links[1]);
	for (i = 0; i < LIST_BITS; i++)
		if ((l->flags >> i & 1) != 0)
			fprintf(out, " %s", flag_word[i]);
	fprintf(out, "\n");
	for (o = l->op; o < l->op + l->n; o++) {
		v = &verbs[o->verb];
		fprintf(out, "%s", v->name);
		for (i = 0; i < LIST_ARGS && v->arg[i].kind != 0; i++)
			list_write_arg(out, v->arg[i].kind, o->arg[i]);
		fprintf(out, "\n");
	}
}

static bool
list_number(const char *word, uint64_t most, uint64_t *v)
{
	char *end;

	if (word == NULL || *word < '0' || *word > '9')
		return false;
	*v = strtoull(word, &end, 10);
	return *end == '\0' && *v <= most;
}

static bool
list_read_arg(char kind, const char *word, uint32_t *v)
{
	const char *at;
	uint64_t n;

	if (word == NULL)
		return false;
	if (kind == 'n') {
		if (!list_number(word, UINT32_MAX, &n))
			return false;
		*v = (uint32_t)n;
		return true;
	}
	at = *word == '\0' ? NULL : strchr(host_letter, *word);
	if (at == NULL)
		return false;
	*v = (uint32_t)(at - host_letter);
	if (kind == 'h')
		return word[1] == '\0';
	if (!list_number(word + 1, LIST_LINKS - 1, &n))
		return false;
	*v = *v * LIST_LINKS + (uint32_t)n;
	return true;
}

static bool
list_read_world(struct list *l, char **rest)
{
	char *word;
	uint64_t n;
	int i;

	for (i = 0; i < 2; i++) {
		if (!list_number(strtok_r(NULL, " \n", rest), LIST_LINKS, &n) ||
		    n == 0)
			return false;
		l->links[i] = (unsigned)n;
	}
	while ((word = strtok_r(NULL, " \n", rest)) != NULL) {
		for (i = 0; i < LIST_BITS; i++)
			if (strcmp(word, flag_word[i]) == 0)
				break;
		if (i == LIST_BITS)
			return false;
		l->flags |= 1U << i;
	}
	return true;
}

static bool
list_read_op(struct list *l, const char *name, char **rest)
{
	struct op *o = &l->op[l->n];
	const struct verb *v;
	int i;

	for (v = verbs; v < verbs + verbs_n; v++)
		if (strcmp(v->name, name) == 0)
			break;
	if (v == verbs + verbs_n || l->n == LIST_OPS)
		return false;
	o->verb = (unsigned)(v - verbs);
	for (i = 0; i < LIST_ARGS && v->arg[i].kind != 0; i++)
		if (!list_read_arg(v->arg[i].kind, strtok_r(NULL, " \n", rest),
		    &o->arg[i]))
			return false;
	l->n++;
	return strtok_r(NULL, " \n", rest) == NULL;
}

bool
list_read(FILE *in, const char *name, struct list *l)
{
	char line[256], *word, *rest;
	unsigned at = 0;
	bool ok;

	memset(l, 0, sizeof(*l));
	l->links[0] = l->links[1] = 1;
	while (fgets(line, sizeof(line), in) != NULL) {
		at++;
		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, " \n", &rest);
		if (word == NULL)
			continue;
		if (strcmp(word, "seed") == 0)
			ok = list_number(strtok_r(NULL, " \n", &rest),
			    UINT64_MAX, &l->seed);
		else if (strcmp(word, "world") == 0)
			ok = list_read_world(l, &rest);
		else
			ok = list_read_op(l, word, &rest);
		if (!ok) {
			warnx("%s:%u: %s: no such line", name, at, word);
			return false;
		}
	}
	return true;
}

/* --- Chance --------------------------------------------------------------- */

/* From low to high, small numbers as often as large ones. */
static uint32_t
list_draw(struct dice *r, uint32_t low, uint32_t high)
{
	uint64_t range = (uint64_t)high - low;
	unsigned bits = 0;

	if (range <= 64)
		return low + (uint32_t)rng_upto(r, range);
	while (range >> bits != 0)
		bits++;
	range = rng_upto(r, (UINT64_C(1) << rng_upto(r, bits)) - 1) % (range + 1);
	return low + (uint32_t)range;
}

static uint32_t
list_draw_arg(struct dice *r, const struct list *l, const struct verb_arg *a)
{
	unsigned hosts = (l->flags & LIST_THIRD) != 0 ? 3 : 2;
	unsigned host = (unsigned)rng_upto(r, hosts - 1);

	if (a->kind == 'h')
		return host;
	if (a->kind == 'l')
		return host * LIST_LINKS + (host == LIST_D ? 0 :
		    (unsigned)rng_upto(r, l->links[host] - 1));
	return list_draw(r, a->low, a->high);
}

/* One operation, of the verbs that have a weight. */
static void
list_draw_op(struct dice *r, const struct list *l, const unsigned weight[],
    struct op *o)
{
	const struct verb *v;
	uint64_t sum = 0, at;
	unsigned i;

	for (i = 0; i < verbs_n; i++)
		sum += weight[i];
	at = rng_upto(r, sum - 1);
	for (i = 0; at >= weight[i]; i++)
		at -= weight[i];
	o->verb = i;
	v = &verbs[i];
	for (i = 0; i < LIST_ARGS && v->arg[i].kind != 0; i++)
		o->arg[i] = list_draw_arg(r, l, &v->arg[i]);
	/* to somebody else: c and d talk to s */
	if (v->arg[0].kind == 'h' && v->arg[1].kind == 'h')
		o->arg[1] = o->arg[0] != LIST_S ? LIST_S :
		    (l->flags & LIST_THIRD) != 0 && o->arg[1] == LIST_D ?
		    LIST_D : LIST_C;
}

void
list_make(struct list *l, uint64_t seed)
{
	unsigned weight[64], i;
	struct dice r;

	memset(l, 0, sizeof(*l));
	rng_seed(&r, seed);
	l->seed = seed;
	l->links[0] = 1 + (unsigned)rng_upto(&r, LIST_LINKS - 1);
	l->links[1] = 1 + (unsigned)rng_upto(&r, 1);
	for (i = 0; i < LIST_BITS; i++)
		if (rng_upto(&r, 2) == 0)
			l->flags |= 1U << i;
	if ((l->flags & (LIST_NAT | LIST_V6)) != 0)
		l->flags &= ~(unsigned)LIST_FIRST;
	/* Each list leaves out some verbs, so that others meet. */
	for (i = 0; i < verbs_n; i++)
		weight[i] = i < 3 || rng_upto(&r, 2) != 0 ?
		    verbs[i].weight : 0;
	l->n = 4 + (size_t)rng_upto(&r, 30);
	for (i = 0; i < l->n; i++)
		list_draw_op(&r, l, weight, &l->op[i]);
}
