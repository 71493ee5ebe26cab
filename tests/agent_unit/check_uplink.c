/* SPDX-License-Identifier: ISC */
/* preload/agent/uplink.c: when the kernel is asked about routes, and what
 * becomes of the answers. */
#include "suites.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/netmon.h"
#include "agent/port.h"
#include "agent/uplink.h"
#include "kernel.h"
#include "world.h"

enum { PORT = 6000, PEER_PORT = 7000 };

static int kernel_end; /* of the socket that the agent asks by */
static struct link links[2];
static struct address addresses[2];

/* fd00:NET::HOST */
static struct mp_addr
ip6(int net, int host, uint16_t port)
{
	return (struct mp_addr) { .ip = { 0xfd, [3] = (uint8_t)net,
	    [15] = (uint8_t)host }, .port = port };
}

/* A host with IPv6 on so many interfaces, 2 and 3. */
static struct port *
host_with(int uplinks)
{
	struct mp_local local[2];
	struct mp_addr own, peer = ip6(9, 9, PEER_PORT);
	struct port *p = world_port(PORT);
	int i, pair[2];

	memset(local, 0, sizeof(local));
	for (i = 0; i < 2; i++) {
		own = ip6(i < uplinks ? i : 0, 1 + i, 0);
		links[i] = (struct link) { .ifindex = 2 + (uint32_t)i,
			.up = true };
		memcpy(addresses[i].ip, own.ip, 16);
		addresses[i].ifindex = i < uplinks ? links[i].ifindex : 2;
		memcpy(local[i].ip, own.ip, 16);
		local[i].ifindex = addresses[i].ifindex;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	world->netmon->dump = pair[0];
	kernel_end = pair[1];
	world->netmon->link = links;
	world->netmon->address = addresses;
	world->netmon->nlinks = world->netmon->naddresses = 2;
	mp_locals(&p->map.mp, kernel_now, local, 2);
	world_stage(p, 0, &peer);
	return p;
}

/* The kernel, in a child, sends all by interface 2; by 3 it would send from
 * the address of 3. */
static void
play_kernel(void)
{
	struct mp_addr own = ip6(1, 2, 0);
	union {
		struct nlmsghdr head;
		char bytes[1024];
	} m;
	struct rtattr *a;
	uint32_t by;

	while (recv(kernel_end, &m, sizeof(m), 0) > 0) {
		struct rtmsg *info = NLMSG_DATA(&m.head);

		by = info->rtm_src_len > 0 ? 2 : 3;
		memset(&m, 0, sizeof(m));
		m.head.nlmsg_type = RTM_NEWROUTE;
		m.head.nlmsg_len = NLMSG_SPACE(sizeof(*info)) + RTA_SPACE(4) +
		    RTA_SPACE(16);
		info->rtm_family = AF_INET6;
		info->rtm_type = RTN_UNICAST;
		a = RTM_RTA(info);
		*a = (struct rtattr) { RTA_LENGTH(4), RTA_OIF };
		memcpy(RTA_DATA(a), &by, sizeof(by));
		a = (struct rtattr *)(void *)((char *)a + RTA_SPACE(4));
		*a = (struct rtattr) { RTA_LENGTH(16), RTA_PREFSRC };
		memcpy(RTA_DATA(a), own.ip, 16);
		(void)send(kernel_end, &m, m.head.nlmsg_len, 0);
	}
	_exit(0);
}

/* Asks about all flows while the kernel answers. */
static void
ask(struct port *p)
{
	pid_t child = fork();
	bool more = true;

	if (child == 0) {
		close(world->netmon->dump);
		play_kernel();
	}
	close(kernel_end);
	ck_assert(port_lock(p));
	ck_assert(uplink_ask(p, &more));
	port_unlock(p);
	ck_assert(!more);
	close(world->netmon->dump);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

/* Nobody is asked. */
static void
ask_nobody(struct port *p)
{
	bool more = true;
	char byte;

	ck_assert(port_lock(p));
	ck_assert(uplink_ask(p, &more));
	port_unlock(p);
	ck_assert(!more);
	ck_assert_int_eq(recv(kernel_end, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* The flow from that address. */
static struct mp_flow_info
second_flow(const struct port *p, const struct mp_addr *own)
{
	struct mp_flow_info f;
	uint32_t id;

	for (id = 0; id < MP_FLOWS_MAX; id++)
		if (mp_flow_get(&p->map.mp, kernel_now, 0, id, &f) == 0 &&
		    memcmp(f.path.local.ip, own->ip, 16) == 0)
			return f;
	ck_abort_msg("no such flow");
}

START_TEST(one_uplink)
{
	struct port *p = host_with(1);
	struct mp_addr own = ip6(0, 2, 0);

	ask_nobody(p);
	ck_assert_uint_eq(second_flow(p, &own).leaves_by, 2);
}
END_TEST

START_TEST(bound_to_an_interface)
{
	struct port *p = host_with(2);

	p->device = 3;
	ask_nobody(p);
}
END_TEST

START_TEST(two_uplinks)
{
	struct port *p = host_with(2);
	struct mp_addr own = ip6(1, 2, 0);
	struct mp_flow_info f;

	ask(p);
	f = second_flow(p, &own);
	ck_assert(f.path.any_source);
	ck_assert_uint_eq(f.leaves_by, 3);
	own = ip6(0, 1, 0);
	f = second_flow(p, &own);
	ck_assert(!f.path.any_source);
	ck_assert_uint_eq(f.leaves_by, 2);
}
END_TEST

/* :: would mean the address that the sockets are bound to. */
START_TEST(bound_to_an_address)
{
	struct port *p = host_with(2);
	struct mp_addr own = ip6(1, 2, 0);
	struct mp_flow_info f;

	p->bound = ip6(1, 2, PORT);
	ask(p);
	f = second_flow(p, &own);
	ck_assert(!f.path.any_source);
	ck_assert_uint_eq(f.leaves_by, 2);
}
END_TEST

Suite *
suite_uplink(void)
{
	Suite *s = suite_create("uplink");
	TCase *t = tcase_create("uplink");

	tcase_add_checked_fixture(t, world_begin, world_end);
	tcase_add_test(t, one_uplink);
	tcase_add_test(t, bound_to_an_interface);
	tcase_add_test(t, two_uplinks);
	tcase_add_test(t, bound_to_an_address);
	suite_add_tcase(s, t);
	return s;
}
