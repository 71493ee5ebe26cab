/* SPDX-License-Identifier: ISC */
/* mpctl ping: a handshake and a probe on every pair of addresses, again and
 * again, as mpctl doctor has one. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "exam.h"
#include "host.h"
#include "json.h"
#include "name.h"
#include "say.h"
#include "mp.h"
#include "shared/arena.h"
#include "shared/net.h"

enum {
	PING_US = 1000000, /* from the begin of a round to that of the next */
	PING_PAIRS = MP_FLOWS_MAX,
};

/* What was seen of a pair in all rounds. */
struct ping {
	struct mp_path path;
	unsigned asked, answered;
	uint32_t least_us, most_us;
	uint64_t sum_us;
};

static struct exam x;
static struct ping pings[PING_PAIRS];
static size_t npings;
static volatile sig_atomic_t stopped;

static void
ping_stop(int number)
{
	(void)number;
	stopped = 1;
}

/* --- What was seen -------------------------------------------------------- */

static bool
ping_is_of(const struct ping *p, const struct mp_path *path)
{
	return p->path.ifindex == path->ifindex &&
	    memcmp(p->path.local.ip, path->local.ip, 16) == 0 &&
	    net_equal(&p->path.remote, &path->remote);
}

/* The record of a pair, new or old; NULL: there are too many. */
static struct ping *
ping_find(const struct mp_path *path)
{
	size_t i;

	for (i = 0; i < npings; i++)
		if (ping_is_of(&pings[i], path))
			return &pings[i];
	if (npings == PING_PAIRS)
		return NULL;
	pings[npings] = (struct ping) { .path = *path };
	return &pings[npings++];
}

static void
ping_note(const struct exam_pair *pair)
{
	struct ping *p = ping_find(&pair->path);

	if (p == NULL)
		return;
	p->asked++;
	if (!pair->answered)
		return;
	if (p->answered++ == 0 || pair->rtt_us < p->least_us)
		p->least_us = pair->rtt_us;
	if (pair->rtt_us > p->most_us)
		p->most_us = pair->rtt_us;
	p->sum_us += pair->rtt_us;
}

/* --- Text and JSON -------------------------------------------------------- */

static void
ping_put_path(const struct mp_path *path)
{
	char local[64], remote[NET_TEXT];

	printf("%-10s %s -> %s: ", host_link_name(&x.host, path->ifindex),
	    host_text(&path->local, local), net_text(&path->remote, remote));
}

static void
ping_put_ms(uint64_t us)
{
	printf("%" PRIu64 ".%" PRIu64, us / 1000, us / 100 % 10);
}

static void
ping_show_round(unsigned round)
{
	size_t i;

	for (i = 0; i < x.npairs; i++) {
		printf("%4u  ", round);
		exam_put_pair(&x, &x.pair[i]);
	}
}

static void
ping_show_text(void)
{
	const struct ping *p;

	for (p = pings; p < pings + npings; p++) {
		ping_put_path(&p->path);
		printf("%u of %u answered, %u %% lost", p->answered, p->asked,
		    (p->asked - p->answered) * 100 / p->asked);
		if (p->answered > 0) {
			fputs("; ", stdout);
			ping_put_ms(p->least_us);
			putchar('/');
			ping_put_ms(p->sum_us / p->answered);
			putchar('/');
			ping_put_ms(p->most_us);
			fputs(" ms", stdout);
		}
		putchar('\n');
	}
}

static void
ping_show_json(void)
{
	struct json j = { .depth = 0 };
	char local[64], remote[NET_TEXT];
	const struct ping *p;

	json_open(&j, NULL, '{');
	json_number(&j, "version", 1);
	json_open(&j, "pairs", '[');
	for (p = pings; p < pings + npings; p++) {
		json_open(&j, NULL, '{');
		json_word(&j, "interface",
		    host_link_name(&x.host, p->path.ifindex));
		json_word(&j, "local", host_text(&p->path.local, local));
		json_word(&j, "remote", net_text(&p->path.remote, remote));
		json_number(&j, "asked", p->asked);
		json_number(&j, "answered", p->answered);
		if (p->answered > 0) {
			json_number(&j, "least_us", p->least_us);
			json_number(&j, "mean_us", p->sum_us / p->answered);
			json_number(&j, "most_us", p->most_us);
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}

/* --- The command ---------------------------------------------------------- */

/* One round: false, the peer did not answer on any pair. */
static bool
ping_round(void)
{
	size_t i;
	bool answered;

	x.npairs = 0;
	answered = exam_talk(&x);
	for (i = 0; i < x.npairs; i++)
		ping_note(&x.pair[i]);
	return answered;
}

/* Waits until the next round is due, or a signal comes. */
static void
ping_wait(uint64_t until)
{
	uint64_t now = arena_now(), rest = until > now ? until - now : 0;
	struct timespec ts = { .tv_sec = (time_t)(rest / 1000000),
		.tv_nsec = (long)(rest % 1000000 * 1000) };

	if (!stopped)
		(void)nanosleep(&ts, NULL);
}

/* `count' rounds, 0: until a signal; true: one was answered at least. */
static bool
ping_rounds(uint32_t count, bool json)
{
	uint64_t next = arena_now();
	unsigned round;
	bool some = false;

	for (round = 1; !stopped && (count == 0 || round <= count); round++) {
		next += PING_US;
		some |= ping_round();
		if (!json)
			ping_show_round(round);
		if (fflush(stdout) != 0)
			break;
		if (round != count)
			ping_wait(next);
	}
	return some;
}

/* Reads settings, keys and the network, as the doctor does, of which nothing is
 * told here. */
static int
ping_prepare(const struct mp_addr *to)
{
	int error;

	x.peer = to;
	exam_run(&x, exam_setup);
	exam_run(&x, exam_key);
	error = host_read(&x.host, x.peer, x.settings.interfaces,
	    x.settings.no_interfaces);
	if (error != 0)
		say_line("the kernel does not tell of the network: %s",
		    strerror(-error));
	else if (exam_count_keys() == 0) {
		say_line("no peer is known yet: mpctl doctor tells more");
		error = -ENOENT;
	}
	return error;
}

int
ctl_ping(bool json, uint32_t count, const char *peer)
{
	struct sigaction act = { .sa_handler = ping_stop };
	struct mp_addr to;
	bool some;

	if (!name_find(peer, &to) || to.port == 0) {
		say_line("ping: expected ADDRESS:PORT or NAME:PORT, found \"%s\"",
		    peer);
		return CTL_USAGE;
	}
	if (ping_prepare(&to) != 0)
		return CTL_FAILED;
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	some = ping_rounds(count, json);
	exam_wipe_keys();
	close(x.host.fd);
	if (json)
		ping_show_json();
	else
		ping_show_text();
	if (!some)
		say_line("%s does not answer: mpctl doctor %s tells why", peer,
		    peer);
	return some ? CTL_OK : CTL_FAILED;
}
