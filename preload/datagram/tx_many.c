/* SPDX-License-Identifier: ISC */
#include "tx_many.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "mp.h"
#include "process/iov.h"

/* The bytes of a message whose buffers seem to be there; or SIZE_MAX. */
static size_t
tx_many_len(const struct msghdr *msg)
{
	size_t len = 0, i;

	if (iov_check(msg) != 0)
		return SIZE_MAX;
	for (i = 0; i < msg->msg_iovlen; i++) {
		if (iov_bad(msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len))
			return SIZE_MAX;
		len += msg->msg_iov[i].iov_len;
		if (len > MP_PAYLOAD_MAX)
			return SIZE_MAX;
	}
	return len;
}

static bool
tx_many_same(const void *a, const void *b, size_t len)
{
	return a == b || len == 0 ||
	    (a != NULL && b != NULL && memcmp(a, b, len) == 0);
}

bool
tx_many_readable(const struct msghdr *msg)
{
	return (int)msg->msg_namelen >= 0 &&
	    msg->msg_namelen <= sizeof(struct sockaddr_storage) &&
	    (msg->msg_name == NULL ||
		!iov_bad(msg->msg_name, msg->msg_namelen)) &&
	    !iov_bad(msg->msg_control, msg->msg_controllen);
}

unsigned
tx_many_alike(const struct mmsghdr *msgs, unsigned n)
{
	const struct msghdr *first = &msgs->msg_hdr, *msg;
	size_t len, whole = SIZE_MAX;
	unsigned i;

	for (i = 0; i < n && !iov_bad(&msgs[i], sizeof(msgs[i])); i++) {
		msg = &msgs[i].msg_hdr;
		if (!tx_many_readable(msg) || (len = tx_many_len(msg)) >
		    MP_PAYLOAD_MAX)
			break;
		if (i == 0) {
			whole = len;
			continue;
		}
		if (len > whole || msg->msg_namelen != first->msg_namelen ||
		    msg->msg_controllen != first->msg_controllen ||
		    !tx_many_same(msg->msg_name, first->msg_name,
			msg->msg_namelen) ||
		    !tx_many_same(msg->msg_control, first->msg_control,
			msg->msg_controllen))
			break;
		if (len < whole)
			return i + 1;
	}
	return i > 0 ? i : 1;
}
