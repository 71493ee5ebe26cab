/* SPDX-License-Identifier: ISC */
/* The unit suites of the agent. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_socket_scan(void);

#endif
