/* SPDX-License-Identifier: ISC */
#include "privilege.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/conf.h"
#include "process/iov.h"
#include "shared/connect_agent.h"
#include "shared/seccomp.h"
#include "socket/agent_rpc.h"
#include "socket/fdtab.h"
#include "socket/sock.h"

enum { LOOKED_AT = 256 }; /* descriptors */

/* Once per process: the agent stays while a process that greeted it lives.  Not
 * in a child of vfork(2), which is about to execute another program. */
void
privilege_before_drop(void)
{
	static _Atomic pid_t told;
	int saved = errno;

	if (conf_get()->active && fdtab_ours() &&
	    (!connect_agent_abstract_known() ||
	    atomic_load(&told) != getpid())) {
		atomic_store(&told, getpid());
		agent_rpc_greet();
	}
	errno = saved;
}

void
privilege_before_change(uid_t effective)
{
	if (effective != (uid_t)-1 && effective != geteuid())
		privilege_before_drop();
}

/* Finds out which descriptors are sockets, while getsockopt(2) is allowed. */
static void
privilege_look_at_sockets(void)
{
	struct sock *s;
	int fd;

	for (fd = 0; fd < LOOKED_AT; fd++) {
		s = sock_hold(fd);
		if (s != NULL)
			fdtab_release(s);
	}
}

/* If the filter allows more sockets, the agent is greeted before it is
 * there. */
void
privilege_before_filter(const struct sock_fprog *prog)
{
	bool more;

	if (!conf_get()->active)
		return;
	if (iov_bad(prog, sizeof(*prog)) || iov_bad(prog->filter, prog->len))
		prog = NULL;
	privilege_look_at_sockets();
	seccomp_add(prog);
	more = SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM) ||
	    SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP) ||
	    SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC);
	if (more) {
		seccomp_undo();
		privilege_before_drop();
		seccomp_add(prog);
	}
}

void
privilege_filter_failed(void)
{
	if (conf_get()->active)
		seccomp_undo();
}
