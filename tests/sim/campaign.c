/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Two processes run the lists of a row of seeds, each every second one, one
 * after the other.  Where a list breaks a rule, or its process dies, the parent
 * shrinks it, prints it, keeps it in a file, and has another process go on
 * behind it, until CAMPAIGN_FINDS were found.
 */
#include "campaign.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "field.h"
#include "list.h"
#include "shrink.h"

enum {
	CAMPAIGN_JOBS = 2,
	CAMPAIGN_FINDS = 8,
	CAMPAIGN_ALARM = 120, /* seconds of a list, on a busy machine */
};

/* What a worker and its parent share. */
struct worker {
	pid_t pid; /* 0: none */
	uint64_t seed, end;
	uint64_t done;
	struct verdict verdict;
};

struct campaign {
	struct worker *worker;
	unsigned finds;
	const char *dir;
};

/* --- One list ------------------------------------------------------------- */

static bool
campaign_open(const char *name, struct list *l)
{
	FILE *in = fopen(name, "r");
	bool ok;

	if (in == NULL)
		err(2, "%s", name);
	ok = list_read(in, name, l);
	fclose(in);
	return ok;
}

static int
campaign_files(char **name, bool trace)
{
	struct verdict v;
	struct list l;
	int failed = 0;

	for (; *name != NULL; name++) {
		if (!campaign_open(*name, &l))
			return 2;
		verdict_of(&l, &v, trace);
		if (v.fault[0] == '\0')
			printf("%-40s back in %llu ms ok\n", *name,
			    (unsigned long long)v.back_us / 1000);
		else
			printf("%-40s %s FAIL\n", *name, v.fault);
		failed |= v.fault[0] != '\0';
	}
	return failed;
}

static int
campaign_shrink(const char *name)
{
	struct verdict v;
	struct list l;
	unsigned n;

	if (!campaign_open(name, &l))
		return 2;
	verdict_of(&l, &v, false);
	if (v.fault[0] == '\0') {
		printf("%s breaks no rule\n", name);
		return 0;
	}
	n = shrink(&l, &v);
	printf("# %s\n# shrunk by %u tries\n", v.fault, n);
	list_write(stdout, &l);
	return 1;
}

/* --- Many ----------------------------------------------------------------- */

static void
campaign_work(struct worker *w)
{
	static struct field f;
	struct list l;

	for (; w->seed < w->end; w->seed += CAMPAIGN_JOBS) {
		alarm(CAMPAIGN_ALARM);
		list_make(&l, w->seed);
		field_run(&f, &l, false);
		if (f.back_us > w->verdict.back_us)
			w->verdict.back_us = f.back_us;
		if (f.fault[0] != '\0') {
			memcpy(w->verdict.fault, f.fault,
			    sizeof(w->verdict.fault));
			_exit(1);
		}
		field_free(&f);
		w->done++;
	}
	_exit(0);
}

static void
campaign_start(struct worker *w)
{
	w->verdict.fault[0] = '\0';
	fflush(NULL);
	w->pid = fork();
	if (w->pid == -1)
		err(2, "fork");
	if (w->pid == 0) {
		w->pid = getpid();
		campaign_work(w);
	}
}

/* A worker's list broke a rule, or killed it. */
static void
campaign_find(struct campaign *c, struct worker *w)
{
	struct verdict v;
	char name[512];
	struct list l;
	unsigned n;
	FILE *out;

	list_make(&l, w->seed);
	printf("seed %llu: %s (%zu operations)\n", (unsigned long long)w->seed,
	    w->verdict.fault[0] != '\0' ? w->verdict.fault : "died", l.n);
	fflush(stdout);
	verdict_of(&l, &v, false);
	if (v.fault[0] == '\0') {
		printf("    ... but not alone\n");
		return;
	}
	n = shrink(&l, &v);
	printf("# SEED %llu: %s\n# shrunk by %u tries\n",
	    (unsigned long long)w->seed, v.fault, n);
	list_write(stdout, &l);
	fflush(stdout);
	if (c->dir == NULL)
		return;
	snprintf(name, sizeof(name), "%s/%llu.list", c->dir,
	    (unsigned long long)w->seed);
	out = fopen(name, "w");
	if (out == NULL)
		err(2, "%s", name);
	fprintf(out, "# SEED %llu: %s\n", (unsigned long long)w->seed,
	    v.fault);
	list_write(out, &l);
	fclose(out);
}

static void
campaign_wait(struct campaign *c)
{
	struct worker *w;
	int status;
	pid_t pid = wait(&status);

	if (pid == -1)
		err(2, "wait");
	for (w = c->worker; w < c->worker + CAMPAIGN_JOBS; w++)
		if (w->pid == pid)
			break;
	if (w == c->worker + CAMPAIGN_JOBS)
		return;
	w->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	c->finds++;
	campaign_find(c, w);
	w->seed += CAMPAIGN_JOBS;
	w->done++;
	if (w->seed < w->end && c->finds < CAMPAIGN_FINDS)
		campaign_start(w);
}

static double
campaign_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
campaign_run(uint64_t count, uint64_t seed, const char *dir)
{
	struct campaign c = { .dir = dir };
	double begin = campaign_clock(), took;
	uint64_t done = 0, back = 0;
	struct worker *w;

	c.worker = mmap(NULL, CAMPAIGN_JOBS * sizeof(*w), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.worker == MAP_FAILED)
		err(2, "mmap");
	printf("campaign of %llu lists, SEED %llu\n",
	    (unsigned long long)count, (unsigned long long)seed);
	for (w = c.worker; w < c.worker + CAMPAIGN_JOBS; w++) {
		w->seed = seed + (uint64_t)(w - c.worker);
		w->end = seed + count;
		campaign_start(w);
	}
	while (c.worker[0].pid != 0 || c.worker[1].pid != 0)
		campaign_wait(&c);
	for (w = c.worker; w < c.worker + CAMPAIGN_JOBS; w++) {
		done += w->done;
		back = back > w->verdict.back_us ? back : w->verdict.back_us;
	}
	took = campaign_clock() - begin;
	printf("%llu lists from SEED %llu in %.1f s, %.0f a second: %u failed;"
	    " back in %llu ms at most\n", (unsigned long long)done,
	    (unsigned long long)seed, took, (double)done / took, c.finds,
	    (unsigned long long)back / 1000);
	return c.finds == 0 ? 0 : 1;
}

/* A number; or "day": another row of lists each day, far from the next one's. */
static uint64_t
campaign_seed(const char *word)
{
	if (strcmp(word, "day") == 0)
		return (uint64_t)time(NULL) / 86400 * 100000000;
	return strtoull(word, NULL, 0);
}

int
campaign_main(int argc, char **argv)
{
	struct list l;

	if (argc >= 3 && strcmp(argv[1], "list") == 0)
		return campaign_files(argv + 2, false);
	if (argc >= 3 && strcmp(argv[1], "trace") == 0)
		return campaign_files(argv + 2, true);
	if (argc == 3 && strcmp(argv[1], "shrink") == 0)
		return campaign_shrink(argv[2]);
	if (argc == 3 && strcmp(argv[1], "make") == 0) {
		list_make(&l, strtoull(argv[2], NULL, 0));
		list_write(stdout, &l);
		return 0;
	}
	if (argc >= 3 && argc <= 5 && strcmp(argv[1], "campaign") == 0)
		return campaign_run(strtoull(argv[2], NULL, 0),
		    campaign_seed(argc > 3 ? argv[3] : "day"), argc > 4 ?
		    argv[4] : NULL);
	return -1;
}
