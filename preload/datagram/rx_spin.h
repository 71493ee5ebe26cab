/* SPDX-License-Identifier: ISC */
/* Asks the kernel for a datagram again and again for a while, before a receive
 * that waits: the processor does not go to sleep, and need not be woken. */
#ifndef RX_SPIN_H
#define RX_SPIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct msghdr;

/* recvmsg(2), which waits as the flags and the socket say, but first spins for
 * up to `us' microseconds.  `timed': the socket may have SO_RCVTIMEO, so a
 * signal ends the wait even if its handler restarts calls (signal(7)). */
ssize_t rx_spin_recvmsg(int fd, struct msghdr *, int flags, uint32_t us,
    bool timed);

#endif
