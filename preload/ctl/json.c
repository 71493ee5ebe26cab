/* SPDX-License-Identifier: ISC */
#include "json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fields.h"
#include "mp.h"
#include "shared/net.h"

/* Writes a text that ends at a 0 or after `size' bytes.  Bytes past ASCII are
 * written as Latin-1, so that the output is valid whatever they are. */
static void
json_put_string(const char *text, size_t size)
{
	size_t i;
	unsigned char c;

	putchar('"');
	for (i = 0; i < size && text[i] != '\0'; i++) {
		c = (unsigned char)text[i];
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* Begins a value: comma, new line and name, as far as they are due. */
static void
json_name(struct json *j, const char *name)
{
	if (j->more)
		putchar(',');
	if (j->depth > 0 && !j->line)
		printf("\n%*s", (int)j->depth * 2, "");
	if (name != NULL) { /* a counter's is a word of the agent's */
		json_put_string(name, SIZE_MAX);
		fputs(j->line ? ":" : ": ", stdout);
	}
	j->more = true;
}

void
json_open(struct json *j, const char *name, char bracket)
{
	json_name(j, name);
	putchar(bracket);
	j->depth++;
	j->more = false;
}

void
json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->more && !j->line)
		printf("\n%*s", (int)j->depth * 2, "");
	putchar(bracket);
	j->more = true;
}

void
json_end(struct json *j)
{
	putchar('\n');
	j->more = false;
}

void
json_word(struct json *j, const char *name, const char *text)
{
	json_name(j, name);
	json_put_string(text, SIZE_MAX);
}

void
json_number(struct json *j, const char *name, uint64_t value)
{
	json_name(j, name);
	printf("%" PRIu64, value);
}

void
json_bool(struct json *j, const char *name, bool value)
{
	json_name(j, name);
	fputs(value ? "true" : "false", stdout);
}

static void
json_put_ip(const struct mp_addr *a)
{
	bool v4 = net_is_v4(a);
	char text[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? 12 : 0), text,
	    sizeof(text));
	json_put_string(text, sizeof(text));
}

static void
json_put_value(const struct field *f)
{
	char text[NET_TEXT];

	switch (f->type) {
	case FIELD_NULL:
		fputs("null", stdout);
		break;
	case FIELD_NUMBER:
		printf("%" PRIu64, f->number);
		break;
	case FIELD_BOOL:
		fputs(f->number != 0 ? "true" : "false", stdout);
		break;
	case FIELD_HEX:
		printf("\"%016" PRIx64 "\"", f->number);
		break;
	case FIELD_STRING:
		json_put_string(f->string, f->size);
		break;
	case FIELD_ADDR:
		json_put_string(net_text(f->addr, text), sizeof(text));
		break;
	case FIELD_IP:
		json_put_ip(f->addr);
		break;
	}
}

void
json_fields(struct json *j, const struct field_list *l, unsigned output)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if ((l->field[i].outputs & output) != 0) {
			json_name(j, l->field[i].name);
			json_put_value(&l->field[i]);
		}
}
