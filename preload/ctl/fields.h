/* SPDX-License-Identifier: ISC */
/*
 * What mpctl shows of a row of the status or of an event: one list of fields
 * for each kind of row.  The status as text, the status as JSON and the events
 * take all names and values from it; each field names the outputs that have it.
 *
 * A new field is a line in fields.c, an entry in mpctl(1), and for the text a
 * place in status_text.c.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_row;
struct mp_addr;

enum field_output {
	FIELD_JSON = 1,	 /* mpctl status --json */
	FIELD_EVENT = 2, /* mpctl events, mprun --events */
	FIELD_TEXT = 4,	 /* mpctl status */
	FIELD_ALL = FIELD_JSON | FIELD_EVENT | FIELD_TEXT,
};

enum field_type {
	FIELD_NULL,   /* not known */
	FIELD_NUMBER,
	FIELD_BOOL,   /* in `number' */
	FIELD_HEX,    /* in `number'; JSON has a string, for all 64 bits */
	FIELD_STRING, /* ends at a 0 or after `size' bytes */
	FIELD_ADDR,   /* address and port */
	FIELD_IP,     /* address alone */
};

/* How the text shows a number. */
enum field_unit {
	UNIT_NONE,
	UNIT_MS,       /* of microseconds: 20.1 */
	UNIT_DURATION, /* of microseconds: 3 min 5 s */
	UNIT_AGO,      /* the same: 3 min 5 s ago; null: never */
	UNIT_PERMILLE, /* 1.2, in percent */
	UNIT_BYTES,    /* 5.0 GB */
};

struct field {
	const char *name;
	unsigned outputs; /* of enum field_output */
	enum field_type type;
	enum field_unit unit;
	uint64_t number;
	const char *string;
	size_t size;
	const struct mp_addr *addr;
	const char *word; /* the value in the text, where it differs; or NULL */
	bool dull;	  /* the text leaves the field's bracket out */
};

enum { FIELDS_MAX = 32 };

struct field_list {
	struct field field[FIELDS_MAX]; /* with pointers into the row */
	size_t n;
};

/* The fields of a row, in the order of the JSON. */
void fields_read(struct field_list *, const struct ipc_row *);
/* The field of this name, or NULL. */
const struct field *fields_find(const struct field_list *, const char *name);
/* "in use", "failed", ... of a flow; "up", ... of a session. */
const char *fields_flow_state(const struct ipc_row *);
const char *fields_session_state(const struct ipc_row *);

#endif
