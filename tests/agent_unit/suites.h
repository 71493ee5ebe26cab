/* SPDX-License-Identifier: ISC */
/* The unit suites of the agent. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_backlog(void);
Suite *suite_bind_rule(void);
Suite *suite_journal(void);
Suite *suite_port(void);
Suite *suite_slots(void);
Suite *suite_socket_gc(void);
Suite *suite_steering(void);
Suite *suite_uplink(void);

#endif
