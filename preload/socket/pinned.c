/* SPDX-License-Identifier: ISC */
#include "pinned.h"

#include <pthread.h>

#include "fdtab.h"
#include "process/reentry.h"
#include "shared/old_glibc.h"

enum { DEPTH = 4 }; /* nested calls of one thread that are recorded */

#define TLS static __thread __attribute__((tls_model("initial-exec")))

TLS unsigned depth;
TLS bool told; /* pinned_release_all() will run at the thread's end */
TLS uintptr_t frames[DEPTH];
TLS struct sock *socks[DEPTH];

static pthread_key_t at_exit;
static bool have_key;

/* Releases the sockets of the calls nested deeper than the first `least'. */
static void
pinned_release_above(unsigned least)
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
pinned_release_all(void *unused)
{
	(void)unused;
	told = false;
	pinned_release_above(0);
}

__attribute__((constructor)) static void
pinned_setup(void)
{
	have_key = pthread_key_create(&at_exit, pinned_release_all) == 0;
}

/* A signal handler that comes in between may leave NULL at this place; then the
 * call is only not recorded. */
int
pinned_begin(struct sock *s)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	unsigned place;

	while (depth > 0 && reentry_frame_gone(frames[depth - 1], frame))
		pinned_release_above(depth - 1);
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
	/* What nested calls left behind. */
	pinned_release_above((unsigned)place + 1);
	if (depth == 0)
		return;
	socks[place] = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	depth = (unsigned)place;
}
