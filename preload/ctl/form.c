/* SPDX-License-Identifier: ISC */
#include "form.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fields.h"
#include "say.h"
#include "shared/ipc.h"
#include "shared/net.h"

enum {
	FORM_FIELD = 64, /* longest field, bytes with the 0 */
	FORM_NAME = 32,	 /* longest name of a field, with the 0 */
};

/* --- A field -------------------------------------------------------------- */

/* Bytes, in the unit that leaves three digits or fewer. */
static void
form_bytes(char text[FORM_FIELD], uint64_t bytes)
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
		snprintf(text, FORM_FIELD, "%" PRIu64 ".%" PRIu64 " %s", bytes,
		    rest / 100, units[i]);
	else
		snprintf(text, FORM_FIELD, "%" PRIu64 " %s", bytes, units[i]);
}

static void
form_number(char text[FORM_FIELD], const struct field *f)
{
	char words[SAY_DURATION];
	uint64_t n = f->number;

	switch (f->unit) {
	case UNIT_MS:
		snprintf(text, FORM_FIELD, "%" PRIu64 ".%" PRIu64, n / 1000,
		    n / 100 % 10);
		break;
	case UNIT_DURATION:
	case UNIT_AGO:
		snprintf(text, FORM_FIELD, "%s%s", say_duration(words, n),
		    f->unit == UNIT_AGO ? " ago" : "");
		break;
	case UNIT_PERMILLE:
		snprintf(text, FORM_FIELD, "%" PRIu64 ".%" PRIu64, n / 10,
		    n % 10);
		break;
	case UNIT_BYTES:
		form_bytes(text, n);
		break;
	case UNIT_NONE:
		snprintf(text, FORM_FIELD, "%" PRIu64, n);
		break;
	}
}

static void
form_address(char text[FORM_FIELD], const struct field *f)
{
	bool v4 = net_is_v4(f->addr);
	char addr[NET_TEXT];

	if (f->type == FIELD_ADDR)
		snprintf(text, FORM_FIELD, "%s", net_text(f->addr, addr));
	else if (inet_ntop(v4 ? AF_INET : AF_INET6, f->addr->ip +
	    (v4 ? 12 : 0), text, FORM_FIELD) == NULL)
		text[0] = '\0';
}

/* The value of a field in the text. */
static void
form_value(char text[FORM_FIELD], const struct field *f)
{
	if (f->word != NULL) {
		snprintf(text, FORM_FIELD, "%s", f->word);
		return;
	}
	switch (f->type) {
	case FIELD_NULL:
		snprintf(text, FORM_FIELD, "%s", f->unit == UNIT_AGO ?
		    "never" : "-");
		break;
	case FIELD_NUMBER:
	case FIELD_BOOL:
	case FIELD_HEX:
		form_number(text, f);
		break;
	case FIELD_STRING:
		say_clean(text, f->size < FORM_FIELD ? f->size : FORM_FIELD,
		    f->string, f->size);
		break;
	case FIELD_ADDR:
	case FIELD_IP:
		form_address(text, f);
		break;
	}
}

static bool
form_matters(const struct field *f)
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
form_read_field(const char **form, const struct field_list *l, int *width)
{
	const char *at = *form + 1;
	size_t len = strcspn(at, ":}");
	char name[FORM_NAME];
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
form_all_matter(const char *form, const struct field_list *l)
{
	int width;

	while (*form != ']')
		if (*form != '{')
			form++;
		else if (!form_matters(form_read_field(&form, l, &width)))
			return false;
	return true;
}

void
form_put(const char *form, const struct ipc_row *r)
{
	char text[FORM_FIELD];
	struct field_list l;
	int width;

	fields_read(&l, r);
	while (*form != '\0')
		if (*form == '{') {
			form_value(text, form_read_field(&form, &l, &width));
			printf("%*s", width, text);
		} else if (*form == '[' && !form_all_matter(form + 1, &l))
			form += strcspn(form, "]") + 1;
		else if (*form == '[' || *form == ']')
			form++;
		else
			putchar(*form++);
}
