/* SPDX-License-Identifier: ISC */
#include "tx_deferred.h"

#include <string.h>

#include "process/reentry.h"

#define TLS static __thread __attribute__((tls_model("initial-exec")))

enum { ALIGN = 16 };

/* Deferred datagrams are queued in the thread's spare buffer, at offsets [sent,
 * end): struct tx_deferred, then the payload. */
TLS volatile size_t sent, end;
/* The frame of the call that queues or sends; 0: none. */
TLS uintptr_t putting, sending;

/* Bytes in the queue of a datagram. */
static size_t
tx_deferred_size(size_t len)
{
	return (sizeof(struct tx_deferred) + len + ALIGN -
	    1) & ~(size_t)(ALIGN - 1);
}

/* A handler may leave it by siglongjmp(3) at any point, so a datagram counts as
 * sent before its send() is called. */
static void
tx_deferred_send_all(void)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct tx_deferred l;
	uint8_t *at;

	if (sending != 0 && !reentry_frame_gone(sending, frame))
		return; /* the interrupted call sends these, too */
	sending = frame;
	while (sent < end) {
		at = (uint8_t *)reentry_spare() + sent;
		memcpy(&l, at, sizeof(l));
		sent += tx_deferred_size(l.len);
		l.send(&l, at + sizeof(l));
	}
	sent = end = 0;
	sending = 0;
}

void
tx_deferred_put(const struct tx_deferred *l, const uint8_t *payload)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct reentry_buf *b = reentry_spare();
	size_t size = tx_deferred_size(l->len);
	uint8_t *at;

	if (b == NULL || (putting != 0 && !reentry_frame_gone(putting, frame)))
		return;
	putting = frame;
	if (size <= sizeof(*b) - end) {
		at = (uint8_t *)b + end;
		memcpy(at, l, sizeof(*l));
		memcpy(at + sizeof(*l), payload, l->len);
		end += size;
		reentry_run_after_unlock(tx_deferred_send_all);
	}
	putting = 0;
}
