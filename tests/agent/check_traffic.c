/* SPDX-License-Identifier: ISC */
/* Sessions between two hosts, and what happens to their paths. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mp.h"
#include "shared/arena.h"
#include "suites.h"

static struct player a, b;

START_TEST(talk)
{
	struct mp_addr to = meet(&a, &b, 4200);
	int i;

	for (i = 0; i < 200; i++)
		ping(&a, &b, &to, 1000);
}
END_TEST

/* Waits for so many packets, which the agent of a busy machine may send late: how
 * many came, and of those that were sent together at the most. */
static unsigned
come(struct player *p, unsigned n, unsigned *most)
{
	uint64_t began = player_ms();
	unsigned came = 0, together;

	*most = 0;
	do {
		came += player_count_bundled(p, 100, &together);
		*most = together > *most ? together : *most;
	} while (came < n && player_ms() - began < 10000);
	return came;
}

/* What a program gathered and leaves to the agent goes by one call of the
 * kernel, where bundles are known to arrive. */
START_TEST(gathered)
{
	struct mp_addr to = meet(&a, &b, 4260);
	char data[500] = "gathered";
	unsigned i, n = 0, most;

	for (i = 0; i < 50; i++)
		ping(&a, &b, &to, 1000);
	(void)player_count_bundled(&b, 50, &most);
	player_trust_bundles(&a);
	/* Whoever is interrupted for 100 us begins to gather anew, when the
	 * agent has sent what waited. */
	for (i = 0; i < 400 && n < 20; i++)
		n += player_gather(&a, &to, data, sizeof(data)) > 0;
	ck_assert_uint_ge(n, 10);
	ck_assert_uint_ge(come(&b, n, &most), n);
	/* It may come while the first ones are there only. */
	ck_assert_uint_ge(most, n / 3);
}
END_TEST

/* Does the flow in use of a host's only session go without bundles, as the kernel
 * refused one? */
static bool
refused(struct player *p)
{
	struct mp_flow_info flow;
	uint32_t i;

	for (i = 0; i < MP_FLOWS_MAX; i++)
		if (mp_flow_get(&p->map.mp, arena_now(), 0, i, &flow) == 0 &&
		    flow.in_use)
			return flow.bundles == MP_BUNDLES_OFF &&
			    flow.bundle_error == -EINVAL;
	ck_abort_msg("no flow is in use");
}

/* Has some datagrams gathered, which all come: how many. */
static unsigned
gather_some(struct player *from, struct player *to, const struct mp_addr *dst)
{
	char data[500] = "gathered";
	unsigned n = 0, most;
	int i;

	for (i = 0; i < 40; i++)
		n += player_gather(from, dst, data, sizeof(data)) > 0;
	ck_assert_uint_ge(come(to, n, &most), n);
	return n;
}

/* The kernel refuses bundles of the agent: the same datagrams go one by one, and
 * the flow is told, so that the next ones are not even tried.  Each flow learns
 * it by itself, and there are two alike, of which either may be in use. */
START_TEST(gathered_refused)
{
	struct mp_addr to = lab_addr(LAB_A, 1, 5261);
	int control = -1, on = 1, i;
	unsigned n, most;
	bool before;

	player_keep_control(&control); /* b's, as that is opened first */
	(void)meet(&a, &b, 4261);
	ck_assert_int_ge(control, 0);
	for (i = 0; i < 50; i++)
		ping(&b, &a, &to, 1000);
	(void)player_count_bundled(&a, 50, &most);
	/* The kernel cuts no IPv4 datagrams without checksums. */
	ck_assert_int_eq(setsockopt(control, SOL_SOCKET, SO_NO_CHECK, &on,
	    sizeof(on)), 0);
	player_trust_bundles(&b);
	ck_assert(!refused(&b));
	ck_assert_uint_ge(gather_some(&b, &a, &to), 15);
	for (i = 0; i < 10; i++) {
		before = refused(&b);
		n = gather_some(&b, &a, &to);
		if (before && refused(&b) && n == 0)
			break;
	}
	ck_assert_int_lt(i, 10);
	close(control);
}
END_TEST

/* Both links are found and used. */
START_TEST(two_links)
{
	struct mp_addr to = meet(&a, &b, 4201);
	struct mp_flow_info flow;
	int i, validated = 0;

	for (i = 0; i < 50; i++) {
		ping(&a, &b, &to, 1000);
		player_sleep(20);
	}
	for (i = 0; i < MP_FLOWS_MAX; i++)
		if (mp_flow_get(&a.map.mp, arena_now(), 0, (uint32_t)i,
			&flow) == 0)
			validated += flow.validated;
	ck_assert_int_ge(validated, 2);
}
END_TEST

/* What harms link 1, and what mends it; a packet is sent each 5 ms, and the
 * longest wait for one is measured. */
static const struct {
	int host;
	const char *harm, *mend;
} harms[] = {
	{ LAB_A, "link set l1 down", "link set l1 up" },
	{ LAB_B, "link set l1 down", "link set l1 up" }, /* carrier */
	{ LAB_A, "addr del 10.77.1.1/24 dev l1",
	    "addr add 10.77.1.1/24 dev l1" },
	{ LAB_B, "addr del 10.77.1.2/24 dev l1",
	    "addr add 10.77.1.2/24 dev l1" },
	{ LAB_A, "route del 10.77.1.0/24 dev l1",
	    "route add 10.77.1.0/24 dev l1 src 10.77.1.1" },
};

enum { HARMS = sizeof(harms) / sizeof(harms[0]) };

START_TEST(harm)
{
	struct mp_addr to = meet(&a, &b, (uint16_t)(4210 + _i));
	int i, ms, worst = 0;

	for (i = 0; i < 50; i++) {
		ping(&a, &b, &to, 1000);
		player_sleep(20);
	}
	lab_ip(harms[_i].host, "%s", harms[_i].harm);
	for (i = 0; i < 100; i++) {
		ms = ping_ms(&a, &b, &to);
		ck_assert_int_ge(ms, 0);
		worst = ms > worst ? ms : worst;
		player_sleep(5);
	}
	lab_ip(harms[_i].host, "%s", harms[_i].mend);
	fprintf(stderr, "%-40s worst %d ms\n", harms[_i].harm, worst);
	ck_assert_int_le(worst, 150);
}
END_TEST

/* Sets a sysctl of a host, for all interfaces. */
static void
set_all(int host, const char *name, int value)
{
	char path[128];
	FILE *f;

	lab_enter(host);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/all/%s", name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%d\n", value);
	fclose(f);
}

/* B is reached by routes, at an address that lies on its loopback interface.
 * The better route goes. */
START_TEST(routed)
{
	struct mp_addr to = { .port = 4216 };
	struct mp_flow_info flow;
	int i, ms, worst = 0, validated = 0;

	set_all(LAB_B, "arp_ignore", 1); /* as if a router were between */
	lab_ip(LAB_B, "addr add 10.88.0.1/32 dev lo");
	lab_ip(LAB_A, "route add 10.88.0.1 via 10.77.1.2 dev l1 metric 1");
	lab_ip(LAB_A, "route add 10.88.0.1 via 10.77.2.2 dev l2 metric 2");
	start_both();
	to.ip[10] = to.ip[11] = 0xff;
	to.ip[12] = 10;
	to.ip[13] = 88;
	to.ip[15] = 1;
	ck_assert_int_eq(player_open(&b, LAB_B, 4216, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5216, lab_key(LAB_A)), 0);
	for (i = 0; i < 50; i++) {
		ping(&a, &b, &to, 1000);
		player_sleep(20);
	}
	for (i = 0; i < MP_FLOWS_MAX; i++)
		if (mp_flow_get(&a.map.mp, arena_now(), 0, (uint32_t)i,
			&flow) == 0 && flow.path.remote.ip[13] == 88)
			validated += flow.validated;
	ck_assert_int_eq(validated, 2);
	lab_ip(LAB_A, "route del 10.88.0.1 via 10.77.1.2 dev l1");
	for (i = 0; i < 100; i++) {
		ms = ping_ms(&a, &b, &to);
		ck_assert_int_ge(ms, 0);
		worst = ms > worst ? ms : worst;
		player_sleep(5);
	}
	lab_ip(LAB_A, "route del 10.88.0.1 via 10.77.2.2 dev l2");
	lab_ip(LAB_B, "addr del 10.88.0.1/32 dev lo");
	set_all(LAB_B, "arp_ignore", 0);
	fprintf(stderr, "route gone: worst %d ms\n", worst);
	ck_assert_int_le(worst, 150);
}
END_TEST

/* A second address appears while only one link is used. */
START_TEST(new_address)
{
	struct mp_addr to;
	struct mp_flow_info flow;
	uint64_t began;
	bool used = false;
	uint32_t i;

	to = meet(&a, &b, 4220);
	lab_ip(LAB_A, "addr del 10.77.2.1/24 dev l2");
	for (i = 0; i < 10; i++) {
		ping(&a, &b, &to, 1000);
		player_sleep(20);
	}
	lab_ip(LAB_A, "addr add 10.77.2.1/24 dev l2");
	began = player_ms();
	while (!used && player_ms() - began < 1000) {
		ping(&a, &b, &to, 1000);
		player_sleep(10);
		for (i = 0; i < MP_FLOWS_MAX; i++)
			if (mp_flow_get(&a.map.mp, arena_now(), 0, i,
				&flow) == 0 && flow.path.local.ip[14] == 2)
				used |= flow.validated;
	}
	ck_assert(used);
}
END_TEST

/* Thousands of routes change, as on a router. */
START_TEST(route_storm)
{
	struct mp_addr to = meet(&a, &b, 4226);
	pid_t worker = worker_of(LAB_A);
	int i, ms, worst = 0;
	char path[96];
	long before;
	FILE *f;

	snprintf(path, sizeof(path), "%s/routes", lab_directory());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (i = 0; i < 20000; i++)
		fprintf(f, "route %s 10.90.%d.%d via 10.77.1.2\n",
		    i < 10000 ? "add" : "del", i % 10000 / 250, i % 250);
	fclose(f);
	before = cpu_of(worker);
	lab_ip(LAB_A, "-batch %s &", path);
	for (i = 0; i < 200; i++) {
		ms = ping_ms(&a, &b, &to);
		ck_assert_int_ge(ms, 0);
		worst = ms > worst ? ms : worst;
		player_sleep(5);
	}
	fprintf(stderr, "20000 route changes: worst %d ms, %ld ms of a "
	    "processor\n", worst, cpu_of(worker) - before);
	ck_assert_int_le(worst, 150);
	ck_assert_int_eq(worker_of(LAB_A), worker);
}
END_TEST

/* Two sockets of one port, as openssl s_server and iperf3 have them. */
START_TEST(two_slots)
{
	struct mp_addr to = meet(&a, &b, 4221), shown;
	struct player second, c;
	char buf[16];

	/* The first is connected to A, the second takes strangers. */
	shown = lab_addr(LAB_A, 1, 5221);
	player_connect(&b, &shown);
	ck_assert_int_eq(player_join(&second, &b, lab_key(LAB_B)), 0);
	ck_assert_int_eq(second.slot, 1);
	ping(&a, &b, &to, 1000);
	ck_assert_int_eq(player_open(&c, LAB_A, 5222, lab_key(LAB_A)), 0);
	ping(&c, &second, &to, 1000);
	/* The first closes: the kernel moves the second to its index. */
	player_announce_close(&b);
	player_sleep(20);
	ping(&c, &second, &to, 1000);
	ck_assert_int_eq(player_recv(&second, &shown, buf, sizeof(buf), 0),
	    -EAGAIN);
	/* Another is bound, the second closes unannounced. */
	lab_enter(LAB_B);
	ck_assert_int_eq(player_join(&b, &second, lab_key(LAB_B)), 0);
	player_close(&second);
	player_sleep(1200);
	player_close(&a);
	ck_assert_int_eq(player_open(&a, LAB_A, 5223, lab_key(LAB_A)), 0);
	ping(&a, &b, &to, 1000);
}
END_TEST

/* A socket with other keys cannot join the port. */
START_TEST(other_keys)
{
	struct player second;

	(void)meet(&a, &b, 4230);
	ck_assert_int_eq(player_join(&second, &b, lab_key(LAB_A)),
	    -EADDRINUSE);
	ck_assert_int_ge(second.fd, 0);
	player_close(&second);
}
END_TEST

/* A program that waits for a peer that never answers is told. */
START_TEST(unanswered)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 9), from;
	uint64_t began;
	char buf[16];

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5224, lab_key(LAB_A)), 0);
	player_connect(&a, &to);
	began = player_ms();
	ck_assert_int_eq(player_send(&a, &to, "ping", 5), 0);
	ck_assert_int_eq(player_recv(&a, &from, buf, sizeof(buf), 12000),
	    -EHOSTUNREACH);
	ck_assert_int_ge((int)(player_ms() - began), 9000);
	ck_assert_mem_eq(&from, &to, sizeof(to));
}
END_TEST

/* An idle session costs at most 30 ms of a processor in 5 s. */
START_TEST(idle)
{
	long before, after;
	pid_t worker;

	(void)meet(&a, &b, 4223);
	player_sleep(1000);
	worker = worker_of(LAB_A);
	before = cpu_of(worker);
	player_sleep(5000);
	after = cpu_of(worker);
	fprintf(stderr, "idle: %ld ms of a processor in 5 s\n",
	    after - before);
	ck_assert_int_le(after - before, 30);
}
END_TEST

TCase *
case_traffic(void)
{
	TCase *t = tcase_create("traffic");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, talk);
	tcase_add_test(t, gathered);
	tcase_add_test(t, gathered_refused);
	tcase_add_test(t, two_links);
	tcase_add_loop_test(t, harm, 0, HARMS);
	tcase_add_test(t, routed);
	tcase_add_test(t, new_address);
	tcase_add_test(t, route_storm);
	tcase_add_test(t, two_slots);
	tcase_add_test(t, other_keys);
	tcase_add_test(t, unanswered);
	tcase_add_test(t, idle);
	return t;
}
