/* SPDX-License-Identifier: ISC */
/* Single datagrams that wait to go together: tx_gather.c. */
#ifndef TX_GATHER_H
#define TX_GATHER_H

#include <stdint.h>

struct mp_addr;
struct tx;

/* Before a datagram is sent to that address: what this thread gathered at
 * another socket, or for another peer, goes. */
void tx_gather_before(int fd, const struct mp_addr *);
/* Has the datagram wait for others: 1, or 2: and tx_gather_send() is next.  3:
 * again, with `left' of struct tx.  0: it is to be sent by itself.  -EAGAIN:
 * tx_gather_make_room() is next.
 * [lock] */
int tx_gather_put(struct tx *, uint64_t now);
/* Sends all that wait, without the lock: 0, or -EAGAIN: the kernel has no room
 * for some. */
int tx_gather_send(struct tx *);
/* Sends them, so that this one has room, and waits if the program's call may
 * wait: 1, there is; 0, others are about to send them; or a negative errno. */
int tx_gather_make_room(struct tx *);

#endif
