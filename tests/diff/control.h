/* SPDX-License-Identifier: ISC */
/* Control messages: how the trace shows them, and how topics make them. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stddef.h>
#include <sys/socket.h>

/* Says name, length and value; of times and interfaces what no run changes. */
void say_control(const struct cmsghdr *);
/* Appends one; msg_controllen is the room used so far, and grows. */
void control_add(struct msghdr *, int level, int type, const void *, size_t);

#endif
