/* SPDX-License-Identifier: ISC */
/* The status on standard output, in its two forms; rows as rows_get() sorts
 * them. */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>
#include <stdint.h>

struct ipc_row;

void status_put_text(const struct ipc_row *, size_t n);
/* A line a peer. */
void status_put_short(const struct ipc_row *, size_t n);
void status_put_json(const struct ipc_row *, size_t n);
/* Where the fields of this kind of row stand in the text (see status_text.c),
 * or "". */
const char *status_text_form(uint32_t kind);
const char *status_short_form(uint32_t kind);

#endif
