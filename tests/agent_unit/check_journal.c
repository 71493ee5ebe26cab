/* SPDX-License-Identifier: ISC */
/* preload/agent/journal.c: lines of others' words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/journal.h"
#include "suites.h"

/* A program named with a newline and an escape makes one line of text. */
START_TEST(clean)
{
	char path[] = "/tmp/check_journal.XXXXXX", text[256];
	int fd = mkstemp(path);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(journal_open(path), 0);
	journal("opened by %s", "a\nb\033[2Jc\177");
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "opened by a?b?[2Jc?\n"));
	ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
	unlink(path);
	close(fd);
}
END_TEST

Suite *
suite_journal(void)
{
	Suite *s = suite_create("journal");
	TCase *tc = tcase_create("journal");

	tcase_add_test(tc, clean);
	suite_add_tcase(s, tc);
	return s;
}
