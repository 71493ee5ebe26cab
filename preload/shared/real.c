/* SPDX-License-Identifier: ISC */
/* Of programs without hooks (agent, mpctl, tests): the C library's
 * functions. */
#include "real.h"

#include <unistd.h>

int
real_socket(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}

int
real_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	return bind(fd, name, len);
}

int
real_connect(int fd, const struct sockaddr *name, socklen_t len)
{
	return connect(fd, name, len);
}

int
real_close(int fd)
{
	return close(fd);
}

ssize_t
real_read(int fd, void *data, size_t len)
{
	return read(fd, data, len);
}

int
real_getsockname(int fd, struct sockaddr *name, socklen_t *len)
{
	return getsockname(fd, name, len);
}

int
real_getpeername(int fd, struct sockaddr *name, socklen_t *len)
{
	return getpeername(fd, name, len);
}

int
real_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	return getsockopt(fd, level, option, value, len);
}

int
real_setsockopt(int fd, int level, int option, const void *value,
    socklen_t len)
{
	return setsockopt(fd, level, option, value, len);
}

ssize_t
real_sendto(int fd, const void *data, size_t len, int flags,
    const struct sockaddr *name, socklen_t namelen)
{
	return sendto(fd, data, len, flags, name, namelen);
}

ssize_t
real_recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *name,
    socklen_t *namelen)
{
	return recvfrom(fd, data, len, flags, name, namelen);
}

ssize_t
real_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return sendmsg(fd, msg, flags);
}

ssize_t
real_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return recvmsg(fd, msg, flags);
}

int
real_poll(struct pollfd *p, nfds_t n, int ms)
{
	return poll(p, n, ms);
}
