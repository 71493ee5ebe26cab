/* SPDX-License-Identifier: ISC */
/* preload/policy/dest_policy.c and dest_scope.c: the kernel's routes in a
 * network namespace of the test's own, and for how long an answer is
 * believed. */
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "shared/net.h"
#include "suites.h"

static long later; /* s that clock_read() is ahead in other files */

/* The linker puts it in the place of clock_read() (-Wl,--wrap). */
void __real_clock_read(clockid_t, struct timespec *);
void __wrap_clock_read(clockid_t, struct timespec *);

void
__wrap_clock_read(clockid_t clock, struct timespec *ts)
{
	__real_clock_read(clock, ts);
	ts->tv_sec += later;
}

static int
set_address(int request, const char *ip)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;
	struct mp_addr a = addr_of(ip, 0);
	struct ifreq ifr = { .ifr_name = "lo:1" };

	net_put(&a, AF_INET, &ifr.ifr_addr, sizeof(ifr.ifr_addr));
	error = ioctl(fd, (unsigned long)request, &ifr);
	close(fd);
	return error;
}

static void
move_to(const char *ip, const char *broadcast)
{
	ck_assert_int_eq(set_address(SIOCSIFADDR, ip), 0);
	ck_assert_int_eq(set_address(SIOCSIFNETMASK, "255.255.255.0"), 0);
	ck_assert_int_eq(set_address(SIOCSIFBRDADDR, broadcast), 0);
}

/* A network of its own with lo up and 10.77.0.9/24 on it. */
static bool
alone(void)
{
	struct ifreq ifr = { .ifr_name = "lo",
		.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) != 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		fprintf(stderr, "dest_policy: skipped: no network "
		    "namespaces\n");
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
	move_to("10.77.0.9", "10.77.0.255");
	return true;
}

static void
load(const char *variable)
{
	char *envp[] = { (char *)(uintptr_t)"MPSHIM_KEY=/k",
		(char *)(uintptr_t)"MPSHIM_CONFIG=none",
		(char *)(uintptr_t)variable, NULL };

	conf_load(envp);
	ck_assert(conf_get()->active);
}

static const struct {
	const char *ip;
	enum dest_scope scope;
} scopes[] = {
	{ "10.77.0.9", DEST_SCOPE_OURS },
	{ "192.0.2.9", DEST_SCOPE_PEER }, /* no route: ENETUNREACH */
	{ "2001:db8::9", DEST_SCOPE_PEER },
	{ "10.77.0.255", DEST_SCOPE_ALL },
};

START_TEST(scope)
{
	struct mp_addr a = addr_of(scopes[_i].ip, 7);
	struct dest_policy p;
	bool peer = scopes[_i].scope == DEST_SCOPE_PEER;

	if (!alone())
		return;
	load(NULL);
	ck_assert_int_eq(dest_scope_ask(&a), scopes[_i].scope);
	ck_assert(dest_scope_is_broadcast(&a) ==
	    (scopes[_i].scope == DEST_SCOPE_ALL));
	p = dest_policy_known(&a); /* not asked yet */
	ck_assert_int_eq(p.scope, DEST_SCOPE_UNKNOWN);
	ck_assert_int_eq(p.way, WAY_PROTECT);
	p = dest_policy_of(&a);
	ck_assert_int_eq(p.scope, scopes[_i].scope);
	ck_assert_int_eq(p.way, peer ? WAY_PROTECT : WAY_PLAIN);
	ck_assert_int_eq(dest_policy_known(&a).scope, peer ? DEST_SCOPE_PEER :
	    DEST_SCOPE_UNKNOWN);
}
END_TEST

/* An address of ours, or of all hosts, that is another host's now is protected
 * from the next datagram on. */
START_TEST(address_goes)
{
	struct mp_addr a = addr_of(_i == 0 ? "10.77.0.9" : "10.77.0.255", 7);

	if (!alone())
		return;
	load(NULL);
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PLAIN);
	move_to("10.78.0.9", "10.78.0.255");
	ck_assert_int_eq(dest_policy_known(&a).way, WAY_PROTECT);
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PROTECT);
	later = 4; /* and comes back */
	move_to("10.77.0.9", "10.77.0.255");
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PLAIN);
}
END_TEST

/* A session says that it is a peer, whatever the routes say. */
START_TEST(session)
{
	struct mp_addr a = addr_of("10.77.0.9", 7);

	if (!alone())
		return;
	load(NULL);
	ck_assert_int_eq(dest_policy_of_peer(&a).way, WAY_PROTECT);
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PROTECT);
	later = 2;
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PLAIN);
}
END_TEST

/* Without a descriptor to ask with nothing is known: it is protected. */
START_TEST(no_descriptor)
{
	struct mp_addr a = addr_of("10.77.0.9", 7);
	struct rlimit most, none;

	if (!alone())
		return;
	load(NULL);
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PLAIN);
	later = 2;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &most), 0);
	none = (struct rlimit) { 0, most.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(dest_policy_of(&a).scope, DEST_SCOPE_UNKNOWN);
	ck_assert_int_eq(dest_policy_of(&a).way, WAY_PROTECT);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &most), 0);
}
END_TEST

/* Each address and port has its own answer, however many there are. */
START_TEST(many)
{
	enum { PORTS = 5000 };
	struct mp_addr a = addr_of("192.0.2.9", 1), b = addr_of("192.0.2.8", 1);
	int i;

	load("MPSHIM_PLAIN=192.0.2.9:53 192.0.2.9:4000 192.0.2.8");
	for (i = 0; i < 2 * PORTS; i++) {
		a.port = b.port = (uint16_t)(1 + i % PORTS);
		ck_assert_int_eq(dest_policy_known(&a).way, a.port == 53 ||
		    a.port == 4000 ? WAY_PLAIN : WAY_PROTECT);
		ck_assert_int_eq(dest_policy_known(&b).way, WAY_PLAIN);
		ck_assert_uint_ne(dest_policy_known(&a).hash, 0);
		ck_assert_uint_ne(dest_policy_known(&a).hash,
		    dest_policy_known(&b).hash);
	}
}
END_TEST

/* Plaintext besides a protected way; none where the address is ours. */
START_TEST(besides)
{
	struct mp_addr ours = addr_of("10.77.0.9", 7),
	    peer = addr_of("192.0.2.9", 7);

	if (!alone())
		return;
	load("MPSHIM_ACCEPT_PLAIN=1");
	ck_assert(dest_policy_of(&peer).plain_besides);
	ck_assert(!dest_policy_of(&ours).plain_besides);
	ck_assert(dest_policy_of(&ours).plain_from);
}
END_TEST

Suite *
suite_dest_policy(void)
{
	Suite *s = suite_create("dest_policy");
	TCase *t = tcase_create("dest_policy");

	tcase_add_loop_test(t, scope, 0, COUNT(scopes));
	tcase_add_loop_test(t, address_goes, 0, 2);
	tcase_add_test(t, session);
	tcase_add_test(t, no_descriptor);
	tcase_add_test(t, many);
	tcase_add_test(t, besides);
	suite_add_tcase(s, t);
	return s;
}
