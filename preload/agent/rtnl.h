/* SPDX-License-Identifier: ISC */
/* rtnetlink(7): sockets, messages, attributes, lists. */
#ifndef RTNL_H
#define RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RTNL_MESSAGE = 32768 /* bytes; the kernel's lists come in no larger
			      * parts */ };

/* A socket that gets the messages of these groups: a descriptor, or a negative
 * errno. */
int rtnl_open(int flags, uint32_t groups);
/* Receives a message of the kernel's, which stays until the next call of any of
 * these functions: bytes, or a negative errno. */
ssize_t rtnl_hear(int fd, int flags, const struct nlmsghdr **);
/* Requests a list of this type, and calls take() for each of its messages: 0,
 * or a negative errno (-EAGAIN: the list changed meanwhile, request it
 * again). */
int rtnl_list(int fd, uint16_t type,
    void (*take)(void *arg, const struct nlmsghdr *), void *arg);

/* Requests the route from one address to another, of `len' bytes each, and
 * calls take() for the answer: 0, or a negative errno (there is no route). */
int rtnl_route(int fd, int family, const uint8_t *from, const uint8_t *to,
    size_t len, void (*take)(void *arg, const struct nlmsghdr *), void *arg);

/* Finds the attributes 0 to `most' of a message whose fixed part has `size'
 * bytes; false: the message is too short. */
bool rtnl_attributes(const struct nlmsghdr *, size_t size,
    struct rtattr **found, unsigned most);
/* An attribute within another; NULL: it is not there. */
struct rtattr *rtnl_inside(struct rtattr *outer, unsigned short type);
/* The number that an attribute holds; NULL or too short: `otherwise'. */
uint32_t rtnl_number(const struct rtattr *, uint32_t otherwise);

#endif
