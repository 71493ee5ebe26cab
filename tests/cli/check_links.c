/* SPDX-License-Identifier: ISC */
/* The line of each link under the status. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "ctl/links.h"
#include "shared/ipc.h"
#include "suites.h"

enum { SECOND = 1000000, NOW = 100 * SECOND };

static struct ipc_row
flow(const char *interface, uint32_t srtt_us, uint64_t answer_at)
{
	struct ipc_row r;

	memset(&r, 0, sizeof(r));
	r.kind = IPC_ROW_FLOW;
	r.now = NOW;
	snprintf(r.u.flow_row.interface, sizeof(r.u.flow_row.interface), "%s",
	    interface);
	r.u.flow_row.info.srtt_us = srtt_us;
	r.u.flow_row.info.answer_at = answer_at;
	r.u.flow_row.info.validated = srtt_us != 0;
	return r;
}

static void
links_are(const struct ipc_row *row, size_t n, const char *want)
{
	FILE *before = stdout;
	char *text = NULL;
	size_t len;

	stdout = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(stdout);
	links_put(row, n);
	fclose(stdout);
	stdout = before;
	ck_assert_str_eq(text, want);
	free(text);
}

/* Of several paths the fastest counts; by name; what is in use is told. */
START_TEST(answering)
{
	struct ipc_row row[] = { flow("wwan0", 60900, NOW),
		flow("wlan0", 30000, NOW), flow("wlan0", 20150, NOW),
		flow("wlan0", 10000, NOW - SECOND) };

	row[0].u.flow_row.info.in_use = true;
	row[3].u.flow_row.info.doubt = true;
	links_are(row, 4,
	    "link wlan0: 2 of 3 paths answer, the fastest in 20.1 ms\n"
	    "link wwan0: 1 of 1 paths answer, the fastest in 60.9 ms, in use\n");
}
END_TEST

/* The last answer of any of its paths counts. */
START_TEST(dead)
{
	struct ipc_row row[] = { flow("wlan0", 20000, NOW - 30 * SECOND),
		flow("wlan0", 20000, NOW - 12 * SECOND), flow("wlan0", 0, 0) };

	row[0].u.flow_row.info.failed = row[1].u.flow_row.info.doubt = true;
	links_are(row, 3, "link wlan0: dead, the last answer came 12 s ago\n");
	links_are(row + 2, 1, "link wlan0: none of 1 paths ever answered\n");
}
END_TEST

/* What is not known of a path has no line, nor have other rows. */
START_TEST(none)
{
	struct ipc_row row[] = { flow("", 20000, NOW), flow("lo", 1, NOW) };

	row[1].kind = IPC_ROW_SESSION;
	links_are(row, 2, "");
}
END_TEST

Suite *
suite_links(void)
{
	Suite *s = suite_create("links");
	TCase *t = tcase_create("links");

	tcase_add_test(t, answering);
	tcase_add_test(t, dead);
	tcase_add_test(t, none);
	suite_add_tcase(s, t);
	return s;
}
