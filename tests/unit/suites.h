/* SPDX-License-Identifier: ISC */
/* One suite for each file of core/, in check_NAME.c. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_addr(void);
Suite *suite_crypto(void);
Suite *suite_keyring(void);
Suite *suite_noise(void);
Suite *suite_rtt(void);
Suite *suite_seal(void);
Suite *suite_window(void);
Suite *suite_wire(void);

#endif
