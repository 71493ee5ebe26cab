/* SPDX-License-Identifier: ISC */
#include "links.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "agent_rpc.h"
#include "attach.h"
#include "fdtab.h"
#include "ingress.h"
#include "ksock.h"
#include "mp.h"
#include "patience.h"
#include "process/log.h"
#include "recover.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/sockfilter.h"

/* The socket has a slot in another arena now, which takes the place of the old
 * one in this process.  All arenas of one configuration are of one size. */
static bool
links_follow(int fd, struct sock *s, uint32_t slot, int memfd)
{
	struct stat st;

	if (slot >= MP_SLOTS_MAX || fstat(memfd, &st) != 0 ||
	    (size_t)st.st_size != s->map.size || !recover_map(s, memfd))
		return false;
	s->slot = slot;
	ingress_filter(fd, s);
	attach_tell(fd, s);
	return true;
}

/* Asks with a control socket that is bound as the socket is. */
static void
links_ask_again(int fd, struct sock *s)
{
	static const struct mp_addr anywhere;
	int pass[IPC_PASS] = { ksock_control(fd, s), fd, -1 }, got = -1;
	struct ipc_answer answer = { .error = 0 };

	if (pass[0] < 0)
		return;
	(void)sockfilter_steer_first(pass[0]);
	if (agent_rpc(IPC_LINKS, fd, s, &anywhere, pass, &answer, &got) == 0 &&
	    answer.error == 0 && got >= 0 &&
	    !links_follow(fd, s, answer.slot, got)) {
		ingress_refuse(fd, s);
		log_say(LOG_ERROR, LOG_AGENT, "nothing is sent: the socket "
		    "cannot change its device");
	}
	if (got >= 0)
		real_close(got);
	real_close(pass[0]);
}

void
links_changed(int fd, struct sock *s)
{
	static const struct mp_addr anywhere;
	int pass[IPC_PASS] = { fd, -1, -1 }, got = -1;
	struct ipc_answer answer = { .error = 0 };
	int error, i = 0;

	if (atomic_load(&s->state) != SOCK_ATTACHED)
		return;
	(void)net_self_learn(fd, &s->self);
	do
		error = agent_rpc(IPC_LINKS, fd, s, &anywhere, pass, &answer,
		    &got);
	while (patience_unanswered(error) && ++i < PATIENCE_TRIES);
	if (error == 0 && answer.error == -EXDEV)
		links_ask_again(fd, s);
	if (got >= 0)
		real_close(got);
}
