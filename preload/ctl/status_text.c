/* SPDX-License-Identifier: ISC */
/* The status for people: lines of 80 columns where the addresses allow. */
#include "status.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fields.h"
#include "say.h"
#include "shared/ipc.h"
#include "shared/net.h"

enum {
	TEXT_FIELD = 64, /* longest field, bytes with the 0 */
	TEXT_FEW = 10,	 /* peers of which no sum is shown */
	TEXT_NAME = 32,	 /* longest name of a field, with the 0 */
};

/*
 * Where the fields stand.  {NAME} is a field, {NAME:8} the same right-justified
 * in at least 8 columns, {NAME:-8} left-justified.  [...] is left out if a
 * field in it is null, 0, empty or dull.
 */
static const char text_port[] =
    "port {port}[ (agent restarted {agent_restarts} times)]\n";
static const char text_slot[] =
    "  {program}, process {pid}: {family} socket[, bound to {local}]"
    "[, connected to {connected}]\n"
    "[    the kernel dropped {kernel_drops} packets there: kept out, or no "
    "room\n]";
static const char text_session[] =
    "  peer[ {key} at] {peer}: {state}[ for {up_age_us}]"
    "[, heard {heard_age_us}][, {unheard}]\n"
    "[    {cipher}, datagrams up to {mtu_bytes} bytes\n]"
    "    sent {tx_datagrams} datagrams, {tx_bytes}; received {rx_datagrams}, "
    "{rx_bytes}\n"
    "[    path chosen {why_age_us}: {why_text}\n]";
static const char text_flow_head[] =
    "    flow  state    SRTT ms  RTTVAR ms  loss %        idle      sent  "
    "received\n";
static const char text_flow[] =
    "    {flow:4}  {state:-7} {srtt_us:8} {rttvar_us:10} {loss_permille:7} "
    "{idle_us:11} {tx_packets:9} {rx_packets:9}\n"
    "          {local} -> {remote}[ on {interface}]\n"
    "[          sends no bundles: the kernel refused one ({bundles_refused})\n]"
    "[          sends no bundles: {bundles_lost} of {bundles_packets} packets "
    "were lost, fewer of {single_packets} single ones\n]";
static const char text_sum[] =
    "  {sessions} peers[, {up} up][, {connecting} connecting][, {down} down]"
    "[, {closing} closing]; {flows} paths\n"
    "    sent {tx_datagrams} datagrams, {tx_bytes}; received {rx_datagrams}, "
    "{rx_bytes}\n"
    "    shown: {most} at most, behind the first {from}\n";
/* A line a peer: its session, then the flow in use. */
static const char short_head[] =
    "peer         address                  state      "
    "by           RTT   loss  heard\n";
static const char short_session[] = "{key:-12} {peer:-24} {state:-10}";
static const char short_flow[] =
    " {interface:-8} {srtt_us:7} ms {loss_permille:4} %";
static const char short_heard[] = "[  {heard_age_us}][  {unheard}]\n";
static const char text_counter[] = "  dropped {total}: {text}\n";

const char *
status_short_form(uint32_t kind)
{
	switch (kind) {
	case IPC_ROW_SESSION:
		return short_session;
	case IPC_ROW_FLOW:
		return short_flow;
	}
	return "";
}

const char *
status_text_form(uint32_t kind)
{
	switch (kind) {
	case IPC_ROW_PORT:
		return text_port;
	case IPC_ROW_SLOT:
		return text_slot;
	case IPC_ROW_SESSION:
		return text_session;
	case IPC_ROW_FLOW:
		return text_flow;
	case IPC_ROW_COUNTER:
		return text_counter;
	case IPC_ROW_SUM:
		return text_sum;
	}
	return "";
}

/* --- A field -------------------------------------------------------------- */

/* Bytes, in the unit that leaves three digits or fewer. */
static void
text_bytes(char text[TEXT_FIELD], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB",
		"PB", "EB" };
	uint64_t rest = 0;
	size_t i;

	for (i = 0; bytes >= 1000; i++) {
		rest = bytes % 1000;
		bytes /= 1000;
	}
	if (i > 0 && bytes < 100)
		snprintf(text, TEXT_FIELD, "%" PRIu64 ".%" PRIu64 " %s", bytes,
		    rest / 100, units[i]);
	else
		snprintf(text, TEXT_FIELD, "%" PRIu64 " %s", bytes, units[i]);
}

static void
text_number(char text[TEXT_FIELD], const struct field *f)
{
	char words[SAY_DURATION];
	uint64_t n = f->number;

	switch (f->unit) {
	case UNIT_MS:
		snprintf(text, TEXT_FIELD, "%" PRIu64 ".%" PRIu64, n / 1000,
		    n / 100 % 10);
		break;
	case UNIT_DURATION:
	case UNIT_AGO:
		snprintf(text, TEXT_FIELD, "%s%s", say_duration(words, n),
		    f->unit == UNIT_AGO ? " ago" : "");
		break;
	case UNIT_PERMILLE:
		snprintf(text, TEXT_FIELD, "%" PRIu64 ".%" PRIu64, n / 10,
		    n % 10);
		break;
	case UNIT_BYTES:
		text_bytes(text, n);
		break;
	case UNIT_NONE:
		snprintf(text, TEXT_FIELD, "%" PRIu64, n);
		break;
	}
}

static void
text_address(char text[TEXT_FIELD], const struct field *f)
{
	bool v4 = net_is_v4(f->addr);
	char addr[NET_TEXT];

	if (f->type == FIELD_ADDR)
		snprintf(text, TEXT_FIELD, "%s", net_text(f->addr, addr));
	else if (inet_ntop(v4 ? AF_INET : AF_INET6, f->addr->ip +
	    (v4 ? 12 : 0), text, TEXT_FIELD) == NULL)
		text[0] = '\0';
}

/* The value of a field in the text. */
static void
text_value(char text[TEXT_FIELD], const struct field *f)
{
	if (f->word != NULL) {
		snprintf(text, TEXT_FIELD, "%s", f->word);
		return;
	}
	switch (f->type) {
	case FIELD_NULL:
		snprintf(text, TEXT_FIELD, "%s", f->unit == UNIT_AGO ?
		    "never" : "-");
		break;
	case FIELD_NUMBER:
	case FIELD_BOOL:
	case FIELD_HEX:
		text_number(text, f);
		break;
	case FIELD_STRING:
		say_clean(text, f->size < TEXT_FIELD ? f->size : TEXT_FIELD,
		    f->string, f->size);
		break;
	case FIELD_ADDR:
	case FIELD_IP:
		text_address(text, f);
		break;
	}
}

static bool
text_matters(const struct field *f)
{
	switch (f->type) {
	case FIELD_NULL:
		return false;
	case FIELD_NUMBER:
		return f->number != 0 && !f->dull;
	case FIELD_STRING:
		return f->string[0] != '\0' && !f->dull;
	default:
		return !f->dull;
	}
}

/* --- Rows ----------------------------------------------------------------- */

/* Reads {NAME:WIDTH} and moves *form behind it.  The list has the field:
 * tests/cli/check_fields.c proves it for all forms. */
static const struct field *
text_read_field(const char **form, const struct field_list *l, int *width)
{
	const char *at = *form + 1;
	size_t len = strcspn(at, ":}");
	char name[TEXT_NAME];
	bool left;

	snprintf(name, sizeof(name), "%.*s", (int)len, at);
	at += len;
	*width = 0;
	if (*at == ':') {
		left = at[1] == '-';
		*width = (int)strtoul(at + 1 + left, NULL, 10);
		if (left)
			*width = -*width;
	}
	*form = at + strcspn(at, "}") + 1;
	return fields_find(l, name);
}

/* Are all fields up to the next bracket worth telling? */
static bool
text_all_matter(const char *form, const struct field_list *l)
{
	int width;

	while (*form != ']')
		if (*form != '{')
			form++;
		else if (!text_matters(text_read_field(&form, l, &width)))
			return false;
	return true;
}

static void
text_put_row(const char *form, const struct ipc_row *r)
{
	char text[TEXT_FIELD];
	struct field_list l;
	int width;

	fields_read(&l, r);
	while (*form != '\0')
		if (*form == '{') {
			text_value(text, text_read_field(&form, &l, &width));
			printf("%*s", width, text);
		} else if (*form == '[' && !text_all_matter(form + 1, &l))
			form += strcspn(form, "]") + 1;
		else if (*form == '[' || *form == ']')
			form++;
		else
			putchar(*form++);
}

/* The text has only counters of dropped packets; all others are in the JSON. */
static bool
text_is_drop(const struct ipc_row *r)
{
	return r->u.counter_row.value > 0 &&
	    strncmp(r->u.counter_row.name, "drop_", 5) == 0;
}

/* Few peers are seen at a glance. */
static bool
text_needs_sum(const struct ipc_row *r)
{
	return r->u.sum_row.sessions > TEXT_FEW || r->u.sum_row.from > 0 ||
	    r->u.sum_row.sessions > r->u.sum_row.most;
}

void
status_put_text(const struct ipc_row *row, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (row[i].kind == IPC_ROW_COUNTER && !text_is_drop(&row[i]))
			continue;
		if (row[i].kind == IPC_ROW_SUM && !text_needs_sum(&row[i]))
			continue;
		if (row[i].kind == IPC_ROW_PORT && i > 0)
			putchar('\n');
		if (row[i].kind == IPC_ROW_FLOW && i > 0 &&
		    row[i - 1].kind != IPC_ROW_FLOW)
			fputs(text_flow_head, stdout);
		text_put_row(status_text_form(row[i].kind), &row[i]);
	}
}

/* The row of the flow in use of the session in row[i], or NULL. */
static const struct ipc_row *
text_flow_in_use(const struct ipc_row *row, size_t n, size_t i)
{
	for (i++; i < n && row[i].kind == IPC_ROW_FLOW; i++)
		if (row[i].u.flow_row.info.in_use)
			return &row[i];
	return NULL;
}

void
status_put_short(const struct ipc_row *row, size_t n)
{
	const struct ipc_row *flow;
	bool first = true;
	size_t i;

	for (i = 0; i < n; i++) {
		if (row[i].kind != IPC_ROW_SESSION)
			continue;
		if (first)
			fputs(short_head, stdout);
		first = false;
		text_put_row(short_session, &row[i]);
		flow = text_flow_in_use(row, n, i);
		if (flow != NULL)
			text_put_row(short_flow, flow);
		else
			printf(" %-8s %7s    %4s  ", "-", "-", "-");
		text_put_row(short_heard, &row[i]);
	}
	if (first)
		puts("no peer");
}
