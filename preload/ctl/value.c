/* SPDX-License-Identifier: ISC */
#include "value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "shared/net.h"

/* Begins a line: the comma of the one before, the name if there is one. */
static void
json_name(struct json *j, const char *name)
{
	if (j->more)
		putchar(',');
	if (j->depth > 0 && !j->line)
		printf("\n%*s", (int)j->depth * 2, "");
	if (name != NULL)
		printf(j->line ? "\"%s\":" : "\"%s\": ", name);
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
json_text(struct json *j, const char *name, const char *text, size_t size)
{
	size_t i;
	unsigned char c;

	json_name(j, name);
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

void
json_word(struct json *j, const char *name, const char *text)
{
	json_text(j, name, text, SIZE_MAX);
}

void
json_number(struct json *j, const char *name, uint64_t value)
{
	json_name(j, name);
	printf("%" PRIu64, value);
}

void
json_maybe(struct json *j, const char *name, uint64_t value, bool known)
{
	json_name(j, name);
	if (known)
		printf("%" PRIu64, value);
	else
		fputs("null", stdout);
}

void
json_bool(struct json *j, const char *name, bool value)
{
	json_name(j, name);
	fputs(value ? "true" : "false", stdout);
}

void
json_hex(struct json *j, const char *name, uint64_t value)
{
	json_name(j, name);
	printf("\"%016" PRIx64 "\"", value);
}

void
json_age(struct json *j, const char *name, uint64_t now, uint64_t at)
{
	json_maybe(j, name, now > at ? now - at : 0,
	    at != 0 && at != MP_NEVER);
}

void
json_addr(struct json *j, const char *name, const struct mp_addr *a)
{
	char text[NET_TEXT];

	if (a->port != 0)
		json_word(j, name, net_text(a, text));
	else
		json_maybe(j, name, 0, false);
}

void
json_ip(struct json *j, const char *name, const struct mp_addr *a)
{
	bool v4 = net_is_v4(a);
	char text[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? 12 : 0), text,
	    sizeof(text));
	json_word(j, name, text);
}
