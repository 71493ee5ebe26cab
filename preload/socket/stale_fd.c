/* SPDX-License-Identifier: ISC */
#include "stale_fd.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fdtab.h"
#include "ksock.h"
#include "notify.h"
#include "policy/conf.h"
#include "shared/internal.h"
#include "sock.h"

bool
stale_fd_may_change(void)
{
	return conf_get()->active && fdtab_ours();
}

void
stale_fd_drop(int fd)
{
	struct sock *was = stale_fd_may_change() ? fdtab_drop(fd) : NULL;

	if (was != NULL)
		fdtab_release(was);
}

/* Also tells the agent, which looks whether this was the socket's last
 * descriptor, if it does not hear of that from the kernel. */
void
stale_fd_forget(int fd)
{
	struct sock *s;
	struct internal in = { .kind = INTERNAL_CLOSING };
	uint8_t buf[INTERNAL_OVERHEAD];
	int saved = errno;

	if (!stale_fd_may_change())
		return;
	s = fdtab_drop(fd);
	if (s == NULL)
		return;
	if (atomic_load(&s->state) == SOCK_ATTACHED &&
	    atomic_load(&s->map.arena->heard) == 0 && ksock_same(fd, s))
		(void)notify_internal(fd, s, &in, NULL, 0, buf);
	fdtab_release(s);
	errno = saved;
}

bool
stale_fd_check(int fd, struct sock *s)
{
	int saved = errno;
	bool same = ksock_same(fd, s);

	errno = saved;
	if (same)
		return false;
	stale_fd_drop(fd);
	fdtab_release(s);
	return true;
}

struct sock *
stale_fd_hold(int fd)
{
	struct sock *s = sock_hold(fd);

	if (s == NULL || !stale_fd_check(fd, s))
		return s;
	return fdtab_ours() ? sock_hold(fd) : NULL;
}

void
stale_fd_arrived(const struct msghdr *msg)
{
	struct msghdr m = *msg;
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	if (m.msg_control == NULL || m.msg_controllen == 0)
		return;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			stale_fd_drop(fd);
		}
	}
}
