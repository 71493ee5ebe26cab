/* SPDX-License-Identifier: ISC */
#include "route.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "net.h"
#include "rtnl.h"

#ifndef RTM_F_FIB_MATCH
#define RTM_F_FIB_MATCH 0x2000
#endif

/* The question, with its three attributes of four bytes. */
struct question {
	struct nlmsghdr head;
	struct rtmsg route;
	struct {
		struct rtattr head;
		uint8_t value[4];
	} attribute[3];
};

static void
put(struct question *q, int i, unsigned short type, const void *value)
{
	q->attribute[i].head.rta_type = type;
	q->attribute[i].head.rta_len = RTA_LENGTH(4);
	memcpy(q->attribute[i].value, value, 4);
}

static bool
ask(struct agent *a, const struct route_answer *about)
{
	struct question q = { .head = { .nlmsg_len = sizeof(q),
		.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
		.route = { .rtm_family = AF_INET, .rtm_dst_len = 32,
		    .rtm_src_len = 32, .rtm_flags = RTM_F_FIB_MATCH } };
	int error;

	put(&q, 0, RTA_DST, about->remote);
	put(&q, 1, RTA_SRC, about->local);
	put(&q, 2, RTA_OIF, &about->ifindex);
	error = rtnl_ask(a->netmon.dump, &q.head);
	return error != -ENETUNREACH && error != -EHOSTUNREACH;
}

static unsigned
place(const struct route_answer *r)
{
	uint32_t h = r->ifindex;
	int i;

	for (i = 0; i < 4; i++)
		h = (h * 31 + r->local[i]) * 31 + r->remote[i];
	return (h ^ h >> 10) % ROUTE_KEPT;
}

bool
route_leads(struct agent *a, const struct mp_path *path)
{
	struct route_answer r = { .ifindex = path->ifindex,
		.when = a->routes.changes + 1 };
	struct route_answer *kept;

	if (path->ifindex == 0 || !net_is_v4(&path->remote) ||
	    !net_is_v4(&path->local))
		return true;
	memcpy(r.local, path->local.ip + 12, 4);
	memcpy(r.remote, path->remote.ip + 12, 4);
	kept = &a->routes.kept[place(&r)];
	if (kept->when != r.when || kept->ifindex != r.ifindex ||
	    memcmp(kept->local, r.local, 4) != 0 ||
	    memcmp(kept->remote, r.remote, 4) != 0) {
		r.leads = ask(a, &r);
		*kept = r;
	}
	return kept->leads;
}

void
route_changed(struct agent *a)
{
	if (++a->routes.changes == UINT32_MAX)
		memset(&a->routes, 0, sizeof(a->routes));
}
