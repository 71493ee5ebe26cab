/* SPDX-License-Identifier: ISC */
#include "heal.h"

#include <errno.h>
#include <string.h>

#include "conf.h"
#include "ksock.h"
#include "sock.h"
#include "wake.h"

bool
heal_ours(void)
{
	return conf_get()->active && fdtab_ours();
}

void
heal_drop(int fd)
{
	struct sock *was = heal_ours() ? fdtab_drop(fd) : NULL;

	if (was != NULL)
		fdtab_release(was);
}

/* The agent shall see whether this was the last descriptor of the socket. */
void
heal_forget(int fd)
{
	struct sock *s;
	struct inner in = { .kind = INNER_LOOK };
	uint8_t buf[INNER_OVERHEAD];
	int saved = errno;

	if (!heal_ours())
		return;
	s = fdtab_drop(fd);
	if (s == NULL)
		return;
	if (atomic_load(&s->state) == SOCK_JOINED && ksock_same(fd, s))
		(void)wake_inner(fd, s, &in, NULL, 0, buf);
	fdtab_release(s);
	errno = saved;
}

bool
heal_stale(int fd, struct sock *s)
{
	int saved = errno;
	bool same = ksock_same(fd, s);

	errno = saved;
	if (same)
		return false;
	heal_drop(fd);
	fdtab_release(s);
	return true;
}

struct sock *
heal_hold(int fd)
{
	struct sock *s = sock_hold(fd);

	if (s == NULL || !heal_stale(fd, s))
		return s;
	return fdtab_ours() ? sock_hold(fd) : NULL;
}

void
heal_arrived(const struct msghdr *msg)
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
			heal_drop(fd);
		}
	}
}
