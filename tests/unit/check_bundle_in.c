/* SPDX-License-Identifier: ISC */
/* core/bundle_in.c: n packets at once are n packets. */
#include "suites.h"

Suite *
suite_bundle_in(void)
{
	Suite *s = suite_create("bundle_in");

	return s;
}
