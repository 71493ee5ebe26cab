/* SPDX-License-Identifier: ISC */
#include "links.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "mp.h"
#include "shared/ipc.h"

enum { LINKS_MOST = 32, LINKS_NAME = 16 };

struct uplink {
	char name[LINKS_NAME];
	unsigned paths, answering, in_use;
	uint32_t best_us;    /* the shortest SRTT of those that answer */
	uint64_t silence_us; /* since the last answer by it; MP_NEVER */
};

static int
links_compare(const void *a, const void *b)
{
	return strcmp(((const struct uplink *)a)->name,
	    ((const struct uplink *)b)->name);
}

/* The link that the path of a row leaves by; NULL: not known, or one too
 * many. */
static struct uplink *
links_find(struct uplink link[LINKS_MOST], size_t *n, const struct ipc_row *r)
{
	char name[LINKS_NAME];
	size_t i;

	say_clean(name, sizeof(name), r->u.flow_row.interface,
	    sizeof(r->u.flow_row.interface));
	for (i = 0; i < *n; i++)
		if (strcmp(link[i].name, name) == 0)
			return &link[i];
	if (name[0] == '\0' || *n == LINKS_MOST)
		return NULL;
	link[*n] = (struct uplink) { .silence_us = MP_NEVER };
	memcpy(link[*n].name, name, sizeof(name));
	return &link[(*n)++];
}

static void
links_add(struct uplink *l, const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	uint64_t silence;

	l->paths++;
	l->in_use += f->in_use;
	if (f->answer_at != 0 && f->answer_at != MP_NEVER) {
		silence = r->now > f->answer_at ? r->now - f->answer_at : 0;
		if (silence < l->silence_us)
			l->silence_us = silence;
	}
	if (!f->validated || f->failed || f->doubt || f->srtt_us == 0)
		return;
	if (l->answering++ == 0 || f->srtt_us < l->best_us)
		l->best_us = f->srtt_us;
}

static void
links_put_line(const struct uplink *l)
{
	char words[SAY_DURATION];

	printf("link %s: ", l->name);
	if (l->answering > 0)
		printf("%u of %u paths answer, the fastest in %" PRIu32
		    ".%" PRIu32 " ms%s\n", l->answering, l->paths,
		    l->best_us / 1000, l->best_us / 100 % 10,
		    l->in_use > 0 ? ", in use" : "");
	else if (l->silence_us == MP_NEVER)
		printf("none of %u paths ever answered\n", l->paths);
	else
		printf("dead, the last answer came %s ago\n",
		    say_duration(words, l->silence_us));
}

void
links_put(const struct ipc_row *row, size_t n)
{
	struct uplink link[LINKS_MOST], *l;
	size_t nlinks = 0, i;

	for (i = 0; i < n; i++)
		if (row[i].kind == IPC_ROW_FLOW &&
		    (l = links_find(link, &nlinks, &row[i])) != NULL)
			links_add(l, &row[i]);
	qsort(link, nlinks, sizeof(link[0]), links_compare);
	for (i = 0; i < nlinks; i++)
		links_put_line(&link[i]);
}
