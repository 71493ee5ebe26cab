/* SPDX-License-Identifier: ISC */
#include "tx_deferred.h"

#include <string.h>

#include "process/reentry.h"

#define TLS static __thread __attribute__((tls_model("initial-exec")))

enum { ALIGN = 16 };

/* In the thread's spare buffer, from `sent' to `end' the ones that wait. */
TLS volatile size_t sent, end;
TLS uintptr_t putting, sending; /* frames that are at it; 0: none */

static size_t
tx_deferred_size(size_t len)
{
	return (sizeof(struct tx_deferred) + len + ALIGN -
	    1) & ~(size_t)(ALIGN - 1);
}

/* A handler may jump out of any of it: what it has begun is not sent again. */
static void
tx_deferred_send_all(void)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct tx_deferred l;
	uint8_t *at;

	if (sending != 0 && !reentry_gone(sending, frame))
		return; /* further out, which sends these, too */
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

	if (b == NULL || (putting != 0 && !reentry_gone(putting, frame)))
		return;
	putting = frame;
	if (size <= sizeof(*b) - end) {
		at = (uint8_t *)b + end;
		memcpy(at, l, sizeof(*l));
		memcpy(at + sizeof(*l), payload, l->len);
		end += size;
		reentry_after(tx_deferred_send_all);
	}
	putting = 0;
}
