/* SPDX-License-Identifier: ISC */
/* rtnetlink: sockets, messages, attributes, lists. */
#ifndef RTNL_H
#define RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RTNL_MESSAGE = 32768 /* as the kernel cuts its lists */ };

/* A socket that hears these groups: a descriptor, or a negative errno. */
int rtnl_open(int flags, uint32_t groups);
/* Receives what the kernel says into memory that lasts until the next call:
 * bytes, or a negative errno. */
ssize_t rtnl_hear(int fd, int flags, const struct nlmsghdr **);
/* Asks for a list of this type, and has each message of it taken: 0, or a
 * negative errno (-EAGAIN: it changed meanwhile, ask again). */
int rtnl_list(int fd, uint16_t type,
    void (*take)(void *arg, const struct nlmsghdr *), void *arg);

/* Asks which way leads from one address to another, of `len' bytes each, and has
 * the answer taken: 0, or a negative errno (there is none). */
int rtnl_route(int fd, int family, const uint8_t *from, const uint8_t *to,
    size_t len, void (*take)(void *arg, const struct nlmsghdr *), void *arg);

/* Finds the attributes 0 to `most' of a message whose own part has `size'
 * bytes: false, it is too short. */
bool rtnl_attributes(const struct nlmsghdr *, size_t size,
    struct rtattr **found, unsigned most);
/* One within another; NULL: it is not there. */
struct rtattr *rtnl_inside(struct rtattr *outer, unsigned short type);
/* An attribute that holds a number, or `otherwise'. */
uint32_t rtnl_number(const struct rtattr *, uint32_t otherwise);

#endif
