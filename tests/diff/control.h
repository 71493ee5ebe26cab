/* SPDX-License-Identifier: ISC */
/* Control messages in the trace, and those that programs send. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <sys/socket.h>

/* What the message says, where that is the same in every run. */
void say_control(const struct cmsghdr *);
/* Adds one to a message whose msg_controllen is what is used already. */
void control_add(struct msghdr *, int level, int type, const void *, size_t);

#endif
