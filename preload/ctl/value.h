/* SPDX-License-Identifier: ISC */
/* JSON on standard output, value by value. */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_addr;

/* Where we are: how deep, and whether something went before on this level. */
struct json {
	unsigned depth;
	bool more;
	bool line; /* all in one line */
};

/* NAME is NULL within a list, and for what is outermost. */
void json_open(struct json *, const char *name, char bracket);
void json_close(struct json *, char bracket);
/* The end of it all: a newline. */
void json_end(struct json *);
/* `text' ends at a 0 or after `size' bytes; bytes past ASCII are taken as
 * Latin-1, so that the output is valid whatever they are. */
void json_text(struct json *, const char *name, const char *text, size_t size);
void json_word(struct json *, const char *name, const char *text);
void json_number(struct json *, const char *name, uint64_t);
/* null where it is not known. */
void json_maybe(struct json *, const char *name, uint64_t, bool known);
void json_bool(struct json *, const char *name, bool);
/* A string of 16 digits: wider than a number of JSON is sure to be. */
void json_hex(struct json *, const char *name, uint64_t);
/* Microseconds since then; null: never. */
void json_age(struct json *, const char *name, uint64_t now, uint64_t at);
/* Address and port; null: port 0. */
void json_addr(struct json *, const char *name, const struct mp_addr *);
/* The address alone. */
void json_ip(struct json *, const char *name, const struct mp_addr *);

#endif
