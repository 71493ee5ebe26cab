/* SPDX-License-Identifier: ISC */
#include "udpload.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The report: the sum over all streams. */
struct report {
	uint64_t sent, errors, received, lost, duplicated, reordered;
	uint64_t gap, gap_at;
	uint64_t most_lost; /* of one stream */
	uint64_t silent;    /* streams of which nothing was received */
	uint32_t *took_us;
	size_t took_len;
};

void
tally_begin(struct tally *t, const struct head *h)
{
	if (h->count > COUNT_MAX)
		errx(1, "more than %d datagrams are too many", COUNT_MAX);
	t->stream = h->stream;
	t->count = h->count;
	t->begin = h->begin;
	t->interval = h->interval;
	t->took_us = malloc(h->count * sizeof(*t->took_us));
	if (t->took_us == NULL)
		err(1, "malloc");
	memset(t->took_us, 0xff, h->count * sizeof(*t->took_us));
}

void
tally_add(struct tally *t, const struct head *h, uint64_t now)
{
	uint32_t *took = &t->took_us[h->seq];

	if (*took != UINT32_MAX) {
		t->duplicated++;
		return;
	}
	*took = (uint32_t)((now - h->sent) / 1000);
	if (t->received++ != 0 && now - t->last > t->gap) {
		t->gap = now - t->last;
		t->gap_at = t->last;
	}
	t->last = now;
	if (h->seq < t->next)
		t->reordered++;
	else
		t->next = h->seq + 1;
}

/* The time in seconds since the epoch, like date +%s.%N. */
static double
wall(uint64_t at)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9 -
	    (double)(now_ns() - at) / 1e9;
}

/* How many datagrams of the stream should have been received. */
static uint64_t
tally_expected(const struct tally *t, const struct options *o)
{
	return o->mode == M_RECV && told_to_end ? t->next : o->mode == M_RECV ?
	    t->count : t->sent;
}

static void
report_add(struct report *r, const struct tally *t, const struct options *o,
    FILE *log)
{
	uint64_t seq, lost = 0, expected = tally_expected(t, o);

	for (seq = 0; seq < expected; seq++) {
		if (t->took_us[seq] != UINT32_MAX) {
			r->took_us[r->took_len++] = t->took_us[seq];
			continue;
		}
		lost++;
		if (log != NULL)
			fprintf(log, "lost %u %llu %.6f\n", t->stream,
			    (unsigned long long)seq,
			    wall(t->begin + seq * t->interval));
	}
	r->sent += expected;
	r->errors += t->errors;
	r->received += t->received;
	r->lost += lost;
	r->duplicated += t->duplicated;
	r->reordered += t->reordered;
	r->silent += t->received == 0;
	if (lost > r->most_lost)
		r->most_lost = lost;
	if (t->gap > r->gap) {
		r->gap = t->gap;
		r->gap_at = t->gap_at;
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double
quantile(const struct report *r, double q)
{
	size_t i = (size_t)(q * (double)r->took_len);

	if (r->took_len == 0)
		return -1;
	if (i == r->took_len)
		i--;
	return r->took_us[i] / 1e3;
}

static void
say(const char *name, uint64_t n)
{
	printf("%s %llu ", name, (unsigned long long)n);
}

void
tally_report(struct tally *t, size_t n, const struct stray *stray,
    const struct options *o)
{
	struct report r = { 0 };
	uint64_t room = 1;
	size_t i;
	FILE *log = NULL;

	for (i = 0; i < n; i++)
		room += t[i].count;
	r.took_us = malloc(room * sizeof(*r.took_us));
	if (r.took_us == NULL)
		err(1, "malloc");
	if (o->log != NULL && (log = fopen(o->log, "we")) == NULL)
		err(1, "%s", o->log);
	for (i = 0; i < n; i++)
		report_add(&r, &t[i], o, log);
	if (log != NULL)
		fclose(log);
	qsort(r.took_us, r.took_len, sizeof(*r.took_us), compare);
	say("sent", r.sent);
	say("received", r.received);
	say("lost", r.lost);
	say("duplicated", r.duplicated);
	say("altered", stray->altered);
	say("reordered", r.reordered);
	say("foreign", stray->foreign);
	say("errors", r.errors);
	say("most-lost", r.most_lost);
	say("silent", r.silent);
	printf("gap %.1f gap-at %.6f median %.3f p99 %.3f worst %.3f\n",
	    (double)r.gap / 1e6, r.gap == 0 ? 0 : wall(r.gap_at),
	    quantile(&r, 0.5), quantile(&r, 0.99), quantile(&r, 1));
	free(r.took_us);
}
