/* SPDX-License-Identifier: ISC */
/*
 * Another library to preload, built with -shared.  It hooks sendto(2) and
 * recvfrom(2), as mpshim does, and prints the number of calls at exit:
 * `other_preload: N sent, N received'.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int sent, received;

ssize_t
sendto(int fd, const void *data, size_t len, int flags,
    const struct sockaddr *to, socklen_t to_len)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *,
	    socklen_t) = (ssize_t (*)(int, const void *, size_t, int,
	    const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");

	sent++;
	return next(fd, data, len, flags, to, to_len);
}

ssize_t
recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from,
    socklen_t *from_len)
{
	ssize_t (*next)(int, void *, size_t, int, struct sockaddr *,
	    socklen_t *) = (ssize_t (*)(int, void *, size_t, int,
	    struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "recvfrom");

	received++;
	return next(fd, data, len, flags, from, from_len);
}

__attribute__((destructor)) static void
end(void)
{
	dprintf(2, "other_preload: %d sent, %d received\n", sent, received);
}
