/* SPDX-License-Identifier: ISC */
#include "pinned.h"

#include <pthread.h>

#include "process/reentry.h"
#include "shared/old_glibc.h"

enum { DEPTH = 4 }; /* handlers within handlers that are kept account of */

#define TLS static __thread __attribute__((tls_model("initial-exec")))

TLS unsigned depth;
TLS bool told; /* that this thread has something to let go of at its end */
TLS uintptr_t frames[DEPTH];
TLS struct sock *socks[DEPTH];

static pthread_key_t at_exit;
static bool have_key;

static void
let_go_above(unsigned least)
{
	struct sock *s;

	while (depth > least) {
		s = socks[depth - 1];
		socks[--depth] = NULL;
		if (s != NULL)
			fdtab_release(s);
	}
}

/* Runs when a thread ends. */
static void
let_go_all(void *unused)
{
	(void)unused;
	told = false;
	let_go_above(0);
}

__attribute__((constructor)) static void
make_key(void)
{
	have_key = pthread_key_create(&at_exit, let_go_all) == 0;
}

/* A handler in between may leave NULL in our place; then it is only not kept
 * account of. */
int
pinned_begin(struct sock *s)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	unsigned place;

	while (depth > 0 && reentry_gone(frames[depth - 1], frame))
		let_go_above(depth - 1);
	place = depth;
	if (place == DEPTH)
		return -1;
	if (!told && have_key) {
		told = true;
		pthread_setspecific(at_exit, &told);
	}
	frames[place] = frame;
	socks[place] = s;
	atomic_signal_fence(memory_order_seq_cst);
	depth = place + 1;
	return (int)place;
}

void
pinned_end(int place)
{
	if (place < 0)
		return;
	let_go_above((unsigned)place + 1); /* left behind within this call */
	if (depth == 0)
		return;
	socks[place] = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	depth = (unsigned)place;
}
