/* SPDX-License-Identifier: ISC */
/* One suite for each module of the library's rooms that can be tested without
 * an agent, in check_NAME.c. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

#include "shared/arena.h"

Suite *suite_seccomp(void);
Suite *suite_arena(void);
Suite *suite_arena_copy(void);
Suite *suite_tx_many(void);
Suite *suite_tx_option(void);
Suite *suite_bpf(void);
Suite *suite_cmsg(void);
Suite *suite_conf(void);
Suite *suite_config_file(void);
Suite *suite_cork(void);
Suite *suite_dest_policy(void);
Suite *suite_fault(void);
Suite *suite_fdtab(void);
Suite *suite_forked(void);
Suite *suite_reentry(void);
Suite *suite_pinned(void);
Suite *suite_ingress(void);
Suite *suite_internal(void);
Suite *suite_iov(void);
Suite *suite_ipc(void);
Suite *suite_net(void);
Suite *suite_rules(void);
Suite *suite_rx_spin(void);
Suite *suite_settings(void);
Suite *suite_sockfilter(void);

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* An address from its text; IPv4 as ::ffff:a.b.c.d. */
struct mp_addr addr_of(const char *ip, unsigned port);
/* Makes and maps a small arena; returns the descriptor of its memory file. */
int arena_fresh(struct arena_map *);
/* Waits for the end of a child, which must exit with 0. */
void child_wait(int pid);
/* Descriptors that this process has open. */
int fds_open(void);

#endif
