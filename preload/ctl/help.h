/* SPDX-License-Identifier: ISC */
/* What mpctl says of its commands, made of their table; mpctl(1) says more. */
#ifndef HELP_H
#define HELP_H

#include <stddef.h>

struct ctl_command;

/* mpctl --help: a line for each command that people type. */
void help_show_all(const struct ctl_command *, size_t n);
/* mpctl COMMAND --help. */
void help_show(const struct ctl_command *);

#endif
