/* SPDX-License-Identifier: ISC */
#include "patience.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "fdtab.h"
#include "process/libc.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/real.h"
#include "shared/seccomp.h"

bool
patience_unanswered(int error)
{
	return error == -ETIMEDOUT || error == -EAGAIN || error == -EINTR;
}

bool
patience_passes(int error)
{
	static const int passing[] = { ECONNRESET, EPIPE, ECHILD, ESTALE,
		ENOBUFS };
	size_t i;

	for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (error == -passing[i])
			return true;
	return patience_unanswered(error) || patience_lacks(error);
}

bool
patience_lacks(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	    error == -EUSERS;
}

void
patience_begin(struct sock *s)
{
	atomic_store(&s->ask_at, arena_now() + PATIENCE_US);
}

bool
patience_due(const struct sock *s)
{
	uint64_t at = atomic_load(&s->ask_at);

	return at == 0 || arena_now() >= at;
}

unsigned
patience_ms(const struct sock *s)
{
	return atomic_load(&s->ask_at) == 0 ? IPC_WAIT_MS : PATIENCE_MS;
}

bool
patience_waits(int fd, int flags)
{
	return (flags & MSG_DONTWAIT) == 0 && SECCOMP_ALLOWS(SYS_poll) &&
	    SECCOMP_ALLOWS(SYS_fcntl, fd, F_GETFL) &&
	    (real_fcntl(fd, F_GETFL, NULL) & O_NONBLOCK) == 0;
}

int
patience_sleep(const struct sock *s)
{
	uint64_t at = atomic_load(&s->ask_at), now = arena_now();

	if (now >= at)
		return 0;
	return real_poll(NULL, 0, (int)((at - now) / 1000) + 1) < 0 ? -errno :
								      0;
}

bool
patience_over(int fd, uint64_t begun)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	uint64_t most;

	if (!SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVTIMEO) ||
	    real_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) != 0)
		return false;
	most = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	return most != 0 && arena_now() - begun >= most;
}
