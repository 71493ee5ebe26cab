/* SPDX-License-Identifier: ISC */
/*
 * preload/ctl/fields.c: the status as text and as JSON, and the events, have
 * the fields of the one list, all of them and no others.
 */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/event_json.h"
#include "ctl/fields.h"
#include "ctl/status.h"
#include "shared/ipc.h"

enum { NOW = 1000000000, NAMES_MAX = 64, NAME = 32 };

/* The outputs that rows of each kind are in, and an event of the kind. */
static const struct {
	uint32_t kind, event;
	unsigned outputs;
} kinds[] = {
	{ IPC_ROW_PORT, IPC_EVENT_NONE, FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SLOT, IPC_EVENT_socket_open, FIELD_ALL },
	{ IPC_ROW_SESSION, IPC_EVENT_session_up, FIELD_ALL },
	{ IPC_ROW_FLOW, IPC_EVENT_choice, FIELD_ALL },
	{ IPC_ROW_COUNTER, IPC_EVENT_dropped, FIELD_EVENT | FIELD_TEXT },
	{ IPC_ROW_LINK, IPC_EVENT_link_up, FIELD_EVENT },
	{ IPC_ROW_ADDRESS, IPC_EVENT_address_new, FIELD_EVENT },
	{ IPC_ROW_AGENT, IPC_EVENT_agent_up, FIELD_EVENT },
	{ IPC_ROW_ERROR, IPC_EVENT_error, FIELD_EVENT },
	{ IPC_ROW_LOST, IPC_EVENT_lost, FIELD_EVENT },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), STATUS_KINDS = 4 };

/* Fields that are not in all outputs of their kind, and why that is so.  A new
 * field is in all of them, or gets a line here. */
static const struct {
	uint32_t kind;
	const char *name;
	unsigned outputs;
} partial[] = {
	/* the text has the program for it */
	{ IPC_ROW_PORT, "id", FIELD_JSON },
	{ IPC_ROW_PORT, "agent_pid", FIELD_JSON },
	{ IPC_ROW_SLOT, "socket", FIELD_JSON | FIELD_EVENT },
	/* a socket that opens has none, one that closes no more */
	{ IPC_ROW_SLOT, "connected", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SLOT, "kernel_drops", FIELD_JSON | FIELD_TEXT },
	/* the text has the peer for it */
	{ IPC_ROW_SESSION, "session", FIELD_JSON | FIELD_EVENT },
	{ IPC_ROW_SESSION, "socket", FIELD_JSON | FIELD_EVENT },
	{ IPC_ROW_SESSION, "seen_as", FIELD_JSON | FIELD_EVENT },
	{ IPC_ROW_SESSION, "initiator", FIELD_JSON | FIELD_EVENT },
	{ IPC_ROW_SESSION, "key_id", FIELD_JSON | FIELD_EVENT },
	/* heard_age_us is null for it elsewhere */
	{ IPC_ROW_SESSION, "unheard", FIELD_TEXT },
	/* the status has them in the socket's row */
	{ IPC_ROW_SESSION, "program", FIELD_EVENT },
	{ IPC_ROW_SESSION, "pid", FIELD_EVENT },
	/* the event says it, or another one */
	{ IPC_ROW_SESSION, "state", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "flow_in_use", FIELD_JSON },
	{ IPC_ROW_SESSION, "why", FIELD_JSON },
	{ IPC_ROW_SESSION, "why_text", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "why_age_us", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "up_age_us", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "heard_age_us", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "data_age_us", FIELD_JSON },
	/* not known yet when a session comes up */
	{ IPC_ROW_SESSION, "mtu_bytes", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "tx_datagrams", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "rx_datagrams", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "tx_bytes", FIELD_JSON | FIELD_TEXT },
	{ IPC_ROW_SESSION, "rx_bytes", FIELD_JSON | FIELD_TEXT },
	/* in the status the flow is within its session */
	{ IPC_ROW_FLOW, "session", FIELD_EVENT },
	/* of the event `choice'; in the status the session has them */
	{ IPC_ROW_FLOW, "flow_before", FIELD_EVENT },
	{ IPC_ROW_FLOW, "why", FIELD_EVENT },
	{ IPC_ROW_FLOW, "why_text", FIELD_EVENT },
	/* the state says it, or the event */
	{ IPC_ROW_FLOW, "in_use", FIELD_JSON | FIELD_EVENT },
	{ IPC_ROW_FLOW, "validated", FIELD_JSON },
	{ IPC_ROW_FLOW, "doubt", FIELD_JSON },
	{ IPC_ROW_FLOW, "failed", FIELD_JSON },
	{ IPC_ROW_FLOW, "answer_age_us", FIELD_JSON },
	/* the text of 80 columns and the line of a sample have no room */
	{ IPC_ROW_FLOW, "size_bytes", FIELD_JSON },
	{ IPC_ROW_FLOW, "tx_bytes", FIELD_JSON },
	{ IPC_ROW_FLOW, "rx_bytes", FIELD_JSON },
	/* the text has the meaning, and the total */
	{ IPC_ROW_COUNTER, "counter", FIELD_EVENT },
	{ IPC_ROW_COUNTER, "more", FIELD_EVENT },
};

/* --- A row with everything in it ------------------------------------------ */

static const struct mp_addr some_addr = { .ip = { [10] = 0xff, 0xff, 192, 0, 2,
	1 }, .port = 7 };

static void
fill_session(struct ipc_row *r)
{
	r->u.session_row.info = (struct mp_session_info) { .state = MP_S_UP,
		.shown = some_addr, .reflexive = some_addr,
		.why = MP_WHY_silent, .why_at = 1, .up_at = 1,
		.last_in_at = 1, .last_data_at = 1, .tx_datagrams = 1,
		.rx_datagrams = 1, .tx_bytes = 1, .rx_bytes = 1 };
	r->u.session_row.mtu = 1400;
	memcpy(r->u.session_row.suite, "cipher", 7);
	memcpy(r->u.session_row.key, "key", 4);
	memcpy(r->u.session_row.program, "program", 8);
}

static struct ipc_row
row_of_kind(uint32_t kind)
{
	struct ipc_row r = { .kind = kind, .port = 7, .now = NOW };

	switch (kind) {
	case IPC_ROW_PORT:
		r.u.port_row.restarts = 3;
		break;
	case IPC_ROW_SLOT:
		r.u.slot_row.record = (struct slot) { .family = AF_INET,
			.local = some_addr, .peer = some_addr,
			.connected = true, .program = "program" };
		r.u.slot_row.drops = 1;
		break;
	case IPC_ROW_SESSION:
		fill_session(&r);
		break;
	case IPC_ROW_FLOW:
		r.u.flow_row.info = (struct mp_flow_info) { .srtt_us = 1,
			.answer_at = 1, .path = { .local = some_addr,
			    .remote = some_addr } };
		memcpy(r.u.flow_row.interface, "eth0", 5);
		break;
	case IPC_ROW_COUNTER:
		memcpy(r.u.counter_row.name, "drop_auth", 10);
		r.u.counter_row.value = 1;
		break;
	default: /* all zero */
		break;
	}
	return r;
}

/* --- Names ---------------------------------------------------------------- */

struct names {
	char name[NAMES_MAX][NAME];
	size_t n;
};

static void
names_add(struct names *l, const char *name, size_t len)
{
	ck_assert_uint_lt(l->n, NAMES_MAX);
	ck_assert_uint_lt(len, NAME);
	memcpy(l->name[l->n], name, len);
	l->name[l->n++][len] = '\0';
}

static bool
names_has(const struct names *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->name[i], name) == 0)
			return true;
	return false;
}

/* Those of the list that are in an output. */
static struct names
names_of_list(const struct ipc_row *r, unsigned output)
{
	struct names names = { .n = 0 };
	struct field_list l;
	size_t i;

	fields_read(&l, r);
	for (i = 0; i < l.n; i++)
		if ((l.field[i].outputs & output) != 0)
			names_add(&names, l.field[i].name,
			    strlen(l.field[i].name));
	return names;
}

/* The keys of JSON between two texts; "" is its end. */
static struct names
names_of_json(const char *json, const char *from, const char *to)
{
	struct names names = { .n = 0 };
	const char *at = strstr(json, from), *end, *quote;

	ck_assert_ptr_nonnull(at);
	at += strlen(from);
	end = to[0] != '\0' ? strstr(at, to) : at + strlen(at);
	ck_assert_ptr_nonnull(end);
	for (; (at = strchr(at, '"')) != NULL && at < end; at = quote + 1) {
		quote = strchr(at + 1, '"');
		ck_assert_ptr_nonnull(quote);
		if (quote[1] == ':')
			names_add(&names, at + 1, (size_t)(quote - at - 1));
	}
	return names;
}

static void
names_equal(const struct names *want, const struct names *got)
{
	size_t i;

	for (i = 0; i < want->n && i < got->n; i++)
		ck_assert_str_eq(got->name[i], want->name[i]);
	ck_assert_uint_eq(got->n, want->n);
}

/* --- Outputs -------------------------------------------------------------- */

/* What a function prints of rows, in memory that lasts until the next call. */
static const char *
printed(void (*print)(const struct ipc_row *, size_t),
    const struct ipc_row *row, size_t n)
{
	static char *text;
	size_t len;
	FILE *before = stdout;

	free(text);
	stdout = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(stdout);
	print(row, n);
	fclose(stdout);
	stdout = before;
	return text;
}

static void
print_event(const struct ipc_row *row, size_t n)
{
	ck_assert_uint_eq(n, 1);
	event_put_json(row);
}

/* --- Tests ---------------------------------------------------------------- */

/* Each name once, each in an output, in all that its kind is in, or in those of
 * the list above. */
START_TEST(in_all_outputs)
{
	struct ipc_row r = row_of_kind(kinds[_i].kind);
	const struct field *f;
	unsigned want;
	struct field_list l;
	size_t i, k;

	r.event = kinds[_i].event;
	fields_read(&l, &r);
	ck_assert_uint_gt(l.n, 0);
	ck_assert_uint_lt(l.n, FIELDS_MAX); /* none was left out */
	for (i = 0; i < l.n; i++) {
		f = &l.field[i];
		ck_assert_ptr_eq(fields_find(&l, f->name), f);
		want = kinds[_i].outputs;
		for (k = 0; k < sizeof(partial) / sizeof(partial[0]); k++)
			if (partial[k].kind == r.kind &&
			    strcmp(partial[k].name, f->name) == 0)
				want = partial[k].outputs;
		ck_assert_msg((f->outputs & kinds[_i].outputs) == want,
		    "%s is in the outputs %u, not in %u", f->name, f->outputs,
		    want);
	}
}
END_TEST

/* And the list above names no field that is not there. */
START_TEST(no_stale_exception)
{
	struct ipc_row r;
	struct field_list l;
	size_t k;

	for (k = 0; k < sizeof(partial) / sizeof(partial[0]); k++) {
		r = row_of_kind(partial[k].kind);
		r.event = r.kind == IPC_ROW_FLOW ? IPC_EVENT_choice : 0;
		fields_read(&l, &r);
		ck_assert_msg(fields_find(&l, partial[k].name) != NULL,
		    "%s is no field", partial[k].name);
	}
}
END_TEST

/* In the JSON of the status each kind has a part of its own. */
START_TEST(json_is_the_list)
{
	static const struct {
		const char *from, *to;
	} part[STATUS_KINDS] = { { "\"ports\"", "\"sockets\"" },
		{ "\"sockets\"", "\"sessions\"" },
		{ "\"sessions\"", "\"flows\"" }, { "\"flows\"", "]" } };
	struct ipc_row rows[STATUS_KINDS];
	struct names want, got;
	const char *json;
	int i;

	for (i = 0; i < STATUS_KINDS; i++)
		rows[i] = row_of_kind(kinds[i].kind);
	json = printed(status_put_json, rows, STATUS_KINDS);
	want = names_of_list(&rows[_i], FIELD_JSON);
	got = names_of_json(json, part[_i].from, part[_i].to);
	names_equal(&want, &got);
}
END_TEST

START_TEST(event_is_the_list)
{
	struct ipc_row r = row_of_kind(kinds[_i].kind);
	struct names want, got;
	const char *json;

	if ((kinds[_i].outputs & FIELD_EVENT) == 0)
		return;
	r.event = kinds[_i].event;
	json = printed(print_event, &r, 1);
	want = names_of_list(&r, FIELD_EVENT);
	got = names_of_json(json, "\"port\":7", "");
	names_equal(&want, &got);
}
END_TEST

/* The fields in braces of the text's form. */
START_TEST(text_is_the_list)
{
	struct ipc_row r = row_of_kind(kinds[_i].kind);
	struct names want = names_of_list(&r, FIELD_TEXT), got = { .n = 0 };
	const char *at = status_text_form(r.kind);
	size_t i;

	while ((at = strchr(at, '{')) != NULL) {
		names_add(&got, at + 1, strcspn(at + 1, ":}"));
		at++;
	}
	for (i = 0; i < want.n; i++)
		ck_assert_msg(names_has(&got, want.name[i]),
		    "the text has no %s", want.name[i]);
	for (i = 0; i < got.n; i++)
		ck_assert_msg(names_has(&want, got.name[i]),
		    "the list has no %s for the text", got.name[i]);
	ck_assert_uint_eq(got.n, want.n);
}
END_TEST

/* The short form has no field that is not in the list, and each once at most. */
START_TEST(short_is_of_the_list)
{
	struct ipc_row r = row_of_kind(kinds[_i].kind);
	struct names want = names_of_list(&r, FIELD_TEXT);
	const char *at = status_short_form(r.kind);
	char name[64];

	while ((at = strchr(at, '{')) != NULL) {
		snprintf(name, sizeof(name), "%.*s",
		    (int)strcspn(at + 1, ":}"), at + 1);
		ck_assert_msg(names_has(&want, name),
		    "the list has no %s for the text", name);
		at++;
	}
}
END_TEST

/* Brackets and braces are not shown; what is null, 0, empty or dull goes with
 * its bracket, and is a dash or "never" elsewhere. */
START_TEST(text_brackets)
{
	struct ipc_row r = row_of_kind(IPC_ROW_SESSION);

	ck_assert_str_eq(printed(status_put_text, &r, 1),
	    "  peer key at 192.0.2.1:7: up for 16 min 39 s, "
	    "heard 16 min 39 s ago\n"
	    "    cipher, datagrams up to 1400 bytes\n"
	    "    sent 1 datagrams, 1 bytes; received 1, 1 bytes\n"
	    "    path chosen 16 min 39 s ago: the one before went silent\n");
	memset(&r.u, 0, sizeof(r.u));
	r.u.session_row.info.state = MP_S_DOWN;
	r.u.session_row.info.up_at = 1;
	memcpy(r.u.session_row.suite, "cipher", 7);
	ck_assert_str_eq(printed(status_put_text, &r, 1),
	    "  peer -: down, never heard\n"
	    "    sent 0 datagrams, 0 bytes; received 0, 0 bytes\n");
}
END_TEST

/* Bytes in the unit that leaves three digits. */
START_TEST(text_amounts)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = { { 0, "0 bytes" }, { 999, "999 bytes" },
		{ 1000, "1.0 kB" }, { 99999, "99.9 kB" },
		{ 100000, "100 kB" }, { 5000000000, "5.0 GB" },
		{ UINT64_MAX, "18.4 EB" } };
	struct ipc_row r = row_of_kind(IPC_ROW_SESSION);
	char want[64];

	r.u.session_row.info.tx_bytes = rows[_i].bytes;
	snprintf(want, sizeof(want), "datagrams, %s; ", rows[_i].text);
	ck_assert_ptr_nonnull(strstr(printed(status_put_text, &r, 1), want));
}
END_TEST

/* A session without keys has no cipher, whatever was there before. */
START_TEST(cipher_of_keys)
{
	struct ipc_row r = row_of_kind(IPC_ROW_SESSION);

	ck_assert_ptr_nonnull(strstr(printed(status_put_json, &r, 1),
	    "\"cipher\": \"cipher\""));
	r.u.session_row.info.state = MP_S_DOWN;
	ck_assert_ptr_nonnull(strstr(printed(status_put_json, &r, 1),
	    "\"cipher\": null"));
	r.event = IPC_EVENT_session_down;
	ck_assert_ptr_nonnull(strstr(printed(print_event, &r, 1),
	    "\"cipher\":null"));
}
END_TEST

/* A counter that this mpctl does not know is told by its name, ended or not. */
START_TEST(unknown_counter)
{
	struct ipc_row r = row_of_kind(IPC_ROW_COUNTER);

	memcpy(r.u.counter_row.name, "drop_new", 9);
	ck_assert_str_eq(printed(status_put_text, &r, 1),
	    "  dropped 1: drop_new\n");
	memset(r.u.counter_row.name, 'x', sizeof(r.u.counter_row.name));
	ck_assert_ptr_nonnull(strstr(printed(print_event, &r, 1),
	    "\"text\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""));
}
END_TEST

Suite *
suite_fields(void)
{
	Suite *s = suite_create("fields");
	TCase *t = tcase_create("fields");

	tcase_add_loop_test(t, in_all_outputs, 0, KINDS);
	tcase_add_test(t, no_stale_exception);
	tcase_add_loop_test(t, json_is_the_list, 0, STATUS_KINDS);
	tcase_add_loop_test(t, event_is_the_list, 0, KINDS);
	tcase_add_loop_test(t, text_is_the_list, 0, KINDS);
	tcase_add_loop_test(t, short_is_of_the_list, 0, KINDS);
	tcase_add_test(t, text_brackets);
	tcase_add_loop_test(t, text_amounts, 0, 7);
	tcase_add_test(t, cipher_of_keys);
	tcase_add_test(t, unknown_counter);
	suite_add_tcase(s, t);
	return s;
}
