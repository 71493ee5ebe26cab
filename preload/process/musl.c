/* SPDX-License-Identifier: ISC */
#include "musl.h"

#include <string.h>

static bool is;

void
musl_setup(void)
{
	is = true;
}

bool
musl_is(void)
{
	return is;
}

void
musl_in(struct msghdr *msg)
{
	msg->msg_iovlen = (uint32_t)msg->msg_iovlen;
	msg->msg_controllen = (uint32_t)msg->msg_controllen;
}

/* Control messages that exceed the room stay the program's, as they are. */
const struct msghdr *
musl_out(const struct msghdr *msg, struct musl_room *room)
{
	struct cmsghdr *c;
	size_t left;

	room->msg = *msg;
	musl_in(&room->msg);
	left = room->msg.msg_controllen;
	if (msg->msg_control == NULL || left > sizeof(room->control))
		return &room->msg;
	memcpy(room->control, msg->msg_control, left);
	room->msg.msg_control = room->control;
	for (c = (struct cmsghdr *)(void *)room->control; left >= sizeof(*c);
	     c = (struct cmsghdr *)(void *)((char *)c +
		CMSG_ALIGN(c->cmsg_len))) {
		c->cmsg_len = (uint32_t)c->cmsg_len;
		if (c->cmsg_len < sizeof(*c) ||
		    CMSG_ALIGN(c->cmsg_len) > left)
			break;
		left -= CMSG_ALIGN(c->cmsg_len);
	}
	return &room->msg;
}
