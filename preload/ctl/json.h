/* SPDX-License-Identifier: ISC */
/* Writes JSON to standard output, value by value. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

struct field_list;

struct json {
	unsigned depth;
	bool more; /* this level has a value already */
	bool line; /* write all in one line */
};

/* The name is NULL within a list, and for the outermost value. */
void json_open(struct json *, const char *name, char bracket);
void json_close(struct json *, char bracket);
/* The end of the outermost value: a newline. */
void json_end(struct json *);
/* A string. */
void json_word(struct json *, const char *name, const char *);
void json_number(struct json *, const char *name, uint64_t);
void json_bool(struct json *, const char *name, bool);
/* Writes the fields that name this output (enum field_output). */
void json_fields(struct json *, const struct field_list *, unsigned output);

#endif
