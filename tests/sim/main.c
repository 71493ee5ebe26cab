/* SPDX-License-Identifier: ISC */
/*
 * sim: runs the engine through scenarios in virtual time.
 *
 *	sim [-v] [--seed N] [--csv DIR] [--jobs N] [--list] [NAME]
 *	sim [-v] [--seed N] [--csv DIR] [--noisy] --random COUNT
 *	sim list FILE... | trace FILE | shrink FILE | make SEED
 *	sim campaign COUNT [SEED [DIR]]
 *
 * Prints a row for each figure; exits 1 if one is over its limit.  Each
 * scenario runs in a process of its own, so one that dies is one that fails.
 * NAME (or --only NAME) is a scenario's, or its beginning; --csv writes
 * DIR/NAME-flows.csv, -sessions.csv and -packets.csv; -v adds what the
 * engines counted.  --random shows COUNT random hosts from that seed on
 * (scenarios_hosts.c), and exits 1 if one lost a datagram; with -v, --csv
 * writes the packets of the last.
 *
 * `list' runs lists of operations (list.h; README), `shrink' makes one that
 * fails smaller, `make' prints that of a seed, `campaign' runs those of so many
 * seeds, and keeps what failed, shrunk, in DIR.
 */
#include "scenarios.h"

#include <err.h>
#include <getopt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaign.h"
#include "hosts.h"
#include "run.h"
#include "watch.h"

enum {
	SCENARIOS_MAX = 128,
	CPU_MOST = 300, /* seconds; an engine that never ends is killed */
	SEED = 20151,
};

struct job {
	const struct scenario *scenario;
	FILE *out;
	pid_t pid;
	bool started, ended;
	int status;
};

struct options {
	uint64_t seed;
	const char *csv, *only;
	unsigned long jobs, random;
	bool list, verbose, noisy;
};

static const struct scenario *const topics[] = { scenarios_paper,
	scenarios_faults, scenarios_moves, scenarios_quality, scenarios_life,
	scenarios_cost, scenarios_random, scenarios_hosts, scenarios_links,
	scenarios_pool, scenarios_askers };

static void
usage(void)
{
	fprintf(stderr, "usage: sim [-v] [--seed N] [--csv DIR] [--jobs N]"
	    " [--list] [NAME]\n"
	    "       sim [-v] [--seed N] [--csv DIR] [--noisy] --random COUNT\n"
	    "       sim list FILE... | trace FILE | shrink FILE | make SEED\n"
	    "       sim campaign COUNT [SEED [DIR]]\n");
	exit(2);
}

static void
read_options(struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "csv", required_argument, NULL, 'c' },
		{ "only", required_argument, NULL, 'o' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "random", required_argument, NULL, 'r' },
		{ "noisy", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .seed = SEED, .jobs = 2 };
	while ((c = getopt_long(argc, argv, "v", long_options, NULL)) != -1)
		switch (c) {
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			o->csv = optarg;
			break;
		case 'o':
			o->only = optarg;
			break;
		case 'j':
			o->jobs = strtoul(optarg, NULL, 0);
			break;
		case 'l':
			o->list = true;
			break;
		case 'r':
			o->random = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			o->noisy = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		default:
			usage();
		}
	if (optind < argc)
		o->only = argv[optind++];
	if (optind != argc || o->jobs == 0)
		usage();
}

/* One name exactly, else all that begin so. */
static size_t
choose(struct job *job, const char *only)
{
	const struct scenario *s;
	size_t n = 0, i;

	for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		for (s = topics[i]; s->name != NULL; s++) {
			if (only != NULL &&
			    strncmp(s->name, only, strlen(only)) != 0)
				continue;
			if (only != NULL && strcmp(s->name, only) == 0) {
				job[0] = (struct job){ .scenario = s };
				return 1;
			}
			if (n == SCENARIOS_MAX)
				errx(2, "too many scenarios");
			job[n++] = (struct job){ .scenario = s };
		}
	return n;
}

static void
start(struct job *j, const struct options *o)
{
	static struct run r;
	struct rlimit cpu = { CPU_MOST, CPU_MOST };
	unsigned failed;

	j->started = true;
	j->out = tmpfile();
	if (j->out == NULL)
		err(2, "tmpfile");
	fflush(NULL);
	j->pid = fork();
	if (j->pid == -1)
		err(2, "fork");
	if (j->pid != 0)
		return;
	if (setrlimit(RLIMIT_CPU, &cpu) == -1 ||
	    dup2(fileno(j->out), STDOUT_FILENO) == -1)
		err(2, "scenario %s", j->scenario->name);
	r.seed = o->seed;
	r.verbose = o->verbose;
	r.aes = crypto_aead_aes256gcm_is_available() != 0;
	failed = run_scenario(&r, j->scenario, o->csv);
	fflush(stdout);
	exit(failed == 0 ? 0 : 1);
}

/* The next one to start: heavy ones first. */
static struct job *
next_job(struct job *job, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!job[i].started && job[i].scenario->heavy)
			return &job[i];
	for (i = 0; i < n; i++)
		if (!job[i].started)
			return &job[i];
	return NULL;
}

static void
await(struct job *job, size_t n)
{
	int status;
	pid_t pid = wait(&status);
	size_t i;

	if (pid == -1)
		err(2, "wait");
	for (i = 0; i < n; i++)
		if (job[i].started && !job[i].ended && job[i].pid == pid) {
			job[i].ended = true;
			job[i].status = status;
		}
}

/* Prints what a scenario printed; true if all was well. */
static bool
report(struct job *j)
{
	char line[512];

	rewind(j->out);
	while (fgets(line, sizeof(line), j->out) != NULL)
		fputs(line, stdout);
	fclose(j->out);
	if (WIFSIGNALED(j->status))
		printf("%-15s died of signal %d FAIL\n", j->scenario->name,
		    WTERMSIG(j->status));
	else if (WEXITSTATUS(j->status) > 1)
		printf("%-15s ended itself with %d FAIL\n", j->scenario->name,
		    WEXITSTATUS(j->status));
	fflush(stdout);
	return WIFEXITED(j->status) && WEXITSTATUS(j->status) == 0;
}

static size_t
run_all(struct job *job, size_t n, const struct options *o)
{
	struct job *next;
	size_t printed = 0, failed = 0;
	unsigned long running = 0;

	while (printed < n) {
		while (running < o->jobs && (next = next_job(job, n)) != NULL) {
			start(next, o);
			running++;
		}
		await(job, n);
		running--;
		for (; printed < n && job[printed].ended; printed++)
			failed += !report(&job[printed]);
	}
	return failed;
}

static int
run_random(const struct options *o)
{
	static const struct scenario named = { .name = "random" };
	static struct run r = { .scenario = &named };
	struct hosts_tally t;

	r.seed = o->seed;
	r.verbose = o->verbose;
	r.aes = crypto_aead_aes256gcm_is_available() != 0;
	run_init(&r, o->seed);
	hosts_run(&r, o->seed, o->random, o->noisy, &t);
	hosts_print(&t);
	if (o->csv != NULL && !watch_csv(&r.watch, o->csv, named.name))
		err(2, "%s", o->csv);
	run_free(&r);
	return t.lossy == 0 && t.twice == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static struct job job[SCENARIOS_MAX];
	struct options o;
	size_t n, i, failed;
	int status;

	if (sodium_init() == -1)
		errx(2, "sodium_init");
	status = campaign_main(argc, argv);
	if (status != -1)
		return status;
	read_options(&o, argc, argv);
	if (o.random != 0)
		return run_random(&o);
	n = choose(job, o.only);
	if (n == 0)
		errx(2, "no scenario %s", o.only);
	if (o.list) {
		for (i = 0; i < n; i++)
			printf("%-15s %s\n", job[i].scenario->name,
			    job[i].scenario->title);
		return 0;
	}
	printf("seed %llu\n", (unsigned long long)o.seed);
	failed = run_all(job, n, &o);
	printf("%zu scenarios, %zu failed (seed %llu)\n", n, failed,
	    (unsigned long long)o.seed);
	return failed == 0 ? 0 : 1;
}
