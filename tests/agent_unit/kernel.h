/* SPDX-License-Identifier: ISC */
/*
 * The kernel's part in the unit tests of the agent: UDP sockets that share a
 * port, their indices in its reuseport group, the program that is attached to
 * it, the list of all sockets and what sock_diag says of them (kernel_diag.c),
 * and the time.  The agent's system calls come here (ld's --wrap); no socket is
 * opened, nothing is sent and no test waits.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

enum kernel_bound {
	KERNEL_NETNS = 7, /* what SO_NETNS_COOKIE says of every socket */
	KERNEL_SENT = 1024, /* datagrams that are kept, at most */
	KERNEL_BYTES = 2048, /* of each */
	KERNEL_NEVER = 1 << 30,
};

/* A datagram that the agent sent by a port's control socket. */
struct kernel_sent {
	uint16_t port;
	int index;	/* of the group's socket that got it; -1: it left */
	uint64_t inode; /* of that socket */
	struct mp_addr to; /* of one that left */
	size_t len;
	uint8_t bytes[KERNEL_BYTES];
};

/* What a list says of a socket. */
struct kernel_socket {
	uint16_t port;
	uint64_t inode, drops; /* the cookie is the inode */
};

extern struct kernel_sent kernel_sent[KERNEL_SENT];
extern unsigned kernel_nsent;
/* What arena_now() says, us. */
extern uint64_t kernel_now;

/* Forgets all sockets; readings of the list succeed. */
void kernel_reset(void);
/* A descriptor that is the list of all sockets, as /proc/net/udp is. */
int kernel_list(void);
/* A descriptor that answers as a socket of sock_diag does. */
int kernel_diag(void);
/* It refuses every question from now on. */
void kernel_refuse_diag(void);
/* Is its descriptor open still? */
bool kernel_has_diag(void);
/* Forgets that, and what was asked. */
void kernel_reset_diag(void);
/* Readings of the list, and sock_diag's lists of the sockets' own family, fail
 * from the n-th on, counted from 0 and from now. */
void kernel_fail_readings(unsigned n);
/* All data sockets drop packets of a flood between any two readings. */
void kernel_flood(bool);
/* The next INTERNAL_LOCATE comes only with the one after it. */
void kernel_late(void);

/* The n-th of all sockets; false: there are fewer. */
bool kernel_socket(unsigned n, struct kernel_socket *);
/* A reading of a list begins: false, it fails. */
bool kernel_read(void);

/* Binds one more socket to a port: its inode, which is its cookie as well. */
uint64_t kernel_bind(uint16_t port);
/* The same for the agent's control socket: its descriptor. */
int kernel_bind_control(uint16_t port);
/* Its keeper's descriptor of the control socket, which stays when the agent
 * closes its own. */
int kernel_keep_control(uint16_t port);
/* Closes the control socket, and binds it again as the group's last. */
void kernel_rebind_control(uint16_t port);
/* Closes a data socket; the last of its group takes its index. */
void kernel_close(uint64_t inode);
/* The index of a socket in its group, or -1. */
int kernel_index(uint64_t inode);
/* The index of the control socket in the group of a port. */
int kernel_control_index(uint16_t port);
/* A packet for the control socket of a port: it can be received. */
void kernel_deliver(uint16_t port, const struct mp_path *, const void *packet,
    size_t len);
/* Which index the attached program gives for a packet's UDP payload; and for
 * plaintext from one address to another. */
int kernel_steer(uint16_t port, const void *payload, size_t len);
int kernel_steer_plain(uint16_t port, const struct mp_addr *from,
    const struct mp_addr *to);

#endif
