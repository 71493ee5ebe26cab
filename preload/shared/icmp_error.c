/* SPDX-License-Identifier: ISC */
#include "icmp_error.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>
/* after <time.h> */
#include <linux/errqueue.h>

#include "net.h"

/* The control message of the error; NULL: there is none. */
static const struct cmsghdr *
icmp_error_find(struct msghdr *entry)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(entry); c != NULL; c = CMSG_NXTHDR(entry, c))
		if (c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err)) &&
		    ((c->cmsg_level == IPPROTO_IP &&
			c->cmsg_type == IP_RECVERR) ||
			(c->cmsg_level == IPPROTO_IPV6 &&
			c->cmsg_type == IPV6_RECVERR)))
			break;
	return c;
}

bool
icmp_error_read(struct icmp_error *e, struct msghdr *entry,
    const uint8_t *packet, size_t n, size_t most)
{
	const struct cmsghdr *c = icmp_error_find(entry);
	struct sock_extended_err ee;

	memset(e, 0, offsetof(struct icmp_error, data));
	if (c == NULL)
		return false;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	(void)net_get(&e->offender, (const struct sockaddr *)(CMSG_DATA(c) +
	    sizeof(ee)), (socklen_t)(c->cmsg_len - CMSG_LEN(sizeof(ee))));
	(void)net_get(&e->to, entry->msg_name, entry->msg_namelen);
	e->errno_ = ee.ee_errno;
	e->origin = ee.ee_origin;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	e->info = ee.ee_info;
	e->len = (uint16_t)(n < ICMP_ERROR_DATA ? n : ICMP_ERROR_DATA);
	memcpy(e->data, packet, e->len < most ? e->len : most);
	return true;
}
