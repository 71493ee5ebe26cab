/* SPDX-License-Identifier: ISC */
/*
 * Text for people with the fields of a row in it.
 *
 * {NAME} is a field, {NAME:8} the same right-justified in at least 8 columns,
 * {NAME:-8} left-justified.  [...] is left out if a field in it is null, 0,
 * empty or dull.
 */
#ifndef FORM_H
#define FORM_H

struct ipc_row;

/* Prints it. */
void form_put(const char *form, const struct ipc_row *);

#endif
