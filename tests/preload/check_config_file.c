/* SPDX-License-Identifier: ISC */
/* preload/policy/config_file.c: lines, error messages, and random bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_file.h"
#include "policy/rules.h"
#include "suites.h"

static void
begin(struct config_file *f, const char *text)
{
	config_file_begin(f, text, strlen(text));
}

START_TEST(values)
{
	static const char text[] = "# one\n\n  default\tprefer # two\r\n"
	    "plain 10.0.0.0/8:123 [2001:db8::/32]:9\nmemory 1M\n"
	    "resend-age 2s\nkey a #b c\nspin 1000";
	static const struct {
		enum setting what;
		unsigned line;
		const char *word;
		uint32_t number;
	} want[] = {
		{ SET_DEFAULT, 3, "prefer", REST_PREFER },
		{ SET_PLAIN, 4, "10.0.0.0/8:123", 0 },
		{ SET_PLAIN, 4, "[2001:db8::/32]:9", 0 },
		{ SET_MEMORY, 5, "1M", 1 << 20 },
		{ SET_RESEND_AGE, 6, "2s", 2000 },
		{ SET_KEY, 7, "a", 0 },
		{ SET_SPIN, 8, "1000", 1000 },
	};
	struct directive d;
	struct config_file f;
	size_t i;

	begin(&f, text);
	for (i = 0; i < COUNT(want); i++) {
		memset(&d, 0, sizeof(d));
		ck_assert_int_eq(config_file_next(&f, &d), 1);
		ck_assert_int_eq((int)d.what, (int)want[i].what);
		ck_assert_uint_eq(d.line, want[i].line);
		ck_assert_str_eq(d.word, want[i].word);
		ck_assert_uint_eq(d.number, want[i].number);
	}
	ck_assert_int_eq(config_file_next(&f, &d), 0);
	ck_assert_int_eq(config_file_next(&f, &d), 0);
}
END_TEST

static const struct fault_row {
	const char *text;
	unsigned line;
	const char *says;
} faults[] = {
	{ "kye a", 1, "found \"kye\"" },
	{ "\n\nkey", 3, "expected a key's name or absolute path after key, "
	    "found the end of the line" },
	{ "key\nplain", 1, "found the end of the line" },
	{ "plain x", 1, "expected ADDRESS[/LEN][:PORT] after plain, found "
	    "\"x\"" },
	{ "default plain plain", 1, "expected the end of the line, found "
	    "\"plain\"" },
	{ "sessions 1\nsessions 1", 2, "expected sessions only once (line 1 "
	    "has it), found it again" },
	{ "\x1b[2J", 1, "found \"?[2J\"" },
	{ "plain \xff", 1, "found \"?\"" },
};

START_TEST(fault)
{
	const struct fault_row *r = &faults[_i];
	struct directive d;
	struct config_file f;
	int n;

	begin(&f, r->text);
	while ((n = config_file_next(&f, &d)) > 0)
		;
	ck_assert_int_eq(n, -EINVAL);
	ck_assert_uint_eq(f.line, r->line);
	ck_assert_msg(strncmp(f.fault, "expected ", 9) == 0 &&
	    strstr(f.fault, r->says) != NULL, "%s", f.fault);
}
END_TEST

/* --- Random bytes --------------------------------------------------------- */

/* Reads the bytes from memory of just their length, for the sanitizers. */
static void
take_all(const char *bytes, size_t len)
{
	char *text = malloc(len > 0 ? len : 1);
	struct directive d;
	struct config_file f;
	size_t lines = 1, came = 0, i;
	int n;

	ck_assert_ptr_nonnull(text);
	memcpy(text, bytes, len);
	for (i = 0; i < len; i++)
		lines += text[i] == '\n';
	config_file_begin(&f, text, len);
	while ((n = config_file_next(&f, &d)) > 0) {
		ck_assert_uint_lt(came++, len);
		ck_assert_int_lt((int)d.what, (int)SETTINGS);
		if (d.what >= SET_PLAIN)
			ck_assert_uint_le(d.peers.len, 128);
		ck_assert_uint_lt(strlen(d.word), CONFIG_FILE_WORD);
	}
	ck_assert_uint_le(f.line, lines);
	if (n < 0) {
		ck_assert_int_eq(strncmp(f.fault, "expected ", 9), 0);
		for (i = 0; f.fault[i] != '\0'; i++)
			ck_assert(f.fault[i] >= ' ' && f.fault[i] <= '~');
	}
	free(text);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Random bytes, and a correct file with a few of them changed. */
START_TEST(noise)
{
	static const char right[] = "default prefer\nkey home /etc/a.key\n"
	    "plain 10.0.0.0/8:123 [2001:db8::/32]:9 # x\nprotect ::1\n"
	    "refuse fe80::/10\ninterface wlan0\nno-interface docker0\n"
	    "accept-plain no\ntell-private yes\nsessions 9\nmemory 64K\n"
	    "resend-age 300ms\n";
	const char *seed = getenv("MP_SEED");
	uint32_t state = seed != NULL ? (uint32_t)strtoul(seed, NULL, 10) :
	    2015;
	char text[4096];
	size_t len, i;
	int round;

	printf("confile: noise with MP_SEED=%u\n", state);
	fflush(stdout);
	for (round = 0; round < 20000; round++) {
		len = next_random(&state) % (round % 100 == 0 ? 4096 : 64);
		for (i = 0; i < len; i++)
			text[i] = (char)next_random(&state);
		take_all(text, len);
		len = sizeof(right) - 1;
		memcpy(text, right, len);
		for (i = 0; i <= next_random(&state) % 4; i++)
			text[next_random(&state) % len] =
			    (char)next_random(&state);
		take_all(text, next_random(&state) % (len + 1));
		take_all(text, len);
	}
}
END_TEST

START_TEST(long_words)
{
	static char text[3 * CONFIG_FILE_WORD];
	size_t n;

	for (n = 1; n < sizeof(text); n++) {
		memset(text, 'x', n);
		take_all(text, n);
		memcpy(text, "key ", n < 4 ? n : 4);
		take_all(text, n);
	}
}
END_TEST

Suite *
suite_config_file(void)
{
	Suite *s = suite_create("confile");
	TCase *t = tcase_create("confile");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, values);
	tcase_add_loop_test(t, fault, 0, COUNT(faults));
	tcase_add_test(t, noise);
	tcase_add_test(t, long_words);
	suite_add_tcase(s, t);
	return s;
}
