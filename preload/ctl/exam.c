/* SPDX-License-Identifier: ISC */
#include "exam.h"

#include <inttypes.h>
#include <stdio.h>

#include "host.h"
#include "shared/net.h"

/* Replaces %1, %2 and %3 in `form' by the three words; NULL is an empty one. */
static void
exam_expand(char out[EXAM_TEXT], const char *form, const char *const word[3])
{
	size_t n = 0;
	int more, which;

	out[0] = '\0';
	for (; *form != '\0' && n < EXAM_TEXT - 1; n += (size_t)more) {
		which = form[0] == '%' ? form[1] - '1' : -1;
		if (which >= 0 && which < 3) {
			more = snprintf(out + n, EXAM_TEXT - n, "%s",
			    word[which] != NULL ? word[which] : "");
			form += 2;
		} else
			more = snprintf(out + n, EXAM_TEXT - n, "%c", *form++);
	}
}

void
exam_found(struct exam *x, const struct check *c, const char *a, const char *b,
    const char *third)
{
	const char *const word[3] = { a, b, third };
	struct exam_finding *f;

	if (x->nfound == EXAM_FOUND)
		return;
	f = &x->found[x->nfound++];
	f->check = c;
	f->fault = c->weight == EXAM_FAULT ||
	    (c->weight == EXAM_SECOND && host_uplinks(&x->host) < 2);
	snprintf(f->about, sizeof(f->about), "%s", a != NULL ? a : "");
	exam_expand(f->text, c->text, word);
	exam_expand(f->mend, c->mend != NULL ? c->mend : "", word);
}

void
exam_put_pair(const struct exam *x, const struct exam_pair *p)
{
	char local[64], remote[NET_TEXT];

	printf("%-10s %s -> %s: ", host_link_name(&x->host, p->path.ifindex),
	    host_text(&p->path.local, local),
	    net_text(&p->path.remote, remote));
	if (p->answered)
		printf("%" PRIu32 ".%" PRIu32 " ms\n", p->rtt_us / 1000,
		    p->rtt_us / 100 % 10);
	else
		puts("no answer");
}

void
exam_run(struct exam *x, const struct check *c)
{
	for (; c->name != NULL; c++)
		c->run(x, c);
}

size_t
exam_faults(const struct exam *x)
{
	size_t i, n = 0;

	for (i = 0; i < x->nfound; i++)
		n += x->found[i].fault;
	return n;
}
