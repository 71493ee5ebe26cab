/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind mpshim's, built with -shared: a kernel, or a
 * device, that does not send bundles.  sendmsg(2) with UDP_SEGMENT fails with
 * the error NO_SEGMENTS, a number; where it is EAGAIN, each second one does;
 * where it is 0, the two sends after each bundle fail with EAGAIN, as if it had
 * filled the buffer.  Without NO_SEGMENTS, but with SPOIL_SEGMENTS, a bundle goes
 * as one datagram (merge), or every second datagram of it has a wrong byte
 * (corrupt).  It prints at exit: `no_segments: N refused, N alone, N spoilt'.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENT = 103, AGAIN = 2 };

static unsigned refused, alone, tries, full, spoilt;
static unsigned char bytes[65536];

/* The length of the datagrams of a bundle; 0: it is none. */
static unsigned short
is_bundle(const struct msghdr *msg)
{
	struct cmsghdr *c;
	unsigned short size;

	for (c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR((struct msghdr *)msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == SEGMENT) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			return size;
		}
	return 0;
}

/* Changes a copy of a bundle.  The control message of UDP_SEGMENT is the last
 * one. */
static void
spoil(const char *how, struct msghdr *msg, struct iovec *iov)
{
	size_t i, size = is_bundle(msg), n = msg->msg_iov[0].iov_len;

	spoilt++;
	memcpy(bytes, msg->msg_iov[0].iov_base, n);
	*iov = (struct iovec) { bytes, n };
	msg->msg_iov = iov;
	if (strcmp(how, "merge") == 0)
		msg->msg_controllen -= CMSG_SPACE(sizeof(unsigned short));
	else
		for (i = size; i < n; i += 2 * size)
			bytes[i + (n - i < size ? n - i : size) / 2] ^= 1;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int) = (ssize_t (*)(int,
	    const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
	const char *error = getenv("NO_SEGMENTS");
	const char *how = getenv("SPOIL_SEGMENTS");
	struct msghdr other = *msg;
	struct iovec iov;

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
	if (error == NULL && how != NULL && how[0] != 0) {
		spoil(how, &other, &iov);
		return next(fd, &other, flags);
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
	dprintf(2, "no_segments: %u refused, %u alone, %u spoilt\n", refused,
	    alone, spoilt);
}
