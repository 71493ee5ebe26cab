/* SPDX-License-Identifier: ISC */
/* Tests of those parts of mpctl and the agent that need neither. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_fields(void);
Suite *suite_links(void);
Suite *suite_rtnl(void);
Suite *suite_status_diff(void);
Suite *suite_view(void);

#endif
