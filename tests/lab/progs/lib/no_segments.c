/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind mpshim's, built with -shared: a kernel, or a
 * device, that does not send bundles.  sendmsg(2) with UDP_SEGMENT fails with
 * the error NO_SEGMENTS, a number; where it is EAGAIN, each second one does;
 * where it is 0, the two sends after each bundle fail with EAGAIN, as if it had
 * filled the buffer.  It prints at exit: `no_segments: N refused, N alone'.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENT = 103, AGAIN = 2 };

static unsigned refused, alone, tries, full;

static int
is_bundle(const struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR((struct msghdr *)msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == SEGMENT)
			return 1;
	return 0;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int) = (ssize_t (*)(int,
	    const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	const char *error = getenv("NO_SEGMENTS");

	if (full > 0) {
		full--;
		refused++;
		errno = EAGAIN;
		return -1;
	}
	if (!is_bundle(msg)) {
		alone++;
		return next(fd, msg, flags);
	}
	if (error != NULL && atoi(error) == 0) {
		full = 2;
	} else if (error != NULL &&
	    (atoi(error) != EAGAIN || tries++ % AGAIN == 0)) {
		refused++;
		errno = atoi(error);
		return -1;
	}
	return next(fd, msg, flags);
}

__attribute__((destructor)) static void
end(void)
{
	dprintf(2, "no_segments: %u refused, %u alone\n", refused, alone);
}
